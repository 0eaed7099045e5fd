"""One examination of a daemon: each step is asked only where the one before makes sense of it."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc.config.shared import Config
from pushsvc.doctor.asking import Ear, Options, asked_of
from pushsvc.doctor.here import Here
from pushsvc.doctor.judgement.here import judge_seen_as
from pushsvc.doctor.judgement.standing import (
    Claim,
    Standing,
    judge_credentials,
    judge_own_push,
    judge_registration,
    judge_relay,
    judge_return,
)
from pushsvc.doctor.judgement.verdicts import Check, Verdict, skipped
from pushsvc.doctor.judgement.way import Look, judge_clock, judge_looks, judge_options, judge_steps
from pushsvc.doctor.locating import located
from pushsvc.doctor.looking import look_at
from pushsvc.doctor.own_push import OwnPushes
from pushsvc.doctor.patience import in_time, side_by_side
from pushsvc.errors import DeliveryError
from pushsvc.sip.hop import Hop
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network
from pushsvc.wiring.registration import Presence

MAX_LOOKS = 3  # addresses of the core that are looked at
RELAY_SECONDS = 6.0


@attrs.frozen
class Examined:
    """What only a receiver has: where it registers, how that stands, and pushes to itself."""

    registrar: SipUri | None
    presence: Presence
    own_pushes: OwnPushes


@attrs.frozen
class Examination:
    """Everything that is asked about one daemon; `receiver` None: it is a sender.

    Each part has a time limit, and all of them together less than the 60 s that pushctl waits for an answer.
    """

    config: Config
    network: Network
    reactor: Any
    ear: Ear
    receiver: Examined | None = None

    def run(self) -> Deferred[list[Check]]:
        """The verdicts, in the order in which to put things right. One at a time."""
        return Deferred.fromCoroutine(self._run())

    def as_json(self) -> Deferred[list[dict[str, str]]]:
        """The same as JSON objects."""
        return self.run().addCallback(lambda checks: [check.as_json() for check in checks])

    async def _run(self) -> list[Check]:
        receiver = self.receiver
        outbound = receiver is not None and receiver.presence.status.outbound
        here = Here(self.config, self.network, self.reactor, receives=receiver is not None, outbound=outbound)
        checks = here.at_rest()
        core, key = self._core()
        if core is None:
            checks += await here.listening(())
            text = "there is no core: requests go straight to the domain that they are for"
            checks.append(skipped("proxy", text, 'with a core, set sip.outbound_proxy = "sip:core.example.com"'))
            reached = False
        else:
            way, reached = await self._way(core, key, here)
            checks += way
        checks.append(await self._relay())
        return checks + await self._standing(here, reached=reached, core=core is not None)

    def _core(self) -> tuple[SipUri | None, str]:
        """The next hop of what we say to the core, and the key that names it."""
        if self._proxy is not None:
            return self._proxy, "sip.outbound_proxy"
        return (None if self.receiver is None else self.receiver.registrar), "registration.registrar"

    @property
    def _proxy(self) -> SipUri | None:
        return self.config.sip.outbound_proxy

    # -- the way to the core

    async def _way(self, core: SipUri, key: str, here: Here) -> tuple[list[Check], bool]:
        """What is on the way, and whether the core was reached."""
        network, now = self.network, self.reactor.seconds()
        found = await located(core, network.resolve, network.lookup, self.reactor)
        checks = judge_steps(core.host, key, found.steps, found.failure)
        checks += await here.listening(found.hops)
        if not found.hops:
            return [*checks, skipped("proxy", "its name leads nowhere")], False
        looks = await side_by_side(self._look(hop) for hop in found.hops[:MAX_LOOKS])
        judged = judge_looks(looks, key, now)
        checks += judged
        if all(check.verdict is Verdict.FAILED for check in judged):
            return [*checks, skipped("options", "there is no way to the core")], False
        asked = await self._options.core(core)
        checks.append(judge_options(asked, core.host, key))
        seen_as = None if here.by_connection(found.hops) else judge_seen_as(asked.said, asked.seen_as)
        checks += [seen_as] if seen_as is not None else []
        checks += [judge_clock(asked.date, self.reactor.seconds())] if asked.status else []
        return checks, asked.status != 0

    async def _look(self, hop: Hop) -> Look:
        """What does not fit into a datagram goes by TCP."""
        if hop.transport == "udp":
            return await look_at(attrs.evolve(hop, transport="tcp"), self.reactor, self.network.tls, spare=True)
        return await look_at(hop, self.reactor, self.network.tls)

    @property
    def _options(self) -> Options:
        return Options(self.network.floors, self.ear, self.config.sip.identity)

    async def _relay(self) -> Check:
        relay, msrp = self.config.msrp.relay, self.network.msrp
        if relay is None:
            return judge_relay(None, None)
        session = msrp.open("self-test", secure=True)
        try:
            await in_time(msrp.reserve([session]), RELAY_SECONDS, self.reactor, f"{relay} does not answer")
        except DeliveryError as error:
            return judge_relay(str(relay), error.reason)
        finally:
            msrp.close(session)
        return judge_relay(str(relay), None)

    # -- what the core makes of us

    async def _standing(self, here: Here, *, reached: bool, core: bool) -> list[Check]:
        registration = [] if self.receiver is None else [judge_registration(self._registered(), self._claim)]
        if not reached:
            why = "the core was not reached" if core else "there is no core"
            names = ("credentials",) if self.receiver is None else ("own-address", "own-push")
            return registration + [skipped(name, why) for name in names]
        route = None if self._proxy is None else self._proxy.with_parameter("lr", None)
        asked, arrived = await self._options.ourselves(route)
        checks = [judge_credentials(asked, self._claim), *registration]
        if self.receiver is None:
            return checks
        returned = judge_return(asked, arrived, self._claim)
        checks.append(returned)
        if returned.verdict in (Verdict.FAILED, Verdict.SKIPPED):
            return [*checks, skipped("own-push", "what is said of own-address comes first")]
        push = await self.receiver.own_pushes.push(route)
        return checks + judge_own_push(push, self._claim, here.places())

    @property
    def _claim(self) -> Claim:
        """By the account in use, which a reload may have changed."""
        sip, account = self.config.sip, self.network.agent.account
        if account is None:
            return Claim(str(sip.identity), sip.credentials_user, sip.realm)
        return Claim(str(sip.identity), account.user, account.realm, has_password=True)

    def _registered(self) -> Standing:
        assert self.receiver is not None
        registrar, presence = self.receiver.registrar, self.receiver.presence
        status, answer, now = presence.status, presence.answer, self.reactor.seconds()
        return Standing(
            None if registrar is None else str(registrar),
            status.registered,
            None if status.until is None else status.until - now,
            status.reason,
            None if status.retry_at is None else status.retry_at - now,
            None if answer is None else asked_of(answer),
        )

"""Keeps one contact registered: runs `sip.registration` over the user agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import DeliveryError
from pushsvc.machine import Tokens
from pushsvc.net.driver import Driver
from pushsvc.net.places import Flow
from pushsvc.net.reaching import Exchange
from pushsvc.net.user_agent import UserAgent
from pushsvc.sip.headers import Address, Headers, Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.registration import (
    FIRST_WAIT,
    LONGEST_WAIT,
    REG_ID,
    Left,
    NotRegistered,
    Output,
    Register,
    Registered,
    Registration,
)
from pushsvc.sip.uri import SipUri


@attrs.frozen
class Binding:
    """What is registered where: the user's address of record at `registrar`, reached by `contact`.

    `contact` is for a core that we reach by datagrams; over a connection it finds us there. `features` are parameters
    of the Contact, `instance` is the URN of this device. Requests go to `route` first, if there is one. `expires` is in
    seconds, as `first_wait` and `longest_wait` are, which follow a failure. `gruu`: ask for one (RFC 5627), go by it.
    """

    registrar: SipUri
    identity: SipUri
    contact: SipUri
    instance: str
    features: tuple[str, ...] = ()
    expires: int = 3600
    route: SipUri | None = None
    display_name: str = ""
    gruu: bool = False
    first_wait: float = FIRST_WAIT
    longest_wait: float = LONGEST_WAIT


@attrs.frozen
class Status:
    """How the registration is: `until` and `retry_at` are moments (Unix time), `reason` is why it failed last.

    `outbound`: the core has promised to use our connection (RFC 5626); `gruu` is the name that it gave this device.
    """

    registered: bool = False
    until: float | None = None
    reason: str | None = None
    retry_at: float | None = None
    service_route: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    outbound: bool = False
    gruu: SipUri | None = None


class Registering:
    """Start it once the listeners are up; stop it while they still are. `tell` hears of every change.

    `answer` is how the last REGISTER was answered, None: it was not.
    """

    log = Logger()

    def __init__(
        self,
        agent: UserAgent,
        clock: IReactorTime,
        tokens: Tokens,
        binding: Binding,
        tell: Callable[[Status], None] = lambda status: None,
    ) -> None:
        self.status = Status()
        self.answer: Exchange | None = None
        self._agent = agent
        self._clock = clock
        self._binding = binding
        self._tell = tell
        self._tag = tokens.word(16)
        self._call_id = tokens.word(24)
        self._cseq = 0
        self._credentials = agent.credentials()
        self._machine = Registration(
            binding.contact, binding.expires, tokens, binding.instance, binding.first_wait, binding.longest_wait
        )
        self._driver: Driver[Output] = Driver(self._machine, self._perform, clock)
        self._asking: Deferred[Any] | None = None
        self._hop: Hop | None = None  # of the core that answered last
        self._kept: int | None = None  # the number of the connection that it finds us by
        self._left: Deferred[None] = Deferred()

    def start(self) -> None:
        """Register, and stay registered."""
        self._driver.run(self._machine.start(self._clock.seconds()))

    def again(self) -> None:
        """Somebody may have mended what was in the way, or given us another account: try at once if it failed."""
        self._credentials = self._agent.credentials()
        self._driver.run(self._machine.again(self._clock.seconds()))

    def stop(self) -> Deferred[None]:
        """Give the registration back. Fires when that is answered, or hopeless."""
        self._driver.run(self._machine.stop(self._clock.seconds()))
        return self._left

    def abandon(self) -> None:
        """Do nothing more about it; the registrar finds out by itself."""
        if not self._left.called:
            self._over()

    # -- ours

    def _perform(self, output: Output) -> None:
        match output:
            case Register():
                self._ask(output)
            case Registered():
                self._holds(output)
            case NotRegistered():
                self._failed(output)
            case Left():
                self._over()

    def _ask(self, register: Register) -> None:
        self._forget()
        asking = self._asking = Deferred.fromCoroutine(self._exchange(register))
        asking.addCallbacks(
            lambda exchange: self._answered(asking, exchange), lambda failure: self._unanswered(asking, failure)
        )
        asking.addErrback(lambda bug: self.log.failure("a bug: registering came to a halt", bug))

    async def _exchange(self, register: Register) -> Exchange:
        """The number goes up with every try, whoever it reaches (RFC 3261 §10.2)."""
        return await self._agent.request(
            lambda via: self._request(via, register),
            self._binding.route or self._binding.registrar,
            credentials=self._credentials,
            next_number=lambda: self._cseq + 1,
        )

    def _answered(self, asking: Deferred[Any], exchange: Exchange) -> None:
        if asking is not self._asking:
            return
        self._asking = None
        self._hop = exchange.hop
        self.answer = exchange
        self._driver.run(self._machine.answered(exchange.response, self._clock.seconds(), exchange.why))

    def _unanswered(self, asking: Deferred[Any], failure: Failure) -> None:
        if asking is not self._asking:
            return
        self._asking = self.answer = None
        error = failure.value
        if not isinstance(error, DeliveryError):
            self.log.failure("a bug: cannot register", failure)
        reason = error.reason if isinstance(error, DeliveryError) else "internal error"
        self._driver.run(self._machine.unanswered(reason, self._clock.seconds()))

    def _lost(self, connection: int) -> None:
        if self._kept == connection:
            self._kept = None
            self._driver.run(self._machine.lost(self._clock.seconds()))

    def _holds(self, registered: Registered) -> None:
        if not self.status.registered:
            self.log.info(
                "registered at {registrar}", registrar=str(self._binding.registrar), expires=registered.expires
            )
        self._keep(registered)
        self._now(
            Status(
                registered=True,
                until=self._clock.seconds() + registered.expires,
                service_route=registered.service_route,
                identities=registered.identities,
                outbound=registered.outbound,
                gruu=registered.gruu,
            )
        )

    def _keep(self, registered: Registered) -> None:
        """The connection that the core finds us by, and what it must write to do so."""
        hop, before = self._hop, self._kept
        assert hop is not None
        self._kept = self._agent.keep(hop, self._lost, registered.ping_after)
        if before is not None and before != self._kept:  # another core has answered, or by another way
            self._agent.let_go(before, self._lost)
        self._agent.places.flow = Flow(
            hop.host,
            connection=self._kept if registered.outbound else None,
            gruu=registered.gruu if self._binding.gruu else None,
        )

    def _failed(self, failed: NotRegistered) -> None:
        self.log.warn(
            "not registered at {registrar}: {reason}; next try in {wait:.0f} s",
            registrar=str(self._binding.registrar), reason=failed.reason, wait=failed.wait,
        )  # fmt: skip
        self._now(Status(reason=failed.reason, retry_at=self._clock.seconds() + failed.wait))

    def _over(self) -> None:
        self._driver.stop()
        self._forget()
        if self._kept is not None:
            self._agent.let_go(self._kept, self._lost)
            self._kept = None
        self._agent.places.flow = None
        self._now(Status())
        self._left.callback(None)

    def _forget(self) -> None:
        """Whatever the answer to the last request will be, it is not waited for."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()

    def _now(self, status: Status) -> None:
        self.status = status
        self._tell(status)

    def _request(self, via: Via, register: Register) -> Request:
        self._cseq += 1
        binding = self._binding
        outbound = register.outbound and via.transport != "UDP"
        contact = binding.contact if via.transport == "UDP" else self._contact(via, outbound=outbound)
        self._machine.contact = contact
        features = [
            *binding.features,
            f'+sip.instance="<{binding.instance}>"',
            *([f"reg-id={REG_ID}"] if outbound else []),
        ]
        options = ["path", *(["outbound"] if outbound else []), *(["gruu"] if binding.gruu else [])]
        fields: Sequence[tuple[str, str]] = [
            ("Via", str(via)),
            ("Max-Forwards", "70"),
            *([("Route", f"<{binding.route}>")] if binding.route is not None else []),
            ("From", f"{Address(binding.identity, binding.display_name)};tag={self._tag}"),
            ("To", str(Address(binding.identity, binding.display_name))),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", ";".join([f"<{contact}>", *features, f"expires={register.expires}"])),
            ("Supported", ", ".join(options)),
        ]
        return Request("REGISTER", binding.registrar, Headers(tuple(fields)))

    def _contact(self, via: Via, *, outbound: bool) -> SipUri:
        """With `ob` what is sent to a GRUU comes over our connection as well (RFC 5626 §4.3)."""
        binding = self._binding
        secure = (binding.route or binding.registrar).secure
        contact = self._agent.places.asking(binding.identity.user, via, secure=secure)
        return contact.with_parameter("ob", None) if outbound else contact

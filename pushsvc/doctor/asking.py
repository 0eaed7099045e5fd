"""OPTIONS to the core, and through it to ourselves: what is answered, and whether it came back."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pushsvc.doctor.judgement.way import Asked
from pushsvc.doctor.patience import in_time
from pushsvc.errors import DeliveryError
from pushsvc.net.observer import Direction
from pushsvc.net.reaching import Exchange
from pushsvc.sessions import Floors, opening_request
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.credentials import credentials_of
from pushsvc.sip.headers import Address, Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request
from pushsvc.sip.uri import SipUri

SECONDS = 5.0  # for an answer; three repeats over UDP


class Ear:
    """An observer that listens for one request of ours to come back, by something that nobody else knows before.

    It hears it as it came, before it has passed the border of the trust domain (sip.trust_domain).
    """

    def __init__(self) -> None:
        self._is_it: Callable[[Request], bool] | None = None
        self._heard: tuple[Request, Hop] | None = None

    def listen(self, is_it: Callable[[Request], bool]) -> None:
        """From now on, for this one."""
        self._is_it, self._heard = is_it, None

    def stop(self) -> tuple[Request, Hop] | None:
        """The request and where it came from, if it came."""
        self._is_it = None
        return self._heard

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if self._is_it is None or direction is not Direction.IN or not isinstance(message, Request):
            return
        if self._heard is None and self._is_it(message):
            self._heard = message, hop

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None: ...


@attrs.frozen
class Options:
    """Asks with OPTIONS, as `identity`."""

    floors: Floors
    ear: Ear
    identity: SipUri

    async def core(self, core: SipUri) -> Asked:
        """The core itself."""
        return (await self._ask(core, core, None))[0]

    async def ourselves(self, route: SipUri | None) -> tuple[Asked, bool]:
        """Our own address of record, by the outbound proxy if there is one; and whether that came back to us."""
        return await self._ask(self.identity, route or self.identity, route)

    async def _ask(self, target: SipUri, next_hop: SipUri, route: SipUri | None) -> tuple[Asked, bool]:
        floors = self.floors
        tag, call_id = floors.tokens.word(16), floors.tokens.word(24)
        fields = [("From", str(Address(self.identity))), ("To", str(Address(target))), ("Accept", "application/sdp")]

        def make(via: Via) -> Request:
            return opening_request("OPTIONS", target, via, tag, call_id, 1, fields, b"", route=route)

        self.ear.listen(lambda request: request.call_id == call_id)
        began = floors.clock.seconds()
        try:
            asking = floors.agent.request(make, next_hop)
            exchange = await in_time(asking, SECONDS, floors.clock, f"nothing came within {SECONDS:.0f} s")
        except DeliveryError as error:
            return Asked(error=error.reason), self.ear.stop() is not None
        return asked_of(exchange, floors.clock.seconds() - began), self.ear.stop() is not None


def asked_of(exchange: Exchange, seconds: float = 0.0) -> Asked:
    """What an answer says, as far as it is of interest."""
    response = exchange.response
    challenges = challenges_of(response)
    return Asked(
        status=response.status,
        reason=response.reason,
        seconds=seconds,
        hop=str(exchange.hop),
        realms=tuple(dict.fromkeys(challenge.realm for challenge in challenges)),
        supported=any(challenge.is_supported for challenge in challenges),
        proved=bool(credentials_of(exchange.request)),
        said=exchange.request.via.host,
        seen_as=response.via.received,
        date=response.headers.get("date"),
    )

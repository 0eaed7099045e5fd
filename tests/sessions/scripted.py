"""A user agent that says what the test says, for what stands directly on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pushsvc.net.places import Places
from pushsvc.net.reaching import Exchange, Make
from pushsvc.sessions.floors import Floors
from pushsvc.sip.credentials import Credentials
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.uri import SipUri
from tests.tokens import CountedTokens

HOP = Hop("udp", "192.0.2.20", 5060)


class ScriptedAgent:
    """`sent` is all that went out, in order; requests wait until the test answers, fails or cancels them."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.next_hops: list[SipUri] = []
        self.foreign: list[bool] = []
        self.withdrawn: list[Request] = []
        self.limited = False
        self.hop: Hop | None = HOP
        self._waiting: list[tuple[Request, Deferred[Response], Any]] = []
        self._count = 0
        self.places = Places(CountedTokens("p"), "192.0.2.10", lambda hop: None)

    def credentials(self, *, foreign: bool = False) -> Credentials:
        return Credentials(None, CountedTokens("c"), foreign=foreign)

    async def request(
        self,
        make: Make,
        next_hop: SipUri,
        provisional: Any = None,
        credentials: Any = None,
        next_number: Any = None,
        *,
        foreign: bool = False,
    ) -> Exchange:
        request = self._made(make, next_hop)
        self.foreign.append(foreign)
        answered: Deferred[Response] = Deferred(lambda _: self.withdrawn.append(request))
        self._waiting.append((request, answered, provisional))
        return Exchange(request, HOP, await answered)

    async def acknowledge(self, make: Make, next_hop: SipUri, *, foreign: bool = False) -> tuple[Request, Hop]:
        self.foreign.append(foreign)
        return self._made(make, next_hop), HOP

    def hop_of(self, request: Request) -> Hop | None:
        return self.hop

    def transmit(self, message: Message, hop: Hop) -> None:
        self.sent.append(message)

    def respond(self, response: Response) -> None:
        self.sent.append(response)

    def limits(self, source: Hop) -> bool:
        return self.limited

    def hold(self, hop: Hop) -> Callable[[], None]:
        return lambda: None

    # -- what the test does

    def answer(self, status: int, *headers: tuple[str, str], body: bytes = b"") -> Response:
        """Answer the oldest request that waits."""
        request, answered, provisional = self._waiting[0]
        response = reply_to(request, status, to_tag="bob-tag", headers=headers, body=body)
        if status < 200:
            provisional(response)
        else:
            del self._waiting[0]
            answered.callback(response)
        return response

    def fail(self, error: Exception) -> None:
        """Nobody answers the oldest request that waits."""
        _, answered, _ = self._waiting.pop(0)
        answered.errback(error)

    def methods(self) -> list[str]:
        """What was sent, in a few words."""
        return [each.method if isinstance(each, Request) else str(each.status) for each in self.sent]

    def _made(self, make: Make, next_hop: SipUri) -> Request:
        self._count += 1
        request = make(Via("UDP", "192.0.2.10", 5060, (("branch", f"z9hG4bK{self._count}"),)))
        self.sent.append(request)
        self.next_hops.append(next_hop)
        return request


def floors_on(agent: ScriptedAgent, clock: Clock, **facts: Any) -> Floors:
    """Floors without MSRP."""
    return Floors(agent, None, CountedTokens("t"), clock, **facts)  # type: ignore[arg-type]

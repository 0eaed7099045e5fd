"""A request of ours on its way to somebody who answers it: one address after the other, and again when challenged.

Which addresses there are is found in `locate`, which challenges are answered in `sip.credentials`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import attrs
from twisted.logger import Logger

from pushsvc.errors import DeliveryError, TimedOut, Unreachable
from pushsvc.net.ailing import Ailing
from pushsvc.net.asking import Asking, Provisional
from pushsvc.net.locate import Locator
from pushsvc.sip.codec import encode
from pushsvc.sip.credentials import CHALLENGED, Attempt, Credentials
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.inside import is_inside
from pushsvc.sip.message import Request, Response
from pushsvc.sip.retry_after import retry_after_of
from pushsvc.sip.transaction import Why
from pushsvc.sip.uri import SipUri

BIGGEST_DATAGRAM = 1300  # RFC 3261 §18.1.1: above it a request needs a transport with congestion control

Make = Callable[[Via], Request]


@attrs.frozen
class Exchange:
    """A request of ours as it went out at last, the hop that answered, and its final response.

    `why` says why a challenge could not be answered; "" for every other response.
    """

    request: Request
    hop: Hop
    response: Response
    why: str = ""


class Ways(Protocol):
    """The user agent, as its requests see it."""

    def via(self, hop: Hop) -> Via:
        """A Via with a fresh branch for a request over this hop."""

    def has_socket(self, hop: Hop) -> bool:
        """Whether datagrams can be sent to this hop."""

    async def prepared(self, hop: Hop) -> None:
        """Whatever `via` needs is there. Raises Unreachable where it cannot be had."""


class Reaching:
    """Sends requests until somebody gives an answer that counts, and remembers which addresses gave none."""

    log = Logger()

    def __init__(self, ways: Ways, locator: Locator, asking: Asking, ailing: Ailing) -> None:
        self._ways = ways
        self._locator = locator
        self._asking = asking
        self._ailing = ailing

    async def request(
        self,
        make: Make,
        next_hop: SipUri,
        provisional: Provisional | None,
        credentials: Credentials,
        next_number: Callable[[], int] | None,
        *,
        foreign: bool,
    ) -> Exchange:
        """The final answer. Parameters and errors are those of `UserAgent.request`."""
        attempt = Attempt(credentials)
        hops = self._ailing.last(await self._located(next_hop, foreign=foreign))
        while True:
            exchange = await self._answered(lambda via: attempt.dressed(make(via)), hops, provisional)
            if exchange.response.status not in CHALLENGED:
                return exchange
            why = attempt.challenged(exchange.response)
            if why is not None:
                call_id = exchange.request.call_id
                self.log.warn("a challenge cannot be answered: {reason}", reason=why, call_id=call_id)
                return attrs.evolve(exchange, why=why)
            number = exchange.request.cseq.number + 1
            attempt.renumber(number if next_number is None else next_number())
            # Whoever asked knows its nonce; another address of the same name may not.
            hops = [exchange.hop, *(hop for hop in hops if hop != exchange.hop)]

    async def first(self, make: Make, next_hop: SipUri, *, foreign: bool) -> tuple[Request, Hop]:
        """A request that is not answered, for the first address alone. Raises Unreachable."""
        hop = (await self._located(next_hop, foreign=foreign))[0]
        found = await anext(self._fitting(make, hop))
        if isinstance(found, Unreachable):
            raise found
        return found

    # -- ours

    async def _located(self, next_hop: SipUri, *, foreign: bool) -> list[Hop]:
        """Its hops. What a name leads to is known only here, and it may be another thing each time."""
        hops = await self._locator.locate(next_hop)
        if foreign:
            hops = [hop for hop in hops if not is_inside(hop.host)]
            if not hops:
                raise Unreachable(f"{next_hop.host} is inside of this machine, and was named from outside", retry=False)
        return hops

    async def _answered(self, make: Make, hops: Sequence[Hop], provisional: Provisional | None) -> Exchange:
        """The first answer of these addresses that is not an excuse."""
        overloaded: Exchange | None = None
        failure: DeliveryError | None = None
        for hop in hops:
            tried = await self._try(make, hop, provisional)
            if isinstance(tried, DeliveryError):
                self._ailing.failed(hop)
                failure = tried
            elif tried.response.status == 503:
                self._ailing.failed(hop, retry_after_of(tried.response))
                overloaded = tried
            else:
                self._ailing.answered(hop)
                return tried
        if overloaded is not None:
            return overloaded
        raise failure or Unreachable("no hop to try")

    async def _try(self, make: Make, hop: Hop, provisional: Provisional | None) -> Exchange | DeliveryError:
        """One address, over the transports that fit."""
        failure: DeliveryError = Unreachable(f"{hop} cannot be reached")
        async for found in self._fitting(make, hop):
            if isinstance(found, Unreachable):
                failure = found
                continue
            request, fitting = found
            if isinstance(request.uri, SipUri) and request.uri.secure and fitting.transport != "tls":
                return Unreachable(f"a sips: address is reached over TLS only, and {fitting} is not", retry=False)
            answer = await self._asking.ask(request, fitting, provisional)
            if isinstance(answer, Response):
                return Exchange(request, fitting, answer)
            failure = _failure_of(answer, request, fitting)
            if answer is Why.TIMEOUT:  # it is there and says nothing: it would not over UDP either
                break
        return failure

    async def _fitting(self, make: Make, hop: Hop) -> AsyncIterator[tuple[Request, Hop] | Unreachable]:
        """The request over this hop, or why not; one too big for a datagram goes by TCP first (RFC 3261 §18.1.1)."""
        if hop.transport != "udp":
            yield await self._over_stream(make, hop)
            return
        request = make(self._ways.via(hop))
        sendable = self._ways.has_socket(hop)
        if not sendable or len(encode(request)) > BIGGEST_DATAGRAM:
            yield await self._over_stream(make, attrs.evolve(hop, transport="tcp"))
        if sendable:
            yield request, hop

    async def _over_stream(self, make: Make, hop: Hop) -> tuple[Request, Hop] | Unreachable:
        try:
            await self._ways.prepared(hop)
        except Unreachable as error:
            return error
        return make(self._ways.via(hop)), hop


def _failure_of(why: Why | Unreachable, request: Request, hop: Hop) -> DeliveryError:
    if isinstance(why, Unreachable):
        return why
    if why is Why.TIMEOUT:
        return TimedOut(f"no answer to {request.method} from {hop}")
    return Unreachable(f"{hop} cannot be reached")

"""A transaction layer on real transports: requests go out and their final answers come back as Deferreds.

Dialogs and sessions live above, in `sessions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from pushsvc.errors import BadMessage, DeliveryError, TimedOut, Unreachable
from pushsvc.machine import Tokens
from pushsvc.net.driver import Driver
from pushsvc.net.locate import Locator
from pushsvc.net.observer import Direction, Observer
from pushsvc.net.sip_streams import SipStreams
from pushsvc.net.sip_transport import UdpTransport
from pushsvc.sip.codec import encode
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop, reply_hop, stamped
from pushsvc.sip.message import Message, Request, Response, cancel_of
from pushsvc.sip.transaction import (
    NoAnswer,
    Output,
    RequestArrived,
    ResponseArrived,
    Settings,
    Transmit,
    Why,
)
from pushsvc.sip.transaction_layer import TransactionLayer
from pushsvc.sip.uri import SipUri

BIGGEST_DATAGRAM = 1300  # RFC 3261 §18.1.1: above it a request needs a transport with congestion control

Make = Callable[[Via], Request]


@attrs.frozen
class Exchange:
    """A request of ours as it went out at last, the hop that answered, and its final response."""

    request: Request
    hop: Hop
    response: Response


@attrs.define(eq=False)
class _Asked:
    """One INVITE or other request that waits for its final answer."""

    request: Request
    hop: Hop
    answered: Deferred[Response | Why]
    provisional: Callable[[Response], None] | None
    proceeding: bool = False
    withdrawn: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return _key(self.request)


class UserAgent:
    """Sends requests, answers requests, and knows our addresses.

    `on_request(request, source)` is told of every new request, ACKs of 2xx included; `on_stray(response, invite)`
    of every 2xx to an INVITE that nobody waits for any more: repeated, forked, or crossing a CANCEL. The INVITE is
    None once its transaction is over.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        tokens: Tokens,
        locator: Locator,
        observer: Observer,
        settings: Settings,
        advertise: str = "",
    ) -> None:
        self.on_request: Callable[[Request, Hop], None] = lambda request, source: None
        self.on_stray: Callable[[Response, Request | None], None] = lambda response, invite: None
        self._reactor = reactor
        self._tokens = tokens
        self._locator = locator
        self._observer = observer
        self._advertise = advertise
        self._layer = TransactionLayer(settings, tokens)
        self._driver = Driver(self._layer, self._perform, reactor)
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._streams = SipStreams(reactor, self)
        self._udp: UdpTransport | None = None
        self._ports: list[IListeningPort] = []
        self._resent = 0
        self.addresses: dict[str, tuple[str, int]] = {}

    # -- our addresses

    def listen(self, transport: str, host: str, port: int) -> tuple[str, int]:
        """Open a listener; gives the address that it really has. Raises CannotListenError."""
        if transport == "udp":
            self._udp = UdpTransport(self)
            listener = self._reactor.listenUDP(port, self._udp, interface=host, maxPacketSize=65536)
        else:
            listener = self._reactor.listenTCP(port, self._streams.factory(transport), interface=host)
        self._ports.append(listener)
        self.addresses[transport] = (host, listener.getHost().port)
        return self.addresses[transport]

    def stop(self) -> Deferred[Any]:
        """Close every listener and connection; nothing is answered from now on."""
        self._driver.stop()
        closing = [d for d in (port.stopListening() for port in self._ports) if d is not None]
        return gatherResults([*closing, self._streams.stop()], consumeErrors=True)

    def via(self, hop: Hop) -> Via:
        """A Via with a fresh branch for a request over this hop (RFC 3261 §8.1.1.7)."""
        host, port = self._sent_by(hop.transport)
        branch = ("branch", "z9hG4bK" + self._tokens.word(16))
        return Via(
            hop.transport.upper(), host, port, (branch, ("rport", None)) if hop.transport == "udp" else (branch,)
        )

    def contact(self, user: str | None, transport: str) -> SipUri:
        """Where we can be reached over this transport."""
        host, port = self._sent_by(transport)
        uri = SipUri(host=host, port=port, user=user)
        return uri if transport == "udp" else uri.with_parameter("transport", transport)

    # -- requests of ours

    async def request(
        self, make: Make, next_hop: SipUri, provisional: Callable[[Response], None] | None = None
    ) -> Exchange:
        """Send what `make` builds for a Via; its final answer.

        Addresses of the next hop are tried in turn until one answers. Cancelling the Deferred that waits for
        this withdraws an INVITE: CANCEL goes out once a provisional answer has come, and a 2xx that crosses
        it goes to `on_stray`. Raises TimedOut or Unreachable.
        """
        failure: DeliveryError = Unreachable("no hop to try")
        for hop in await self._locator.locate(next_hop):
            for request, fitting in self._fitting(make, hop):
                answer = await self._ask(request, fitting, provisional)
                if isinstance(answer, Response):
                    return Exchange(request, fitting, answer)
                failure = _failure_of(answer, request, fitting)
        raise failure

    async def acknowledge(self, make: Make, next_hop: SipUri) -> tuple[Request, Hop]:
        """Send an ACK for a 2xx, which is a request without a transaction (RFC 3261 §13.2.2.4)."""
        hop = (await self._locator.locate(next_hop))[0]
        request, fitting = next(self._fitting(make, hop))
        self.transmit(request, fitting)
        return request, fitting

    def transmit(self, message: Message, hop: Hop) -> None:
        """Put a message on the wire. If that fails its transaction hears of it."""
        self._observer.sip(Direction.OUT, message, hop)
        octets = encode(message)
        if hop.transport != "udp":
            self._streams.transmit(octets, message, hop)
        elif self._udp is not None:
            self._udp.transmit(octets, hop)
        else:
            self._reactor.callLater(0, self.unsent, message)

    # -- requests of others

    def respond(self, response: Response) -> None:
        """Answer a request that `on_request` told of; a 2xx to an INVITE may be given again."""
        self._driver.run(self._layer.respond(response, self._reactor.seconds()))

    def cancelled_by(self, cancel: Request) -> Request | None:
        """The INVITE that an arrived CANCEL means; None: it is unknown, or over."""
        return self._layer.invite_cancelled_by(cancel)

    @property
    def transactions(self) -> int:
        """How many transactions are alive."""
        return sum(self._layer.counts())

    # -- what transports tell us

    def received(self, message: Message, source: Hop) -> None:
        self._observer.sip(Direction.IN, message, source)
        self._driver.run(self._layer.received(message, source, self._reactor.seconds()))
        self._count_resent()

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        self._observer.sip_unreadable(source, error.reason)
        if reply is not None:
            self.transmit(stamped(reply, source), reply_hop(reply, source))

    def unsent(self, message: Message) -> None:
        """A transport could not deliver this message."""
        self._driver.run(self._layer.unreachable(message, self._reactor.seconds()))

    # -- what the layer wishes for

    def _perform(self, output: Output) -> None:
        match output:
            case Transmit():
                self.transmit(output.message, output.hop)
            case RequestArrived():
                self.on_request(output.request, output.source)
            case ResponseArrived():
                self._answered(output.response, output.request)
            case NoAnswer():
                self._settle(output.request, output.why)

    def _answered(self, response: Response, request: Request | None) -> None:
        asked = self._asked.get(_key(response))
        if asked is None:
            if response.cseq.method == "INVITE" and 200 <= response.status < 300:
                self.on_stray(response, request)
        elif response.status < 200:
            self._proceeding(asked, response)
        else:
            crossed = asked.withdrawn and response.status < 300
            self._settle(asked.request, response)
            if crossed:
                self.on_stray(response, asked.request)

    def _proceeding(self, asked: _Asked, response: Response) -> None:
        first, asked.proceeding = not asked.proceeding, True
        if asked.withdrawn and first:
            self._cancel(asked)
        elif asked.provisional is not None and not asked.withdrawn:
            asked.provisional(response)

    def _settle(self, request: Request, result: Response | Why) -> None:
        asked = self._asked.pop(_key(request), None)
        if asked is not None and not asked.withdrawn:
            asked.answered.callback(result)

    # -- sending

    def _ask(
        self, request: Request, hop: Hop, provisional: Callable[[Response], None] | None
    ) -> Deferred[Response | Why]:
        asked = _Asked(request, hop, Deferred(lambda _: self._withdraw(asked)), provisional)
        self._asked[asked.key] = asked
        self._driver.run(self._layer.request(request, hop, self._reactor.seconds()))
        return asked.answered

    def _withdraw(self, asked: _Asked) -> None:
        asked.withdrawn = True
        if asked.request.method != "INVITE":
            self._asked.pop(asked.key, None)
        elif asked.proceeding:
            self._cancel(asked)

    def _cancel(self, asked: _Asked) -> None:
        """RFC 3261 §9.1. If nothing final follows, the layer gives the INVITE up by itself."""
        cancel = cancel_of(asked.request)
        self._driver.run(self._layer.request(cancel, asked.hop, self._reactor.seconds()))

    def _fitting(self, make: Make, hop: Hop) -> Iterator[tuple[Request, Hop]]:
        """The request over this hop; one too big for a datagram goes by TCP first (RFC 3261 §18.1.1)."""
        request = make(self.via(hop))
        if hop.transport == "udp" and len(encode(request)) > BIGGEST_DATAGRAM:
            stream = attrs.evolve(hop, transport="tcp")
            yield make(self.via(stream)), stream
        yield request, hop

    def _sent_by(self, transport: str) -> tuple[str, int | None]:
        host, port = self.addresses.get(transport) or next(iter(self.addresses.values()), ("127.0.0.1", 5060))
        name = self._advertise or host
        return (f"[{name}]" if ":" in name else name), port

    def _count_resent(self) -> None:
        resent = self._layer.retransmissions
        if resent != self._resent:
            self._observer.sip_retransmissions(resent - self._resent)
            self._resent = resent


def _key(message: Message) -> tuple[str, str]:
    """A CANCEL shares the branch of its INVITE, so the branch alone does not tell whose answer it is."""
    return message.via.branch, message.cseq.method


def _failure_of(why: Why, request: Request, hop: Hop) -> DeliveryError:
    where = f"{hop.transport}:{hop.host}:{hop.port}"
    if why is Why.TIMEOUT:
        return TimedOut(f"no answer to {request.method} from {where}")
    return Unreachable(f"{where} cannot be reached")

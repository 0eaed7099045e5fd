"""The SIP streams of this process: those that came in, those that we opened, and what waits for one to open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import BadMessage, Unreachable, Withdrawn
from pushsvc.net.admission import Admission
from pushsvc.net.asking import Key, key_of
from pushsvc.net.sip_transport import Receiver, StreamFactory, StreamTransport
from pushsvc.net.tls import Tls
from pushsvc.net.tls_transport import TlsTransport
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response

CONNECT_SECONDS = 10.0
WITHOUT_ANSWER = ("ACK", "CANCEL")  # the answer to a CANCEL is the one to its INVITE

Address = tuple[str, str, int, str]  # with TLS also whom its certificate is for: who shares an address may be another


class Owner(Receiver, Protocol):
    """The user agent, as its streams see it."""

    def trusts(self, source: Hop) -> bool:
        """Whether who is there is no stranger."""

    def unsent(self, message: Message, why: Unreachable) -> None:
        """This message could not be delivered, or it was lost with its stream before it was answered."""


@attrs.define(eq=False)
class _Opening:
    """A connection under way, the messages that wait for it, and who waits for it without one."""

    hop: Hop
    waiting: list[tuple[bytes, Message]] = attrs.Factory(list)
    awaited: list[Deferred[None]] = attrs.Factory(list)
    connecting: Deferred[Any] | None = None


class SipStreams:
    """Every SIP stream by its number, and by the address that it leads to (RFC 3261 §18.1.1, reuse).

    Without `tls` there are none over TLS.
    """

    log = Logger()

    def __init__(self, reactor: Any, owner: Owner, tls: Tls | None = None) -> None:
        self._reactor = reactor
        self._owner = owner
        self._tls = tls
        self._next_number = 0
        self._by_number: dict[int, StreamTransport] = {}
        self._by_address: dict[Address, StreamTransport | _Opening] = {}
        self._carriers: dict[Key, StreamTransport] = {}  # of requests that are not answered
        self._stopped: Deferred[None] | None = None

    def __len__(self) -> int:
        """How many streams are open, or being opened."""
        return len(self._by_number) + sum(isinstance(way, _Opening) for way in self._by_address.values())

    def factory(self, transport: str) -> IProtocolFactory:
        """A factory for streams that others open to us."""
        factory: IProtocolFactory = StreamFactory(
            lambda: self._make(transport),
            Admission(),
            lambda host, port: self._owner.hears(Hop(transport, host, port)),
            lambda host, port: self._owner.trusts(Hop(transport, host, port)),
        )
        return factory if self._tls is None or transport != "tls" else self._tls.server(factory)

    def transmit(self, octets: bytes, message: Message, hop: Hop) -> None:
        """Over the stream that `hop` names, else over one to its address, opened if need be."""
        if self._stopped is not None:
            return
        way = self._way(hop)
        if isinstance(way, StreamTransport):
            self._send(way, octets, message)
        elif way is not None:
            way.waiting.append((octets, message))
        else:
            opening = self._by_address[_address(hop)] = _Opening(hop, [(octets, message)])
            self._open(opening)

    async def opened(self, hop: Hop) -> None:
        """Until there is a stream to this hop. Raises Unreachable, or Withdrawn when we are stopped."""
        if self._stopped is not None:
            raise Withdrawn("the service is stopping")
        way = self._way(hop)
        if isinstance(way, StreamTransport):
            return
        awaited: Deferred[None] = Deferred()
        if way is not None:
            way.awaited.append(awaited)
        else:
            opening = self._by_address[_address(hop)] = _Opening(hop, awaited=[awaited])
            self._open(opening)
        await awaited

    def near_end(self, hop: Hop) -> tuple[str, int] | None:
        """Our address on the stream to this hop; None: there is none."""
        way = self._way(hop)
        return way.near_end if isinstance(way, StreamTransport) else None

    def settled(self, request: Request) -> None:
        """The request was answered, or given up: what becomes of its stream is nothing to it any more."""
        key = key_of(request)
        stream = self._carriers.pop(key, None)
        if stream is not None:
            del stream.unanswered[key]

    def cut(self, source: Hop) -> None:
        """Hear nothing more from the stream that this came by, unless we keep it up: our core finds us by it."""
        stream = self._by_number.get(source.connection) if source.reliable and source.connection is not None else None
        if stream is not None and not stream.is_wanted:
            stream.close()

    def keep(self, hop: Hop, lost: Callable[[int], None], ping_after: float | None = None) -> int | None:
        """Keep the stream to this hop up; gives its number, which `lost` is told in the end. None: there is none."""
        way = self._way(hop)
        if not isinstance(way, StreamTransport):
            return None
        way.keep(lost, ping_after)
        return way.number

    def let_go(self, number: int, lost: Callable[[int], None]) -> None:
        """Keep the stream of this number up no more: `lost` is what was given to `keep`."""
        stream = self._by_number.get(number)
        if stream is not None:
            stream.let_go(lost)

    def hold(self, hop: Hop) -> Callable[[], None]:
        """Keep the stream to this hop up, if we opened one, until what this gives is called."""
        way = self._way(hop)
        return way.hold() if isinstance(way, StreamTransport) and way.is_ours else lambda: None

    def close_idle(self) -> None:
        """Close what came in, said nothing for a while, and is nobody's way."""
        for stream in list(self._by_number.values()):
            if stream.is_idle:
                stream.close()

    def stop(self) -> Deferred[None]:
        """Close them all; fires when the last is gone."""
        self._stopped = Deferred()
        for way in list(self._by_address.values()):
            if isinstance(way, _Opening) and way.connecting is not None:
                way.connecting.cancel()
        for stream in list(self._by_number.values()):
            stream.close()
        return self._stopped if self._by_number else succeed(None)

    # -- what streams tell us

    def received(self, message: Message, source: Hop) -> None:
        self._owner.received(message, source)

    def hears(self, source: Hop) -> bool:
        return self._owner.hears(source)

    def trusts(self, source: Hop) -> bool:
        return self._owner.trusts(source)

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        self._owner.unreadable(source, error, reply)

    def connection_made(self, stream: StreamTransport) -> None:
        self._by_number[stream.number] = stream
        self._by_address.setdefault(_address(stream.peer), stream)
        if self._stopped is not None:
            stream.close()

    def connection_lost(self, stream: StreamTransport) -> None:
        self._by_number.pop(stream.number, None)
        if self._by_address.get(_address(stream.peer)) is stream:
            del self._by_address[_address(stream.peer)]
        if isinstance(stream.factory, StreamFactory):
            stream.factory.left(stream.peer.host, stream.peer.port)
        for request in list(stream.unanswered.values()):
            self.settled(request)
            self._owner.unsent(request, Unreachable(f"the connection to {stream.peer} was lost"))
        if self._stopped is not None and not self._by_number and not self._stopped.called:
            self._stopped.callback(None)

    # -- ours

    def _way(self, hop: Hop) -> StreamTransport | _Opening | None:
        """What there is already."""
        named = self._by_number.get(hop.connection) if hop.connection is not None else None
        if named is not None and not named.closing:
            return named
        way = self._by_address.get(_address(hop)) or self._of_another_name(hop)
        return None if isinstance(way, StreamTransport) and way.closing else way

    def _of_another_name(self, hop: Hop) -> StreamTransport | None:
        """A TLS stream that we opened to this very address by another name, if its certificate is for this one as well.

        RFC 5626 §4.3: a core that says its address in Record-Route is reached over the stream that we have.
        """
        if hop.transport != "tls":
            return None
        streams = [way for way in self._by_address.values() if isinstance(way, StreamTransport)]
        return next((stream for stream in streams if not stream.closing and stream.is_also(hop)), None)

    def _send(self, stream: StreamTransport, octets: bytes, message: Message) -> None:
        if isinstance(message, Request) and message.method not in WITHOUT_ANSWER:
            key = key_of(message)
            stream.unanswered[key] = message
            self._carriers[key] = stream
        stream.transmit(octets)

    def _make(self, transport: str, target: Hop | None = None) -> StreamTransport:
        self._next_number += 1
        return StreamTransport(self, transport, self._next_number, self._reactor, target)

    def _open(self, opening: _Opening) -> None:
        opening.connecting = Deferred.fromCoroutine(self._connected(opening.hop))
        opening.connecting.addCallbacks(
            lambda stream: self._opened(opening, stream), lambda why: self._not_opened(opening, why)
        )
        opening.connecting.addErrback(
            lambda bug: self.log.failure("a bug: whoever waits for {hop} was not told", bug, hop=str(opening.hop))
        )

    async def _connected(self, hop: Hop) -> StreamTransport:
        make = TCP6ClientEndpoint if ":" in hop.host else TCP4ClientEndpoint
        endpoint = make(self._reactor, hop.host, hop.port, CONNECT_SECONDS)
        try:
            wire: Any = await endpoint.connect(self._outward(hop))
        except ConnectError as error:
            raise Unreachable(f"{hop} cannot be reached: {error}") from error
        stream: StreamTransport = wire.wrapped if isinstance(wire, TlsTransport) else wire  # type: ignore[assignment]
        return await stream.ready

    def _outward(self, hop: Hop) -> IProtocolFactory:
        factory: IProtocolFactory = StreamFactory(lambda: self._make(hop.transport, hop))
        if hop.transport != "tls":
            return factory
        if self._tls is None:
            raise Unreachable("SIP over TLS is not possible here", retry=False)
        return self._tls.client_for_domain(factory, hop.name or hop.host)

    def _opened(self, opening: _Opening, stream: StreamTransport) -> None:
        self._by_address[_address(opening.hop)] = stream
        for octets, message in opening.waiting:
            self._send(stream, octets, message)
        for awaited in opening.awaited:
            awaited.callback(None)

    def _not_opened(self, opening: _Opening, failure: Failure) -> None:
        address = _address(opening.hop)
        if self._by_address.get(address) is opening:
            del self._by_address[address]
        why = failure.value
        if not isinstance(why, Unreachable):
            if not isinstance(why, CancelledError | ConnectingCancelledError):
                self.log.failure("a bug: {hop} could not be tried", failure, hop=str(opening.hop))
            why = Unreachable(f"the connection to {opening.hop} was given up")
        for _, message in opening.waiting:
            self._owner.unsent(message, why)
        for awaited in opening.awaited:
            awaited.errback(Failure(why if self._stopped is None else Withdrawn("the service is stopping")))


def _address(hop: Hop) -> Address:
    return hop.transport, hop.host, hop.port, hop.name.lower() if hop.transport == "tls" else ""

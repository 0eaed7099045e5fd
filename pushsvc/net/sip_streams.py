"""The SIP streams of this process: those that came in, those that we opened, and what waits for one to open."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.protocol import Factory

from pushsvc.errors import BadMessage
from pushsvc.net.sip_transport import Receiver, StreamFactory, StreamTransport
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Response

CONNECT_SECONDS = 10.0


class Owner(Receiver, Protocol):
    """The user agent, as its streams see it."""

    def unsent(self, message: Message) -> None:
        """This message could not be delivered."""


@attrs.define(eq=False)
class _Opening:
    """A connection under way, and the messages that wait for it."""

    waiting: list[tuple[bytes, Message]] = attrs.Factory(list)


class SipStreams:
    """Every SIP stream by its number, and by the address that it leads to (RFC 3261 §18.1.1, reuse)."""

    def __init__(self, reactor: Any, owner: Owner) -> None:
        self._reactor = reactor
        self._owner = owner
        self._next_number = 0
        self._by_number: dict[int, StreamTransport] = {}
        self._by_address: dict[tuple[str, str, int], StreamTransport | _Opening] = {}
        self._stopped: Deferred[None] | None = None

    def factory(self, transport: str) -> StreamFactory:
        """A factory for streams that others open to us."""
        return StreamFactory(lambda: self._make(transport))

    def transmit(self, octets: bytes, message: Message, hop: Hop) -> None:
        """Over the stream that `hop` names, else over one to its address, opened if need be."""
        if hop.connection is not None and hop.connection in self._by_number:
            self._by_number[hop.connection].transmit(octets)
            return
        address = (hop.transport, hop.host, hop.port)
        way = self._by_address.get(address)
        if way is None:
            way = self._by_address[address] = _Opening()
            self._open(hop, address, way)
        if isinstance(way, _Opening):
            way.waiting.append((octets, message))
        else:
            way.transmit(octets)

    def stop(self) -> Deferred[None]:
        """Close them all; fires when the last is gone."""
        if not self._by_number:
            return succeed(None)
        self._stopped = Deferred()
        for stream in list(self._by_number.values()):
            stream.close()
        return self._stopped

    def received(self, message: Message, source: Hop) -> None:
        self._owner.received(message, source)

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        self._owner.unreadable(source, error, reply)

    def connection_made(self, stream: StreamTransport) -> None:
        self._by_number[stream.number] = stream
        self._by_address.setdefault((stream.peer.transport, stream.peer.host, stream.peer.port), stream)

    def connection_lost(self, stream: StreamTransport) -> None:
        self._by_number.pop(stream.number, None)
        address = (stream.peer.transport, stream.peer.host, stream.peer.port)
        if self._by_address.get(address) is stream:
            del self._by_address[address]
        if isinstance(stream.factory, StreamFactory):
            stream.factory.admission.left(stream.peer.host)
        if self._stopped is not None and not self._by_number and not self._stopped.called:
            self._stopped.callback(None)

    def _make(self, transport: str) -> StreamTransport:
        self._next_number += 1
        return StreamTransport(self, transport, self._next_number, self._reactor)

    def _open(self, hop: Hop, address: tuple[str, str, int], opening: _Opening) -> None:
        make = TCP6ClientEndpoint if ":" in hop.host else TCP4ClientEndpoint
        endpoint = make(self._reactor, hop.host, hop.port, CONNECT_SECONDS)
        opened: Deferred[Any] = endpoint.connect(Factory.forProtocol(lambda: self._make(hop.transport)))
        opened.addCallbacks(
            lambda stream: self._opened(address, opening, stream), lambda _: self._failed(address, opening)
        )

    def _opened(self, address: tuple[str, str, int], opening: _Opening, stream: StreamTransport) -> None:
        self._by_address[address] = stream
        for octets, _ in opening.waiting:
            stream.transmit(octets)

    def _failed(self, address: tuple[str, str, int], opening: _Opening) -> None:
        if self._by_address.get(address) is opening:
            del self._by_address[address]
        for _, message in opening.waiting:
            self._owner.unsent(message)

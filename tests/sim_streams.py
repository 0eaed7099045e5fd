"""Streams of the simulated network: listeners, attempts to connect, and the two ends of what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import (
    IConnector,
    IConsumer,
    IDelayedCall,
    IListeningPort,
    IPushProducer,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from tests.sim import Network

Place = tuple[str, int]


def address_of(kind: str, place: Place) -> IPv4Address | IPv6Address:
    """The place as Twisted tells of it; `kind` is "TCP" or "UDP"."""
    return IPv6Address(kind, *place) if ":" in place[0] else IPv4Address(kind, *place)


@implementer(IListeningPort)
@attrs.define(eq=False)
class Listener:
    """A listening stream socket."""

    network: Network
    address: Place
    factory: Any
    connected: bool = attrs.field(default=True, init=False)
    _reading: bool = attrs.field(default=True, init=False)
    _waiting: list[Connector] = attrs.field(factory=list, init=False)
    backlog: int = 50

    def startListening(self) -> None: ...

    def stopListening(self) -> Deferred[None] | None:
        self.connected = False
        self.network.listeners.pop(self.address, None)
        self.factory.doStop()
        return None

    def stopReading(self) -> None:
        """Accept nothing for now: who connects waits."""
        self._reading = False

    def startReading(self) -> None:
        self._reading = True
        waiting, self._waiting = self._waiting, []
        for connector in waiting:
            connector.join()

    def holds(self, connector: Connector) -> bool:
        """Whether this one has to wait."""
        if not self._reading:
            self._waiting.append(connector)
        return not self._reading

    def getHost(self) -> IPv4Address | IPv6Address:
        return address_of("TCP", self.address)


@implementer(IConnector)
@attrs.define(eq=False)
class Connector:
    """One attempt to connect."""

    network: Network
    local: Place
    remote: Place
    factory: Any
    _over: bool = False
    _stream: Stream | None = None
    _pending: IDelayedCall | None = None

    def begin(self, timeout: float) -> None:
        if self.network.unplugged & {self.local[0], self.remote[0]}:
            self._pending = self.network.clock.callLater(timeout, self.fail, TimeoutError())
        else:
            self._pending = self.network.later(self.join)

    def join(self) -> None:
        self._pending = None
        listener = self.network.listeners.get(self.remote)
        if listener is None:
            self.fail(ConnectionRefusedError())
            return
        if self._over or listener.holds(self):
            return
        self._over = True
        server = listener.factory.buildProtocol(address_of("TCP", self.local))
        client = self.factory.buildProtocol(address_of("TCP", self.remote))
        near = Stream(self.network, client, self.local, self.remote)
        far = Stream(self.network, server, self.remote, self.local)
        near.peer, far.peer = far, near
        self.network.streams += [near, far]
        self._stream = near
        if server is None:  # as a real port: accepted by the kernel, then closed by the process
            far.turn_away()
        else:
            server.makeConnection(far)
        client.makeConnection(near)

    def fail(self, reason: Exception) -> None:
        if self._over:
            return
        self._over = True
        if self._pending is not None and self._pending.active():
            self._pending.cancel()
        self.factory.clientConnectionFailed(self, Failure(reason))

    def stopConnecting(self) -> None:
        self.fail(UserError())

    def disconnect(self) -> None:
        if self._stream is None:
            self.stopConnecting()
        else:
            self._stream.loseConnection()

    def connect(self) -> None:
        raise NotImplementedError("a simulated connector connects once")

    def getDestination(self) -> IPv4Address | IPv6Address:
        return address_of("TCP", self.remote)


@implementer(ITCPTransport, IConsumer, IPushProducer)
@attrs.define(eq=False)
class Stream:
    """One end of a byte stream: in order, delayed, cut into random pieces, pausable in both directions.

    What is under way to the other end beyond the window counts as held in our own buffer. As with real transports
    (`twisted.internet.abstract.FileDescriptor`) a connection is not closed while its producer is paused: whoever
    wants it closed unregisters the producer first.
    """

    network: Network
    protocol: Any
    local: Place
    remote: Place
    peer: Any = None
    disconnecting: bool = False
    connected: bool = attrs.field(default=True, init=False)
    producer: Any = None
    streaming: bool = False
    muted: bool = False  # what is written goes nowhere, and nobody is told
    _inbox: bytearray = attrs.Factory(bytearray)
    _paused: bool = False
    _closed: bool = False
    _scheduled: bool = False
    _held: bool = False
    _aborted: bool = False
    _writing: bool = False  # there is something to write, or to be done when all is written

    def write(self, data: bytes) -> None:
        if self._closed or self._aborted or (self.disconnecting and self.producer is None):
            return
        if self.muted:
            return
        if self.peer._closed:
            self.network.later(self._lost, ConnectionLost())
            return
        self._writing = True
        self.peer._inbox += data
        self.peer.schedule()
        if self.producer is not None and not self._is_drained:
            self._held = True
            self.producer.pauseProducing()  # on every write over the limit, as real transports do

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = self._writing = True
            self.network.later(self._go_on)

    def abortConnection(self) -> None:
        if self._aborted or self._closed:
            return
        self._aborted = self.disconnecting = True
        self._inbox.clear()
        self.peer._inbox.clear()
        self.network.clock.callLater(0, self._lost, ConnectionAborted())
        self.network.later(self.peer.reset)

    def turn_away(self) -> None:
        """There is no protocol here: the other end sees a connection that closes."""
        self._closed, self.connected, self.disconnecting = True, False, True
        self.peer.schedule()

    def reset(self) -> None:
        """The other end has aborted. Who neither reads nor writes does not hear of it."""
        if not self._is_cut_off and (self._writing or not self.disconnecting):
            self._lost(ConnectionLost())

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            self._paused = False
            self.schedule()

    def stopProducing(self) -> None:
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming, "a pull producer stalls over TLS in simulated time"
        assert self.producer is None, "there is a producer already"
        self.producer, self.streaming = producer, streaming

    def unregisterProducer(self) -> None:
        self.producer, self.streaming = None, False
        if self.disconnecting:
            self._writing = True
            self.network.later(self._go_on)

    def getPeer(self) -> IPv4Address | IPv6Address:
        return address_of("TCP", self.remote)

    def getHost(self) -> IPv4Address | IPv6Address:
        return address_of("TCP", self.local)

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def getTcpKeepAlive(self) -> bool:
        return False

    def loseWriteConnection(self) -> None:
        self.loseConnection()

    def schedule(self) -> None:
        """Something is there to be read, or may be again."""
        if not (self._scheduled or self._paused or self._closed):
            self._scheduled = True
            self.network.later(self._deliver)

    @property
    def unread(self) -> int:
        """Octets that are on their way to this end."""
        return len(self._inbox)

    @property
    def _is_drained(self) -> bool:
        return len(self.peer._inbox) <= self.network.weather.window

    def _go_on(self) -> None:
        """Our buffer may have become empty: the producer goes on; only without one that is paused do we close."""
        if self._closed or self._aborted or not self._writing or not self._is_drained:
            return
        self._writing = False
        if self._held and self.producer is not None:
            self._held = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            self._lost(ConnectionDone())

    @property
    def _is_cut_off(self) -> bool:
        return bool(self.network.unplugged & {self.local[0], self.remote[0]})

    def _deliver(self) -> None:
        self._scheduled = False
        if self._paused or self._closed or self._is_cut_off:
            return
        if self._inbox:
            self._deliver_piece()
        elif self.peer._closed and not self.peer._aborted and not self.disconnecting:
            self._lost(ConnectionDone())

    def _deliver_piece(self) -> None:
        weather = self.network.weather
        if weather.cut and self.network.chance.random() < weather.cut:
            self.network.cuts += 1
            self.abortConnection()
            return
        size = self.network.chance.randint(1, weather.segment)
        piece = bytes(self._inbox[:size])
        del self._inbox[:size]
        if not self.disconnecting:  # who has closed reads no more
            self.protocol.dataReceived(piece)
        self.schedule()
        if self.peer._held or self.peer.disconnecting:
            self.peer._go_on()

    def _lost(self, reason: Exception) -> None:
        if self._closed:
            return
        self._closed, self.connected, self.disconnecting = True, False, True
        self._inbox.clear()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))
        self.peer.schedule()

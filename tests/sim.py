"""A network in memory: datagrams that get lost, streams that get cut into pieces, one clock for everything.

Each `Host` is a reactor as far as our code can see: it tells time, connects and listens. All hosts share one
`Network` and so one clock and one seed; the same seed gives the same conversation to the last octet.
Time passes only in `Network.run`, from one thing that is due to the next, so a test never waits and a
conversation that hangs says so at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    CannotListenError,
    InvalidAddressError,
    MessageLengthError,
)
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
    IUDPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.sim_streams import Connector, Listener, Place, Stream, address_of

FIRST_EPHEMERAL_PORT = 40000
SEGMENT = 1400
WINDOW = 65536
BIGGEST_DATAGRAM = 65507


@attrs.define
class Weather:
    """How bad the network is. `loss` and `duplicate` are chances per datagram, times are seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.01
    jitter: float = 0.0
    segment: int = SEGMENT
    window: int = WINDOW
    cut: float = 0.0  # chance, per delivered piece, that a stream breaks there


class Network:
    """Every host, wire and octet under way."""

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        self.clock = Clock()
        self.chance = random.Random(seed)
        self.weather = weather or Weather()
        self.sockets: dict[Place, UdpSocket] = {}
        self.listeners: dict[Place, Listener] = {}
        self.streams: list[Stream] = []
        self.transcript: list[str] = []
        self.unplugged: set[str] = set()
        self.cuts = self.lost = self.duplicated = 0

    def host(self, address: str) -> Host:
        """A machine at this IPv4 or IPv6 address: what our code takes for its reactor."""
        return Host(self, address)

    def unplug(self, address: str) -> None:
        """The machine vanishes: nothing is answered any more, its streams go silent."""
        self.unplugged.add(address)

    def plug_in(self, address: str) -> None:
        """The machine is back, as if it had only been unreachable."""
        self.unplugged.discard(address)
        for stream in self.streams:
            stream.schedule()

    def run(self, until: Deferred[Any], limit: float = 4000.0) -> Any:
        """Let time pass until the Deferred has a result; give it, or raise its failure."""
        result: list[Any] = []
        until.addBoth(result.append)
        end = self.clock.seconds() + limit
        while not result and self.clock.getDelayedCalls() and self.clock.seconds() < end:
            self.step()
        if not result:
            raise AssertionError(f"nothing left to happen at {self.clock.seconds():.3f}\n" + "\n".join(self.transcript))
        if isinstance(result[0], Failure):
            result[0].raiseException()
        return result[0]

    def step(self) -> None:
        """Let the next thing that is due happen."""
        due = self.clock.getDelayedCalls()[0].getTime()
        self.clock.advance(max(0.0, due - self.clock.seconds()))

    def settle(self, seconds: float) -> None:
        """Let this much time pass, step by step."""
        end = self.clock.seconds() + seconds
        while self.clock.getDelayedCalls() and self.clock.getDelayedCalls()[0].getTime() <= end:
            self.step()
        self.clock.advance(max(0.0, end - self.clock.seconds()))

    def later(self, f: Callable[..., Any], *args: Any) -> IDelayedCall:
        return self.clock.callLater(self.weather.delay + self.chance.random() * self.weather.jitter, f, *args)

    def carry(self, datagram: bytes, source: Place, target: Place) -> None:
        copies = 1 + (self.chance.random() < self.weather.duplicate)
        self.duplicated += copies - 1
        for _ in range(copies):
            lost = self.chance.random() < self.weather.loss
            self.lost += lost
            self.note(source, target, datagram, " (lost)" if lost else "")
            if not lost:
                self.later(self._deliver, datagram, source, target)

    def _deliver(self, datagram: bytes, source: Place, target: Place) -> None:
        socket = self.sockets.get(target)
        if socket is not None and not self.unplugged & {source[0], target[0]}:
            socket.protocol.datagramReceived(datagram, source)

    def note(self, source: object, target: object, octets: bytes, mark: str = "") -> None:
        first = octets[:60].split(b"\r\n")[0]
        self.transcript.append(f"{self.clock.seconds():9.3f} {source} > {target}{mark} {first!r}")


@implementer(IReactorTime, IReactorTCP, IReactorUDP)
@attrs.define(eq=False)
class Host:
    """One machine on the network, in the shape of a reactor."""

    network: Network
    address: str
    _next_port: int = FIRST_EPHEMERAL_PORT

    def seconds(self) -> float:
        return self.network.clock.seconds()

    def callLater(self, delay: float, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.network.clock.callLater(delay, f, *args, **kwargs)

    def getDelayedCalls(self) -> Any:
        return self.network.clock.getDelayedCalls()

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> UdpSocket:
        socket = UdpSocket(self.network, (self.address, port or self.ephemeral()), protocol)
        if self.network.sockets.setdefault(socket.address, socket) is not socket:
            raise CannotListenError(interface, port, OSError("address in use"))
        protocol.makeConnection(socket)
        return socket

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Listener:
        listener = Listener(self.network, (self.address, port or self.ephemeral()), factory, backlog=backlog)
        if self.network.listeners.setdefault(listener.address, listener) is not listener:
            raise CannotListenError(interface, port, OSError("address in use"))
        factory.doStart()
        return listener

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Place | None = None
    ) -> Connector:
        local = (self.address, (bindAddress[1] if bindAddress else 0) or self.ephemeral())
        connector = Connector(self.network, local, (host, port), factory)
        factory.doStart()
        factory.startedConnecting(connector)
        connector.begin(timeout)
        return connector

    def ephemeral(self) -> int:
        self._next_port += 1
        return self._next_port


@implementer(IUDPTransport, IListeningPort)
@attrs.define(eq=False)
class UdpSocket:
    """A bound datagram socket."""

    network: Network
    address: Place
    protocol: Any
    closed: bool = False

    def write(self, packet: bytes, addr: Place | None = None) -> None:
        assert addr is not None
        assert not self.closed
        if (":" in addr[0]) != (":" in self.address[0]):
            raise InvalidAddressError(addr[0], "an address of the other family")
        if len(packet) > BIGGEST_DATAGRAM:
            raise MessageLengthError("message too long")
        self.network.carry(packet, self.address, addr)

    def startListening(self) -> None: ...

    def stopListening(self) -> Deferred[None] | None:
        self.closed = True
        self.network.sockets.pop(self.address, None)
        self.protocol.doStop()
        return None

    def getHost(self) -> IPv4Address | IPv6Address:
        return address_of("UDP", self.address)

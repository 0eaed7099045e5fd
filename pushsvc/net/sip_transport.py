"""SIP over UDP and over streams: octets to messages and back, deadlines, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime, ITCPTransport, IUDPTransport
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pushsvc.errors import BadMessage
from pushsvc.net.admission import Admission
from pushsvc.net.alarm import Alarm
from pushsvc.sip.codec import KeepAlive, Malformed, StreamParser, parse, rejection
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Response

# SECURITY part 5, deadlines. A peer that trickles is slow whatever it sends: these are absolute.
PARTIAL_MESSAGE_SECONDS = 30.0
IDLE_SECONDS = 120.0
WRITE_STALLED_SECONDS = 30.0

PONG = b"\r\n"  # RFC 5626 §3.5.1: the answer to a double CRLF


class Receiver(Protocol):
    """Who hears what a transport reads."""

    def received(self, message: Message, source: Hop) -> None:
        """A message came in."""

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        """Octets came in that are no message; `reply` is what can be answered."""


class StreamOwner(Receiver, Protocol):
    """Who keeps the streams."""

    def connection_made(self, stream: StreamTransport) -> None:
        """A stream is up."""

    def connection_lost(self, stream: StreamTransport) -> None:
        """A stream is gone."""


class UdpTransport(DatagramProtocol):
    """One bound socket; a datagram is a message (RFC 3261 §18)."""

    log = Logger()
    noisy = False
    transport: IUDPTransport

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        source = Hop("udp", addr[0], addr[1])
        try:
            self._read(datagram, source)
        except Exception:  # root: one datagram must not cost the next ones their socket
            self.log.failure("a bug: datagram from {peer} was not dealt with", peer=source)

    def transmit(self, octets: bytes, hop: Hop) -> None:
        self.transport.write(octets, (hop.host, hop.port))

    def _read(self, datagram: bytes, source: Hop) -> None:
        try:
            message = parse(datagram)
        except BadMessage as error:
            self._receiver.unreadable(source, error, rejection(datagram, error))
        else:
            if message is not None:
                self._receiver.received(message, source)


@implementer(IPushProducer)
class StreamTransport(StreamProtocol):
    """One TCP or TLS connection that carries SIP in both directions (RFC 3261 §18.3)."""

    log = Logger()
    transport: ITCPTransport

    def __init__(self, owner: StreamOwner, name: str, number: int, clock: IReactorTime) -> None:
        self.number = number
        self._name = name
        self._owner = owner
        self._parser = StreamParser()
        self._partial = Alarm(clock, self.drop)
        self._idle = Alarm(clock, self.drop)
        self._stalled = Alarm(clock, self.drop)

    def connectionMade(self) -> None:
        peer: Any = self.transport.getPeer()
        self.peer = Hop(self._name, peer.host, peer.port, connection=self.number)
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)  # type: ignore[attr-defined]
        self._idle.after(IDLE_SECONDS)
        self._owner.connection_made(self)

    def dataReceived(self, data: bytes) -> None:
        self._idle.after(IDLE_SECONDS)
        try:
            for event in self._parser.feed(data):
                self._heard(event)
        except Exception:  # root: our mistake ends this connection, not the others
            self.log.failure("a bug: stream from {peer} was not dealt with", peer=self.peer)
            self.drop()
        self._watch_partial()

    def transmit(self, octets: bytes) -> None:
        self._idle.after(IDLE_SECONDS)
        self.transport.write(octets)

    def close(self) -> None:
        """What was written still goes out."""
        self.transport.loseConnection()

    def drop(self) -> None:
        """Too slow or broken: nothing more in either direction."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        for alarm in (self._partial, self._idle, self._stalled):
            alarm.clear()
        self._owner.connection_lost(self)

    def pauseProducing(self) -> None:
        """The peer does not read: it gets as long as a stalled write may take, and we read nothing more from it."""
        if not self._stalled.is_set:
            self._stalled.after(WRITE_STALLED_SECONDS)
        self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resumeProducing(self) -> None:
        self._stalled.clear()
        self.transport.resumeProducing()  # type: ignore[attr-defined]

    def stopProducing(self) -> None:
        """The transport says this before it closes; `connectionLost` does the work."""

    def _heard(self, event: Message | KeepAlive | Malformed) -> None:
        match event:
            case KeepAlive():
                if event.ping:
                    self.transport.write(PONG)
            case Malformed():
                self._owner.unreadable(self.peer, event.error, event.reply)
                if event.fatal:
                    self.close()
            case _:
                self._owner.received(event, self.peer)

    def _watch_partial(self) -> None:
        if not self._parser.partial:
            self._partial.clear()
        elif not self._partial.is_set:
            self._partial.after(PARTIAL_MESSAGE_SECONDS)


class StreamFactory(Factory):
    """Makes a `StreamTransport` for each connection that comes in and is admitted."""

    noisy = False

    def __init__(self, make: Callable[[], StreamTransport]) -> None:
        self._make = make
        self.admission = Admission()

    def buildProtocol(self, addr: IAddress | None) -> StreamTransport | None:
        if not self.admission.admit(getattr(addr, "host", "")):
            return None
        stream = self._make()
        stream.factory = self
        return stream

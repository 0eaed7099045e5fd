"""SIP over UDP and over streams: octets to messages and back, deadlines, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.udp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pushsvc.errors import BadMessage, Unreachable
from pushsvc.net.admission import Admission
from pushsvc.net.alarm import Alarm
from pushsvc.net.asking import Key
from pushsvc.net.stream_life import StreamLife
from pushsvc.net.tls import in_words, is_certified_for, is_identity_failure
from pushsvc.sip.codec import DEFAULT_LIMITS, Event, KeepAlive, Limits, Malformed, StreamParser, parse, rejection
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response

# SECURITY part 5, deadlines. A peer that trickles is slow whatever it sends: the first two are absolute.
PARTIAL_MESSAGE_SECONDS = 30.0
FIRST_MESSAGE_SECONDS = 30.0  # from the moment that somebody has connected until the first message is whole
IDLE_SECONDS = 120.0
PING_SECONDS = 100.0  # RFC 5626 §4.4.1: 95 to 120 s over TCP
PONG_SECONDS = 10.0
SILENT_SECONDS = 5.0  # a stream that nobody used for so long goes when descriptors are short
UNREAD = 262144  # octets that we hold for a peer that reads nothing before we read nothing more from it

STRANGERS = Limits(stream_message=65536)  # a push's INVITE is smaller with all its icons

# Octets. In one turn of the reactor so much is read of a flood, about 10 ms of work: everybody else has a turn between.
A_TURN = 16384
# What the system keeps meanwhile, twice that with its own; by its default it is 90 INVITEs. What does not fit is lost,
# and who sent it waits for T1.
KEPT_BY_SYSTEM = 1 << 19

RESPONSE = b"SIP/2.0 "

PING, PONG = b"\r\n\r\n", b"\r\n"  # RFC 5626 §3.5.1


class Receiver(Protocol):
    """Who hears what a transport reads."""

    def hears(self, source: Hop) -> bool:
        """Whether what comes from there is to be read at all."""

    def received(self, message: Message, source: Hop) -> None:
        """A message came in."""

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        """Octets came in that are no message; `reply` is what can be answered."""


class StreamOwner(Receiver, Protocol):
    """Who keeps the streams."""

    def trusts(self, source: Hop) -> bool:
        """Whether who is there is no stranger."""

    def connection_made(self, stream: StreamTransport) -> None:
        """A stream is up."""

    def connection_lost(self, stream: StreamTransport) -> None:
        """A stream is gone."""


class UdpTransport(DatagramProtocol):
    """One bound socket; a datagram is a message (RFC 3261 §18). What comes in by it is answered by it: `number`."""

    log = Logger()
    noisy = False
    transport: IUDPTransport

    def __init__(self, receiver: Receiver, number: int) -> None:
        self.number = number
        self.is_ipv6 = False
        self._receiver = receiver

    def startProtocol(self) -> None:
        if isinstance(self.transport, Port):
            self.transport.maxThroughput = A_TURN
            self.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KEPT_BY_SYSTEM)
        host: Any = self.transport.getHost()
        self.is_ipv6 = ":" in host.host

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        source = Hop("udp", addr[0], addr[1], connection=self.number)
        # What answers us is read from anybody: it costs no more than to look it up.
        if not datagram.startswith(RESPONSE) and not self._receiver.hears(source):
            return
        try:
            self._read(datagram, source)
        except Exception:  # root: one datagram must not cost the next ones their socket
            self.log.failure("a bug: datagram from {peer} was not dealt with", peer=source)

    def transmit(self, octets: bytes, hop: Hop) -> bool:
        """Whether it could be sent: not if it is too long, or there is no way to the address."""
        try:
            self.transport.write(octets, (hop.host, hop.port))
        except (OSError, MessageLengthError, InvalidAddressError) as error:
            self.log.info("nothing can be sent to {peer}: {error}", peer=hop, error=error)
            return False
        return True

    def _read(self, datagram: bytes, source: Hop) -> None:
        try:
            message = parse(datagram)
        except BadMessage as error:
            self._receiver.unreadable(source, error, rejection(datagram, error))
        else:
            if message is not None:
                self._receiver.received(message, source)


@implementer(IPushProducer, IHandshakeListener)
class StreamTransport(StreamProtocol):
    """One TCP or TLS connection that carries SIP in both directions (RFC 3261 §18.3).

    `target` is where it was opened to; None: it came in. `ready` tells its opener that it is up, after the TLS
    handshake if there is one, or fails with Unreachable. `unanswered` are the requests of ours that were sent over it;
    its owner keeps them. Once it is `closing` nothing more can be sent.
    """

    log = Logger()
    transport: ITCPTransport

    def __init__(
        self, owner: StreamOwner, name: str, number: int, clock: IReactorTime, target: Hop | None = None
    ) -> None:
        self.number = number
        self.ready: Deferred[StreamTransport] = Deferred(lambda _: self.drop())
        self.unanswered: dict[Key, Request] = {}
        self._name = name
        self._target = target
        self._owner = owner
        self._parser = StreamParser()
        self._life = StreamLife(clock, self._idled, partial=PARTIAL_MESSAGE_SECONDS, unread=UNREAD)
        self._pong = Alarm(clock, self.drop)
        self._clock = clock
        self._moved_at = clock.seconds()
        self._keepers: list[Callable[[int], None]] = []
        self._holders = 0
        self._ping_after = PING_SECONDS
        self._answers_pings = False
        self._is_silent = target is None  # whoever connects to us has something to say

    @property
    def closing(self) -> bool:
        return self._life.closing

    @property
    def is_ours(self) -> bool:
        """Whether we opened it."""
        return self._target is not None

    @property
    def near_end(self) -> tuple[str, int]:
        """Our address on it."""
        here: Any = self.transport.getHost()
        return here.host, here.port

    def is_also(self, hop: Hop) -> bool:
        """Whether this is a TLS stream of ours to the address of `hop`, whose certificate is for its name, too."""
        if self._target is None or (self._name, self._target.host, self._target.port) != ("tls", hop.host, hop.port):
            return False
        return is_certified_for(self.transport, hop.name or hop.host)

    def connectionMade(self) -> None:
        peer: Any = self.transport.getPeer()
        self.peer = attrs.evolve(self._target or Hop(self._name, peer.host, peer.port), connection=self.number)
        self._parser.limits = DEFAULT_LIMITS if self.is_ours or self._owner.trusts(self.peer) else STRANGERS
        self._life.begin(self.transport, self, secure=self._name == "tls")
        self._owner.connection_made(self)
        if self._name != "tls":
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        self._life.ready(FIRST_MESSAGE_SECONDS if self._is_silent else IDLE_SECONDS)
        self.ready.callback(self)

    def dataReceived(self, data: bytes) -> None:
        try:
            events = self._parser.feed(data)
            self._is_silent = self._is_silent and not events
            self._moved()
            for event in events:
                if self._life.closing:  # an answer would open a connection of its own
                    break
                self._heard(event)
        except Exception:  # root: our mistake ends this connection, not the others
            self.log.failure("a bug: stream from {peer} was not dealt with", peer=self.peer)
            self.drop()
        else:
            self._life.heard(unfinished=self._parser.partial, progress=bool(events))

    def transmit(self, octets: bytes) -> None:
        """Send the octets of a message. The transport may say by it that the peer reads too slowly."""
        self._is_silent = False
        self._moved()
        self.transport.write(octets)
        self._life.answered(len(octets))

    def keep(self, lost: Callable[[int], None], ping_after: float | None = None) -> None:
        """Keep it up by pings (RFC 5626 §4.4.1); `lost(number)` is told when it is gone all the same.

        Once it has answered a ping, or said how often it wants one, it has to answer all: a connection that a NAT
        forgot looks well from here.
        """
        if lost not in self._keepers:
            self._keepers.append(lost)
        if ping_after is not None:
            self._answers_pings = True
        self._ping_after = min(PING_SECONDS, ping_after or PING_SECONDS)
        self._moved()

    def let_go(self, lost: Callable[[int], None]) -> None:
        """Whoever kept it up with this does so no more, and is told nothing."""
        if lost in self._keepers:
            self._keepers.remove(lost)
            self._released()

    def hold(self) -> Callable[[], None]:
        """Keep it up by pings until what this gives is called, once: a session's peer may find us by it alone."""
        self._holders += 1
        self._moved()

        def let_go() -> None:
            self._holders -= 1
            self._released()

        return let_go

    @property
    def is_wanted(self) -> bool:
        """Whether somebody of ours keeps it up."""
        return bool(self._keepers) or self._holders > 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody of ours needs it, and its peer has not used it for a while."""
        used = self.is_ours or self.is_wanted or self.unanswered
        return not used and self._clock.seconds() - self._moved_at >= SILENT_SECONDS

    def close(self) -> None:
        """What was written still goes out, if the peer reads it in time."""
        self._life.close()

    def drop(self) -> None:
        """Nothing more in either direction."""
        self._life.drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life.lost()
        self._pong.clear()
        if not self.ready.called:
            self._never_ready(reason)
        self._owner.connection_lost(self)
        for lost in self._keepers:
            lost(self.number)

    def pauseProducing(self) -> None:
        self._life.full()

    def resumeProducing(self) -> None:
        self._life.drained()

    def stopProducing(self) -> None:
        """The transport says this before it closes; `connectionLost` does the work."""

    def _never_ready(self, reason: Failure) -> None:
        why = f"{self.peer} did not complete a TLS handshake: {in_words(reason)}"
        failed = Failure(Unreachable(why, retry=not is_identity_failure(reason)))
        if self._target is None:
            self.log.info("{why}", why=why)
            self.ready.addErrback(lambda _: None)
        self.ready.errback(failed)

    def _heard(self, event: Event) -> None:
        match event:
            case KeepAlive():
                if self.is_wanted:  # only who opened a connection pings (RFC 5626 §3.5.1): these are answers
                    self._answers_pings = True
                    self._pong.clear()
                elif event.ping:
                    self.transmit(PONG)
            case Malformed():
                self._owner.unreadable(self.peer, event.error, event.reply)
                if event.fatal:
                    self.close()
            case _:
                self._owner.received(event, self.peer)

    def _moved(self) -> None:
        if self._is_silent:
            return
        self._moved_at = self._clock.seconds()
        self._life.idle.after(self._ping_after if self.is_wanted else IDLE_SECONDS)

    def _released(self) -> None:
        if not self.is_wanted:
            self._pong.clear()
        if not self._life.closing:
            self._moved()

    def _idled(self) -> None:
        if self.is_wanted:
            self.transmit(PING)
            if self._answers_pings:
                self._pong.after(PONG_SECONDS)
        elif self.unanswered:  # it is us who are being kept waiting, and that has its own end
            self._life.idle.after(IDLE_SECONDS)
        else:
            self.close()


class StreamFactory(Factory):
    """Makes a `StreamTransport` for each connection; strangers' that come in have to be heard, and admitted."""

    noisy = False

    def __init__(
        self,
        make: Callable[[], StreamTransport],
        admission: Admission | None = None,
        hears: Callable[[str, int], bool] = lambda host, port: True,
        trusts: Callable[[str, int], bool] = lambda host, port: False,
    ) -> None:
        self._make = make
        self._hears = hears
        self._trusts = trusts
        self.admission = admission

    def buildProtocol(self, addr: IAddress | None) -> StreamTransport | None:
        host, port = getattr(addr, "host", ""), getattr(addr, "port", 0)
        if not self._hears(host, port):
            return None
        if self.admission is not None and not self._trusts(host, port) and not self.admission.admit(host):
            return None
        stream = self._make()
        stream.factory = self
        return stream

    def left(self, host: str, port: int) -> None:
        """A stream of this peer is gone."""
        if self.admission is not None and not self._trusts(host, port):
            self.admission.left(host)

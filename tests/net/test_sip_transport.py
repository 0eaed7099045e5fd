"""Octets to messages and back, and how long a peer may take."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.udp import Port
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.net.admission import MAX_CONNECTIONS_PER_SOURCE, Admission
from pushsvc.net.sip_transport import (
    A_TURN,
    FIRST_MESSAGE_SECONDS,
    IDLE_SECONDS,
    PARTIAL_MESSAGE_SECONDS,
    UNREAD,
    StreamFactory,
    StreamTransport,
    UdpTransport,
)
from pushsvc.net.stream_life import WRITE_STALLED_SECONDS
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Response
from tests.sim import Network, Weather
from tests.sip.samples import INVITE
from tests.sip.values import make_request, make_response
from tests.wires import Calling, Collecting, Wire

PORT = 5060
HERE, THERE = "192.0.2.2", "192.0.2.1"
OPTIONS = make_request("OPTIONS")
WIRE = encode(OPTIONS)


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[tuple[Message, Hop]] = []
        self.deaf_to: list[str] = []
        self.strangers = True
        self.errors: list[tuple[Hop, int, Response | None]] = []
        self.streams: list[StreamTransport] = []
        self.lost: list[StreamTransport] = []
        self.bug: Exception | None = None

    def received(self, message: Message, source: Hop) -> None:
        if self.bug is not None:
            raise self.bug
        self.messages.append((message, source))

    def hears(self, source: Hop) -> bool:
        return source.host not in self.deaf_to

    def trusts(self, source: Hop) -> bool:
        return not self.strangers

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        self.errors.append((source, error.status, reply))

    def connection_made(self, stream: StreamTransport) -> None:
        self.streams.append(stream)

    def connection_lost(self, stream: StreamTransport) -> None:
        self.lost.append(stream)


class Datagrams(SynchronousTestCase):
    """One socket."""

    def setUp(self) -> None:
        self.network = Network()
        self.owner = Owner()
        self.udp = UdpTransport(self.owner, 3)
        self.network.host(HERE).listenUDP(PORT, self.udp)
        self.peer = Collecting()
        self.socket = self.network.host(THERE).listenUDP(PORT, self.peer)

    def send(self, datagram: bytes) -> None:
        self.socket.write(datagram, (HERE, PORT))
        self.network.settle(1)

    def test_a_datagram_is_a_message(self) -> None:
        """And its answer goes out by the socket that it came in by."""
        self.send(WIRE)
        ((message, source),) = self.owner.messages
        self.assertEqual((encode(message), source), (WIRE, Hop("udp", THERE, PORT, connection=3)))

    def test_what_cannot_be_read_is_told_with_what_can_be_answered(self) -> None:
        """[D-SIP-5] A peer with a mistake hears 400 if there is anybody to tell."""
        self.send(INVITE + b"Max-Forwards: many\r\n\r\n")
        self.send(b"\x00\xffhello")
        (first, second) = self.owner.errors
        self.assertEqual((first[1], first[2].status if first[2] else None), (400, 400))
        self.assertEqual(second[2], None)

    def test_what_a_flood_sends_is_not_read(self) -> None:
        """But for answers: they may be those to our own requests, and forged floods must not cost us these."""
        self.owner.deaf_to = [THERE]
        self.send(WIRE)
        self.send(b"garbage")
        self.assertEqual((self.owner.messages, self.owner.errors), ([], []))
        self.send(encode(make_response(OPTIONS)))
        self.assertEqual(len(self.owner.messages), 1)

    def test_keep_alives_are_nobodys_business(self) -> None:
        """RFC 5626: CRLF, every few seconds."""
        self.send(b"\r\n\r\n")
        self.assertEqual((self.owner.messages, self.owner.errors, self.peer.came), ([], [], []))

    def test_a_bug_of_ours_does_not_cost_the_socket(self) -> None:
        """The next datagram is of somebody else."""
        self.owner.bug = ZeroDivisionError()
        self.send(WIRE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.owner.bug = None
        self.send(WIRE)
        self.assertEqual(len(self.owner.messages), 1)

    def test_a_message_is_a_datagram(self) -> None:
        """The other way round."""
        self.assertTrue(self.udp.transmit(WIRE, Hop("udp", THERE, PORT)))
        self.network.settle(1)
        self.assertEqual(self.peer.came, [WIRE])

    def test_what_cannot_be_sent_is_no_exception(self) -> None:
        """The caller tries the next address; it must not look like a bug."""
        self.assertFalse(self.udp.transmit(bytes(70000), Hop("udp", THERE, PORT)))
        self.assertFalse(self.udp.transmit(WIRE, Hop("udp", "2001:db8::1", PORT)))

    def test_it_knows_its_kind_of_address(self) -> None:
        """A socket reaches peers of its own family."""
        self.assertFalse(self.udp.is_ipv6)
        other = UdpTransport(self.owner, 0)
        self.network.host("2001:db8::2").listenUDP(PORT, other)
        self.assertTrue(other.is_ipv6)


class Flooded(SynchronousTestCase):
    """A real socket with more in it than there is time for."""

    def test_a_flood_gets_one_turn_in_each_round_of_the_reactor(self) -> None:
        """[F-18] The rest stays where it is, up to a limit, while MSRP and HTTP have their turn."""
        owner = Owner()
        port = Port(0, UdpTransport(owner, 0), "127.0.0.1", 65536, _NoReactor())
        port.startListening()
        self.addCleanup(port.connectionLost)
        padded = WIRE + b"x" * (1024 - len(WIRE))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for _ in range(200):
                peer.sendto(padded, ("127.0.0.1", port.getHost().port))
            rounds = []
            for _ in range(200 * 1024 // A_TURN + 1):
                port.doRead()
                rounds.append(len(owner.messages))
        self.assertEqual(rounds[0], A_TURN // 1024)
        self.assertEqual(rounds[-1], 200)


class _NoReactor:
    """Nothing is read but by the test."""

    def addReader(self, reader: object) -> None: ...
    def removeReader(self, reader: object) -> None: ...
    def removeWriter(self, writer: object) -> None: ...


class Connected(SynchronousTestCase):
    """A stream that came in from a peer that does what a test wants."""

    weather = Weather()

    def setUp(self) -> None:
        self.network = Network(0, self.weather)
        self.owner = Owner()
        host = self.network.host(HERE)
        factory = StreamFactory(
            lambda: StreamTransport(self.owner, "tcp", 7, host),
            Admission(),
            trusts=lambda host, port: not self.owner.strangers,
        )
        host.listenTCP(PORT, factory)
        self.peer = self.call()
        (self.stream,) = self.owner.streams

    def call(self) -> Wire:
        calling = Calling()
        self.network.host(THERE).connectTCP(HERE, PORT, calling)
        self.network.settle(0.05)
        return calling.wire

    def send(self, octets: bytes, seconds: float = 1.0) -> None:
        self.peer.transport.write(octets)
        self.network.settle(seconds)

    def assert_nothing_left(self) -> None:
        self.network.settle(1)
        self.assertEqual(self.owner.lost, [self.stream])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class Reading(Connected):
    """What comes in."""

    def test_messages_in_any_pieces(self) -> None:
        """[D-SIP-3] Several messages in one segment, one message in several."""
        self.send(WIRE * 20)
        for octet in WIRE:
            self.peer.transport.write(bytes([octet]))
        self.network.settle(60)
        self.assertEqual([encode(message) for message, _ in self.owner.messages], [WIRE] * 21)
        source = self.owner.messages[0][1]
        self.assertEqual((source.transport, source.host, source.connection), ("tcp", THERE, 7))

    def test_a_double_crlf_is_answered(self) -> None:
        """[D-SIP-3] RFC 5626 keep-alive: CRLF CRLF, and CRLF back."""
        self.send(b"\r\n\r\n")
        self.assertEqual(self.peer.octets, b"\r\n")

    def test_a_message_that_cannot_be_read_does_not_end_the_stream(self) -> None:
        """Its frame is whole; the next message is not to blame."""
        self.send(INVITE + b"Max-Forwards: many\r\nContent-Length: 0\r\n\r\n" + WIRE)
        self.assertEqual([status for _, status, _ in self.owner.errors], [400])
        self.assertEqual(len(self.owner.messages), 1)
        self.assertEqual(self.owner.lost, [])

    def test_a_stream_that_has_lost_its_frame_is_closed(self) -> None:
        """[D-SIP-3] Without Content-Length nobody knows where the next message begins."""
        self.send(INVITE + b"\r\n" + WIRE)
        self.assertEqual([status for _, status, _ in self.owner.errors], [400])
        self.assertEqual(self.owner.messages, [])
        self.assertIs(self.peer.lost, ConnectionDone)
        self.assert_nothing_left()

    def test_a_bug_of_ours_ends_this_stream_only(self) -> None:
        """What state it is in is not known any more."""
        self.owner.bug = ZeroDivisionError()
        self.send(WIRE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIs(self.peer.lost, ConnectionLost)
        self.assert_nothing_left()


class Deadlines(Connected):
    """How long a peer may take."""

    def test_a_message_that_does_not_end(self) -> None:
        """A peer that trickles holds a connection, and memory, for nothing: 30 s, whatever it sends."""
        self.send(WIRE[:10], PARTIAL_MESSAGE_SECONDS / 2)
        self.send(WIRE[10:20], PARTIAL_MESSAGE_SECONDS / 2 - 1)
        self.assertEqual(self.owner.lost, [])
        self.network.settle(2)
        self.assert_nothing_left()

    def test_a_peer_that_connects_and_says_nothing(self) -> None:
        """30 s for the first message, however it comes: silence, a trickle, or much of one."""
        self.send(WIRE[:1], FIRST_MESSAGE_SECONDS - 2)
        self.send(WIRE[1:2], 1)
        self.assertEqual(self.owner.lost, [])
        self.network.settle(1)
        self.assert_nothing_left()
        self.setUp()
        self.network.settle(FIRST_MESSAGE_SECONDS)
        self.assert_nothing_left()

    def test_a_busy_stream_in_which_there_is_always_one_unfinished(self) -> None:
        """A core's one connection, read in the middle of messages all day, must not be cut every 30 s."""
        cut = 100
        self.send(WIRE[:cut])
        for _ in range(10):
            self.send(WIRE[cut:] + WIRE[:cut], PARTIAL_MESSAGE_SECONDS / 3)
        self.assertEqual(len(self.owner.messages), 10)
        self.assertEqual(self.owner.lost, [])
        self.network.settle(PARTIAL_MESSAGE_SECONDS)
        self.assert_nothing_left()

    def test_a_stream_on_which_nothing_happens_is_closed(self) -> None:
        """SECURITY part 5: 120 s without even a keep-alive."""
        self.send(b"\r\n\r\n", IDLE_SECONDS - 1)
        self.stream.transmit(WIRE)
        self.network.settle(IDLE_SECONDS - 1)
        self.assertEqual(self.owner.lost, [])
        self.network.settle(2)
        self.assertIs(self.peer.lost, ConnectionDone)
        self.assert_nothing_left()

    def test_a_stream_that_carries_a_request_of_ours_is_not_idle(self) -> None:
        """A peer may ring for minutes; its 200 shall find the connection."""
        self.stream.unanswered["z9hG4bKone", "INVITE"] = OPTIONS
        self.network.settle(3 * IDLE_SECONDS)
        self.assertEqual(self.owner.lost, [])
        self.stream.unanswered.clear()
        self.network.settle(IDLE_SECONDS)
        self.assert_nothing_left()


class Writing(Connected):
    """What goes out, to peers that read and to those that do not."""

    weather = Weather(window=1000)

    def fill(self) -> None:
        """Write more than the window of a peer that does not read."""
        self.peer.transport.pauseProducing()
        self.stream.transmit(b"x" * 2000)
        self.stream.transmit(b"x")

    def test_a_peer_that_does_not_read_is_dropped(self) -> None:
        """A stalled write holds what we wrote: 30 s."""
        self.fill()
        self.network.settle(WRITE_STALLED_SECONDS - 1)
        self.assertEqual(self.owner.lost, [])
        self.network.settle(2)
        self.assert_nothing_left()

    def test_a_peer_that_reads_again_is_not(self) -> None:
        """The network was slow for a while."""
        self.fill()
        self.network.settle(WRITE_STALLED_SECONDS - 1)
        self.peer.transport.resumeProducing()
        self.network.settle(WRITE_STALLED_SECONDS)
        self.assertEqual((self.owner.lost, len(self.peer.octets)), ([], 2001))

    def test_a_slow_reader_is_still_heard(self) -> None:
        """Two busy proxies that both stopped reading would wait for each other for ever."""
        self.fill()
        self.send(WIRE)
        self.assertEqual(len(self.owner.messages), 1)

    def test_a_peer_that_asks_and_does_not_read_the_answers_is_not_heard_any_more(self) -> None:
        """Else it makes us hold as many answers as it likes."""
        self.fill()
        self.stream.transmit(bytes(UNREAD + 1))
        self.send(WIRE)
        self.assertEqual(self.owner.messages, [])
        self.peer.transport.resumeProducing()
        self.network.settle(WRITE_STALLED_SECONDS)
        self.assertEqual(len(self.owner.messages), 1)

    def test_closing_waits_for_what_was_written(self) -> None:
        """The answer before the close arrives, even if the peer was slow to read it."""
        self.fill()
        self.stream.close()
        self.stream.close()
        self.assertTrue(self.stream.closing)
        self.network.settle(WRITE_STALLED_SECONDS / 2)
        self.peer.transport.resumeProducing()
        self.network.settle(1)
        self.assertEqual((len(self.peer.octets), self.peer.lost), (2001, ConnectionDone))
        self.assert_nothing_left()

    def test_closing_does_not_wait_for_ever(self) -> None:
        """A service that stops does not depend on its peers."""
        self.fill()
        self.stream.close()
        self.network.settle(WRITE_STALLED_SECONDS + 1)
        self.assert_nothing_left()

    def test_dropping_waits_for_nothing(self) -> None:
        """Nobody reads it anyway."""
        self.fill()
        self.stream.drop()
        self.assert_nothing_left()


class Incoming(Connected):
    """Who is let in, and how much of its words is read."""

    def further(self, count: int) -> list[Any]:
        return [self.call() for _ in range(count)]

    def test_one_source_gets_its_share(self) -> None:
        """SECURITY part 5: 64 connections from one address."""
        wires = self.further(MAX_CONNECTIONS_PER_SOURCE)
        self.assertEqual(len(self.owner.streams), MAX_CONNECTIONS_PER_SOURCE)
        self.assertEqual([wire.lost for wire in wires], [None] * (MAX_CONNECTIONS_PER_SOURCE - 1) + [ConnectionDone])

    def test_a_trusted_peer_is_always_let_in(self) -> None:
        """However many strangers there are: without its core nobody is called."""
        self.owner.strangers = False
        wires = self.further(2 * MAX_CONNECTIONS_PER_SOURCE)
        self.assertEqual({wire.lost for wire in wires}, {None})

    def test_a_stranger_is_read_for_64_kib(self) -> None:
        """SECURITY part 5: more in one message is for a peer that is trusted. [D-SIP-3]"""
        for strangers in (True, False):
            self.setUp()
            self.owner.strangers = strangers
            self.peer = self.call()
            for size, good in ((60_000, True), (70_000, not strangers)):
                self.owner.messages.clear()
                self.send(encode(make_request("MESSAGE", body=bytes(size))), 10.0)
                self.assertEqual(len(self.owner.messages), int(good), (strangers, size))
            self.assertEqual([status for _, status, _ in self.owner.errors], [513] if strangers else [])

"""One connection and a peer that does what it likes: deadlines, flow control, octets that are no MSRP."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Unreachable
from pushsvc.msrp.chunk import Send, encode
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_connection import (
    PARTIAL_HEAD_SECONDS,
    REPLIES_UNREAD,
)
from pushsvc.net.msrp_receiving import TRICKLE
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.stream_life import HANDSHAKE_SECONDS, WRITE_STALLED_SECONDS
from tests.msrp.values import heard, make_reply, make_send, wire
from tests.net.msrp_sides import ALICE, BOB, PORT, Octets, Shelf, Side
from tests.sim import Network, Weather
from tests.wires import Calling, Wire

PLAIN = PORT + 1
PEER = MsrpUri.parse("msrp://192.0.2.1:9/peer;tcp")


class PeerTest(SynchronousTestCase):
    """Bob, listening in clear text, and a peer that writes what a test wants."""

    weather = Weather()
    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.network = Network(0, self.weather)
        self.bob = Side(self.network, BOB, "bob", **self.settings)
        self.shelf = Shelf()
        self.session = self.bob.open(secure=False)
        self.session.peer_path = (PEER,)
        self.session.receive(self.shelf.wanted())
        self.peer = self.call()

    def call(self, port: int = PLAIN) -> Wire:
        calling = Calling()
        self.network.host(ALICE).connectTCP(BOB, port, calling)
        self.network.settle(0.05)
        return calling.wire

    def send(self, octets: bytes, seconds: float = 1.0) -> None:
        self.peer.transport.write(octets)
        self.network.settle(seconds)

    def frame(self, octets: bytes = b"hello", transaction_id: str = "tid1", **facts: Any) -> bytes:
        """A SEND of the peer."""
        head = make_send(transaction_id, **facts)
        return encode(self.addressed(head), octets)

    def addressed(self, head: Send) -> Send:
        return attrs.evolve(head, to_path=(self.session.own,), from_path=(PEER,))

    def statuses(self) -> list[int]:
        (events, _) = heard(self.peer.octets)
        return [event.head.status for event in events if hasattr(event, "head")]  # type: ignore[union-attr]

    def assert_gone(self) -> None:
        self.network.settle(1)
        self.assertEqual(self.bob.endpoint.connections, 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class Deadlines(PeerTest):
    """How long a peer may take."""

    def test_a_handshake_that_does_not_end(self) -> None:
        """10 s; the port scanner is not heard of again."""
        self.peer.transport.abortConnection()
        peer = self.call(PORT)
        peer.transport.write(b"\x16\x03\x01")
        self.network.settle(HANDSHAKE_SECONDS - 1)
        self.assertEqual(peer.lost, None)
        self.network.settle(2)
        self.assertIn(peer.lost, (ConnectionDone, ConnectionLost))
        self.assert_gone()

    def test_a_handshake_that_is_none(self) -> None:
        """HTTP to the MSRP port: refused, without a traceback."""
        self.peer.transport.abortConnection()
        peer = self.call(PORT)
        peer.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.settle(1)
        self.assertIn(peer.lost, (ConnectionDone, ConnectionLost))
        self.assert_gone()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_connection_that_names_no_session(self) -> None:
        """30 s (requirements F, MSRP binding), however busy it is."""
        for number in range(29):
            self.send(self.frame(transaction_id=f"tid{number}").replace(b"/peer", b"/none"))
        self.assertEqual(self.peer.lost, None)
        self.network.settle(2)
        self.assertIs(self.peer.lost, ConnectionDone)
        self.assertEqual(set(self.statuses()), {481})
        self.assert_gone()

    def test_a_head_that_does_not_end(self) -> None:
        """15 s, whatever trickles in."""
        self.send(self.frame())
        self.send(b"MSRP tid2 SE", PARTIAL_HEAD_SECONDS - 2)
        self.send(b"ND\r\n", 0.5)
        self.assertEqual(self.peer.lost, None)
        self.network.settle(2)
        self.assertIs(self.peer.lost, ConnectionLost)
        self.assert_gone()

    def test_a_busy_connection_on_which_a_head_is_always_unfinished(self) -> None:
        """Reads end anywhere."""
        self.send(self.frame()[:30])
        for number in range(2, 10):
            whole = self.frame(transaction_id=f"tid{number}", message_id="mid1")
            self.send(self.frame(transaction_id=f"tid{number - 1}")[30:] + whole[:30], PARTIAL_HEAD_SECONDS - 5)
        self.assertEqual(self.peer.lost, None)

    def test_content_may_take_its_time(self) -> None:
        """A chunk of 100 MB over a slow line is one frame for hours."""
        self.send(self.frame(b"x" * 100)[:-30])
        for _ in range(10):
            self.send(b"y" * TRICKLE, 50)
        self.assertEqual((self.peer.lost, len(self.shelf.kept[0].octets) > 50), (None, True))

    def test_a_connection_without_sessions(self) -> None:
        """60 s (requirements F): the next push to the same peer may use it."""
        self.send(self.frame())
        self.bob.endpoint.close(self.session)
        self.network.settle(59)
        self.assertEqual(self.peer.lost, None)
        self.network.settle(2)
        self.assertIs(self.peer.lost, ConnectionDone)
        self.assert_gone()

    def test_a_connection_with_a_session_may_be_silent(self) -> None:
        """The dialog says how long."""
        self.send(self.frame(), 3600)
        self.assertEqual(self.peer.lost, None)

    def test_octets_that_are_no_msrp(self) -> None:
        """[D-MSRP-1] The framing is lost, and the connection with it; what came before counts."""
        self.send(self.frame() + b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual((self.shelf.kept[0].finished, self.peer.lost), (True, ConnectionLost))
        self.assertEqual(len(self.bob.failed), 1)
        self.assert_gone()

    def test_a_head_that_cannot_be_understood(self) -> None:
        """[D-MSRP-1] 400, and then the end: the reply still goes out, what follows is not heard."""
        bad = self.frame().replace(b"Message-ID", b"Message-ID: x\r\nMessage-ID")
        self.send(bad + self.frame(transaction_id="tid2"))
        self.assertEqual((self.statuses(), self.shelf.kept, self.peer.lost), ([400], [], ConnectionDone))
        self.assert_gone()

    def test_a_bug_of_ours_ends_this_connection_only(self) -> None:
        """It is logged; the session fails as if the connection had been cut."""
        self.shelf.facts["broken"] = ZeroDivisionError()
        self.send(self.frame())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIs(self.peer.lost, ConnectionLost)
        self.assertEqual((len(self.bob.failed), self.shelf.kept[0].discarded is not None), (1, True))
        self.assert_gone()


class FlowControl(PeerTest):
    """A peer that does not read."""

    weather = Weather(window=10_000)
    settings = {"transfer": Transfer(window=64 * 1024 * 1024, response_timeout=300.0)}

    def test_a_sender_reads_no_more_of_a_file_than_the_transport_takes(self) -> None:
        """Constant memory, however big the file and the window."""
        self.send(self.frame())
        self.peer.transport.pauseProducing()
        content = Octets(bytes(10_000_000))
        sent = self.session.send(content)
        self.network.settle(5)
        self.assertEqual(content.read_to, 65536)
        self.peer.transport.resumeProducing()
        self.network.settle(400)
        self.assertEqual(content.read_to, content.size)
        sent.cancel()
        self.failureResultOf(sent)

    def test_a_peer_that_reads_nothing_is_dropped(self) -> None:
        """A stalled write: 30 s (SECURITY part 5)."""
        self.send(self.frame())
        self.peer.transport.pauseProducing()
        sent = self.session.send(Octets(bytes(1_000_000)))
        self.network.settle(WRITE_STALLED_SECONDS - 1)
        self.assertNoResult(sent)
        self.network.settle(2)
        self.assertTrue(self.failureResultOf(sent, Unreachable).value.retry)
        self.assert_gone()

    def test_a_peer_that_reads_slowly_is_not(self) -> None:
        """Its line is slow; every now and then it has taken everything."""
        self.send(self.frame())
        sent = self.session.send(Octets(bytes(500_000)))
        for _ in range(40):
            self.peer.transport.pauseProducing()
            self.network.settle(WRITE_STALLED_SECONDS - 5)
            self.peer.transport.resumeProducing()
            self.network.settle(5)
        self.assertEqual(self.peer.lost, None)
        sent.cancel()
        self.failureResultOf(sent)

    def test_replies_that_are_not_read_are_bounded(self) -> None:
        """A sender that never reads its replies makes us stop reading, not hoard."""
        self.send(self.frame(b"first", message_id="mid1"))
        self.peer.transport.pauseProducing()
        for number in range(0, 3000, 100):
            self.send(b"".join(self.addressed_empty(f"t{index}") for index in range(number, number + 100)), 0.5)
        held = self.network.streams[0].unread
        self.assertTrue(10_000 + REPLIES_UNREAD < held < 3 * REPLIES_UNREAD, held)
        self.peer.transport.resumeProducing()
        self.network.settle(30)
        self.assertEqual(len(self.statuses()), 3001)

    def addressed_empty(self, transaction_id: str) -> bytes:
        return encode(self.addressed(make_send(transaction_id, content_type=None, byte_range=(1, 0, 0))))

    def test_a_session_that_was_closed_while_it_waited_to_send(self) -> None:
        """It must not be asked for chunks any more."""
        self.send(self.frame())
        self.peer.transport.pauseProducing()
        sent = self.session.send(Octets(bytes(1_000_000)))
        self.network.settle(1)
        self.bob.endpoint.close(self.session)
        self.failureResultOf(sent, Unreachable)
        self.peer.transport.resumeProducing()
        self.network.settle(100)
        self.assertTrue(heard(self.peer.octets)[1])
        self.assert_gone()


class Counting(StringTransport):
    """Counts writes, and keeps how each ended."""

    writes = 0

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes += 1
        self.ends.append(data[-3:])
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def abortConnection(self) -> None: ...


class Together(SynchronousTestCase):
    """Every write costs a TLS record and a pass through the system."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = Counting()
        self.endpoint = Side(Network(), BOB, "bob", transfer=Transfer(chunk=1000)).endpoint
        self.connection = self.endpoint.make_connection(False, lambda: None)
        self.connection.makeConnection(self.transport)  # type: ignore[arg-type]

    def test_the_replies_to_what_came_in_at_once_go_out_at_once(self) -> None:
        """A sender of small chunks gets its replies in one piece."""
        self.connection.dataReceived(b"".join(wire(transaction_id=f"tid{number}") for number in range(20)))
        self.assertEqual(self.transport.writes, 1)
        self.assertEqual(len(heard(self.transport.value())[0]), 40)

    def test_small_chunks_go_out_together_and_in_their_order(self) -> None:
        """A hundred chunks in two writes."""
        near = self.endpoint.open("call", secure=False)
        near.peer_path = (PEER,)
        self.connection.attach(near)
        sent = near.send(Octets(b"x" * 100_000))
        (events, readable) = heard(self.transport.value())
        self.assertEqual((self.transport.writes, len(events), readable), (2, 300, True))
        self.assertEqual(self.transport.ends, [b"+\r\n", b"$\r\n"])  # PEERS 8: never a flag by itself
        sent.cancel()
        self.failureResultOf(sent)

    def test_what_was_written_before_the_end_goes_out_before_it(self) -> None:
        """Hanging up in the middle of an answer."""
        whole = wire()
        self.connection.dataReceived(whole[:20])
        self.connection.answer(make_reply())
        self.connection.close()
        self.assertEqual((heard(self.transport.value())[1], self.transport.disconnecting), (True, True))

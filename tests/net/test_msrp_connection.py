"""One connection: how long a peer may take, flow control in both directions, fairness, and every way to end."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Refused, Unreachable
from pushsvc.msrp.chunk import Send, encode
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_connection import (
    HANDSHAKE_SECONDS,
    PARTIAL_HEAD_SECONDS,
    REPLIES_UNREAD,
    WRITE_STALLED_SECONDS,
)
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from tests.msrp.values import heard, make_send
from tests.net.msrp_sides import ALICE, BOB, PORT, MsrpTest, Octets, Shelf, Side
from tests.sim import Network, Weather
from tests.wires import Calling, Wire

FILE = Octets(bytes(range(256)) * 2000)  # 512,000 octets
PLAIN = PORT + 1
PEER = MsrpUri.parse("msrp://192.0.2.1:9/peer;tcp")


class Transfers(MsrpTest):
    """Content over real TLS."""

    def test_a_content_arrives(self) -> None:
        """[D-MSRP-1] Chunks, replies, and at the end nothing left on either side."""
        shelf = Shelf()
        near, far = self.connected(shelf)
        receipt = self.delivered(near.send(FILE))
        self.assertEqual((receipt.size, bytes(shelf.kept[0].octets)), (FILE.size, FILE.octets))
        self.assertEqual((near.link.peer if near.link else "", self.bob.bound), (f"tls:{BOB}:{PORT}", [far]))
        self.assert_nothing_left(near, far)

    def test_both_directions_at_once(self) -> None:
        """One session may be used either way."""
        there, back = Shelf(), Shelf()
        near, far = self.connected(there)
        near.receive(back.wanted())
        sent = near.send(FILE)
        self.network.settle(1)
        self.delivered(far.send(FILE))
        self.delivered(sent)
        self.assertEqual([bytes(shelf.kept[0].octets) for shelf in (there, back)], [FILE.octets] * 2)
        self.assert_nothing_left(near, far)

    def test_in_any_weather(self) -> None:
        """It arrives whole, or fails as worth another try; nothing is left of it in any case."""
        delivered = 0
        for seed in range(15):
            self.network = Network(seed, Weather(jitter=0.02, cut=0.002, window=5000))
            self.alice, self.bob = Side(self.network, ALICE, "alice"), Side(self.network, BOB, "bob")
            shelf = Shelf()
            near, far = self.agreed(shelf)
            content = Octets(FILE.octets[:100_000])
            try:
                self.network.run(self.alice.connect(near))
                self.delivered(near.send(content))
            except Unreachable as error:
                self.assertTrue(error.retry)
            else:
                delivered += 1
                self.assertEqual(bytes(shelf.kept[0].octets), content.octets, seed)
            self.assert_nothing_left(near, far)
            self.assertTrue(all(each.finished or each.discarded for each in shelf.kept), seed)
        self.assertTrue(0 < delivered < 15, delivered)

    def test_a_content_that_is_withdrawn_in_mid_transfer(self) -> None:
        """`#` on the wire; the other side drops what it has, and hears of no error."""
        shelf = Shelf()
        near, far = self.connected(shelf)
        sent = near.send(FILE)
        self.network.settle(0.3)
        sent.cancel()
        self.failureResultOf(sent)
        self.network.settle(10)
        self.assertEqual(shelf.kept[0].discarded, "given up by its sender")
        self.assertIn(("out", "SEND #", 0, "call"), self.alice.notes.frames)
        self.assert_nothing_left(near, far)

    def test_a_content_that_is_refused_in_mid_transfer(self) -> None:
        """[D-MSRP-3] 413: the sender stops, long before it has sent everything; the session can go on."""
        shelf = Shelf()
        near, far = self.connected(shelf, max_size=1000, one_content=False)
        content = Octets(bytes(10_000_000))
        with self.assertRaises(Refused):
            self.delivered(near.send(content))
        self.assertTrue(content.read_to < 5_000_000, content.read_to)
        self.delivered(near.send(Octets(b"small")))
        self.assert_nothing_left(near, far)

    def test_five_megabytes_are_quick(self) -> None:
        """A test of a transfer must not be a reason not to run it."""
        near, far = self.connected(Shelf())
        self.delivered(near.send(Octets(bytes(5_000_000))))
        self.assert_nothing_left(near, far)


class Lost(MsrpTest):
    """The connection goes in mid-transfer."""

    def transfer(self) -> tuple[Any, Shelf, MsrpSession, MsrpSession]:
        shelf = Shelf()
        near, far = self.connected(shelf)
        sent = near.send(FILE)
        self.network.settle(0.3)
        self.assertNoResult(sent)
        return sent, shelf, near, far

    def assert_failed(self, sent: Any, shelf: Shelf, near: MsrpSession, far: MsrpSession) -> None:
        self.network.settle(5)
        self.assertTrue(self.failureResultOf(sent, Unreachable).value.retry)
        self.assertIn("was lost", shelf.kept[0].discarded or "")
        self.assertEqual([len(side.failed) for side in (self.alice, self.bob)], [1, 1])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assert_nothing_left(near, far)

    def test_by_the_network(self) -> None:
        """Both sides fail at once, with nothing left behind; another attempt may help."""
        transfer = self.transfer()
        self.wires()[0].abortConnection()
        self.assert_failed(*transfer)

    def test_by_the_peers_process(self) -> None:
        """A kill: the system closes its sockets."""
        transfer = self.transfer()
        self.wires()[1].abortConnection()
        self.assert_failed(*transfer)

    def test_politely_while_our_write_is_paused(self) -> None:
        """A receiver that is stopped says close_notify and reads no more; the sender must not wait for ever."""
        self.network.weather.window = 10_000
        sent, shelf, near, far = self.transfer()
        self.run_stop(self.bob)
        self.assert_failed(sent, shelf, near, far)

    def test_politely_by_the_sender(self) -> None:
        """E.10 rule 9, the other way round."""
        sent, shelf, near, far = self.transfer()
        self.run_stop(self.alice)
        self.assert_failed(sent, shelf, near, far)

    def run_stop(self, side: Side) -> None:
        self.network.run(side.endpoint.stop())

    def test_a_cable_that_is_pulled(self) -> None:
        """Nobody says anything: the timers of both sides end it, the sender's after 30 s."""
        sent, shelf, near, far = self.transfer()
        self.network.unplug(BOB)
        self.network.settle(31)
        self.failureResultOf(sent)
        self.network.settle(31)
        self.assertEqual(shelf.kept[0].discarded, "the sender stopped sending")
        self.assert_nothing_left(near, far, seconds=200)


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
            self.send(b"y", 50)
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


class Shared(MsrpTest):
    """Several sessions on one connection."""

    def test_chunks_alternate(self) -> None:
        """A small file does not wait behind a big one to the same receiver."""
        shelves = Shelf(), Shelf()
        (big, big_far), (small, small_far) = (self.connected(shelf) for shelf in shelves)
        self.assertEqual(len(self.wires()), 2)
        big_sent = big.send(Octets(bytes(3_000_000)))
        small_sent = small.send(Octets(bytes(200_000)))
        self.delivered(small_sent)
        self.assertNoResult(big_sent)
        outgoing = [frame[1] for frame in self.alice.notes.frames if frame[1].startswith("SEND")]
        self.assertEqual([frame.endswith("/200000") for frame in outgoing[:7]].count(True), 3)
        self.delivered(big_sent)
        self.assert_nothing_left(big, big_far, small, small_far)

    def test_the_end_of_one_does_not_disturb_the_other(self) -> None:
        """A file is finished, or withdrawn, and its line closed; the other goes on over the same connection."""
        shelves = Shelf(), Shelf()
        (one, one_far), (two, two_far) = (self.connected(shelf) for shelf in shelves)
        first, second = one.send(FILE), two.send(FILE)
        self.network.settle(0.3)
        self.close(one, one_far)
        self.failureResultOf(first, Unreachable)
        self.delivered(second)
        self.assertEqual(bytes(shelves[1].kept[0].octets), FILE.octets)
        self.assertNotEqual(shelves[0].kept[0].discarded, None)
        self.assert_nothing_left(two, two_far)

    def test_the_end_of_the_connection_is_the_end_of_all_of_them_even_if_one_ends_another(self) -> None:
        """Whoever hears of the loss closes the other lines of its dialog; nothing is told twice, nothing stays."""
        (one, one_far), (two, two_far) = (self.connected(Shelf()) for _ in range(2))
        one.on_failed = lambda error: self.close(two)
        one.send(FILE).addErrback(lambda _: None)
        two.send(FILE).addErrback(lambda _: None)
        self.network.settle(0.3)
        self.wires()[0].abortConnection()
        self.network.settle(1)
        self.assertEqual(self.alice.failed, [])
        self.assert_nothing_left(one, one_far, two, two_far)

    def test_a_new_session_after_the_loss_gets_a_new_connection_at_once(self) -> None:
        """The owner tries again in the very moment in which it hears of the loss."""
        one, one_far = self.connected(Shelf())
        two, two_far = self.agreed(Shelf())
        again: list[Any] = []
        one.on_failed = lambda error: again.append(self.alice.connect(two))
        self.wires()[0].abortConnection()
        self.network.settle(1)
        self.successResultOf(again[0])
        self.delivered(two.send(FILE))
        self.assert_nothing_left(one, one_far, two, two_far)

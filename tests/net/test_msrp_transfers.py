"""Contents over real TLS between two endpoints: whole, or cut at any moment, and several at once."""

from __future__ import annotations

from typing import Any

from pushsvc.errors import Refused, Unreachable
from pushsvc.msrp.outgoing import ConfirmedBy
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from tests.net.msrp_sides import ALICE, BOB, PORT, MsrpTest, Octets, Shelf, Side
from tests.sim import Network, Weather

FILE = Octets(bytes(range(256)) * 2000)  # 512,000 octets


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

    def test_a_success_report_comes_back(self) -> None:
        """To the session that it is about, over the same connection."""
        self.alice = Side(self.network, "192.0.2.9", "alice", transfer=Transfer(success_report=True))
        near, far = self.connected(Shelf())
        self.assertEqual(self.delivered(near.send(FILE)).confirmed_by, ConfirmedBy.REPORT)
        self.assertIn(("in", "REPORT 1-512000/512000 200", 0, "call"), self.alice.notes.frames)
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

"""Contents coming in: octets to sinks, replies to senders, whatever the disk does."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import DeliveryError, Misuse, Refused, TimedOut
from pushsvc.msrp.chunk import Flag, Reply, Report, Send
from pushsvc.net.msrp_receiving import NOTHING, TRICKLE, Receiving, Wanted
from tests.msrp.values import RECEIVER, make_send
from tests.net.msrp_sides import Kept, Shelf
from tests.tokens import CountedTokens

FULL = OSError(28, "No space left on device")
STALL = 60.0


class ReceivingTest(SynchronousTestCase):
    """A session that takes text."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.shelf = Shelf()
        self.sent: list[Reply | Report] = []
        self.failed: list[DeliveryError] = []
        self.done: list[bool] = []
        self.receiving = self.receive(self.shelf.wanted())

    def receive(self, wanted: Wanted) -> Receiving:
        return Receiving(
            RECEIVER,
            wanted,
            self.clock,  # type: ignore[arg-type]
            STALL,
            self.sent.append,
            self.failed.append,
            CountedTokens("b"),
            lambda: self.done.append(self.receiving.is_done),
        )

    def chunk(self, octets: bytes, flag: Flag = Flag.COMPLETE, send: Send | None = None, **facts: Any) -> None:
        self.receiving.begun(send or make_send(**facts))
        if octets:
            self.receiving.data(memoryview(octets))
        self.receiving.ended(flag)

    def statuses(self) -> list[int]:
        return [head.status for head in self.sent]

    def kept(self) -> Kept:
        (kept,) = self.shelf.kept
        return kept

    def assert_over_for_now(self) -> None:
        """The owner hears why, once, and that another try can help; nothing is left."""
        self.assertEqual([(error.reason, error.retry) for error in self.failed], [("No space left on device", True)])
        self.assert_quiet()

    def assert_quiet(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Taken(ReceivingTest):
    """What goes well."""

    def test_octets_go_into_a_sink_and_the_sender_hears_200(self) -> None:
        """Every chunk is answered at once, the last one when all is durable."""
        self.chunk(b"hello ", Flag.MORE, byte_range=(1, 6, 11))
        self.assertEqual(self.statuses(), [200])
        self.chunk(b"world", byte_range=(7, 11, 11), transaction_id="tid2")
        self.assertEqual((self.statuses(), bytes(self.kept().octets)), ([200, 200], b"hello world"))
        self.assertEqual((self.kept().finished, self.kept().discarded), (True, None))
        self.assert_quiet()

    def test_the_last_reply_waits_until_the_content_is_durable(self) -> None:
        """A sender that saw 200 may delete its copy (promise 2)."""
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"hello")
        self.clock.advance(STALL * 2)
        self.assertEqual((self.statuses(), self.failed), ([], []))
        durable.callback(None)
        self.assertEqual(self.statuses(), [200])

    def test_it_is_done_when_the_last_content_has_been_answered(self) -> None:
        """A receiver that drains lets it finish, and hears when it has."""
        self.receiving = self.receive(self.shelf.wanted(one_content=False))
        self.assertFalse(self.receiving.is_done)
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"one", message_id="mid1")
        self.shelf.facts.clear()
        self.assertEqual((self.done, self.receiving.is_done), ([], False))
        self.chunk(b"two", message_id="mid2")
        durable.callback(None)
        self.assertEqual((self.done, self.receiving.is_done, self.statuses()), ([False, True], True, [200, 200]))

    def test_a_success_report_is_sent_when_it_is_durable(self) -> None:
        """Where the sender asked for one."""
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"hello", success_report=True)
        self.assertEqual(self.sent, [])
        durable.callback(None)
        self.assertEqual([type(head) for head in self.sent], [Reply, Report])

    def test_several_contents_at_once_where_no_file_was_agreed(self) -> None:
        """RFC 4975 §7.3.1: chunks of several messages may be mixed."""
        self.receiving = self.receive(self.shelf.wanted(one_content=False))
        for message_id, octets in (("mid1", b"one "), ("mid2", b"two ")):
            self.chunk(octets, Flag.MORE, message_id=message_id, byte_range=(1, 4, 8))
        for message_id in ("mid1", "mid2"):
            self.chunk(b"more", message_id=message_id, byte_range=(5, 8, 8))
        self.assertEqual([bytes(each.octets) for each in self.shelf.kept], [b"one more", b"two more"])
        self.assertEqual(self.statuses(), [200] * 4)
        self.assert_quiet()

    def test_a_side_that_only_sends_still_answers_keep_alives(self) -> None:
        """[D-SDP-3] An empty SEND may flow against the direction; content may not."""
        self.receiving = self.receive(NOTHING)
        self.chunk(b"", content_type=None)
        self.chunk(b"hello")
        self.assertEqual(self.statuses(), [200, 415])
        with self.assertRaises(Misuse):
            NOTHING.make_sink(make_send())


class NotTaken(ReceivingTest):
    """What is not kept."""

    def test_types_that_are_not_taken(self) -> None:
        """[D-MSRP-3] 415, and no sink is made; whoever counts them hears of it."""
        refused: list[int] = []
        self.receiving = self.receive(self.shelf.wanted(refused=refused.append))
        self.chunk(b"x", content_type="image/png")
        self.assertEqual((self.statuses(), self.shelf.kept, refused), ([415], [], [415]))

    def test_content_that_is_longer_than_agreed(self) -> None:
        """[D-MSRP-5] 413 in the middle of the chunk; what had come is dropped."""
        self.receiving = self.receive(self.shelf.wanted(max_size=3))
        self.receiving.begun(make_send())
        self.receiving.data(memoryview(b"hello"))
        self.assertEqual(self.statuses(), [413])
        self.assertNotEqual(self.kept().discarded, None)
        self.receiving.data(memoryview(b"and more"))
        self.receiving.ended(Flag.COMPLETE)
        self.assertEqual(self.statuses(), [413])
        (error,) = self.failed
        self.assertEqual((type(error), error.reason), (Refused, "larger than agreed"))
        self.assert_quiet()

    def test_content_that_its_sender_gives_up(self) -> None:
        """`#`: what had come is dropped."""
        self.chunk(b"hello", Flag.ABORTED)
        self.assertEqual((self.statuses(), self.kept().discarded), ([200], "given up by its sender"))
        self.assertFalse(self.kept().is_cut)
        self.assert_quiet()

    def test_a_disk_that_takes_nothing_from_the_start(self) -> None:
        """481, as a 413 would be for good; nothing to discard, the chunk's octets are passed over."""
        self.shelf.full = FULL
        self.chunk(b"hello")
        self.assertEqual((self.statuses(), self.shelf.kept), ([481], []))
        self.assertEqual(self.sent[0].comment, "No space left on device")  # type: ignore[union-attr]
        self.assert_over_for_now()

    def test_a_disk_that_becomes_full(self) -> None:
        """481 at once, in the middle of the chunk: the session is over, and its sender may come again."""
        self.chunk(b"hello ", Flag.MORE, byte_range=(1, 6, 11))
        self.kept().broken = FULL
        self.receiving.begun(make_send("tid2", byte_range=(7, 11, 11)))
        self.receiving.data(memoryview(b"wo"))
        self.assertEqual((self.statuses(), self.kept().discarded), ([200, 481], "No space left on device"))
        self.receiving.data(memoryview(b"rld"))
        self.receiving.ended(Flag.COMPLETE)
        self.chunk(b"again", byte_range=(7, 11, 11))
        self.assertEqual((self.statuses(), len(self.shelf.kept)), ([200, 481, 481], 1))
        self.assert_over_for_now()

    def test_a_sink_that_has_had_enough(self) -> None:
        """It says so with its own status: nothing that another session could change."""
        self.receiving.begun(make_send())
        self.kept().broken = Refused(413, "enough", protocol="msrp")
        self.receiving.data(memoryview(b"hello"))
        self.assertEqual([(head.status, head.comment) for head in self.sent], [(413, "enough")])
        self.assertEqual((self.kept().discarded, [error.retry for error in self.failed]), ("enough", [False]))
        self.assert_quiet()

    def test_a_content_that_is_not_what_was_announced(self) -> None:
        """[D-MSRP-4] The hash does not fit: the sink refuses, with its own status."""
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"hello")
        durable.errback(Refused(400, "Hash mismatch", protocol="msrp"))
        self.assertEqual([(head.status, head.comment) for head in self.sent], [(400, "Hash mismatch")])

    def test_a_content_that_cannot_be_made_durable(self) -> None:
        """fsync fails: 481, and the cause in the log, in one line as when a write fails; a full disk is no bug."""
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"hello")
        durable.errback(FULL)
        self.assertEqual(self.statuses(), [481])
        self.assert_over_for_now()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_bug_of_ours_is_logged_as_one(self) -> None:
        """413: nobody waits for an answer that does not come."""
        self.shelf.facts["durable"] = durable = Deferred()
        self.chunk(b"hello")
        durable.errback(ZeroDivisionError())
        self.assertEqual(self.statuses(), [413])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_sink_that_raises_instead_of_failing(self) -> None:
        """481 as well; the connection, which carries other sessions, does not suffer."""
        self.receiving.begun(make_send())
        self.receiving.data(memoryview(b"hello"))
        self.kept().broken = FULL
        self.receiving.ended(Flag.COMPLETE)
        self.assertEqual(self.statuses(), [481])


class Ending(ReceivingTest):
    """The session ends, or nothing comes any more."""

    def test_a_closed_session_cuts_what_is_not_complete(self) -> None:
        """The rest may come by another session; here no timer is left."""
        self.chunk(b"hello ", Flag.MORE, byte_range=(1, 6, 11))
        self.receiving.close("the connection was lost")
        self.assertEqual((self.kept().discarded, self.kept().is_cut), ("the connection was lost", True))
        self.assert_quiet()

    def test_what_is_being_made_durable_stays(self) -> None:
        """All octets are there: the sender will send them again, and hear that we have them."""
        for outcome in (None, FULL):
            self.setUp()
            self.shelf.facts["durable"] = durable = Deferred()
            self.chunk(b"hello")
            self.receiving.close("the connection was lost")
            durable.callback(None) if outcome is None else durable.errback(outcome)
            self.assertEqual((self.kept().discarded, self.sent), (None, []))

    def test_a_sender_that_falls_silent(self) -> None:
        """60 s without octets (requirements F, transfer stall): the content is cut, the owner is told."""
        self.chunk(b"hello ", Flag.MORE, byte_range=(1, 6, None))
        self.clock.advance(STALL - 1)
        self.receiving.begun(make_send("tid2", byte_range=(7, None, None)))
        self.receiving.data(memoryview(bytes(TRICKLE)))
        self.clock.advance(STALL - 1)
        self.assertEqual((self.failed, self.kept().discarded), ([], None))
        self.clock.advance(1)
        self.assertEqual(self.kept().discarded, "the sender stopped sending")
        (error,) = self.failed
        self.assertIsInstance(error, TimedOut)
        self.assertTrue(self.kept().is_cut)
        self.assert_quiet()

    def test_a_sender_that_trickles_is_as_good_as_silent(self) -> None:
        """SECURITY part 1, slow peers: else one octet a minute keeps a session and its place for ever."""
        self.receiving.begun(make_send("tid1", byte_range=(1, None, None)))
        for size in (TRICKLE // 2, TRICKLE // 2, 1):
            self.receiving.data(memoryview(bytes(size)))
            self.clock.advance(STALL / 2 - 1)
        self.assertEqual(self.failed, [])
        for _ in range(3):
            self.receiving.data(memoryview(bytes(TRICKLE // 4)))
            self.clock.advance(STALL / 4)
        self.assertEqual((len(self.failed), self.kept().discarded), (1, "the sender stopped sending"))
        self.receiving.ended(Flag.COMPLETE)
        self.assertEqual(self.statuses(), [413])
        self.assert_quiet()

    def test_a_sender_that_goes_on_after_all_hears_that_it_is_too_late(self) -> None:
        """Else it would wait for replies that never come."""
        self.chunk(b"hello ", Flag.MORE, byte_range=(1, 6, 11))
        self.clock.advance(STALL)
        self.chunk(b"world", byte_range=(7, 11, 11))
        self.assertEqual(self.statuses(), [200, 413])

    def test_silence_between_contents_is_none(self) -> None:
        """The session lingers; nothing is owed."""
        self.receiving = self.receive(self.shelf.wanted(one_content=False))
        self.chunk(b"hello")
        self.clock.advance(10 * STALL)
        self.assertEqual(self.failed, [])

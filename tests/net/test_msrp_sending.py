"""One content on its way out: what goes on the wire, and what its Deferred says in the end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Refused, TimedOut, Unreachable
from pushsvc.msrp.chunk import FailureReport, Flag, Send
from pushsvc.msrp.framer import Begun, Ended
from pushsvc.msrp.outgoing import ConfirmedBy
from pushsvc.net.msrp_sending import Frame, Sending, Transfer
from tests.msrp.values import RECEIVER, SENDER, heard, make_reply, make_report
from tests.net.msrp_sides import Octets
from tests.tokens import CountedTokens


class SendingTest(SynchronousTestCase):
    """A content of ten octets in chunks of four."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.progress: list[tuple[int, int]] = []

    def sending(self, octets: bytes = b"0123456789", **transfer: Any) -> Sending:
        self.content = Octets(octets)
        return Sending(
            self.content,
            (RECEIVER,),
            (SENDER,),
            Transfer(**({"chunk": 4} | transfer)),
            CountedTokens("a"),
            self.clock,  # type: ignore[arg-type]
            self.written.append,
            lambda sent, acknowledged: self.progress.append((sent, acknowledged)),
        )

    def chunks(self, sending: Sending) -> list[Frame]:
        """All that may go out now."""
        frames = []
        while (frame := sending.next_chunk()) is not None:
            frames.append(frame)
        return frames

    def replies(self, sending: Sending, frames: list[Frame], status: int = 200) -> None:
        for frame in frames:
            sending.replied(make_reply(head_of(frame.octets).transaction_id, status, ""))

    def assert_over(self, sending: Sending) -> None:
        self.assertTrue(sending.over)
        self.assertEqual(sending.next_chunk(), None)
        self.assertEqual(self.clock.getDelayedCalls(), [])


def head_of(octets: bytes) -> Send:
    (events, _) = heard(octets)
    assert isinstance(events[0], Begun)
    head = events[0].head
    assert isinstance(head, Send)
    return head


class Delivered(SendingTest):
    """The peer has it."""

    def test_all_replies_make_it_delivered(self) -> None:
        """Not the reply to the last chunk: the replies to all (rule A-26)."""
        sending = self.sending()
        frames = self.chunks(sending)
        self.assertEqual(
            [(frame.size, frame.summary) for frame in frames],
            [(4, "SEND 1-4/10"), (4, "SEND 5-8/10"), (2, "SEND 9-10/10")],
        )
        self.replies(sending, [frames[2], frames[0]])
        self.assertNoResult(sending.receipt)
        self.replies(sending, [frames[1]])
        receipt = self.successResultOf(sending.receipt)
        self.assertEqual((receipt.size, receipt.confirmed_by), (10, ConfirmedBy.REPLIES))
        self.assertEqual(self.progress, [(10, 4), (10, 10)])
        self.assert_over(sending)

    def test_a_whole_chunk_is_one_write(self) -> None:
        """Small writes are what kills TLS: head, content and end-line go together."""
        (events, _) = heard(self.chunks(self.sending())[0].octets)
        self.assertEqual(
            (events[1:], head_of(self.chunks(self.sending())[0].octets).failure_report),
            ([b"0123", Ended(Flag.MORE)], FailureReport.YES),
        )

    def test_an_empty_content(self) -> None:
        """A file of no octets is a file."""
        sending = self.sending(b"")
        frames = self.chunks(sending)
        self.assertEqual(len(frames), 1)
        self.replies(sending, frames)
        self.assertEqual(self.successResultOf(sending.receipt).size, 0)

    def test_a_report_where_one_was_asked_for(self) -> None:
        """delivery.success_report: end to end, beyond any relay."""
        sending = self.sending(success_report=True)
        frames = self.chunks(sending)
        self.replies(sending, frames)
        self.assertNoResult(sending.receipt)
        sending.reported(make_report(head_of(frames[0].octets).message_id or "", (1, 10, 10)))
        self.assertEqual(self.successResultOf(sending.receipt).confirmed_by, ConfirmedBy.REPORT)
        self.assert_over(sending)

    def test_a_report_that_does_not_come(self) -> None:
        """Unconfirmed (A-26), after the report timeout: a result, and no failure."""
        sending = self.sending(success_report=True, report_timeout=60.0)
        self.replies(sending, self.chunks(sending))
        self.clock.advance(59)
        self.assertNoResult(sending.receipt)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(sending.receipt).confirmed_by, ConfirmedBy.NONE)
        self.assert_over(sending)

    def test_no_more_than_the_window_is_read_and_unanswered(self) -> None:
        """A slow peer does not make us read a whole file into memory."""
        sending = self.sending(window=8)
        frames = self.chunks(sending)
        self.assertEqual((len(frames), self.content.read_to), (2, 8))
        self.replies(sending, frames[:1])
        self.assertEqual([frame.summary for frame in self.chunks(sending)], ["SEND 9-10/10"])

    def test_replies_to_others_are_not_ours(self) -> None:
        """Several contents share a connection."""
        sending = self.sending()
        (first, *_) = self.chunks(sending)
        self.assertTrue(sending.owns(head_of(first.octets).transaction_id))
        self.assertFalse(sending.owns("stranger"))


class Failed(SendingTest):
    """The peer has it not."""

    def test_a_refusal_ends_the_content_on_the_wire_too(self) -> None:
        """413 in the middle: nothing more with this Message-ID but `#` (E.8)."""
        sending = self.sending(window=4)
        self.replies(sending, self.chunks(sending), 413)
        error = self.failureResultOf(sending.receipt, Refused).value
        self.assertEqual((error.status, error.protocol, error.retry), (413, "msrp", False))
        (aborted,) = self.written
        (events, _) = heard(aborted)
        self.assertEqual(events[-1], Ended(Flag.ABORTED))
        self.assert_over(sending)

    def test_which_refusals_are_worth_another_try(self) -> None:
        """RFC 4975 §10: a lost session may be set up again, a type that is not taken stays so."""
        for status, retry in ((400, False), (403, False), (408, True), (413, False), (415, False), (481, True)):
            sending = self.sending()
            self.replies(sending, self.chunks(sending)[:1], status)
            self.assertEqual(self.failureResultOf(sending.receipt, Refused).value.retry, retry, status)

    def test_no_reply_in_time_is_a_408(self) -> None:
        """30 s from the chunk (requirements F), then it is over for this session."""
        sending = self.sending(window=4, response_timeout=30.0)
        self.chunks(sending)
        self.clock.advance(29)
        self.assertNoResult(sending.receipt)
        self.clock.advance(1)
        error = self.failureResultOf(sending.receipt, Refused).value
        self.assertEqual((error.status, error.retry, len(self.written)), (408, True, 1))
        self.assert_over(sending)

    def test_cancelling_ends_it_with_a_hash(self) -> None:
        """Whoever withdraws a push stops its octets; the peer may forget what it has."""
        sending = self.sending(window=4)
        self.chunks(sending)
        sending.receipt.cancel()
        self.failureResultOf(sending.receipt, CancelledError)
        (events, _) = heard(*self.written)
        self.assertEqual(events[-1], Ended(Flag.ABORTED))
        self.assert_over(sending)

    def test_cancelling_before_anything_was_sent_says_nothing(self) -> None:
        """There is nothing to end on the wire; the same after all was sent."""
        for started in (False, True):
            sending = self.sending()
            if started:
                self.chunks(sending)
            sending.receipt.cancel()
            self.failureResultOf(sending.receipt, CancelledError)
            self.assertEqual(self.written, [])
            self.assert_over(sending)

    def test_a_reply_that_comes_after_the_end_changes_nothing(self) -> None:
        """It was on its way when the push was withdrawn."""
        sending = self.sending()
        frames = self.chunks(sending)
        sending.receipt.cancel()
        self.failureResultOf(sending.receipt, CancelledError)
        self.replies(sending, frames)
        self.replies(sending, frames, 413)
        sending.reported(make_report(head_of(frames[0].octets).message_id or "", (1, 10, 10)))
        self.assert_over(sending)

    def test_content_that_cannot_be_read(self) -> None:
        """The disk fails in mid-transfer: the peer hears `#`, the owner what happened; trying again is no use."""
        sending = self.sending(window=4)
        frames = self.chunks(sending)
        self.content.broken = OSError(5, "Input/output error")
        self.replies(sending, frames)
        self.assertEqual(sending.next_chunk(), None)
        error = self.failureResultOf(sending.receipt, Refused).value
        self.assertEqual((error.protocol, error.retry), ("local", False))
        self.assertEqual(len(self.written), 1)
        self.assert_over(sending)

    def test_whatever_else_ends_it(self) -> None:
        """The connection is lost, the session closed."""
        sending = self.sending()
        self.chunks(sending)
        sending.fail(Unreachable("the connection was lost"))
        self.failureResultOf(sending.receipt, Unreachable)
        sending.fail(TimedOut("again"))
        self.assert_over(sending)

"""Sending one content: chunks, window, replies, reports, time-outs, and the one result."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse
from pushsvc.msrp.chunk import ByteRange, FailureReport, Flag, Send
from pushsvc.msrp.framer import Begun, Ended
from pushsvc.msrp.outgoing import (
    FIRST_CHUNK,
    MAX_REPORTED,
    MAX_UNANSWERED,
    Acknowledged,
    ConfirmedBy,
    Delivered,
    Outgoing,
    Output,
    Piece,
    Receipt,
    Refused,
    Unconfirmed,
)
from pushsvc.msrp.uri import MsrpUri

from .values import RECEIVER, SENDER, CountedTokens, heard, make_reply, make_report

MESSAGE_ID = "0" * 15 + "1"
BY_REPLIES = Receipt(MESSAGE_ID, 10, ConfirmedBy.REPLIES)
BY_REPORT = Receipt(MESSAGE_ID, 10, ConfirmedBy.REPORT)
BY_NOTHING = Receipt(MESSAGE_ID, 10, ConfirmedBy.NONE)


def make_outgoing(size: int = 10, **wishes: Any) -> Outgoing:
    """Ten octets in chunks of four, unless wished otherwise."""
    settings: dict[str, Any] = {"chunk": 4, **wishes}
    return Outgoing(size, (RECEIVER,), (SENDER,), CountedTokens(), "text/plain", **settings)


def send_next(outgoing: Outgoing, now: float = 0.0) -> str:
    """Write the next chunk; returns its transaction id."""
    piece = outgoing.next_piece()
    assert piece is not None
    head, _, _ = outgoing.chunk(piece, b"x" * piece.size, now)
    return head.split(b" ")[1].decode()


def send_all(outgoing: Outgoing, now: float = 0.0) -> list[str]:
    """Write what may be written; returns the transaction ids."""
    ids = []
    while outgoing.next_piece() is not None:
        ids.append(send_next(outgoing, now))
    return ids


def written(outgoing: Outgoing, body: bytes) -> tuple[Send, bytes, Flag]:
    """The next chunk as its receiver reads it."""
    piece = outgoing.next_piece()
    assert piece is not None
    return read(b"".join(outgoing.chunk(piece, body, 0.0)))


def read(octets: bytes) -> tuple[Send, bytes, Flag]:
    begun, *content, ended = heard(octets)[0]
    assert isinstance(begun, Begun)
    assert isinstance(begun.head, Send)
    assert isinstance(ended, Ended)
    return begun.head, b"".join(part for part in content if isinstance(part, bytes)), ended.flag


class WritingChunks(SynchronousTestCase):
    """[D-MSRP-1, D-MSRP-2] What goes on the wire is what every other stack can take."""

    def test_pieces_follow_each_other_to_the_end(self) -> None:
        """The caller reads them from a file in this order."""
        outgoing = make_outgoing()
        pieces = []
        while (piece := outgoing.next_piece()) is not None:
            self.assertEqual(outgoing.next_piece(), piece)
            pieces.append(piece)
            outgoing.chunk(piece, b"x" * piece.size, 0.0)
        self.assertEqual(pieces, [Piece(0, 4), Piece(4, 4), Piece(8, 2)])

    def test_every_chunk_says_what_it_belongs_to(self) -> None:
        """[R-UP-1a, R-UP-2] A relay may cut anew, so all headers are repeated; only the last chunk completes."""
        headers = (("Content-Disposition", "attachment"), ("Content-Description", "Gate 3"))
        outgoing = make_outgoing(7, headers=headers)
        found = [written(outgoing, b"abcd"), written(outgoing, b"efg")]
        for (send, body, flag), byte_range, octets, last in zip(
            found, (ByteRange(1, 4, 7), ByteRange(5, 7, 7)), (b"abcd", b"efg"), (Flag.MORE, Flag.COMPLETE), strict=True
        ):
            expected = Send(
                send.transaction_id, (RECEIVER,), (SENDER,), MESSAGE_ID, byte_range,
                content_type="text/plain", headers=headers,
            )  # fmt: skip
            self.assertEqual((send, body, flag), (expected, octets, last))
        self.assertNotEqual(found[0][0].transaction_id, found[1][0].transaction_id)

    def test_long_chunks_do_not_say_where_they_end(self) -> None:
        """RFC 4975 §7.1.1: more than 2048 octets must be interruptible."""
        for size, end in ((2048, 2048), (2049, None)):
            send, _, _ = written(make_outgoing(size, chunk=65536), b"x" * size)
            self.assertEqual(send.byte_range, ByteRange(1, end, size))

    def test_chunks_are_as_long_as_the_peer_answers_promptly(self) -> None:
        """On a slow line a long chunk would take longer than its reply may; on a fast one short ones cost more."""
        outgoing = make_outgoing(1 << 30, chunk=5 * FIRST_CHUNK, response_timeout=30.0)
        sizes = []
        for seconds in (0.1, 5.0, 0.1, 0.1, 5.1, 0.1, 29.0):
            piece = outgoing.next_piece()
            assert piece is not None
            sizes.append(piece.size / FIRST_CHUNK)
            outgoing.replied(make_reply(send_next(outgoing, 100.0)), 100.0 + seconds)
        self.assertEqual(sizes, [1, 2, 4, 5, 5, 1, 2])

    def test_a_short_chunk_does_not_make_the_next_one_shorter(self) -> None:
        """What was short may have been the end of what could be read, or of the window."""
        outgoing = make_outgoing(1 << 30, chunk=4 * FIRST_CHUNK)
        ids = [send_next(outgoing) for _ in range(3)]
        for transaction_id in ids:
            outgoing.replied(make_reply(transaction_id), 1.0)
        longer = send_next(outgoing)
        outgoing.replied(make_reply(longer), 1.0)
        piece = outgoing.next_piece()
        assert piece is not None
        self.assertEqual(piece.size, 4 * FIRST_CHUNK)

    def test_empty_content_is_one_chunk(self) -> None:
        """An empty file arrives, too."""
        outgoing = make_outgoing(0)
        self.assertEqual(outgoing.next_piece(), Piece(0, 0))
        send, body, flag = written(outgoing, b"")
        self.assertEqual((send.byte_range, body, flag), (ByteRange(1, 0, 0), b"", Flag.COMPLETE))
        self.assertIsNone(outgoing.next_piece())

    def test_wishes_are_written(self) -> None:
        """The receiver can only do what it is asked for."""
        send, _, _ = written(make_outgoing(4, success_report=True, failure_report=FailureReport.NO), b"abcd")
        self.assertEqual((send.success_report, send.failure_report), (True, FailureReport.NO))

    def test_the_end_line_is_not_in_the_content(self) -> None:
        """A file may hold a recorded MSRP stream; it must not end the chunk, with or without a line end before it."""
        body = b"-------" + b"0" * 15 + b"2"
        outgoing = make_outgoing(len(body), chunk=65536)
        send, octets, _ = written(outgoing, body)
        self.assertEqual((send.transaction_id[-1], octets), ("3", body))

    def test_transaction_ids_do_not_collide(self) -> None:
        """A reply must belong to one chunk only."""

        class Unlucky(CountedTokens):
            words = ["message-id", "twice", "twice", "once"]

            def word(self, length: int) -> str:
                return self.words.pop(0)

        outgoing = Outgoing(8, (RECEIVER,), (SENDER,), Unlucky(), "text/plain", chunk=4)
        self.assertEqual(send_all(outgoing), ["twice", "once"])

    def test_another_piece_is_our_mistake(self) -> None:
        """Octets at the wrong place would be a corrupt file at the other end."""
        for piece, body in ((Piece(4, 4), b"abcd"), (Piece(0, 4), b"abc")):
            with self.assertRaises(Misuse):
                make_outgoing().chunk(piece, body, 0.0)


class KeepingTheWindow(SynchronousTestCase):
    """A receiver that is slow to answer is not flooded; one that is quick is not waited for."""

    def test_no_more_than_the_window_is_unanswered(self) -> None:
        """Eight octets: two chunks of four."""
        outgoing = make_outgoing(100, window=8)
        first, second = send_all(outgoing)
        outgoing.replied(make_reply(second), 0.0)
        self.assertEqual(len(send_all(outgoing)), 1)
        outgoing.replied(make_reply(first), 0.0)
        self.assertEqual(len(send_all(outgoing)), 1)

    def test_one_chunk_always_fits(self) -> None:
        """A window of one is a setting that msrp-java needs."""
        outgoing = make_outgoing(window=1)
        for _ in range(3):
            (only,) = send_all(outgoing)
            outgoing.replied(make_reply(only), 0.0)
        self.assertTrue(outgoing.over)

    def test_without_replies_there_is_no_window(self) -> None:
        """Only the connection slows it down then."""
        for wish in (FailureReport.NO, FailureReport.PARTIAL):
            self.assertEqual(len(send_all(make_outgoing(window=1, failure_report=wish))), 3)


class HearingReplies(SynchronousTestCase):
    """[R-UP-3] Delivered means that every octet was acknowledged (A-26)."""

    def test_all_replies_make_it_delivered(self) -> None:
        """The sender may forget its copy then."""
        outgoing = make_outgoing()
        ids = send_all(outgoing)
        self.assertEqual(outgoing.replied(make_reply(ids[0]), 1.0), [Acknowledged(4)])
        self.assertEqual(outgoing.replied(make_reply(ids[1]), 1.0), [Acknowledged(8)])
        self.assertEqual(outgoing.replied(make_reply(ids[2]), 1.0), [Acknowledged(10), Delivered(BY_REPLIES)])
        self.assertEqual((outgoing.over, outgoing.deadline, outgoing.acknowledged), (True, None, 10))

    def test_the_reply_to_the_last_chunk_is_not_enough(self) -> None:
        """Relays answer out of order; and a resumption must not start behind a gap."""
        outgoing = make_outgoing()
        ids = send_all(outgoing)
        self.assertEqual(outgoing.replied(make_reply(ids[2]), 1.0), [])
        self.assertEqual(outgoing.replied(make_reply(ids[0]), 1.0), [Acknowledged(4)])
        self.assertEqual(outgoing.replied(make_reply(ids[1]), 1.0), [Acknowledged(10), Delivered(BY_REPLIES)])

    def test_the_first_answer_counts(self) -> None:
        """msrp-java sends 481 and then 200 to the same request, others answer twice."""
        outgoing = make_outgoing()
        first, *_ = send_all(outgoing)
        outgoing.replied(make_reply(first), 0.0)
        self.assertFalse(outgoing.owns(first))
        self.assertEqual(outgoing.replied(make_reply(first, 481), 0.0), [])
        self.assertEqual(outgoing.replied(make_reply("unknown", 481), 0.0), [])

    def test_replies_before_the_end_do_not_end_it(self) -> None:
        """All that was sent is acknowledged, but not all was sent."""
        outgoing = make_outgoing()
        self.assertEqual(outgoing.replied(make_reply(send_next(outgoing)), 0.0), [Acknowledged(4)])
        self.assertEqual((outgoing.over, outgoing.deadline), (False, None))

    def test_every_refusal_ends_it(self) -> None:
        """[D-MSRP-3] 413: stop; 415: not this type; 481, 506: not this session; 408: like our own time-out."""
        for status in (400, 403, 408, 413, 415, 423, 481, 501, 506, 999):
            outgoing = make_outgoing()
            first, second, _ = send_all(outgoing)
            outgoing.replied(make_reply(first), 0.0)
            self.assertTrue(outgoing.owns(second))
            self.assertEqual(outgoing.replied(make_reply(second, status, "no"), 0.0), [Refused(status, "no", 4)])
            self.assertEqual((outgoing.over, outgoing.deadline, outgoing.next_piece()), (True, None, None))
            self.assertEqual(outgoing.replied(make_reply(second), 0.0), [])
            self.assertEqual(outgoing.acknowledged, 4)

    def test_silence_is_refusal(self) -> None:
        """RFC 4975 §7.1.1: 30 s from the last octet of the chunk."""
        outgoing = make_outgoing(response_timeout=30.0)
        self.assertIsNone(outgoing.deadline)
        first = send_next(outgoing, 1.0)
        send_next(outgoing, 2.0)
        self.assertEqual(outgoing.deadline, 31.0)
        outgoing.replied(make_reply(first), 20.0)
        self.assertEqual(outgoing.deadline, 32.0)
        self.assertEqual(outgoing.wake(31.9), [])
        self.assertEqual(outgoing.wake(32.0), [Refused(408, "no reply in time", 4)])
        self.assertEqual((outgoing.deadline, outgoing.wake(99.0)), (None, []))

    def test_a_chunk_that_was_being_read_meanwhile_is_not_written(self) -> None:
        """The file is read in a thread; the refusal may come first."""
        outgoing = make_outgoing()
        first = send_next(outgoing)
        piece = outgoing.next_piece()
        assert piece is not None
        outgoing.replied(make_reply(first, 413), 0.0)
        self.assertEqual(outgoing.chunk(piece, b"efgh", 0.0), [])


class HearingReports(SynchronousTestCase):
    """[R-UP-3, F-10] Where a success report was asked for, it is what counts."""

    def outgoing(self, **wishes: Any) -> tuple[Outgoing, list[str]]:
        outgoing = make_outgoing(success_report=True, report_timeout=60.0, **wishes)
        return outgoing, send_all(outgoing)

    def answered(self) -> Outgoing:
        outgoing, ids = self.outgoing()
        for transaction_id in ids:
            outgoing.replied(make_reply(transaction_id), 1.0)
        return outgoing

    def reported(self, outgoing: Outgoing, *byte_range: int | None, status: int = 200) -> list[Output]:
        start, end, total = byte_range
        assert start is not None
        return outgoing.reported(make_report(MESSAGE_ID, (start, end, total), status), 2.0)

    def test_replies_alone_do_not_deliver(self) -> None:
        """A relay in between answers for itself."""
        outgoing = self.answered()
        self.assertEqual((outgoing.over, outgoing.deadline), (False, 61.0))

    def test_a_report_after_all_replies_delivers_whatever_its_range(self) -> None:
        """rcsjta reports only its last chunk, node-lib an end beyond the total, tinyMSRP a star."""
        for byte_range in ((1, 10, 10), (1, 2, 10), (9, 10, 10), (1, 99, 10), (1, None, None)):
            self.assertEqual(self.reported(self.answered(), *byte_range), [Delivered(BY_REPORT)])

    def test_reports_that_cover_everything_deliver_without_replies(self) -> None:
        """Per chunk, cumulative, in any order; a reply may have been lost by its sender."""
        outgoing, _ = self.outgoing()
        self.assertEqual(self.reported(outgoing, 5, 8, 10), [])
        self.assertEqual(self.reported(outgoing, 1, 4, 10), [Acknowledged(8)])
        self.assertEqual(self.reported(outgoing, 1, 10, 10), [Acknowledged(10), Delivered(BY_REPORT)])
        self.assertEqual(outgoing.deadline, None)

    def test_a_report_about_a_part_does_not_deliver_while_replies_are_missing(self) -> None:
        """Stacks that report per chunk report the first one first."""
        outgoing, ids = self.outgoing()
        self.assertEqual(self.reported(outgoing, 1, 4, 10), [Acknowledged(4)])
        self.assertEqual(outgoing.replied(make_reply(ids[0]), 1.0), [])
        self.assertEqual(self.reported(outgoing, 1, None, 10), [])

    def test_a_report_cannot_be_about_what_was_not_sent(self) -> None:
        """A liar must not make us forget half a file."""
        outgoing = make_outgoing(success_report=True)
        send_next(outgoing)
        self.assertEqual(self.reported(outgoing, 1, 10, 10), [Acknowledged(4)])
        self.assertFalse(outgoing.over)

    def test_no_report_leaves_it_unconfirmed(self) -> None:
        """[F-10] The replies were all there, so trying again would likely deliver twice."""
        outgoing = self.answered()
        self.assertEqual(outgoing.wake(60.9), [])
        self.assertEqual(outgoing.wake(61.0), [Unconfirmed(BY_NOTHING)])
        self.assertEqual((outgoing.over, outgoing.deadline), (True, None))
        self.assertEqual(self.reported(outgoing, 1, 10, 10), [])

    def test_a_failure_report_is_a_refusal(self) -> None:
        """[D-MSRP-3] Asked for or not: it comes from behind a relay."""
        for wishes in ({}, {"success_report": True}):
            outgoing = make_outgoing(**wishes)
            send_all(outgoing)
            self.assertEqual(self.reported(outgoing, 1, 4, 10, status=408), [Refused(408, "OK", 0)])
            self.assertTrue(outgoing.over)

    def test_what_nobody_asked_about_is_ignored(self) -> None:
        """Reports of other contents, unasked ones (node-lib), and those that say nothing (status 0)."""
        outgoing, _ = self.outgoing()
        self.assertEqual(outgoing.reported(make_report("another"), 1.0), [])
        self.assertEqual(self.reported(outgoing, 1, 10, 10, status=0), [])
        unasked = make_outgoing()
        send_all(unasked)
        self.assertEqual(self.reported(unasked, 1, 10, 10), [])
        self.assertFalse(unasked.over)

    def test_an_empty_content_is_delivered_by_any_report(self) -> None:
        """There is no range that could cover nothing."""
        outgoing = make_outgoing(0, success_report=True)
        self.assertEqual(self.reported(outgoing, 1, 0, 0), [])
        send_all(outgoing)
        receipt = Receipt(MESSAGE_ID, 0, ConfirmedBy.REPORT)
        self.assertEqual(self.reported(outgoing, 1, 0, 0), [Delivered(receipt)])

    def test_a_flood_of_odd_ranges_is_bounded(self) -> None:
        """Reports must not fill our memory."""
        outgoing = make_outgoing(10_000, chunk=10_000, success_report=True)
        send_all(outgoing)
        for start in range(3, 9_000, 2):
            self.reported(outgoing, start, start, 10_000)
        self.reported(outgoing, 1, 1, 10_000)
        self.assertEqual(outgoing.acknowledged, 0)
        self.assertLess(MAX_REPORTED, 4500)


class WithoutReplies(SynchronousTestCase):
    """[D-MSRP-3, F-10] Failure-Report partial and no: silence is good news, or no news at all."""

    def test_the_last_octet_written_completes_it_unconfirmed(self) -> None:
        """A-26: no confirmation exists, so the caller hears of it at once."""
        for wish in (FailureReport.PARTIAL, FailureReport.NO):
            outgoing = make_outgoing(failure_report=wish)
            send_next(outgoing, 5.0)
            self.assertIsNone(outgoing.deadline)
            send_all(outgoing, 6.0)
            self.assertEqual(outgoing.deadline, 6.0)
            self.assertEqual(outgoing.wake(6.0), [Unconfirmed(BY_NOTHING)])

    def test_errors_are_heard_and_other_replies_ignored(self) -> None:
        """Half of all stacks send 200 all the same."""
        for wish in (FailureReport.PARTIAL, FailureReport.NO):
            outgoing = make_outgoing(failure_report=wish)
            first, second = send_next(outgoing), send_next(outgoing)
            self.assertEqual(outgoing.replied(make_reply(first), 0.0), [])
            self.assertEqual(outgoing.acknowledged, 0)
            self.assertEqual(outgoing.replied(make_reply(second, 413, ""), 0.0), [Refused(413, "", 0)])

    def test_a_report_confirms_when_it_covers_everything(self) -> None:
        """Without replies a report about a part is only about a part."""
        outgoing = make_outgoing(failure_report=FailureReport.NO, success_report=True, report_timeout=60.0)
        send_all(outgoing, 5.0)
        self.assertEqual(outgoing.deadline, 65.0)
        self.assertEqual(outgoing.reported(make_report(MESSAGE_ID, (1, 4, 10)), 6.0), [Acknowledged(4)])
        delivered = [Acknowledged(10), Delivered(BY_REPORT)]
        self.assertEqual(outgoing.reported(make_report(MESSAGE_ID, (5, 10, 10)), 7.0), delivered)

    def test_no_report_leaves_it_unconfirmed(self) -> None:
        """Nothing at all is known then."""
        outgoing = make_outgoing(failure_report=FailureReport.NO, success_report=True, report_timeout=60.0)
        send_all(outgoing, 5.0)
        self.assertEqual(outgoing.wake(65.0), [Unconfirmed(BY_NOTHING)])

    def test_only_the_youngest_chunks_are_remembered(self) -> None:
        """A terabyte without replies must not fill our memory."""
        outgoing = make_outgoing(MAX_UNANSWERED + 1, chunk=1, failure_report=FailureReport.PARTIAL)
        first, second, *_ = send_all(outgoing)
        self.assertEqual((outgoing.owns(first), outgoing.owns(second)), (False, True))


class Aborting(SynchronousTestCase):
    """[D-MSRP-1] A content that will not be finished is ended by "#", so that the connection stays of use."""

    def test_what_has_begun_is_ended(self) -> None:
        """Flow 9: the receiver discards its part at once."""
        outgoing = make_outgoing()
        send_next(outgoing)
        send, body, flag = read(outgoing.abort(1.0))
        self.assertEqual((send.message_id, send.content_type), (MESSAGE_ID, "text/plain"))
        self.assertEqual((send.byte_range, body, flag), (ByteRange(5, None, 10), b"", Flag.ABORTED))
        self.assertEqual((outgoing.over, outgoing.deadline, outgoing.next_piece()), (True, None, None))
        self.assertEqual(outgoing.replied(make_reply(send.transaction_id), 2.0), [])

    def test_what_was_refused_is_ended_too_and_only_once(self) -> None:
        """Flow 10: after a 413 nothing more of it may be sent."""
        outgoing = make_outgoing()
        outgoing.replied(make_reply(send_next(outgoing), 413), 0.0)
        self.assertNotEqual(outgoing.abort(0.0), b"")
        self.assertEqual(outgoing.abort(0.0), b"")

    def test_there_may_be_nothing_to_end(self) -> None:
        """Nothing was sent yet, or all of it."""
        self.assertEqual(make_outgoing().abort(0.0), b"")
        outgoing = make_outgoing()
        send_all(outgoing)
        self.assertEqual(outgoing.abort(0.0), b"")
        self.assertEqual((outgoing.over, outgoing.wake(99.0)), (True, []))


class ThroughRelays(SynchronousTestCase):
    """E.13: every reply is the first relay's, and only reports are the peer's."""

    def answered(self) -> Outgoing:
        """All sent, and all replied to by the relay."""
        relay = MsrpUri.parse("msrps://relay.example.com:2855/r;tcp")
        settings: dict[str, Any] = {"chunk": 4, "success_report": True}
        outgoing = Outgoing(10, (relay, RECEIVER), (SENDER,), CountedTokens(), "text/plain", **settings)
        for transaction_id in send_all(outgoing):
            self.assertEqual(outgoing.replied(make_reply(transaction_id), 1.0), [])
        return outgoing

    def test_replies_acknowledge_nothing(self) -> None:
        """Who would go on behind them would leave a gap."""
        outgoing = self.answered()
        self.assertEqual((outgoing.acknowledged, outgoing.deadline), (0, 61.0))
        self.assertEqual(outgoing.wake(61.0), [Unconfirmed(BY_NOTHING)])

    def test_reports_have_to_cover_everything(self) -> None:
        """One about the first chunk comes after all replies, too, and means no more than it says."""
        outgoing = self.answered()
        self.assertEqual(outgoing.reported(make_report(MESSAGE_ID, (1, 4, 10)), 2.0), [Acknowledged(4)])
        outputs = outgoing.reported(make_report(MESSAGE_ID, (1, 10, 10)), 2.0)
        self.assertEqual(outputs, [Acknowledged(10), Delivered(BY_REPORT)])

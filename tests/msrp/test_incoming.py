"""Receiving contents: what is stored, what is answered and when, and what is refused."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse
from pushsvc.msrp.chunk import ByteRange, FailureReport, Flag, Report
from pushsvc.msrp.incoming import MAX_HELD, Completed, Started
from pushsvc.msrp.uri import parse_path
from tests.msrp.taking import OK, give, make_incoming, refusal, store

from .values import RECEIVER, SENDER, make_reply, make_send


class TakingContents(SynchronousTestCase):
    """[D-MSRP-1, R-FLOW-9] Chunks in, octets to store out, whatever the order."""

    def test_one_chunk(self) -> None:
        """Its reply waits for the content to be durable."""
        incoming, send = make_incoming(), make_send(byte_range=(1, 5, 5))
        self.assertEqual(
            give(incoming, send, b"he", b"llo"),
            [Started("mid1", send), store(0, b"he"), store(2, b"llo"), Completed(5, "mid1")],
        )
        self.assertEqual(incoming.stored(1.0), [OK])

    def test_final_reply_waits_until_the_content_is_durable(self) -> None:
        """A sender that saw 200 may delete its copy; earlier chunks are answered at once, or the window would fill."""
        incoming = make_incoming()
        first, second = make_send("t1", byte_range=(1, 3, 5)), make_send("t2", byte_range=(4, 5, 5))
        self.assertEqual(
            give(incoming, first, b"hel", flag=Flag.MORE), [Started("mid1", first), store(0, b"hel"), make_reply("t1")]
        )
        self.assertEqual(give(incoming, second, b"lo"), [store(3, b"lo"), Completed(5, "mid1")])
        self.assertEqual(incoming.stored(1.0), [make_reply("t2")])

    def test_a_content_that_cannot_be_kept_is_refused(self) -> None:
        """[D-MSRP-4] A hash that differs, a disk that is full: the sender hears of it in place of the 200."""
        incoming = make_incoming()
        give(incoming, make_send(), b"hello")
        self.assertEqual(incoming.failed(400, "hash differs", 1.0), [refusal(400, "hash differs")])
        self.assertEqual(give(incoming, make_send("t2"), b"hello"), [refusal(400, "stop sending", "t2")])

    def test_empty_content(self) -> None:
        """An empty file is a file."""
        for byte_range in ((1, 0, 0), (1, None, None), None):
            incoming, send = make_incoming(expected_size=0), make_send(byte_range=byte_range)
            self.assertEqual(give(incoming, send), [Started("mid1", send), Completed(0, "mid1")])

    def test_chunks_in_any_order(self) -> None:
        """Relays may reorder; complete is "$" seen and no gap."""
        incoming = make_incoming()
        last = make_send("t2", byte_range=(4, None, None))
        self.assertEqual(give(incoming, last, b"lo"), [Started("mid1", last), store(3, b"lo"), make_reply("t2")])
        first = make_send("t1", byte_range=(1, None, None))
        self.assertEqual(give(incoming, first, b"hel", flag=Flag.MORE), [store(0, b"hel"), Completed(5, "mid1")])
        self.assertEqual(incoming.stored(1.0), [make_reply("t1")])

    def test_overlapping_chunks(self) -> None:
        """What comes later replaces what was there; the hash decides whether it was right."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 5)), b"help", flag=Flag.MORE)
        again = make_send("t2", byte_range=(3, None, 5))
        self.assertEqual(give(incoming, again, b"llo"), [store(2, b"llo"), Completed(5, "mid1")])

    def test_the_end_of_a_range_is_not_believed(self) -> None:
        """Interrupted chunks, relays that cut, node-lib's end beyond the total: octets are counted."""
        for end in (0, 2, 99, None):
            incoming = make_incoming()
            give(incoming, make_send("t1", byte_range=(1, end, 5)), b"hel", flag=Flag.MORE)
            outputs = give(incoming, make_send("t2", byte_range=(4, end, 5)), b"lo")
            self.assertEqual(outputs, [store(3, b"lo"), Completed(5, "mid1")])

    def test_contiguous_octets_up_to_the_total_are_enough(self) -> None:
        """msrplib may lose the "$"."""
        incoming, send = make_incoming(), make_send(byte_range=(1, None, 5))
        outputs = give(incoming, send, b"hello", flag=Flag.MORE)
        self.assertEqual(outputs, [Started("mid1", send), store(0, b"hello"), Completed(5, "mid1")])

    def test_what_belongs_to_a_complete_content_waits_with_it(self) -> None:
        """An empty last chunk, or a repetition: a 200 now would promise what is not yet true."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 5)), b"hello", flag=Flag.MORE)
        self.assertEqual(give(incoming, make_send("t2", byte_range=(6, None, 5))), [])
        self.assertEqual(give(incoming, make_send("t3", byte_range=(1, None, 5)), b"hello"), [])
        self.assertEqual(incoming.stored(1.0), [make_reply("t1"), make_reply("t2"), make_reply("t3")])

    def test_a_chunk_that_outlasts_the_wait_is_answered_at_its_end(self) -> None:
        """Its octets are not stored a second time into a file that is published by then."""
        incoming = make_incoming()
        give(incoming, make_send("t1"), b"hello")
        self.assertEqual(incoming.begun(make_send("t2"), 0.0), [])
        self.assertEqual(incoming.stored(0.0), [make_reply("t1")])
        self.assertEqual(incoming.data(memoryview(b"hello"), 0.0), [])
        self.assertEqual(incoming.ended(Flag.COMPLETE, 0.0), [make_reply("t2")])

    def test_only_so_many_replies_are_held(self) -> None:
        """A disk may be slow and a peer insistent."""
        incoming = make_incoming()
        give(incoming, make_send(), b"hello")
        for _ in range(MAX_HELD - 1):
            self.assertEqual(give(incoming, make_send(), b"hello"), [])
        self.assertEqual(give(incoming, make_send(), b"hello"), [refusal(413, "Stop sending")])

    def test_a_duplicate_is_acknowledged_and_not_stored_again(self) -> None:
        """[D-MSRP-1] The sender missed our 200."""
        incoming = make_incoming()
        give(incoming, make_send(), b"hello")
        incoming.stored(0.0)
        self.assertEqual(give(incoming, make_send("t2"), b"hello"), [make_reply("t2")])

    def test_contents_without_a_message_id(self) -> None:
        """Some stacks leave it out; without one a repetition is not known, except where one content is allowed."""
        for one_content in (True, False):
            incoming = make_incoming(one_content=one_content)
            send = make_send(message_id=None)
            outputs = [Started("", send), store(0, b"hello", ""), Completed(5, "")]
            self.assertEqual(give(incoming, send, b"hello"), outputs)
            self.assertEqual(incoming.stored(0.0, ""), [OK])
            self.assertEqual(give(incoming, send, b"hello"), [OK] if one_content else outputs)

    def test_it_never_waits_for_time(self) -> None:
        """A silent sender is the connection's business."""
        incoming = make_incoming()
        incoming.begun(make_send(), 0.0)
        self.assertEqual((incoming.deadline, incoming.wake(1e9)), (None, []))

    def test_events_out_of_order_are_our_mistake(self) -> None:
        """The framer never says so."""
        for wrong in (
            lambda: make_incoming().data(memoryview(b"x"), 0.0),
            lambda: make_incoming().ended(Flag.MORE, 0.0),
            lambda: make_incoming().stored(0.0),
        ):
            with self.assertRaises(Misuse):
                wrong()


class Reporting(SynchronousTestCase):
    """[F-10] A success report is sent when it is true, and to those who asked."""

    def test_a_report_about_the_whole_follows_the_reply(self) -> None:
        """[D-MSRP-1] It goes to the sender through all relays, and is about all octets."""
        path = parse_path("msrps://relay.example.com:2855/x;tcp msrps://s.example.com:2855/sss;tcp")
        send = attrs.evolve(make_send(success_report=True), from_path=path)
        incoming = make_incoming()
        give(incoming, send, b"hello")
        report = Report("0" * 15 + "1", path, (RECEIVER,), "mid1", ByteRange(1, 5, 5), 200, "OK")
        self.assertEqual(incoming.stored(1.0), [attrs.evolve(OK, to_path=path[:1]), report])

    def test_without_a_reply_there_is_still_the_report(self) -> None:
        """Failure-Report: no, Success-Report: yes."""
        incoming = make_incoming()
        give(incoming, make_send(success_report=True, failure_report=FailureReport.NO), b"")
        (report,) = incoming.stored(1.0)
        assert isinstance(report, Report)
        self.assertEqual((report.byte_range, report.to_path), (ByteRange(1, 0, 0), (SENDER,)))

    def test_nobody_is_told_about_what_has_no_name(self) -> None:
        """A report without a Message-ID says nothing."""
        incoming = make_incoming()
        give(incoming, make_send(message_id=None, success_report=True), b"hello")
        self.assertEqual(incoming.stored(1.0), [OK])

    def test_a_failure_has_no_success_report(self) -> None:
        """The reply says it all."""
        incoming = make_incoming()
        give(incoming, make_send(success_report=True), b"hello")
        self.assertEqual(incoming.failed(400, "", 1.0), [refusal(400, "")])


class KeepingAlive(SynchronousTestCase):
    """[D-MSRP-1, D-SDP-3] Empty SENDs bind connections and keep them open, in both directions, at any time."""

    def test_a_bodiless_send_is_answered_and_nothing_else(self) -> None:
        """With any range, with or without an id, before and after content."""
        incoming = make_incoming(lambda content_type: False)
        for message_id in ("mid1", None):
            for byte_range in ((1, 0, 0), None):
                send = make_send(content_type=None, message_id=message_id, byte_range=byte_range)
                self.assertEqual(give(incoming, send), [OK])

    def test_a_heartbeat_is_not_content(self) -> None:
        """msrp-node-lib sends one every five seconds, asking for a report."""
        incoming = make_incoming()
        beat = make_send(content_type="Text/X-MSRP-Heartbeat ;a=b", success_report=True, byte_range=(1, 9, 9))
        self.assertEqual(give(incoming, beat, b"HEARTBEAT"), [OK])
        self.assertEqual(give(incoming, make_send(message_id="mid2"), b"hello")[-1], Completed(5, "mid2"))

    def test_a_keep_alive_with_the_id_of_a_content_does_not_disturb_it(self) -> None:
        """Some peers use one id for both, and 1-0/0 is not a new total."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 5)), b"hel", flag=Flag.MORE)
        self.assertEqual(give(incoming, make_send(content_type=None, byte_range=(1, 0, 0))), [OK])
        outputs = give(incoming, make_send("t2", byte_range=(4, None, 5)), b"lo")
        self.assertEqual(outputs, [store(3, b"lo"), Completed(5, "mid1")])

    def test_a_later_chunk_may_leave_out_its_type(self) -> None:
        """E.9 rule 7: the first chunk's counts."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 5)), b"hel", flag=Flag.MORE)
        outputs = give(incoming, make_send("t2", byte_range=(4, None, 5), content_type=None), b"lo")
        self.assertEqual(outputs, [store(3, b"lo"), Completed(5, "mid1")])


class SeveralContents(SynchronousTestCase):
    """[R-INF-4, D-MSRP-1] Without a file selector one session carries many contents, even at the same time."""

    def test_chunks_of_two_contents_take_turns(self) -> None:
        """Every octet goes to the content that it belongs to, every reply to the chunk that it answers."""
        incoming = make_incoming(one_content=False)
        for number, message_id in enumerate(("a", "b", "a", "b")):
            start = 1 + 2 * (number // 2)
            flag = Flag.COMPLETE if start == 3 else Flag.MORE
            send = make_send(f"t{number}", message_id=message_id, byte_range=(start, start + 1, 4))
            outputs = give(incoming, send, b"xy", flag=flag)
            self.assertIn(store(start - 1, b"xy", message_id), outputs)
            self.assertEqual(Completed(4, message_id) in outputs, start == 3)
        self.assertEqual(incoming.stored(0.0, "b"), [make_reply("t3")])
        self.assertEqual(incoming.stored(0.0), [make_reply("t2")])

    def test_the_one_that_waits_longest_is_meant_when_none_is_named(self) -> None:
        """Contents become durable in the order in which they were completed."""
        incoming = make_incoming(one_content=False)
        give(incoming, make_send("t1", message_id="a", byte_range=(1, None, 2)), b"x", flag=Flag.MORE)
        give(incoming, make_send("t2", message_id="b"), b"x")
        give(incoming, make_send("t3", message_id="a", byte_range=(2, None, 2)), b"y")
        self.assertEqual(incoming.stored(0.0), [make_reply("t2")])
        self.assertEqual(incoming.failed(413, "", 0.0), [make_reply("t3", 413, "")])

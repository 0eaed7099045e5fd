"""Writing MSRP, and the values that are written."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadChunk, Misuse
from pushsvc.msrp.chunk import (
    ByteRange,
    FailureReport,
    Flag,
    OtherRequest,
    Report,
    encode,
    encode_head,
    end_line,
    reply_to,
)
from pushsvc.msrp.uri import parse_path

from .values import RECEIVER, SENDER, make_reply, make_report, make_send

PATHS = b"To-Path: msrps://r.example.com:2855/rrr;tcp\r\nFrom-Path: msrps://s.example.com:2855/sss;tcp\r\n"
BACK = b"To-Path: msrps://s.example.com:2855/sss;tcp\r\nFrom-Path: msrps://r.example.com:2855/rrr;tcp\r\n"


class ByteRanges(SynchronousTestCase):
    """[D-MSRP-1] Which octets of a content a chunk is about, or claims to be."""

    def test_what_is_read_is_written(self) -> None:
        """Unknown is a star."""
        for text, value in (
            ("1-5/5", ByteRange(1, 5, 5)),
            ("2049-*/5000", ByteRange(2049, None, 5000)),
            ("1-*/*", ByteRange(1, None, None)),
            ("1-0/0", ByteRange(1, 0, 0)),
        ):
            self.assertEqual(ByteRange.parse(text), value)
            self.assertEqual(str(value), text)

    def test_what_other_stacks_write_is_understood(self) -> None:
        """tinyMSRP and rcsjta write -1 for unknown; others a start of * or an end beyond the total."""
        for text, value in (
            ("*-5/5", ByteRange(1, 5, 5)),
            ("1-5/-1", ByteRange(1, 5, None)),
            ("1--1/5", ByteRange(1, None, 5)),
            ("1-1999424/1000000", ByteRange(1, 1999424, 1000000)),
            ("0-5/5", ByteRange(0, 5, 5)),
        ):
            self.assertEqual(ByteRange.parse(text), value)

    def test_what_is_no_range_is_refused(self) -> None:
        """Numbers of a peer are ASCII digits, and few enough to be a size."""
        for text in (
            "",
            "1-5",
            "1 - 5/5",
            "a-b/c",
            "1-5/5 x",
            "+1-5/5",
            "1_0-5/5",
            "\uff11-5/5",
            f"1-5/{'9' * 19}",
            "--1/1",
        ):
            with self.assertRaises(BadChunk, msg=text):
                ByteRange.parse(text)


class WritingChunks(SynchronousTestCase):
    """Other stacks close the connection over one blank too many: the layout is exact."""

    def test_a_send_with_content(self) -> None:
        """[D-MSRP-1] Paths first, then the ids, then MIME headers, Content-Type last."""
        send = make_send(
            byte_range=(1, 5, 5), success_report=True, headers=(("Content-Disposition", "attachment; filename=a"),)
        )
        self.assertEqual(
            encode(send, b"hello", Flag.MORE),
            b"MSRP tid1 SEND\r\n" + PATHS + b"Message-ID: mid1\r\nSuccess-Report: yes\r\nByte-Range: 1-5/5\r\n"
            b"Content-Disposition: attachment; filename=a\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------tid1+\r\n",
        )

    def test_a_send_without_content_has_no_blank_line(self) -> None:
        """With one, msrplib and tinyMSRP wait for ever for the content."""
        self.assertEqual(
            encode(make_send(content_type=None, byte_range=(1, 0, 0))),
            b"MSRP tid1 SEND\r\n" + PATHS + b"Message-ID: mid1\r\nByte-Range: 1-0/0\r\n-------tid1$\r\n",
        )

    def test_empty_content_keeps_both_line_ends(self) -> None:
        """With only one of them several stacks swallow the next frame."""
        self.assertTrue(encode(make_send(), b"").endswith(b"Content-Type: text/plain\r\n\r\n\r\n-------tid1$\r\n"))
        self.assertEqual(encode(make_send()), encode(make_send(), b""))

    def test_the_default_failure_report_is_not_written(self) -> None:
        """Written out, it makes msrp-node-lib send reports nobody asked for."""
        self.assertNotIn(b"Failure-Report", encode(make_send()))
        for value in (FailureReport.PARTIAL, FailureReport.NO):
            written = encode(make_send(failure_report=value))
            self.assertIn(b"mid1\r\nFailure-Report: " + value.value.encode() + b"\r\nByte-Range", written)

    def test_a_reply_a_report_and_another_request(self) -> None:
        """None of them has content."""
        self.assertEqual(encode(make_reply()), b"MSRP tid1 200 OK\r\n" + BACK + b"-------tid1$\r\n")
        self.assertEqual(encode(make_reply(comment="")), b"MSRP tid1 200\r\n" + BACK + b"-------tid1$\r\n")
        self.assertEqual(
            encode(make_report()),
            b"MSRP rep1 REPORT\r\n" + BACK + b"Message-ID: mid1\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n"
            b"-------rep1$\r\n",
        )
        bare = Report("rep1", (SENDER,), (RECEIVER,), None, None, 413)
        self.assertEqual(encode(bare), b"MSRP rep1 REPORT\r\n" + BACK + b"Status: 000 413\r\n-------rep1$\r\n")
        auth = OtherRequest("tid1", "AUTH", (RECEIVER,), (SENDER,), (("Expires", "60"),))
        self.assertEqual(encode(auth), b"MSRP tid1 AUTH\r\n" + PATHS + b"Expires: 60\r\n-------tid1$\r\n")

    def test_a_chunk_can_be_written_in_three_parts(self) -> None:
        """Content is never copied to be sent."""
        send = make_send()
        parts = encode_head(send) + b"hello" + end_line("tid1", Flag.ABORTED, has_content=True)
        self.assertEqual(parts, encode(send, b"hello", Flag.ABORTED))

    def test_our_own_mistakes_do_not_reach_the_wire(self) -> None:
        """A line end inside a header would be a header of its own, written by whoever chose the value."""
        for value in ("a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\x7f"):
            with self.assertRaises(Misuse, msg=repr(value)):
                encode(make_send(headers=(("Content-Description", value),)))
        self.assertIn(b"a?b", encode(make_send(headers=(("Content-Description", "a\ud800b"),))))
        with self.assertRaises(Misuse):
            encode(make_send(content_type=None), b"")
        with self.assertRaises(Misuse):
            encode(make_reply(), b"hello")


class Answering(SynchronousTestCase):
    """Who is told what."""

    def test_a_send_is_answered_to_the_hop_it_came_from(self) -> None:
        """[D-MSRP-1, R-FLOW-9] A relay in between answers its own neighbour, not the far end."""
        path = parse_path("msrps://relay.example.com:2855/x;tcp msrps://s.example.com:2855/sss;tcp")
        send = attrs.evolve(make_send(), from_path=path)
        self.assertEqual(reply_to(send, 200, own=RECEIVER), attrs.evolve(make_reply(), to_path=path[:1], comment="OK"))

    def test_another_method_is_answered_along_the_whole_route(self) -> None:
        """RFC 4976 has it so for AUTH."""
        path = parse_path("msrps://relay.example.com:2855/x;tcp msrps://s.example.com:2855/sss;tcp")
        request = OtherRequest("tid1", "NICKNAME", (RECEIVER,), path)
        reply = attrs.evolve(make_reply(), to_path=path, status=501, comment="Unknown method")
        self.assertEqual(reply_to(request, 501, own=RECEIVER), reply)

    def test_words_can_be_given(self) -> None:
        """A person reads them in a trace."""
        self.assertEqual(reply_to(make_send(), 400, "hash differs", own=RECEIVER).comment, "hash differs")
        self.assertEqual(reply_to(make_send(), 299, own=RECEIVER).comment, "")

    def test_nobody_is_answered_who_does_not_want_it(self) -> None:
        """[D-MSRP-3] Errors only for "partial", nothing at all for "no"."""
        wishes = {
            value: [make_send(failure_report=value).wants_reply(status) for status in (200, 413)]
            for value in FailureReport
        }
        self.assertEqual(
            wishes,
            {FailureReport.YES: [True, True], FailureReport.PARTIAL: [False, True], FailureReport.NO: [False, False]},
        )

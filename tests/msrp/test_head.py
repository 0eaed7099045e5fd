"""Reading start-lines and headers as other stacks write them."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadChunk
from pushsvc.msrp.chunk import ByteRange, FailureReport, Head, OtherRequest
from pushsvc.msrp.head import read_head, read_unintelligible

from .values import RECEIVER, SENDER, make_reply, make_report, make_send

PATHS = ("To-Path: msrps://r.example.com:2855/rrr;tcp", "From-Path: msrps://s.example.com:2855/sss;tcp")
BACK = ("To-Path: msrps://s.example.com:2855/sss;tcp", "From-Path: msrps://r.example.com:2855/rrr;tcp")


def read(*lines: str) -> Head:
    return read_head("\r\n".join(lines).encode(), 32, 2048)


class ReadingSends(SynchronousTestCase):
    """[D-MSRP-1] Every stack of the survey writes its headers a little differently; all of them must get through."""

    def test_all_that_is_known_is_found_and_the_rest_kept(self) -> None:
        """Unknown headers are ignored by whoever does not want them, in their order."""
        self.assertEqual(
            read(
                "MSRP tid1 SEND",
                *PATHS,
                "Message-ID: mid1",
                "Success-Report: yes",
                "Failure-Report: partial",
                "Byte-Range: 1-*/5000",
                "X-Unknown: a: b",
                "Content-Disposition: attachment",
                "Content-Type: text/plain; charset=utf-8",
            ),
            make_send(
                byte_range=(1, None, 5000),
                success_report=True,
                failure_report=FailureReport.PARTIAL,
                content_type="text/plain; charset=utf-8",
                headers=(("X-Unknown", "a: b"), ("Content-Disposition", "attachment")),
            ),
        )

    def test_order_case_and_blanks_do_not_matter(self) -> None:
        """msrplib puts Byte-Range before Message-ID, node-lib last; libmsrp writes "Message-id:" and " :"."""
        self.assertEqual(
            read(
                "MSRP tid1 SEND",
                "content-type:text/plain",
                "BYTE-RANGE :\t 1-5/5 ",
                "Message-id:mid1",
                "from-path:   msrps://s.example.com:2855/sss;tcp",
                "TO-PATH: msrps://r.example.com:2855/rrr;tcp\t",
            ),
            make_send(byte_range=(1, 5, 5)),
        )

    def test_the_range_may_be_anywhere(self) -> None:
        """It is read on its own, as the rest is the same in all chunks of a content."""
        rest = [*PATHS, "Message-ID: mid1", "Content-Type: text/plain"]
        for spelling in ("Byte-Range: 1-5/5", "byte-range: 1-5/5", "Byte-Range:1-5/5", "Byte-Range: \t1-5/5 "):
            for at in range(len(rest) + 1):
                head = read("MSRP tid1 SEND", *rest[:at], spelling, *rest[at:])
                self.assertEqual(head, make_send(byte_range=(1, 5, 5)))

    def test_what_a_peer_leaves_out_is_missing(self) -> None:
        """Opening SENDs of rcsjta, tinyMSRP and node-lib have no Byte-Range; others no Message-ID."""
        bare = read("MSRP tid1 SEND", *PATHS)
        self.assertEqual(bare, make_send(message_id=None, byte_range=None, content_type=None))

    def test_odd_wishes_count_as_the_default(self) -> None:
        """A value from the future must not silence the replies."""
        send = read("MSRP tid1 SEND", *PATHS, "Failure-Report: maybe", "Success-Report: maybe")
        self.assertEqual((send.failure_report, send.success_report), (FailureReport.YES, False))  # type: ignore[union-attr]

    def test_transaction_ids_of_any_length_and_letters_are_taken(self) -> None:
        """tinyMSRP counts milliseconds, others write one letter or 64."""
        for transaction_id in ("1", "1732440000000", "a" * 64, "a.b-c+d%e=f_g@h"):
            send = read(f"MSRP {transaction_id} SEND", *PATHS)
            self.assertEqual(send.transaction_id, transaction_id)

    def test_text_beyond_ascii_is_utf_8(self) -> None:
        """File names of the whole world; octets that are no UTF-8 cannot break what reads them later."""
        block = "\r\n".join(("MSRP tid1 SEND", *PATHS, "Content-Description: gr")).encode()
        for octets, text in ((b"\xc3\xbcn", "grün"), (b"\xfcn", "gr\ufffdn")):
            head = read_head(block + octets, 32, 2048)
            self.assertEqual(head.headers, (("Content-Description", text),))  # type: ignore[union-attr]


class ReadingTheOthers(SynchronousTestCase):
    """Replies, reports, and methods that are not ours."""

    def test_replies(self) -> None:
        """msrp-java leaves the comment out; Kamailio adds a Message-ID, tinyMSRP a Byte-Range."""
        self.assertEqual(read("MSRP tid1 200 OK", *BACK), make_reply())
        self.assertEqual(read("MSRP tid1 413 Stop  it", *BACK), make_reply(status=413, comment="Stop  it"))
        others = (("Message-ID", "x"), ("Byte-Range", "1-2/2"))
        self.assertEqual(
            read("MSRP tid1 200", *BACK, "Message-ID: x", "Byte-Range: 1-2/2"),
            attrs.evolve(make_reply(comment=""), headers=others),
        )
        self.assertEqual(read("MSRP tid1 200 ", *BACK), make_reply(comment=""))

    def test_reports(self) -> None:
        """Status may come before or after the rest, without words, and with one digit of namespace (libmsrp)."""
        rest = ("Message-ID: mid1", "Byte-Range: 1-5/5")
        report = make_report()
        self.assertEqual(read("MSRP rep1 REPORT", *BACK, *rest, "Status: 000 200 OK"), report)
        self.assertEqual(read("MSRP rep1 REPORT", *BACK, "Status : 0 200 OK", *rest), report)
        self.assertEqual(read("MSRP rep1 REPORT", *BACK, "Status: 000 200", *rest), attrs.evolve(report, comment=""))

    def test_a_report_that_says_nothing_understandable_has_status_0(self) -> None:
        """It is ignored, which is no reason to lose the connection."""
        for status in ((), ("Status: 001 200 OK",), ("Status: fine",)):
            head = read("MSRP rep1 REPORT", *BACK, *status)
            nothing = attrs.evolve(make_report(), message_id=None, byte_range=None, status=0, comment="")
            self.assertEqual(head, nothing)

    def test_other_methods_keep_their_name_and_headers(self) -> None:
        """They are answered 501, whatever they are; methods are case-sensitive."""
        for method in ("AUTH", "FILE_OFFSET", "send", "2000"):
            self.assertEqual(
                read(f"MSRP tid1 {method}", *PATHS, "Message-ID: x", "Byte-Range: nonsense"),
                OtherRequest("tid1", method, (RECEIVER,), (SENDER,), (("Message-ID", "x"), ("Byte-Range", "nonsense"))),
            )


class RefusingHeads(SynchronousTestCase):
    """[D-MSRP-1] What two readers could understand differently is understood by neither."""

    def test_what_cannot_be_read(self) -> None:
        """The connection is closed: nothing behind such a head can be trusted."""
        for lines in (
            ("MSRP tid1", *PATHS),
            ("MSRP  SEND", *PATHS),
            (f"MSRP {'a' * 65} SEND", *PATHS),
            ("MSRP tid1 SEND extra", *PATHS),
            ("msrp tid1 SEND", *PATHS),
            ("MSRP tid1 SEND", PATHS[0]),
            ("MSRP tid1 SEND", PATHS[1]),
            ("MSRP tid1 200 OK", PATHS[1]),
            ("MSRP tid1 SEND", *PATHS, PATHS[0]),
            ("MSRP tid1 SEND", *PATHS, "Message-ID: a", "message-id: b"),
            ("MSRP tid1 SEND", *PATHS, "Byte-Range: 1-1/1", "Byte-Range: 1-1/1"),
            ("MSRP tid1 SEND", *PATHS, "Byte-Range: 1-1/1", "byte-range: 1-1/1"),
            ("MSRP tid1 SEND", *PATHS, "no colon"),
            ("MSRP tid1 SEND", *PATHS, ": no name"),
            ("MSRP tid1 SEND", *PATHS, " folded: line"),
            ("MSRP tid1 SEND", *PATHS, "two words: x"),
            ("MSRP tid1 SEND", *PATHS, "Byte-Range: nonsense"),
            ("MSRP tid1 SEND", "To-Path: nonsense", PATHS[1]),
            ("MSRP tid1 SEND", *PATHS, ""),
        ):
            with self.assertRaises(BadChunk, msg=repr(lines)):
                read(*lines)

    def test_control_octets(self) -> None:
        """They end up in logs, and a lone CR or LF is a line end to somebody else."""
        for octet in [*range(9), *range(10, 32), 127]:
            with self.assertRaises(BadChunk, msg=str(octet)):
                read("MSRP tid1 SEND", *PATHS, f"X: a{chr(octet)}b")

    def test_limits(self) -> None:
        """One head costs a bounded amount of memory and time."""
        fields = [f"X{number}: y" for number in range(30)]
        read("MSRP tid1 SEND", *PATHS, *fields)
        with self.assertRaises(BadChunk):
            read("MSRP tid1 SEND", *PATHS, *fields, "X: y")
        read("MSRP tid1 SEND", *PATHS, f"X: {'y' * 2045}")
        with self.assertRaises(BadChunk):
            read("MSRP tid1 SEND", *PATHS, f"X: {'y' * 2046}")

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.lists(st.binary(max_size=40), max_size=6), st.sampled_from((b"SEND", b"REPORT", b"200 OK", b"AUTH")))
    def test_random_octets_raise_nothing_else(self, lines: list[bytes], kind: bytes) -> None:
        """A peer's octets are traffic, never a traceback."""
        start = b"MSRP tid1 " + kind
        for block in (b"\r\n".join([start, *(path.encode() for path in PATHS), *lines]), b"\r\n".join(lines)):
            try:
                read_head(block, 32, 2048)
            except BadChunk as error:
                self.assertEqual(error.status, 400)


class Unintelligible(SynchronousTestCase):
    """[D-MSRP-1] E.8: what cannot be understood is told 400, where its sender can be told and wants to be."""

    def read(self, *lines: str) -> Head | None:
        return read_unintelligible("\r\n".join(lines).encode())

    def test_who_asked_and_by_which_way(self) -> None:
        """The paths are enough, in any case and place."""
        bare = make_send(message_id=None, byte_range=None, content_type=None)
        self.assertEqual(self.read("MSRP tid1 SEND", "Byte-Range: x", *PATHS), bare)
        self.assertEqual(self.read("MSRP tid1 SEND", *(path.lower() for path in PATHS), "no colon"), bare)
        self.assertEqual(self.read("MSRP tid1 SEND", *PATHS, "Failure-Report: partial"), bare)
        other = OtherRequest("tid1", "AUTH", (RECEIVER,), (SENDER,))
        self.assertEqual(self.read("MSRP tid1 AUTH", *PATHS, "\0: x"), other)

    def test_nothing_is_said(self) -> None:
        """Without a path, to a reply or report, where it is not wanted, and to what is no request at all."""
        for lines in (
            ("MSRP tid1 SEND", PATHS[0]),
            ("MSRP tid1 SEND", PATHS[1]),
            ("MSRP tid1 SEND", "To-Path: nonsense", PATHS[1]),
            ("MSRP tid1 SEND", *PATHS, "failure-report : NO"),
            ("MSRP tid1 REPORT", *PATHS),
            ("MSRP tid1 200 OK", *PATHS),
            ("MSRP tid1", *PATHS),
            ("",),
        ):
            self.assertIsNone(self.read(*lines), lines)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_random_octets_raise_nothing(self, lines: list[bytes]) -> None:
        """It is read because something was wrong already."""
        for start in (b"MSRP tid1 SEND", b""):
            read_unintelligible(b"\r\n".join([start, *(path.encode() for path in PATHS), *lines]))


class ReadingRanges(SynchronousTestCase):
    """A range belongs to SEND and REPORT only."""

    def test_both_have_it(self) -> None:
        """What a report covers is read like what a chunk is."""
        for start in ("MSRP tid1 SEND", "MSRP tid1 REPORT"):
            head = read(start, *PATHS, "Byte-Range: 1-5/-1")
            self.assertEqual(head.byte_range, ByteRange(1, 5, None))  # type: ignore[union-attr]

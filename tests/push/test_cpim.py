"""The head of message/cpim, as the RFC has it, as peers have it, and as nobody should have it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse, ProtocolError
from pushsvc.push.cpim import MAX_HEAD, CpimHead, read_head, write_head

WIRE = Path(__file__).parent.parent / "wire" / "cheatsheet" / "m_cpim.bin"

OWN = (("From", "<sip:push-sender@example.com>"), ("To", "<sip:device1@example.com>"))
DATED = (*OWN, ("DateTime", "2026-03-01T09:30:00Z"))
MIME = (("Content-Type", "text/plain"), ("Content-Disposition", 'attachment; filename="notice.txt"; size=62'))
HEAD = (
    b"From: <sip:push-sender@example.com>\r\nTo: <sip:device1@example.com>\r\nDateTime: 2026-03-01T09:30:00Z\r\n\r\n"
    b'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="notice.txt"; size=62\r\n\r\n'
)


class Writing(SynchronousTestCase):
    def test_the_head_is_the_one_of_the_specification(self) -> None:
        """[F-12] Octet for octet what E.7 (5) has before the 62 octets of the file."""
        self.assertEqual(write_head(DATED, MIME), HEAD)
        self.assertEqual(len(HEAD) + 62, 257)
        self.assertIn(HEAD, WIRE.read_bytes())

    def test_what_would_end_a_line_is_escaped(self) -> None:
        """RFC 3862 §2.2: nobody gets a header of his own into ours."""
        head = write_head([("Subject", "a\\b\r\nFrom: <sip:x>\x7f")], [])
        self.assertEqual(head, b"Subject: a\\\\b\\u000d\\u000aFrom: <sip:x>\\u007f\r\n\r\n\r\n")
        self.assertEqual(read_head(head).headers, (("Subject", "a\\b\r\nFrom: <sip:x>\x7f"),))

    def test_a_mime_header_with_a_line_end_is_a_bug(self) -> None:
        for end in "\r\n":
            self.assertRaises(Misuse, write_head, [], [("Content-Type", f"text/plain{end}X: y")])

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), max_size=5))
    def test_whatever_is_written_is_read(self, values: list[str]) -> None:
        headers = tuple((f"X.Header-{index}", value.strip(" \t")) for index, value in enumerate(values))
        head = write_head(headers, MIME)
        self.assertEqual(read_head(head + b"content"), CpimHead(headers, MIME, len(head)))


class Reading(SynchronousTestCase):
    def test_the_head_ends_where_the_content_begins(self) -> None:
        """[D-MSRP-6]"""
        self.assertEqual(read_head(HEAD + b"Maintenance"), CpimHead(DATED, MIME, len(HEAD)))

    def test_the_blank_line_between_the_headers_may_be_missing(self) -> None:
        """E.7 (5): RFC 5547's examples lack it."""
        without = HEAD.replace(b"Z\r\n\r\n", b"Z\r\n")
        self.assertEqual(read_head(without), CpimHead(DATED, MIME, len(without)))

    def test_other_line_ends_and_folded_lines(self) -> None:
        bare = HEAD.replace(b"\r\n", b"\n")
        self.assertEqual(read_head(bare), CpimHead(DATED, MIME, len(bare)))
        folded = HEAD.replace(b"attachment; ", b"attachment;\r\n\t")
        self.assertEqual(read_head(folded), CpimHead(DATED, MIME, len(folded)))

    def test_thousands_of_folds_are_one_value(self) -> None:
        """And cost what they are long."""
        head = read_head(b"Subject: a" + b"\n b" * 5000 + b"\n\n\n")
        self.assertEqual(head.headers, (("Subject", " ".join(["a", *["b"] * 5000])),))

    def test_no_mime_headers_at_all(self) -> None:
        """RFC 3862 §2.1 leaves them to the defaults of MIME."""
        self.assertEqual(read_head(b"From: <sip:a>\r\n\r\n\r\nhello"), CpimHead((("From", "<sip:a>"),), (), 19))

    def test_escapes_and_languages_and_name_spaces(self) -> None:
        """RFC 3862 §2.2 to §2.4; an escape is a UTF-16 unit, and half a pair is a letter that cannot be read."""
        head = read_head(
            b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 34jk324j\r\n"
            b'Subject:;lang=fr \\"caf\\u00e9\\"\\t\\ud83d\\ude00\\ud83d\\q \xff\r\n\r\n\r\n'
        )
        self.assertEqual(
            head.headers,
            (
                ("NS", "imdn <urn:ietf:params:imdn>"),
                ("imdn.Message-ID", "34jk324j"),
                ("Subject", ';lang=fr "café"\t\U0001f600\ufffd\\q \ufffd'),
            ),
        )

    def test_what_is_required_must_be_known(self) -> None:
        """RFC 3862 §2.4.5: rather refused than half understood."""
        self.assertEqual(read_head(b"Require: Subject,DateTime\r\n\r\n\r\n").size, 31)
        self.assert_refused(415, b"Require: Subject, Features.Vital\r\n\r\n\r\n")

    def assert_refused(self, status: int, octets: bytes) -> None:
        self.assertEqual(self.assertRaises(ProtocolError, read_head, octets).status, status, octets[:80])

    def test_heads_that_cannot_be_read(self) -> None:
        for octets in (
            b"",
            b"\r\n",
            b"no colon\r\n\r\n\r\n",
            b": no name\r\n\r\n\r\n",
            b"na me: x\r\n\r\n\r\n",
            b" folded first\r\n\r\n\r\n",
            b"From: <sip:a>\r\n\r\nContent-Type: text/plain\r\n",
            b"From: <sip:a>\r\n\r\njust text\r\n\r\n",
            bytes(100),
        ):
            self.assert_refused(400, octets)

    def test_every_head_that_is_cut_off_is_refused(self) -> None:
        for cut in range(len(HEAD)):
            self.assert_refused(400, HEAD[:cut])

    def test_a_head_is_only_so_long(self) -> None:
        """[D-MSRP-6] The longest that is read, and one octet more."""
        for more, status in ((0, None), (1, 413)):
            padding = MAX_HEAD - len(b"X: \r\n\r\n\r\n") + more
            octets = b"X: " + b"x" * padding + b"\r\n\r\n\r\n"
            if status is None:
                self.assertEqual(read_head(octets).size, MAX_HEAD)
            else:
                self.assert_refused(status, octets[:MAX_HEAD])
        self.assert_refused(413, b"a" * MAX_HEAD)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    @example(b"\\u" * 50 + b": \\ud800\r\n\r\n\r\n")
    def test_no_octets_raise_anything_else(self, octets: bytes) -> None:
        for text in (octets, b"Subject: " + octets + b"\r\n\r\n\r\n", HEAD[:60] + octets + HEAD[60:]):
            try:
                head = read_head(text)
            except ProtocolError as error:
                self.assertIn(error.status, (400, 413, 415))
            else:
                "".join(value for _, value in (*head.headers, *head.mime)).encode()

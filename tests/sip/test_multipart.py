"""Bodies in parts, octet by octet."""

from __future__ import annotations

import base64
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Misuse
from pushsvc.sip.codec import parse
from pushsvc.sip.headers import Headers
from pushsvc.sip.message import Request
from pushsvc.sip.multipart import MAX_HEAD, MAX_PARTS, ContentField, Part, boundary_of, join, split
from tests.sip.samples import TORTURE, TWO_FILES
from tests.sip.strategies import modest


class Splitting(SynchronousTestCase):
    def bad(self, body: bytes, boundary: str = "b") -> BadMessage:
        return self.assertRaises(BadMessage, split, body, boundary)

    def test_the_invite_of_two_files(self) -> None:
        """[R-PSA-EST-8] E.3: the CRLF before a boundary belongs to it, and the description keeps its own."""
        invite = parse(TWO_FILES)
        assert isinstance(invite, Request)
        boundary = boundary_of(ContentField.parse(invite.headers.first["Content-Type"]))
        self.assertEqual(boundary, "push-b1")
        description, icon = split(invite.body, boundary)
        self.assertEqual(description.content_type, ContentField("application/sdp"))
        self.assertTrue(description.octets.endswith(b"a=file-icon:cid:icon1@sender.example.com\r\n"))
        self.assertEqual(icon.content_id, "icon1@sender.example.com")
        self.assertEqual(icon.content_type, ContentField("image/svg+xml"))
        for part in (description, icon):
            self.assertEqual(part.headers.get("Content-Length"), str(len(part.octets)))
        self.assertEqual(join([description, icon], boundary), invite.body)

    def test_octets_that_are_no_text(self) -> None:
        """RFC 4475 §3.1.1.11: a signature over octets needs exactly these."""
        message = parse((TORTURE / "rfc4475/mpart01.dat").read_bytes())
        assert isinstance(message, Request)
        hello, signature = split(message.body, boundary_of(ContentField.parse(message.headers.first["Content-Type"])))
        self.assertEqual(hello.decoded(), b"Hello")
        self.assertIn(signature.octets, message.body)
        self.assertEqual(signature.octets[:2], b"0\x82")

    def test_what_is_around_the_parts_is_left_out(self) -> None:
        (part,) = split(b"a preamble\r\n--b \t\r\nX: y\r\n\r\n1\r\n--b--\t\r\nan epilogue\r\n--b\r\n\r\n", "b")
        self.assertEqual(part, Part(Headers([("X", "y")]), b"1"))

    def test_a_part_may_lack_headers_or_octets(self) -> None:
        """RFC 2046 §5.1: it is plain text then."""
        parts = split(b"--b\r\n\r\nbare\r\n--b\r\nX: y\r\n--b\r\nX: y\r\n\r\n--b\r\n\r\n--b\r\n--b--", "b")
        fields = Headers([("X", "y")])
        self.assertEqual(
            parts, [Part(Headers(), b"bare"), Part(fields, b""), Part(fields, b""), *[Part(Headers(), b"")] * 2]
        )
        self.assertEqual(parts[0].content_type, ContentField("text/plain"))
        self.assertIsNone(parts[0].content_id)

    def test_a_longer_boundary_is_another_one(self) -> None:
        """Nested multiparts are told apart by nothing else."""
        body = b"--b\r\n\r\n--b1\r\nx\r\n--b1--\r\n--b-- x\r\n--b--"
        self.assertEqual([part.octets for part in split(body, "b")], [b"--b1\r\nx\r\n--b1--\r\n--b-- x"])

    def test_folds_and_letters_in_a_header(self) -> None:
        (part,) = split(b"--b\r\nC:\r\n image/png ;\r\n\tname=x\r\nCONTENT-ID : <a@b>\r\n\r\n\r\n--b--", "b")
        self.assertEqual(part.content_type, ContentField("image/png", (("name", "x"),)))
        self.assertEqual(part.content_id, "a@b")

    def test_what_is_no_multipart_of_this_boundary(self) -> None:
        for body in (
            b"",
            b"x",
            b"--c\r\n\r\nx\r\n--c--",
            b"--b--",
            b"--b",
            b"--b\r\n\r\nx",
            b"--b\r\n\r\nx\r\n--b",
            b"--b\n\nx\n--b--",
            b"--b\r\nno header\r\n\r\nx\r\n--b--",
            b"--b\r\n: x\r\n\r\nx\r\n--b--",
            b"--b\r\nX: \0\r\n\r\nx\r\n--b--",
            b"--b\r\nX: y\n\r\n\r\nx\r\n--b--",
        ):
            self.assertEqual(self.bad(body).status, 400, body)

    def test_limits(self) -> None:
        """Ten thousand parts cost what seventeen do; a header is not longer than a line of SIP may be."""
        self.assertEqual(len(split(b"--b\r\n\r\nx\r\n" * MAX_PARTS + b"--b--", "b")), MAX_PARTS)
        self.bad(b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 1) + b"--b--")
        self.bad(b"--b\r\n\r\nx\r\n" * 10_000 + b"--b--")
        fits = MAX_HEAD - len("X: \r\n\r\n")
        self.assertEqual(len(split(b"--b\r\nX: " + b"y" * fits + b"\r\n\r\n1\r\n--b--", "b")), 1)
        self.bad(b"--b\r\nX: " + b"y" * (fits + 1) + b"\r\n\r\n1\r\n--b--")

    def test_a_megabyte_of_almost_boundaries_is_read_at_once(self) -> None:
        """Nothing is looked at twice, whatever the body repeats: to do so would take minutes."""
        almost = (b"\r\n--b", b"\r\n--b" + b" " * 100, b"\r\n--b--x", b"\r\n", b"--", b"\r\n--b\r\nX", b"X: y\r\n ")
        for piece in almost:
            self.bad(piece * ((1 << 20) // len(piece)))

    @modest
    @given(st.binary(max_size=200) | st.from_regex(rb"(\r\n|--b|--| |X: y|b){0,30}", fullmatch=True))
    def test_octets_that_anybody_may_send(self, body: bytes) -> None:
        """A list, or BadMessage; nothing else, ever."""
        try:
            parts = split(body, "b")
        except BadMessage:
            return
        self.assertTrue(1 <= len(parts) <= MAX_PARTS)
        for part in parts:
            self.assertIn(part.octets, body)

    @modest
    @given(st.lists(st.builds(Part, st.just(Headers([("X", "y")])), st.binary(max_size=80)), min_size=1, max_size=5))
    def test_what_was_joined_comes_apart_again(self, parts: list[Part]) -> None:
        self.assertEqual(split(join(parts, "0a1b2c"), "0a1b2c"), parts)


class Boundaries(SynchronousTestCase):
    def test_what_may_be_one(self) -> None:
        """RFC 2046 §5.1.1"""
        for text, boundary in (
            ('multipart/related;type="application/sdp";boundary="push-b1"', "push-b1"),
            ("Multipart/Mixed ; Boundary = boundary1", "boundary1"),
            ('multipart/mixed; boundary="a b:c=d"', "a b:c=d"),
            (f"multipart/mixed;boundary={'x' * 70}", "x" * 70),
        ):
            self.assertEqual(boundary_of(ContentField.parse(text)), boundary)

    def test_what_may_not(self) -> None:
        for text in ("", ";boundary", ';boundary=""', ';boundary="a "', f";boundary={'x' * 71}", ';boundary="a[b"'):
            self.assertRaises(BadMessage, boundary_of, ContentField.parse("multipart/mixed" + text))

    def test_content_fields_that_cannot_be_read(self) -> None:
        for text in ("", ";", "a/b/c", "text/", "text/plain;", "text/plain;=x", "a\0b", 'icon;x="'):
            self.assertRaises(BadMessage, ContentField.parse, text)
        self.assertIsNone(ContentField.parse("icon").parameter("size"))

    def test_what_we_write_can_be_read(self) -> None:
        part = Part(Headers(), b"x\r\n--inside\r\n")
        for boundary in ("inside", "", "x" * 71, "a\r\n"):
            self.assertRaises(Misuse, join, [part], boundary)


class Codings(SynchronousTestCase):
    """RFC 5621 §3: octets as they are; some send base64 all the same."""

    def part(self, octets: bytes, *coding: str) -> Part:
        return Part(Headers(("Content-Transfer-Encoding", each) for each in coding), octets)

    def test_what_is_undone(self) -> None:
        octets = bytes(range(256))
        for coding in ("Binary", " 8bit", "7BIT"):
            self.assertEqual(self.part(octets, coding).decoded(), octets)
        self.assertEqual(self.part(octets).decoded(), octets)
        text = re.sub(rb"(.{60})", rb"\1\r\n", base64.b64encode(octets))
        self.assertEqual(self.part(text, "BASE64").decoded(), octets)

    def test_what_is_not(self) -> None:
        self.assertEqual(self.assertRaises(BadMessage, self.part(b"x", "quoted-printable").decoded).status, 415)
        for text in (b"=", b"a", b"ab*d", b"\xff"):
            self.assertEqual(self.assertRaises(BadMessage, self.part(text, "base64").decoded).status, 400)

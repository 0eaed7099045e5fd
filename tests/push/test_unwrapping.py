"""What comes out of wrapped contents, and what does not."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import ProtocolError
from pushsvc.push.unwrapping import MAX_DEPTH, MAX_IN_MEMORY, Expected, InMemory, Inside, unwrapped
from pushsvc.sip.headers import Headers
from pushsvc.sip.multipart import MAX_PARTS, Part, join
from tests.push.wrappers import cpim, kind, multipart

ANYTHING = Expected(lambda type: True)


def only(*types: str) -> Expected:
    return Expected(lambda type: type in types)


class UnwrappingCase(SynchronousTestCase):
    def taken(self, type: str, octets: bytes, expected: Expected = ANYTHING) -> tuple[str, bytes]:
        inside = unwrapped(type, InMemory(octets), expected)
        return inside.type, inside.content.read(0, inside.content.size)

    def assert_refused(self, status: int, type: str, octets: bytes, expected: Expected = ANYTHING) -> None:
        error = self.assertRaises(ProtocolError, unwrapped, type, InMemory(octets), expected)
        self.assertEqual(error.status, status, error.reason)


class Cpim(UnwrappingCase):
    def test_the_content_comes_out_with_what_describes_it(self) -> None:
        """[D-MSRP-6] [F-12]"""
        disposition = ("Content-Disposition", 'render; filename="x.png"')
        inside = unwrapped("message/cpim", InMemory(cpim(b"\x89PNG", "image/png", disposition)), ANYTHING)
        self.assertEqual((inside.type, inside.headers), ("image/png", {"content-disposition": disposition[1]}))
        self.assertEqual([inside.content.read(at, 2) for at in (0, 2)], [b"\x89P", b"NG"])

    def test_plain_text_where_it_does_not_say(self) -> None:
        self.assertEqual(self.taken("message/cpim", b"From: <sip:a>\r\n\r\n\r\nhello"), ("text/plain", b"hello"))
        self.assertEqual(self.taken("message/cpim", b"\r\n\r\n"), ("text/plain", b""))

    def test_a_type_that_is_not_wanted(self) -> None:
        """[R-PRA-INV-1] That it is wrapped changes nothing."""
        self.assert_refused(415, "message/cpim", cpim(b"x", "image/png"), only("text/plain"))

    def test_what_is_no_cpim(self) -> None:
        self.assert_refused(400, "message/cpim", b"hello")
        self.assert_refused(413, "message/cpim", b"x" * 20_000)
        self.assert_refused(415, "message/cpim", b"Require: X\r\n\r\n\r\n")

    def test_codings_of_mail_are_undone(self) -> None:
        coded = base64.encodebytes(b"\x89PNG")
        coding = ("Content-Transfer-Encoding", " Base64 ")
        self.assertEqual(self.taken("message/cpim", cpim(coded, "image/png", coding)), ("image/png", b"\x89PNG"))
        self.assert_refused(400, "message/cpim", cpim(b"?", "image/png", coding))
        self.assert_refused(415, "message/cpim", cpim(b"x", "image/png", ("Content-Transfer-Encoding", "x-uuencode")))
        self.assert_refused(413, "message/cpim", cpim(bytes(MAX_IN_MEMORY + 1), "image/png", coding))

    def test_octets_as_they_are_may_be_more_than_memory_takes(self) -> None:
        """They are not read here at all."""

        class Vast:
            size = 1 << 40

            def read(self, offset: int, size: int) -> bytes:
                head = cpim(b"", "video/mp4", ("Content-Transfer-Encoding", "binary"))
                assert offset + size < 1 << 20 or offset > 1 << 39
                return (head + bytes(1 << 15))[offset : offset + size] if offset < 1 << 20 else b"z" * size

        inside = unwrapped("message/cpim", Vast(), ANYTHING)
        self.assertEqual(inside.content.size, (1 << 40) - len(cpim(b"", "video/mp4")) - 35)
        self.assertEqual(inside.content.read(inside.content.size - 1, 1), b"z")


class Multiparts(UnwrappingCase):
    """[D-MSRP-6] One content each."""

    def test_the_best_alternative_is_the_last_that_is_acceptable(self) -> None:
        """RFC 2046 §5.1.4."""
        body = multipart(("text/plain", b"plain"), ("text/html", b"<p>"), ("application/x-new", b"new"))
        for expected, found in (
            (ANYTHING, ("application/x-new", b"new")),
            (only("text/plain", "text/html"), ("text/html", b"<p>")),
            (only("text/plain"), ("text/plain", b"plain")),
            (Expected(lambda type: True, "Text/HTML"), ("text/html", b"<p>")),
        ):
            self.assertEqual(self.taken(kind("alternative"), body, expected), found)
        self.assert_refused(415, kind("alternative"), body, only("image/png"))

    def test_an_alternative_that_cannot_be_read_is_none(self) -> None:
        body = multipart(("text/plain", b"plain"), ("message/cpim", b"rubbish"))
        self.assertEqual(self.taken(kind("alternative"), body), ("text/plain", b"plain"))
        self.assert_refused(400, kind("alternative"), multipart(("message/cpim", b"rubbish")))

    def test_the_signed_part_comes_out_and_its_signature_does_not(self) -> None:
        """RFC 1847 §2.1. Nobody says that the signature is good."""
        body = multipart(("text/plain", b"signed"), ("application/pkcs7-signature", b"..."))
        self.assertEqual(self.taken(kind("signed"), body), ("text/plain", b"signed"))
        self.assert_refused(415, kind("signed"), body, only("application/pkcs7-signature"))

    def test_one_part_is_the_content(self) -> None:
        for subtype in ("mixed", "related"):
            self.assertEqual(self.taken(kind(subtype), multipart(("image/png", b"\x89"))), ("image/png", b"\x89"))
            self.assert_refused(415, kind(subtype), multipart(("image/png", b"\x89")), only("text/plain"))

    def test_several_parts_stay_together(self) -> None:
        """An inbox entry is one content; half of one is none. Where one part is not wanted, all are not."""
        body = multipart(("text/html", b"<p>"), ("image/png", b"\x89"))
        for subtype in ("mixed", "related"):
            self.assertEqual(self.taken(kind(subtype), body, only("text/html", "image/png")), (kind(subtype), body))
            self.assert_refused(415, kind(subtype), body, only("text/html"))

    def test_the_announced_file_is_looked_for_among_several(self) -> None:
        body = multipart(("text/plain", b"see below"), ("image/png", b"\x89"), ("image/png", b"other"))
        for subtype in ("mixed", "related"):
            file = Expected(lambda type: True, "image/png", 1)
            self.assertEqual(self.taken(kind(subtype), body, file), ("image/png", b"\x89"))
            self.assert_refused(415, kind(subtype), body, Expected(lambda type: True, "image/gif", 1))

    def test_a_multipart_that_was_announced_is_the_file_itself(self) -> None:
        """Its hash is over all of it. Without a type its size tells."""
        body = multipart(("text/plain", b"x"))
        for file in (Expected(lambda type: True, "multipart/mixed"), Expected(lambda type: True, None, len(body))):
            self.assertEqual(self.taken(kind("mixed"), body, file), (kind("mixed"), body))
            self.assertEqual(self.taken("message/cpim", cpim(body, kind("mixed")), file), (kind("mixed"), body))
        smaller = Expected(lambda type: True, None, 1)
        self.assertEqual(self.taken(kind("mixed"), body, smaller), ("text/plain", b"x"))

    def test_inner_descriptions_count_before_outer_ones(self) -> None:
        extra = [("Content-Disposition", "render; filename=inner")]
        body = multipart(("text/plain", b"x"), extra=extra)
        outer = (("Content-Disposition", "attachment; filename=outer"), ("Content-Description", "outer"))
        inside = unwrapped("message/cpim", InMemory(cpim(body, kind("mixed"), *outer)), ANYTHING)
        self.assertEqual(
            (inside.type, dict(inside.headers)),
            ("text/plain", {"content-disposition": extra[0][1], "content-description": "outer"}),
        )

    def test_what_is_no_multipart(self) -> None:
        body = multipart(("text/plain", b"x"))
        for type, octets in (
            ("multipart/mixed", body),
            ("multipart/mixed; boundary=other", body),
            (kind("mixed"), b""),
            (kind("mixed"), body[:-6]),
            (kind("mixed"), b"--edge\r\nno header\r\n\r\nx\r\n--edge--"),
            (kind("mixed"), multipart(*[("text/plain", b"x")] * (MAX_PARTS + 1))),
        ):
            self.assert_refused(400, type, octets)

    def test_only_so_large_ones_are_taken_apart(self) -> None:
        """They are looked at in memory."""
        room = len(multipart(("text/plain", b"")))
        self.assertEqual(
            len(self.taken(kind("mixed"), multipart(("text/plain", bytes(MAX_IN_MEMORY - room))))[1]),
            MAX_IN_MEMORY - room,
        )
        self.assert_refused(413, kind("mixed"), multipart(("text/plain", bytes(MAX_IN_MEMORY - room + 1))))


class Nested(UnwrappingCase):
    def nested(self, depth: int) -> tuple[str, bytes]:
        type, octets = "text/plain", b"core"
        for level in range(depth):
            if level % 2:
                type, octets = (
                    f"multipart/mixed; boundary=b{level}",
                    join([Part(Headers([("Content-Type", type)]), octets)], f"b{level}"),
                )
            else:
                type, octets = "message/cpim", cpim(octets, type)
        return type, octets

    def test_as_deep_as_the_limit_and_one_deeper(self) -> None:
        """SECURITY part 5."""
        self.assertEqual(self.taken(*self.nested(MAX_DEPTH)), ("text/plain", b"core"))
        self.assert_refused(400, *self.nested(MAX_DEPTH + 1))

    def test_signed_inside_cpim(self) -> None:
        body = multipart(("image/png", b"\x89"), ("application/pgp-signature", b"..."))
        self.assertEqual(self.taken("message/cpim", cpim(body, kind("signed"))), ("image/png", b"\x89"))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.sampled_from(["message/cpim", kind("mixed"), kind("alternative"), kind("signed")]), st.data())
    def test_no_octets_raise_anything_else(self, type: str, data: st.DataObject) -> None:
        inner = st.binary(max_size=60) | st.just(b"\r\n--edge") | st.just(b"--edge--") | st.just(b"\r\n\r\n")
        octets = b"".join(data.draw(st.lists(inner, max_size=8)))
        outer = join([Part(Headers([("Content-Type", kind("alternative"))]), octets)], "outer")
        for whole in (octets, cpim(octets, kind("mixed")), cpim(outer, "multipart/mixed; boundary=outer")):
            try:
                inside = unwrapped(type, InMemory(whole), ANYTHING)
            except ProtocolError as error:
                self.assertIn(error.status, (400, 413, 415))
            else:
                self.assertIsInstance(inside, Inside)
                self.assertEqual(len(inside.content.read(0, inside.content.size)), inside.content.size)

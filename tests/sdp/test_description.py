"""The text of a session description: what survives, what is refused, where the limits are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Misuse, NotAcceptable, ProtocolError
from pushsvc.sdp import Description, Origin, Section, format, parse
from pushsvc.sdp.description import MAX_LINES, MAX_MEDIA, MAX_SIZE, MediaLine, one_line

HEAD = b"v=0\r\no=- 1 2 IN IP4 h.example\r\ns=-\r\nt=0 0\r\n"
ODD = HEAD + b"x=?\r\nm=message 9 TCP/MSRP *\r\na=x-\xc3\x84:\xff 1\r\ny=\r\na=path\r\nm=audio 7/2 RTP/AVP 0 8\r\n"


class Text(SynchronousTestCase):
    """A middle man's additions must reach whoever understands them."""

    def test_what_we_do_not_know_survives(self) -> None:
        """[D-SDP-5] Unknown kinds of lines, unknown attributes, octets that are not UTF-8, all in their order."""
        description = parse(ODD)
        self.assertEqual(format(description), ODD)
        self.assertEqual(description.session.value("x"), "?")
        self.assertEqual(len(description.sections), 2)
        self.assertEqual(description.sections[0].attribute("path"), "")
        self.assertEqual(description.sections[0].attribute("absent"), None)

    def test_line_feeds_alone_and_blank_lines_at_the_end_are_taken(self) -> None:
        """RFC 8866 §5 asks parsers for the first, and carelessly joined bodies have the second."""
        self.assertEqual(parse(ODD.replace(b"\r\n", b"\n") + b"\r\n\n"), parse(ODD))

    def test_repeated_attributes_come_in_order(self) -> None:
        """Several fingerprints are alternatives, and the first path is the one that counts."""
        section = Section((("a", "path: one"), ("b", "path:x"), ("a", "path:two"), ("a", "pathology:three")))
        self.assertEqual(section.attributes("path"), ["one", "two"])
        self.assertEqual(section.attribute("path"), "one")

    def test_the_origin_is_read(self) -> None:
        """Its version tells a refresh from a change."""
        self.assertEqual(parse(HEAD).origin, Origin("-", 1, 2, "IN", "IP4", "h.example"))
        self.assertEqual(str(parse(HEAD).origin), "- 1 2 IN IP4 h.example")

    def test_media_lines_are_read(self) -> None:
        """A number of ports is legal, and nothing to us."""
        line = MediaLine.of(parse(ODD).sections[1])
        self.assertEqual(line, MediaLine("audio", 7, "RTP/AVP", "0 8"))

    def test_a_value_cannot_write_a_line_of_its_own(self) -> None:
        """A file name or title from outside must not add attributes to our offer."""
        for text in ("x\r\na=recvonly", "x\ny", "x\r", "x\0y"):
            with self.assertRaises(Misuse):
                format(Description(Section((("v", "0"), ("i", text)))))

    def test_text_is_made_fit_for_one_line(self) -> None:
        """What `format` would refuse is made harmless where text comes from people."""
        self.assertEqual(one_line(" Gate\r\n\t3 \u2028 \x85 \x00ouvert\ud800 "), "Gate 3 ouvert?")


class NotADescription(SynchronousTestCase):
    """Class 7 of the things that went wrong elsewhere: absurd numbers, missing parts, NUL, counts."""

    def test_broken_text_is_a_bad_message(self) -> None:
        """The INVITE gets 400 and nobody looks into half a description."""
        for body in (
            b"",
            b"\r\n",
            b"v=1\r\n" + HEAD[5:],
            b"o=- 1 2 IN IP4 h\r\nv=0\r\n",
            b"v=0\r\ns=-\r\n",
            HEAD + b"\r\nm=message 9 TCP/MSRP *\r\n",
            HEAD + b"m=message 9 TCP/MSRP *\ra=path:x\r\n",
            HEAD + b"a\r\n",
            HEAD + b"aa=x\r\n",
            HEAD + b"A=x\r\n",
            HEAD + b"a=x\0\r\n",
            b'{"type": "offer"}',
            HEAD.replace(b" 1 2 ", b" 1 -2 "),
            HEAD.replace(b" 1 2 ", b" 1 " + b"9" * 21 + b" "),
            HEAD.replace(b" 1 2 ", " 1 \u0662 ".encode()),
            HEAD.replace(b" h.example", b""),
        ):
            with self.assertRaises(BadMessage) as caught:
                parse(body)
            self.assertEqual(caught.exception.status, 400, body)

    def test_broken_media_lines_are_a_bad_message(self) -> None:
        """A line without a port, or with one that no socket has, cannot even be answered with port 0."""
        for value in (
            b"message",
            b"message 9",
            b"message 9 TCP/MSRP",
            b"message 65536 TCP/MSRP *",
            b"message 1000000 TCP/MSRP *",
            b"message -1 TCP/MSRP *",
            b"message +1 TCP/MSRP *",
            b"message 1_0 TCP/MSRP *",
            b"message 9/ TCP/MSRP *",
            b"message \xc2\xb2 TCP/MSRP *",
            b"  9 TCP/MSRP *",
        ):
            with self.assertRaises(BadMessage):
                parse(HEAD + b"m=" + value + b"\r\n")

    def test_limits_are_reached_and_not_passed(self) -> None:
        """A peer cannot make us hold or look through more than this."""
        line, media = b"a=x\r\n", b"m=message 9 TCP/MSRP *\r\n"
        largest = HEAD + b"a=" + b"x" * (MAX_SIZE - len(HEAD) - 4) + b"\r\n"
        for fits, too_much in (
            (largest, largest + b"\n"),
            (HEAD + line * (MAX_LINES - 4), HEAD + line * (MAX_LINES - 3)),
            (HEAD + media * MAX_MEDIA, HEAD + media * (MAX_MEDIA + 1)),
        ):
            self.assertEqual(format(parse(fits)), fits)
            with self.assertRaises(NotAcceptable) as caught:
                parse(too_much)
            self.assertEqual(caught.exception.status, 488)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.binary(max_size=200), st.integers(0, len(ODD)), st.integers(0, 8))
    def test_any_octets_are_read_or_refused(self, octets: bytes, at: int, dropped: int) -> None:
        """Whatever arrives, the service goes on; and what was read once is stable from then on."""
        for body in (octets, ODD[:at] + octets + ODD[at + dropped :]):
            try:
                description = parse(body)
            except ProtocolError as error:
                self.assertIn(error.status, (400, 488))
            else:
                self.assertEqual(parse(format(description)), description)

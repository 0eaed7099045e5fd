"""pushsvc.sip.codec: octets to messages and back."""

from __future__ import annotations

import attrs
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Misuse
from pushsvc.sip.codec import DEFAULT_LIMITS, Limits, Malformed, StreamParser, encode, parse
from pushsvc.sip.headers import CSeq, Headers
from pushsvc.sip.message import Message, Request, Response
from pushsvc.sip.uri import SipUri
from tests.sip.reading import feed, read
from tests.sip.samples import INVITE, OK, made
from tests.sip.strategies import messages, modest
from tests.sip.values import make_invite, make_request, make_response


class ReadingTests(SynchronousTestCase):
    """What every message has in common, by datagram."""

    def status(self, datagram: bytes, limits: Limits = DEFAULT_LIMITS) -> int:
        return self.assertRaises(BadMessage, parse, datagram, limits).status

    def test_a_request(self) -> None:
        self.assertEqual(
            parse(made(b"Subject:x\r\n", b"body")),
            Request(
                "INVITE",
                SipUri("192.0.2.2", user="bob"),
                Headers(
                    [
                        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone"),
                        ("From", "<sip:alice@example.com>;tag=a1"),
                        ("To", "<sip:bob@example.com>"),
                        ("Call-ID", "call1"),
                        ("CSeq", "1 INVITE"),
                        ("Subject", "x"),
                    ]
                ),
                b"body",
            ),
        )

    def test_a_response(self) -> None:
        for line, status, reason in (
            (b"SIP/2.0 200 OK", 200, "OK"),
            (b"sip/2.0 100 ", 100, ""),
            (b"SIP/2.0 699", 699, ""),
            (b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xff", 200, "= 2**3 * 5**2 н\udcff"),
        ):
            message = read(line + b"\r\n" + OK.partition(b"\r\n")[2] + b"\r\n")
            assert isinstance(message, Response)
            self.assertEqual((message.status, message.reason), (status, reason))

    def test_nothing_but_line_ends_is_a_keep_alive(self) -> None:
        """[D-SIP-3] Phones send them to keep a hole in the address translator open."""
        for datagram in (b"", b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b"\r\n\0"):
            self.assertIsNone(parse(datagram))

    def test_line_ends_before_the_start_line_are_passed_over(self) -> None:
        """[D-SIP-3] RFC 3261 §7.5."""
        self.assertEqual(parse(b"\r\n\r\n" + made()), parse(made()))

    def test_folded_headers_are_one_line(self) -> None:
        """[D-SIP-4] Old stacks fold long ones."""
        folded = b"Subject: I know \r\n\t you're\r\n    there  \r\nm:\r\n <sip:a@b>\r\nSupported :timer\r\n"
        message = read(made(folded))
        self.assertEqual(message.headers.get("Subject"), "I know you're there")
        self.assertEqual(message.headers.get("Contact"), "<sip:a@b>")
        self.assertEqual(message.headers.get("Supported"), "timer")
        self.assertEqual(self.status(b"INVITE sip:a@b\r\n SIP/2.0\r\n" + made().partition(b"\r\n")[2]), 400)
        self.assertEqual(self.status(made().replace(b"\r\nVia", b"\r\n Via")), 400)

    def test_blanks_around_a_value_do_not_count(self) -> None:
        message = read(made(b"Subject: \t x y\t \r\nX-Empty:\r\nX-Blank:  \t\r\n"))
        self.assertEqual(message.headers.fields[-3:], (("Subject", "x y"), ("X-Empty", ""), ("X-Blank", "")))

    def test_octets_that_are_no_text_survive(self) -> None:
        """Old phones write names in Latin-1; what we cannot read we still repeat to the octet."""
        datagram = made(b"Subject: J\xf6rg \xe6\x97\xa5\xff\r\nl: 0\r\n")
        self.assertEqual(encode(read(datagram)), datagram)

    def test_control_octets_are_refused(self) -> None:
        """[D-SIP-5] `To\\x01:` has been one header to a proxy and another one to the server behind it."""
        for octet in (b"\0", b"\x01", b"\x08", b"\x0b", b"\x1b", b"\x7f", b"\r", b"\n"):
            for damage in (
                made(b"Subject: a" + octet + b"b\r\n"),
                made(b"Subject" + octet + b": ab\r\n"),
                made(b'Subject: "a' + octet + b'b"\r\n'),
                made().replace(b"bob@192", b"bob" + octet + b"@192"),
                made().replace(b" SIP/2.0\r", octet + b" SIP/2.0\r"),
                OK.replace(b" OK", b" O" + octet + b"K") + b"\r\n",
            ):
                self.assertEqual(self.status(damage), 400, damage)

    def test_quoted_pairs_may_be_control_octets_but_no_line_end(self) -> None:
        """RFC 3261 §25.1 and RFC 4475 §3.1.1.2 allow them in a quoted string only."""
        datagram = made(b'Subject: "\\\x07\\\0\\\x7f"\r\nl: 0\r\n')
        self.assertEqual(encode(read(datagram)), datagram)
        for value in (b"\\\x07", b'"\\\n"', b'"\\\r"', b'"\\\\\x07"', b'"a" \\\x07 "b"', b'"\\\x07'):
            self.assertEqual(self.status(made(b"Subject: " + value + b"\r\n")), 400, value)
        self.assertEqual(self.status(OK.replace(b" OK", b' "\\\x07"') + b"\r\n"), 400)

    def test_line_ends_are_cr_and_lf(self) -> None:
        """[D-SIP-5] A bare one is a line to some and none to others: that is how requests are smuggled."""
        for damage in (
            made(b"Subject: a\nX-Evil: yes\r\n"),
            made(b"Subject: a\rX-Evil: yes\r\n"),
            made(b"Subject: a\rX-Evil: yes\nSubject: b\r\n"),
            made(b"Subject: a\rX-Evil: yes\n b\r\n"),
            made().replace(b"\r\nVia", b"\rX-Evil: yes\nVia"),
            made(b"Subject: a\n\r\n"),
            made().replace(b"\r\n", b"\n"),
            made().replace(b"\r\nVia", b"\nVia"),
            INVITE + b"\n\r\n",
            INVITE[:-2] + b"\n\r\n\r\n",
        ):
            self.assertEqual(self.status(damage), 400, damage)

    def test_lines_that_are_no_fields_are_refused(self) -> None:
        """[D-SIP-5] Passing one over would let it mean something to the next parser."""
        for line in (b"nonsense", b": value", b"a b: c", b"a(b): c", b"\xc3\xa9: x", b"To", b"<x>: y"):
            self.assertEqual(self.status(made(line + b"\r\n")), 400, line)

    def test_start_lines_that_are_none_are_refused(self) -> None:
        """[D-SIP-5] One blank, no more, and nothing behind it."""
        for line in (
            b"INVITE sip:a@b",
            b"INVITE  sip:a@b SIP/2.0",
            b"INVITE sip:a@b  SIP/2.0",
            b"INVITE sip:a@b SIP/2.0 ",
            b" INVITE sip:a@b SIP/2.0",
            b"INVITE\tsip:a@b SIP/2.0",
            b"IN<VITE sip:a@b SIP/2.0",
            b"INVITE sip:a@b; lr SIP/2.0",
            b"INVITE <sip:a@b> SIP/2.0",
            b"INVITE sip:a@b HTTP/1.1",
            b"INVITE sip:a@b?Route=c SIP/2.0",
            b"SIP/2.0 99 Low",
            b"SIP/2.0 700 High",
            b"SIP/2.0 0200 OK",
            b"SIP/2.0 2OO OK",
            b"SIP/2.0  200 OK",
            b"SIP/3.0 200 OK",
            b"GET / HTTP/1.1",
            b"",
        ):
            self.assertEqual(self.status(line + b"\r\n" + made().partition(b"\r\n")[2]), 400, line)

    def test_another_version_is_505(self) -> None:
        """[D-SIP-5] So that the caller can go back to one that we know."""
        for version in (b"7.0", b"2.1", b"20", b"2.0.0", b"1.0"):
            status = 400 if version == b"2.0.0" else 505
            self.assertEqual(self.status(made().replace(b"SIP/2.0\r", b"SIP/" + version + b"\r")), status)

    def test_the_case_of_the_protocol_does_not_matter(self) -> None:
        self.assertEqual(parse(made().replace(b" SIP/2.0\r", b" sip/2.0\r")), parse(made()))

    def test_the_end_of_the_headers_must_be_there(self) -> None:
        """[D-SIP-5] Without it nobody knows what has been cut off."""
        for size in range(1, len(made())):
            self.assertEqual(self.status(made()[:size]), 400)


class BodyTests(SynchronousTestCase):
    """RFC 3261 §18.3, §20.14."""

    def test_content_length_cuts_a_datagram(self) -> None:
        """Padding and a second message behind it are nothing to us."""
        self.assertEqual(read(made(b"Content-Length: 4\r\n", b"bodyINVITE")).body, b"body")
        self.assertEqual(read(made(b"l:0\r\n", b"body")).body, b"")

    def test_without_it_a_body_is_all_the_rest(self) -> None:
        self.assertEqual(read(made(b"", b"body\r\n\r\n\0")).body, b"body\r\n\r\n\0")

    def test_more_than_there_is_was_cut_off_on_the_way(self) -> None:
        error = self.assertRaises(BadMessage, parse, made(b"Content-Length: 5\r\n", b"body"))
        self.assertEqual(error.status, 400)

    def test_anything_but_one_number_is_refused(self) -> None:
        """[D-SIP-5] Two lengths, signs and words are how one message becomes two."""
        for lines in (
            b"l: -1\r\n",
            b"l: +4\r\n",
            b"l: 4 4\r\n",
            b"l: 4,4\r\n",
            b"l: 0x4\r\n",
            b"l: 1_0\r\n",
            b"l: \xd9\xa4\r\n",
            b"l: \xc2\xb2\r\n",
            b"l:\r\n",
            b"l: four\r\n",
            b"l: " + b"9" * 5000 + b"\r\n",
            b"l: 4294967300\r\n",
            b"l: 4\r\nl: 4\r\n",
            b"l: 4\r\nContent-Length: 4\r\n",
            b"l: 4\r\nCONTENT-LENGTH: 0\r\n",
        ):
            error = self.assertRaises(BadMessage, parse, made(lines, b"body"))
            self.assertEqual(error.status, 400, lines)
            error_over_stream = StreamParser().feed(made(lines, b"body"))[0]
            assert isinstance(error_over_stream, Malformed)
            self.assertTrue(error_over_stream.fatal, lines)


class LimitTests(SynchronousTestCase):
    """Each limit: what just fits, and one more."""

    limits = Limits(datagram=1500, stream_message=1400, start_line=60, header_line=200, headers=9, vias=4)

    def fits(self, datagram: bytes, too_long: bytes, status: int) -> None:
        for limits in (self.limits, attrs.evolve(self.limits, datagram=10**6)):
            if len(datagram) <= limits.datagram:
                read(datagram, limits)
        error = self.assertRaises(BadMessage, parse, too_long, self.limits)
        self.assertEqual(error.status, status)

    def test_datagram(self) -> None:
        rest = 1500 - len(made())
        self.fits(made(b"", b"x" * rest), made(b"", b"x" * (rest + 1)), 513)

    def test_start_line(self) -> None:
        start = INVITE.partition(b"\r\n")[0]
        longer = made().replace(b"bob@", b"bob" + b"b" * (60 - len(start)) + b"@")
        self.fits(longer, longer.replace(b"bob", b"bobb", 1), 414)

    def test_start_line_is_counted_in_octets(self) -> None:
        """Or a stream would be refused that comes in pieces, and read that comes whole."""
        start = b"SIP/2.0 200 "
        fits, longer = (start + "é".encode() * 23 + b"x" * more for more in (2, 3))
        rest = OK.partition(b"\r\n")[2] + b"\r\n"
        self.fits(fits + b"\r\n" + rest, longer + b"\r\n" + rest, 414)

    def test_header_field(self) -> None:
        self.limits = attrs.evolve(self.limits, datagram=5000)
        line = b"X: " + b"x" * 199
        self.fits(made(line + b"\r\n"), made(line + b"x\r\n"), 513)
        self.fits(made(line[:-50] + b"\r\n " + b"x" * 49 + b"\r\n"), made(line + b"\r\n x\r\n"), 513)

    def test_header_fields(self) -> None:
        self.fits(made(b"X: x\r\n" * 4), made(b"X: x\r\n" * 5), 513)

    def test_vias(self) -> None:
        """[D-SIP-5] Each costs octets in every answer."""
        self.fits(made(b"v: a, b\r\nVIA: c\r\n"), made(b"v: a, b\r\nVIA: c,d\r\n"), 513)

    def test_stream_message(self) -> None:
        room = 1400 - len(made(b"Content-Length: 1000\r\n"))
        line = b"Content-Length: %04d\r\n"
        events = feed(made(line % (room + 3), b"x" * (room + 3)), limits=self.limits)
        self.assertIsInstance(events[0], Request)
        reason, status, _, fatal = feed(made(line % (room + 4)), limits=self.limits)[0]
        self.assertEqual((reason, status, fatal), ("message too large", 513, True))

    def test_defaults(self) -> None:
        """SECURITY part 5."""
        self.assertEqual(DEFAULT_LIMITS, Limits(65536, 1 << 20, 2048, 8192, 128, 32))
        read(made(b"X: %s\r\n" % (b"x" * 8190), b"x" * 50000))


class EncodingTests(SynchronousTestCase):
    def test_content_length_is_added(self) -> None:
        """[R-PSA-EST-1] [D-SIP-3] Over a stream nobody could tell where the message ends."""
        wire = encode(make_invite(body=b"four", headers=[("Content-Type", "text/plain")]))
        self.assertEqual(
            wire,
            b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone\r\n"
            b"Max-Forwards: 70\r\n"
            b"From: <sip:alice@example.com>;tag=a1\r\n"
            b"To: <sip:bob@example.com>\r\n"
            b"Call-ID: call1\r\n"
            b"CSeq: 1 INVITE\r\n"
            b"Contact: <sip:alice@192.0.2.1>\r\n"
            b"Content-Type: text/plain\r\n"
            b"Content-Length: 4\r\n"
            b"\r\n"
            b"four",
        )

    def test_content_length_is_corrected_where_it_stands(self) -> None:
        for name in ("Content-Length", "l", "content-LENGTH"):
            for value in ("7", "nonsense", "", "\u0664"):
                message = make_invite(body=b"four", headers=[(name, value), ("X", "y")])
                self.assertIn(f"\r\n{name}: 4\r\nX: y\r\n\r\nfour".encode(), encode(message))

    def test_content_length_is_written_once(self) -> None:
        invite = make_invite()
        twice = Headers([*invite.headers, ("Content-Length", "0"), ("l", "9")])
        wire = encode(Request("INVITE", invite.uri, twice, b"four", invite.core))
        self.assertTrue(wire.endswith(b"\r\nContent-Length: 4\r\n\r\nfour"))

    def test_a_response(self) -> None:
        self.assertTrue(encode(make_response(make_invite(), 180)).startswith(b"SIP/2.0 180 Ringing\r\nVia: "))

    def test_nothing_is_folded(self) -> None:
        """[D-SIP-4] Not every parser knows how to unfold."""
        wire = encode(make_invite(headers=[("Accept-Contact", "*;" + "x" * 5000)]))
        self.assertNotIn(b"\r\n ", wire)

    def test_a_start_line_cannot_carry_headers(self) -> None:
        """A user name out of an HTTP request must not become a header of its own."""
        invite = make_invite()
        for uri in (SipUri("h\r\nEvil: yes"), SipUri("h", user="a b"), SipUri("h", parameters=(("a\r\nb", None),))):
            self.assertRaises(Misuse, encode, invite.evolve(uri=uri))
        for reason in ("Busy\r\nEvil: yes", "Busy\n", "\0"):
            self.assertRaises(Misuse, encode, make_response(invite, 486).evolve(reason=reason))
        odd = make_request("A")
        core = attrs.evolve(odd.core, cseq=CSeq(1, "A B"))
        self.assertRaises(Misuse, encode, Request("A B", odd.uri, odd.headers, b"", core))

    @modest
    @given(messages)
    def test_any_message_survives_writing_and_reading(self, message: Message) -> None:
        back = read(encode(message))
        self.assertEqual(back.evolve(headers=back.headers.without("Content-Length")), message)
        self.assertEqual(encode(back), encode(message))

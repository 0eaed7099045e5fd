"""pushsvc.sip.headers: fields in order, and the values in them that are read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Misuse
from pushsvc.sip.header_names import header_key
from pushsvc.sip.headers import (
    Address,
    CSeq,
    Headers,
    Via,
    parse_parameters,
)
from pushsvc.sip.uri import REMEMBERED, OpaqueUri, SipUri
from tests.sip.strategies import addresses, cseqs, modest, vias

COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "k": "Supported",
    "s": "Subject",
    "l": "Content-Length",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "o": "Event",
    "u": "Allow-Events",
    "a": "Accept-Contact",
    "x": "Session-Expires",
    "r": "Refer-To",
    "b": "Referred-By",
    "j": "Reject-Contact",
    "d": "Request-Disposition",
    "n": "Identity-Info",
    "y": "Identity",
}


class HeadersTests(SynchronousTestCase):
    headers = Headers(
        [
            ("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b"),
            ("v", "SIP/2.0/UDP c"),
            ("SUBJECT", "hello, world"),
            ("X-Odd", "1"),
            ("x-oDD", "2"),
        ]
    )

    def test_the_first_of_a_name_can_change_alone(self) -> None:
        """As the top Via does on its way; what was known of the others stays known."""
        headers = Headers([("To", "a"), ("v", "1"), ("Via", "2")])
        changed = headers.with_first("via", "3")
        self.assertEqual(changed, Headers([("To", "a"), ("v", "3"), ("Via", "2")]))
        self.assertEqual(changed.index, Headers(changed.fields).index)
        self.assertEqual(headers.get("Via"), "1")
        for name, value in (("From", "x"), ("Via", "x\r\ny")):
            self.assertRaises(Misuse, headers.with_first, name, value)

    def test_every_compact_name_is_its_long_one(self) -> None:
        """[D-SIP-4] A phone that saves octets is understood like any other."""
        for short, long in COMPACT.items():
            for name in (short, short.upper(), long, long.lower(), long.upper()):
                headers = Headers([(name, "value")])
                for asked in (short, long, long.lower()):
                    self.assertEqual(headers.get(asked), "value", (name, asked))
                    self.assertIn(asked, headers)

    def test_names_are_compared_in_any_case_and_kept_as_written(self) -> None:
        """[D-SIP-4] What is forwarded or logged is what came."""
        self.assertEqual(self.headers.get("subject"), "hello, world")
        self.assertEqual(self.headers.all("X-ODD"), ["1", "2"])
        self.assertEqual([name for name, _ in self.headers], ["Via", "v", "SUBJECT", "X-Odd", "x-oDD"])
        self.assertEqual(header_key("x-OdD"), header_key("X-ODd"))

    def test_lists_and_repeated_fields_are_equal(self) -> None:
        """[D-SIP-4] A proxy may join or split them on the way."""
        self.assertEqual(self.headers.values("via"), ["SIP/2.0/UDP a", "SIP/2.0/UDP b", "SIP/2.0/UDP c"])
        self.assertEqual(self.headers.all("via"), ["SIP/2.0/UDP a, SIP/2.0/UDP b", "SIP/2.0/UDP c"])
        self.assertEqual(self.headers.get("Via"), "SIP/2.0/UDP a, SIP/2.0/UDP b")

    def test_what_is_not_there(self) -> None:
        self.assertIsNone(self.headers.get("Contact"))
        self.assertEqual(self.headers.all("Contact"), [])
        self.assertEqual(self.headers.values("Contact"), [])
        self.assertNotIn("Contact", self.headers)

    def test_replacing_keeps_the_place(self) -> None:
        headers = Headers([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")])
        self.assertEqual(headers.replaced("a", "5", "6").fields, (("a", "5"), ("a", "6"), ("B", "2"), ("C", "4")))
        self.assertEqual(headers.replaced("D", "5").fields, (*headers.fields, ("D", "5")))
        self.assertEqual(headers.replaced("B").fields, (("A", "1"), ("a", "3"), ("C", "4")))

    def test_adding_and_leaving_out_make_new_headers(self) -> None:
        headers = Headers([("A", "1")])
        self.assertEqual(headers.added("B", "2"), Headers([("A", "1"), ("B", "2")]))
        self.assertEqual(headers.added("B", "2").without("a", "z"), Headers([("B", "2")]))
        self.assertEqual(headers, Headers([("A", "1")]))

    def test_text_that_would_end_a_field_is_our_bug(self) -> None:
        """A display name out of an HTTP request must not become a header of its own."""
        bad = ["a\r\nEvil: yes", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7f", "\ud800", "\udfff"]
        for value in bad:
            for build in (
                lambda value=value: Headers([("Subject", value)]),
                lambda value=value: self.headers.added("Subject", value),
                lambda value=value: self.headers.replaced("Subject", "fine", value),
            ):
                self.assertRaises(Misuse, build)
        for name in ("", "a b", "a:", "a\r\n", "é", "a\0"):
            self.assertRaises(Misuse, Headers, [(name, "value")])
            self.assertRaises(Misuse, self.headers.added, name, "value")

    def test_text_of_the_world_is_fine(self) -> None:
        for value in ("", "tab\there", "Jörg 日本語 \u2028", "\udcff\udc80"):
            self.assertEqual(Headers([("Subject", value)]).get("s"), value)


class Nonsense(SynchronousTestCase):
    def test_long_nonsense_takes_no_time(self) -> None:
        """A pattern that tries again from every octet needs minutes for these."""
        for text in ('"' * 60001, "<" * 60000, '"\\' * 30000, ('"a' * 30001) + "\\", "," * 60000, " " * 60000):
            self.read_somehow(text)
            self.read_somehow(f"<sip:a@b>;x={text}")
            self.read_somehow(f"<sip:a@b>{text};")

    def read_somehow(self, text: str) -> None:
        for read in (Address.parse, Via.parse, CSeq.parse, parse_parameters):
            try:
                read(text)
            except BadMessage:
                continue


class ParametersTests(SynchronousTestCase):
    def test_as_written(self) -> None:
        self.assertEqual(
            parse_parameters(' ; tag = abc;lr; q="a;\\"b" ;received=2001:db8::1'),
            (("tag", "abc"), ("lr", None), ("q", '"a;\\"b"'), ("received", "2001:db8::1")),
        )
        self.assertEqual(parse_parameters(""), ())

    def test_malformed(self) -> None:
        for text in (";", ";;a", "a", ";a=", ";a=b c", ";a,b", ';a="b', ';a="b"c', ";a=<b>", ";\u0661=a"):
            self.assertRaises(BadMessage, parse_parameters, text)
        self.assertRaises(BadMessage, parse_parameters, ';a="\\\x00"')


class ViaTests(SynchronousTestCase):
    def test_parts(self) -> None:
        via = Via.parse("SIP / 2.0 / tcp  [2001:db8::9]:5070 ; branch = z9hG4bK1;rport")
        self.assertEqual(via, Via("TCP", "[2001:db8::9]", 5070, (("branch", "z9hG4bK1"), ("rport", None))))
        self.assertEqual((via.branch, via.rport, via.received), ("z9hG4bK1", "", None))
        self.assertEqual(str(via), "SIP/2.0/TCP [2001:db8::9]:5070;branch=z9hG4bK1;rport")

    def test_without_anything(self) -> None:
        """RFC 2543 knew no branch."""
        via = Via.parse("SIP/2.0/UDP host")
        self.assertEqual((via.port, via.branch, via.rport, via.received), (None, "", None, None))

    def test_parameters_are_set_and_taken_out(self) -> None:
        via = Via.parse("SIP/2.0/UDP host;rport;Received=::1;branch=b")
        self.assertEqual(str(via.with_parameter("rport", "5061")), "SIP/2.0/UDP host;rport=5061;Received=::1;branch=b")
        self.assertEqual(str(via.without_parameter("received")), "SIP/2.0/UDP host;rport;branch=b")

    def test_malformed(self) -> None:
        for text in (
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=a",
            "SIP/3.0/UDP host",
            "HTTP/2.0/UDP host",
            "SIP/2.0 host",
            "SIP/2.0/UDP host:0",
            "SIP/2.0/UDP host:99999",
            "SIP/2.0/UDP host:123456",
            "SIP/2.0/UDP host;;",
            "SIP/2.0/UDP host port",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP host;branch=a,SIP/2.0/UDP b",
        ):
            self.assertRaises(BadMessage, Via.parse, text)

    @modest
    @given(vias)
    def test_any_via_survives_writing_and_reading(self, via: Via) -> None:
        self.assertEqual(Via.parse(str(via)), via)


class AddressTests(SynchronousTestCase):
    def test_name_addr(self) -> None:
        address = Address.parse('"Alice \\"A\\" <a@b>" <sip:alice@example.com;lr>;tag=88sja8x;+g.x="urn%3Aa,b"')
        self.assertEqual(address.display_name, 'Alice "A" <a@b>')
        self.assertEqual(address.uri, SipUri("example.com", user="alice", parameters=(("lr", None),)))
        self.assertEqual(address.tag, "88sja8x")
        self.assertEqual(address.parameter("+G.X"), "urn%3Aa,b")

    def test_without_brackets_parameters_are_the_headers(self) -> None:
        """RFC 3261 §20: or a tag would become part of somebody's address."""
        address = Address.parse(" sip:bob@example.com;tag=1;user=phone ")
        self.assertEqual(address, Address(SipUri("example.com", user="bob"), "", (("tag", "1"), ("user", "phone"))))

    def test_names_without_quotes(self) -> None:
        for text, name in (
            ("caller<sip:a@b>", "caller"),
            ("T. A. Watson \t <sip:a@b>", "T. A. Watson"),
            ("Jörg 日本 <sip:a@b>", "Jörg 日本"),
            ("<sip:a@b>", ""),
        ):
            self.assertEqual(Address.parse(text).display_name, name)

    def test_control_octets_of_a_name_are_left_out(self) -> None:
        """The grammar allows them as quoted pairs; no log, screen or request of ours shall meet them."""
        address = Address.parse('"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:a@b>')
        self.assertEqual(address.display_name, "BEL: NUL: DEL:")
        Headers([("To", str(address))])

    def test_malformed(self) -> None:
        """[D-SIP-5] Each of these has been read as somebody by some stack."""
        for text in (
            "",
            "*",
            "<>",
            "<sip:a@b",
            "sip:a@b>",
            '"a <sip:a@b>',
            '"a" "b" <sip:a@b>',
            "Bell, Alexander <sip:a@b>",
            "< sip:a@b>",
            "<sip:a@b >",
            "<sip:a@b> <sip:c@d>",
            "<sip:a@b>, <sip:c@d>",
            "<sip:a@b>;;tag=1",
            "<sip:a@b>;tag=",
            "<sip:a@b>tag=1",
            "sip:a@b?Route=c",
            "sip:a@b,c",
            "sip:a@b x",
            '"\\" <sip:a@b>',
        ):
            self.assertRaises(BadMessage, Address.parse, text)

    def test_any_scheme_may_stand_there(self) -> None:
        """The From of a call out of the telephone network is a tel: URI."""
        self.assertEqual(Address.parse("<tel:+1555;x=y>;tag=1").uri, OpaqueUri("tel", "+1555;x=y"))

    def test_setting_a_parameter_quotes_where_it_must(self) -> None:
        address = Address(SipUri("h"))
        self.assertEqual(str(address.with_parameter("tag", "abc")), "<sip:h>;tag=abc")
        self.assertEqual(str(address.with_parameter("ob", None)), "<sip:h>;ob")
        made = address.with_parameter("+g.icsi", 'urn:a, "b"')
        self.assertEqual(str(made), '<sip:h>;+g.icsi="urn:a, \\"b\\""')
        self.assertEqual(Address.parse(str(made)).parameter("+g.icsi"), 'urn:a, "b"')

    def test_what_is_not_there(self) -> None:
        address = Address.parse("<sip:a@b>;lr")
        self.assertIsNone(address.tag)
        self.assertIsNone(address.parameter("tag"))
        self.assertEqual(address.parameter("lr"), "")

    def test_long_ones_are_not_remembered(self) -> None:
        """Else a stranger could fill the memory."""
        long = f"<sip:{'a' * REMEMBERED}@b>"
        self.assertIs(Address.parse("<sip:a@b>"), Address.parse("<sip:a@b>"))
        self.assertIsNot(Address.parse(long), Address.parse(long))

    @modest
    @given(addresses)
    def test_any_address_survives_writing_and_reading(self, address: Address) -> None:
        self.assertEqual(Address.parse(str(address)), address)


class CSeqTests(SynchronousTestCase):
    def test_parts(self) -> None:
        self.assertEqual(CSeq.parse("0009 \t INVITE"), CSeq(9, "INVITE"))
        self.assertEqual(CSeq.parse("4294967295 A"), CSeq(4294967295, "A"))

    def test_malformed(self) -> None:
        """A number of ten thousand digits must cost nothing, and a foreign digit is none."""
        for text in ("", "1", "INVITE", "1 A B", " 1 A", "-1 A", "+1 A", "1_0 A", "\u0661 A", "4294967296 A"):
            self.assertRaises(BadMessage, CSeq.parse, text)
        self.assertRaises(BadMessage, CSeq.parse, "1" * 10000 + " A")

    @modest
    @given(cseqs)
    def test_any_cseq_survives_writing_and_reading(self, cseq: CSeq) -> None:
        self.assertEqual(CSeq.parse(str(cseq)), cseq)


class RandomTextTests(SynchronousTestCase):
    @modest
    @given(st.text(max_size=40) | st.text('SIP/2.0 UDPhost:;=<>"\\,sip:a@b1', max_size=40))
    def test_no_text_makes_a_reader_fail_otherwise_than_said(self, text: str) -> None:
        """Whatever stands in a header, the worst that it can do is to be refused."""
        readers: list[Any] = [Address.parse, Via.parse, CSeq.parse, parse_parameters]
        for read in readers:
            try:
                value = read(text)
            except BadMessage:
                continue
            if not isinstance(value, tuple):
                self.assertEqual(read(str(value)), value)

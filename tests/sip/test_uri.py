"""pushsvc.sip.uri: URIs as they are written, and when two mean the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.uri import REMEMBERED, OpaqueUri, SipUri, parse_uri
from tests.sip.strategies import modest, uris

# RFC 3261 §19.1.3, and what torture messages and peers have written.
EXAMPLES = [
    "sip:alice@atlanta.com",
    "sip:alice:secretword@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:alice;day=tuesday@atlanta.com",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:user;par=u%40example.net@example.com",
    "sip:null-%00-null@example.com",
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
    "sip:[2001:db8::10]:5070",
    "sip:user@[2001:db8::10:5070];lr",
    "sip:bob@under_score.example.com:65535;a=b;c",
]

BROKEN = [
    "",
    "sip:",
    "sip:@example.com",
    "sip:user@",
    "sip:user@host:",
    "sip:user@host:0",
    "sip:user@host:65536",
    "sip:user@host:5060x",
    "sip:us er@host",
    "sip:user@ho st",
    "sip:user@host;",
    "sip:user@host;;lr",
    "sip:user@host;a=",
    "sip:user@host;=b",
    "sip:user@host\r\nEvil: yes",
    "sip:user@host\n",
    "sip:us%4gr@host",
    "sip:us%er@host",
    "sip:user@host;a=%zz",
    "sip:2001:db8::10",
    "sip:[2001:db8::10",
    "sip:[2001:db8::zz]",
    "sip:a@b@c",
    "sip:us\x00er@host",
    "sip:user@\u0661.example.com",
    "<sip:user@example.com>",
    "no-scheme",
    "tel:",
    "1tel:5",
    "tel:+1 5",
    "urn:a\x7f",
]


class ReadingTests(SynchronousTestCase):
    def test_examples_come_out_as_they_went_in(self) -> None:
        """A Request-URI goes into the reply's log line, the digest and the next hop: it may not change on the way."""
        for text in EXAMPLES:
            uri = parse_uri(text)
            self.assertIsInstance(uri, SipUri, text)
            self.assertEqual(str(uri), text)

    def test_parts(self) -> None:
        self.assertEqual(
            SipUri.parse("SIPS:a%20b:pw@example.com:5071;Transport=TCP;lr?x=y"),
            SipUri(
                host="example.com",
                scheme="sips",
                user="a%20b",
                password="pw",
                port=5071,
                parameters=(("Transport", "TCP"), ("lr", None)),
                headers="x=y",
            ),
        )

    def test_broken_ones_are_refused_with_400(self) -> None:
        """One octet too many in a URI has crashed many a stack."""
        for text in BROKEN:
            error = self.assertRaises(BadMessage, parse_uri, text)
            self.assertEqual(error.status, 400, text)

    def test_another_scheme_is_carried_but_is_no_sip_uri(self) -> None:
        """[D-SIP-5] The caller is told 416 and may try its own gateway."""
        for text in ("tel:+15551234", "urn:service:sos", "soap.beep://192.0.2.103:3002", "nobodyKnowsThisScheme:x"):
            uri = parse_uri(text)
            self.assertIsInstance(uri, OpaqueUri)
            self.assertEqual(str(uri), text)
            self.assertEqual(self.assertRaises(BadMessage, SipUri.parse, text).status, 416)

    def test_long_ones_are_not_remembered(self) -> None:
        """Else a stranger could fill the memory with names nobody has."""
        short, long = "sip:a@example.com", f"sip:{'a' * REMEMBERED}@example.com"
        self.assertIs(parse_uri(short), parse_uri(short))
        self.assertIsNot(parse_uri(long), parse_uri(long))
        self.assertEqual(parse_uri(long), parse_uri(long))

    @modest
    @given(uris)
    def test_any_uri_survives_writing_and_reading(self, uri: SipUri | OpaqueUri) -> None:
        self.assertEqual(parse_uri(str(uri)), uri)

    @modest
    @given(st.text(max_size=40) | st.text("sip:@[];=?%40.x ", max_size=40))
    def test_no_text_makes_it_fail_otherwise_than_said(self, text: str) -> None:
        try:
            uri = parse_uri(text)
        except BadMessage:
            return
        self.assertEqual(parse_uri(str(uri)), uri)


class PartsTests(SynchronousTestCase):
    uri = SipUri.parse("sip:bob@example.com:5070;Transport=TLS;lr?subject=x")

    def test_parameters_are_found_in_any_case(self) -> None:
        self.assertEqual(self.uri.parameter("transport"), "TLS")
        self.assertEqual(self.uri.parameter("lr"), "")
        self.assertIsNone(self.uri.parameter("maddr"))
        self.assertEqual(self.uri.transport, "tls")
        self.assertIsNone(self.uri.without_parameters().transport)

    def test_setting_a_parameter_keeps_its_place(self) -> None:
        """Proxies compare routes as text."""
        self.assertEqual(
            str(self.uri.with_parameter("transport", "tcp")), "sip:bob@example.com:5070;Transport=tcp;lr?subject=x"
        )
        self.assertEqual(str(SipUri("example.com").with_parameter("lr", None)), "sip:example.com;lr")

    def test_address_of_record_is_the_bare_name(self) -> None:
        self.assertEqual(str(self.uri.aor()), "sip:bob@example.com:5070")

    def test_only_sips_is_secure(self) -> None:
        self.assertTrue(SipUri.parse("sips:a@b").secure)
        self.assertFalse(self.uri.secure)


class EquivalenceTests(SynchronousTestCase):
    """The examples of RFC 3261 §19.1.4, and the rules that they leave out."""

    def check(self, wanted: bool, one: str, other: str) -> None:
        left, right = SipUri.parse(one), parse_uri(other)
        self.assertIs(left.equivalent(right), wanted, (one, other))
        if isinstance(right, SipUri):
            self.assertIs(right.equivalent(left), wanted, (other, one))

    def test_same_resource(self) -> None:
        """One user may not have two inboxes because somebody wrote the name in capitals."""
        self.check(True, "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp")
        self.check(True, "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5")
        self.check(True, "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on")
        self.check(
            True,
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        )
        self.check(True, "sip:a@b.com?subject=x&priority=urgent", "sip:a@b.com?Priority=urgent&subject=x")
        self.check(True, "sip:a%3b@b.com", "sip:a%3B@b.com")

    def test_other_resource(self) -> None:
        self.check(False, "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP")
        self.check(False, "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060")
        self.check(False, "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp")
        self.check(False, "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp")
        self.check(False, "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting")
        self.check(False, "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4")
        self.check(False, "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off")
        self.check(False, "sip:bob@biloxi.com", "sips:bob@biloxi.com")
        self.check(False, "sip:bob:one@biloxi.com", "sip:bob:two@biloxi.com")
        self.check(False, "sip:a%3b@b.com", "sip:a;@b.com")
        self.check(False, "sip:bob@biloxi.com", "tel:bob")

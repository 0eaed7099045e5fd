"""pushsvc.sip.rejection: a request that nobody can read still gets an answer, where one can be made."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.hop import Hop, reply_hop, stamped
from pushsvc.sip.message import Response
from pushsvc.sip.rejection import rejection
from pushsvc.sip.uri import SipUri
from tests.sip.samples import OK, SAMPLES, made


class RejectionTests(SynchronousTestCase):
    def rejected(self, datagram: bytes) -> Response | None:
        error = self.assertRaises(BadMessage, parse, datagram)
        return rejection(datagram, error)

    def test_repeats_what_the_sender_looks_for(self) -> None:
        """[D-SIP-5] A sender that hears 400 stops repeating; one that hears nothing goes on for 32 seconds."""
        reply = self.rejected(made(b"v: SIP/2.0/UDP b\r\nSubject: \x01\r\nl: 9\r\n", b"body"))
        assert reply is not None
        tag = reply.to.tag
        self.assertEqual(
            encode(reply).decode(),
            "SIP/2.0 400 Bad Request\r\n"
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone\r\n"
            "From: <sip:alice@example.com>;tag=a1\r\n"
            f"To: <sip:bob@example.com>;tag={tag}\r\n"
            "Call-ID: call1\r\n"
            "CSeq: 1 INVITE\r\n"
            "Via: SIP/2.0/UDP b\r\n"
            "Content-Length: 0\r\n\r\n",
        )

    def test_the_same_request_gets_the_same_tag(self) -> None:
        """RFC 3261 §8.2.7: a repeated one is answered without having been remembered."""
        one, again = self.rejected(made(b"x\r\n")), self.rejected(made(b"x\r\n"))
        self.assertEqual(one, again)
        assert one is not None
        self.assertNotEqual(self.rejected(made(b"y\r\n")), one)
        tagged = self.rejected(made(b"x\r\n").replace(b"bob@example.com>", b"bob@example.com>;tag=theirs"))
        assert tagged is not None
        self.assertEqual(tagged.to.tag, "theirs")

    def test_unreadable_values_are_repeated_as_they_are(self) -> None:
        """[D-SIP-5] It is the branch that an answer is matched by, not the name that was quoted wrongly."""
        for name, good, bad in (
            ("From", b"<sip:alice@example.com>;tag=a1", b'"A <sip:a@b>'),
            ("To", b"<sip:bob@example.com>", b"<>;;"),
            ("CSeq", b"1 INVITE", b"36893488147419103232 INVITE"),
            ("Call-ID", b"call1", b"a b"),
            ("Via", b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone", b"SIP/2.0/UDP 192.0.2.15;;,;,,"),
            ("Via", b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone", b"SIP/7.0/UDP h;branch=z9hG4bKone"),
        ):
            reply = self.rejected(made().replace(b": " + good, b": " + bad))
            assert reply is not None
            self.assertEqual(reply.headers.get(name), bad.decode())
            encode(reply)

    def test_the_first_of_several_is_repeated(self) -> None:
        reply = self.rejected(made(b"To: <sip:other@h>\r\ncseq: 2 INVITE\r\n"))
        assert reply is not None
        self.assertEqual(reply.headers.all("CSeq"), ["1 INVITE"])
        self.assertEqual(reply.to.uri, SipUri("example.com", user="bob"))

    def test_it_goes_where_the_request_came_from(self) -> None:
        """[D-SIP-2] Even if its Via is unreadable; what is left of that is what the sender looks for."""
        source = Hop("udp", "192.0.2.1", 31337)
        for via in (b"h:5070;rport;branch=b1", b"h:5070;;branch=b1", b"h; Branch = b1;rport=x y"):
            reply = self.rejected(made(b"x\r\n").replace(b"192.0.2.1;branch=z9hG4bKone", via))
            assert reply is not None
            reply = stamped(reply, source)
            self.assertEqual(reply_hop(reply, source), source)
            self.assertEqual((reply.via.branch, reply.via.received, reply.via.rport), ("b1", "192.0.2.1", "31337"))
            self.assertEqual(str(reply.via), reply.headers.get("Via"))
        reply = self.rejected(made().replace(b"192.0.2.1;branch=z9hG4bKone", b"h:5070;;"))
        assert reply is not None
        self.assertEqual(reply_hop(stamped(reply, source), source), source)

    def test_nobody_answers_an_ack_or_a_response(self) -> None:
        """Two servers that answered each other's answers would never end."""
        self.assertIsNone(self.rejected(made(b"x\r\n").replace(b"INVITE", b"ACK")))
        self.assertIsNone(self.rejected(OK + b"x\r\n\r\n"))
        self.assertIsNone(self.rejected(made(b"x\r\n").replace(b"INVITE sip:bob@192.0.2.2 SIP", b"SIP")))

    def test_no_answer_where_something_is_missing_or_dangerous(self) -> None:
        for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq"):
            self.assertIsNone(self.rejected(made().replace(b"\r\n" + name + b":", b"\r\nX-" + name + b":")))
            for octet in (b"\0", b"\n", b"\rEvil: yes", b"\x1b[31m"):
                self.assertIsNone(self.rejected(made().replace(name + b": ", name + b": " + octet)))
        self.assertIsNone(self.rejected(b"nonsense"))
        self.assertIsNone(self.rejected(made(b"x\r\n").replace(b"SIP/2.0/UDP 192", b"nonsense 192")))

    def test_a_list_of_vias_is_one_of_hops(self) -> None:
        reply = self.rejected(made(b"x\r\n").replace(b"z9hG4bKone", b"z9hG4bKone;ttl=1, SIP/2.0/TCP b"))
        assert reply is not None
        self.assertEqual(
            stamped(reply, Hop("udp", "::1", 5060)).headers.all("Via"),
            ["SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone;ttl=1;received=::1, SIP/2.0/TCP b"],
        )

    def test_it_is_not_much_larger_than_the_request(self) -> None:
        """Or we would be a loudspeaker for somebody who writes another one's address on the envelope."""
        for sample in SAMPLES:
            try:
                parse(sample)
            except BadMessage as error:
                reply = rejection(sample, error)
                self.assertLessEqual(len(encode(reply)) if reply else 0, len(sample) + 200)

"""pushsvc.sip.message: what makes a message valid, and the messages that follow from another."""

from __future__ import annotations

import attrs
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Misuse
from pushsvc.sip.headers import Address, CSeq, Headers, Via
from pushsvc.sip.message import (
    MANDATORY,
    REASONS,
    Core,
    Request,
    Response,
    ack_of,
    cancel_of,
    reason_phrase,
    reply_to,
)
from pushsvc.sip.uri import SipUri
from tests.sip.strategies import modest, requests
from tests.sip.values import make_invite, make_request, make_response


class ValidityTests(SynchronousTestCase):
    """A message that exists needs no looking whether a header is there."""

    def refused(self, headers: Headers, method: str = "INVITE") -> str:
        error = self.assertRaises(BadMessage, Request, method, SipUri("h"), headers)
        self.assertEqual(error.status, 400)
        return error.reason

    def test_parsed_attributes(self) -> None:
        request = make_invite(contact='"A" <sip:a@192.0.2.1>;x, <sip:b@192.0.2.1>')
        self.assertEqual(request.via, Via("UDP", "192.0.2.1", None, (("branch", "z9hG4bKone"),)))
        self.assertEqual(request.from_, Address.parse("<sip:alice@example.com>;tag=a1"))
        self.assertEqual(request.to, Address.parse("<sip:bob@example.com>"))
        self.assertEqual(request.call_id, "call1")
        self.assertEqual(request.cseq, CSeq(1, "INVITE"))
        self.assertEqual(request.max_forwards, 70)
        self.assertEqual(request.contact, Address.parse('"A" <sip:a@192.0.2.1>;x'))
        self.assertIsNone(make_request("BYE").contact)

    def test_a_mandatory_header_may_not_be_missing(self) -> None:
        """[D-SIP-5] One datagram without To has ended a whole server."""
        headers = make_invite().headers
        for name in sorted(MANDATORY):
            self.assertEqual(self.refused(headers.without(name)), f"no {name}")
            error = self.assertRaises(BadMessage, Response, 200, "OK", headers.without(name))
            self.assertEqual(error.reason, f"no {name}")

    def test_what_must_be_there_once_may_not_be_there_twice(self) -> None:
        """[D-SIP-5] Two parsers would believe two different ones."""
        headers = make_invite(headers=[("Content-Type", "text/plain")]).headers
        for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"):
            twice = headers.added(name.upper(), headers.get(name) or "")
            self.assertEqual(self.refused(twice), f"more than one {name}")

    def test_malformed_ones_are_refused(self) -> None:
        """[D-SIP-5] Before anybody acts on half of one."""
        headers = make_invite().headers
        for name, value in (
            ("Via", ""),
            ("Via", ","),
            ("Via", "nonsense"),
            ("From", "sip:"),
            ("To", "<sip:a@b"),
            ("Call-ID", ""),
            ("Call-ID", "a b"),
            ("CSeq", "x INVITE"),
            ("Max-Forwards", ""),
            ("Max-Forwards", "256"),
            ("Max-Forwards", "-1"),
            ("Max-Forwards", "\u0661"),
            ("Max-Forwards", "9" * 8000),
        ):
            self.refused(headers.replaced(name, value))

    def test_max_forwards(self) -> None:
        """RFC 3261 §16.3: where it is missing, the request may go on."""
        headers = make_invite().headers
        for value, hops in (("0", 0), ("0068", 68), ("000", 0), ("255", 255)):
            self.assertEqual(make_invite().evolve(headers=headers.replaced("max-forwards", value)).max_forwards, hops)
        self.assertEqual(make_invite().evolve(headers=headers.without("max-forwards")).max_forwards, 70)

    def test_cseq_names_the_method(self) -> None:
        """[D-SIP-5] A response is matched by the one, and the request acted on by the other."""
        self.assertEqual(self.refused(make_invite().headers, "OPTIONS"), "CSeq names another method")

    def test_contact_is_read_when_asked_for(self) -> None:
        """A registration may remove all of them by `*`; nobody else may."""
        for text in ("*", "sip:a@b?Route=c", ","):
            request = make_invite(contact=text)
            self.assertRaises(BadMessage, lambda request=request: request.contact)

    def test_changed_copies_are_valid_again(self) -> None:
        request = make_invite()
        self.assertEqual(request.evolve(body=b"x").body, b"x")
        self.assertIs(request.evolve(body=b"x").core, request.core)
        changed = request.evolve(headers=request.headers.replaced("Call-ID", "other"))
        self.assertEqual(changed.call_id, "other")
        self.assertRaises(BadMessage, request.evolve, headers=Headers())
        self.assertRaises(BadMessage, request.evolve, method="BYE")
        self.assertEqual(make_response(request).evolve(status=202).status, 202)
        self.assertRaises(BadMessage, make_response(request).evolve, headers=Headers())

    def test_bodies_stay_out_of_the_logs(self) -> None:
        self.assertNotIn("secret", repr(make_invite(body=b"secret")))
        self.assertNotIn("secret", repr(make_response(make_invite(), body=b"secret")))

    def test_values_are_equal_by_what_is_sent(self) -> None:
        self.assertEqual(make_invite(), make_invite())
        self.assertEqual(len({make_invite(), make_invite(), make_invite(cseq=2)}), 2)


class TopViaTests(SynchronousTestCase):
    def test_only_the_top_one_changes(self) -> None:
        """The others belong to the proxies behind it."""
        for vias, wanted in (
            (["SIP/2.0/UDP a;branch=1"], ["NEW"]),
            (["SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP b"], ["NEW", "SIP/2.0/UDP b"]),
            (["SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b", "SIP/2.0/UDP c"], ["NEW, SIP/2.0/UDP b", "SIP/2.0/UDP c"]),
        ):
            new = Via("UDP", "z")
            request = make_invite(via=vias)
            for message in (request, make_response(request)):
                changed = message.with_via(new)
                self.assertEqual(changed.headers.all("Via"), [text.replace("NEW", str(new)) for text in wanted])
                self.assertEqual(changed.via, new)
                self.assertEqual(changed.core, Core.read(changed.headers))

    def test_there_has_to_be_one(self) -> None:
        """Whoever gives a message its parsed view has to give it the headers as well."""
        request = make_invite()
        hollow = Request("INVITE", request.uri, Headers(), core=request.core)
        self.assertRaises(Misuse, hollow.with_via, request.via)

    def test_spelling_and_place_are_kept(self) -> None:
        headers = Headers([("Subject", "x"), *((name.lower(), value) for name, value in make_invite().headers)])
        changed = Request("INVITE", SipUri("h"), headers).with_via(Via("UDP", "z"))
        self.assertEqual(changed.headers.fields[:2], (("Subject", "x"), ("via", "SIP/2.0/UDP z")))


class ReplyTests(SynchronousTestCase):
    def test_copies_what_the_rfc_says_and_no_more(self) -> None:
        """RFC 3261 §8.2.6.2."""
        request = make_invite(
            via=["SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP b"], headers=[("Subject", "x"), ("Timestamp", "5")], body=b"x"
        )
        reply = reply_to(request, 486, to_tag="b1", headers=[("Retry-After", "5")], body=b"y")
        self.assertEqual(
            reply,
            Response(
                486,
                "Busy Here",
                Headers(
                    [
                        ("Via", "SIP/2.0/UDP a;branch=1"),
                        ("Via", "SIP/2.0/UDP b"),
                        ("From", "<sip:alice@example.com>;tag=a1"),
                        ("To", "<sip:bob@example.com>;tag=b1"),
                        ("Call-ID", "call1"),
                        ("CSeq", "1 INVITE"),
                        ("Retry-After", "5"),
                    ]
                ),
                b"y",
            ),
        )

    def test_a_tag_that_is_there_stays(self) -> None:
        reply = reply_to(make_invite(to="sip:bob@h;TAG=old"), 200, to_tag="new")
        self.assertEqual(reply.headers.get("To"), "sip:bob@h;TAG=old")

    def test_only_a_100_repeats_the_timestamp(self) -> None:
        """RFC 3261 §8.2.6.1."""
        request = make_invite(headers=[("Timestamp", "5")])
        self.assertEqual(reply_to(request, 100).headers.get("Timestamp"), "5")
        self.assertNotIn("tag", reply_to(request, 100).headers.get("To") or "")

    def test_record_route_is_for_responses_that_form_a_dialog(self) -> None:
        """RFC 3261 §12.1.1: else the caller's BYE goes past the proxies."""
        routes = [("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"), ("record-route", "<sip:p3;lr>")]
        invite = make_invite(headers=routes)
        kept = ["<sip:p1;lr>, <sip:p2;lr>", "<sip:p3;lr>"]
        for request, status, wanted in (
            (invite, 100, []),
            (invite, 180, kept),
            (invite, 200, kept),
            (invite, 302, []),
            (invite, 486, []),
            (make_invite(to="<sip:b@h>;tag=1", headers=routes), 200, []),
            (make_request("OPTIONS", headers=routes), 200, []),
            (make_request("SUBSCRIBE", headers=routes), 202, kept),
        ):
            self.assertEqual(reply_to(request, status, to_tag="b1").headers.all("Record-Route"), wanted, status)

    def test_reason_phrases_come_from_a_table(self) -> None:
        """An error's text with a newline in it has become a header elsewhere."""
        self.assertEqual(reply_to(make_invite(), 488).reason, "Not Acceptable Here")
        self.assertEqual(reply_to(make_invite(), 200, "Fine").reason, "Fine")
        for status in range(100, 700):
            self.assertRegex(reason_phrase(status), r"\A[A-Za-z/ -]+\Z")
        self.assertTrue(all(100 <= status <= 699 for status in REASONS))

    def test_added_headers_cannot_carry_others(self) -> None:
        self.assertRaises(Misuse, reply_to, make_invite(), 200, headers=[("Warning", "x\r\nEvil: 1")])

    @modest
    @given(requests())
    def test_the_parsed_view_is_what_is_written(self, request: Request) -> None:
        """It is carried over from the request and not read again."""
        reply = reply_to(request, 200, to_tag="b1")
        self.assertEqual(reply.core, Core.read(reply.headers))
        self.assertEqual(attrs.evolve(reply, core=None), reply)


class HopByHopTests(SynchronousTestCase):
    invite = make_invite(
        via=["SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b"],
        cseq=5,
        headers=[("Route", "<sip:p;lr>"), ("Supported", "timer"), ("Content-Type", "application/sdp")],
        body=b"v=0",
    )

    def made(self, method: str, to: str) -> Request:
        return Request(
            method,
            self.invite.uri,
            Headers(
                [
                    ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
                    ("Max-Forwards", "70"),
                    ("Route", "<sip:p;lr>"),
                    ("From", "<sip:alice@example.com>;tag=a1"),
                    ("To", to),
                    ("Call-ID", "call1"),
                    ("CSeq", f"5 {method}"),
                ]
            ),
        )

    def test_cancel_is_the_same_request_by_another_name(self) -> None:
        """[R-PSA-CAN-2] Branch, Route, tags and number of the INVITE, or nobody knows what is meant (RFC 3261 §9.1)."""
        cancel = cancel_of(self.invite)
        self.assertEqual(cancel, self.made("CANCEL", "<sip:bob@example.com>"))
        self.assertEqual(cancel.core, Core.read(cancel.headers))

    def test_ack_of_a_refusal_has_the_tag_of_the_response(self) -> None:
        """[D-SIP-7] It ends at the next hop, which looks at the branch (RFC 3261 §17.1.1.3)."""
        ack = ack_of(self.invite, make_response(self.invite, 486))
        self.assertEqual(ack, self.made("ACK", "<sip:bob@example.com>;tag=b1"))
        self.assertEqual(ack.core, Core.read(ack.headers))

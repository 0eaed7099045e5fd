"""pushsvc.sip.dialog: who we talk to inside a session, by which way, and in which order."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.dialog import Dialog, dialog_id
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Request, Response
from pushsvc.sip.uri import SipUri
from tests.sip.values import make_invite, make_request, make_response

WIRE = Path(__file__).parent.parent / "wire"
OURS = SipUri.parse("sip:bob@192.0.2.2")
VIA = Via.parse("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKnew")
TWO_PROXIES = [("Record-Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>")]


def recorded(name: str) -> Request | Response:
    message = parse((WIRE / name).read_bytes())
    assert message is not None
    return message


def make_called(**overrides: object) -> Dialog:
    """A dialog that somebody made by calling us."""
    return Dialog.from_invite(make_invite(**overrides), "b1", OURS)


def make_calling(**overrides: object) -> Dialog:
    """A dialog that we made by calling somebody."""
    invite = make_invite(cseq=7)
    overrides.setdefault("contact", "<sip:bob@192.0.2.2:5070>")
    return Dialog.from_answer(invite, make_response(invite, **overrides))


def inside(method: str = "BYE", cseq: int = 2, **overrides: object) -> Request:
    """A request of the caller in the dialog of `make_called`."""
    overrides.setdefault("to", "<sip:bob@example.com>;tag=b1")
    return make_request(method, cseq=cseq, **overrides)


class LedInside(SynchronousTestCase):
    """SECURITY 2: who is outside of this machine leads no request of ours inside of it."""

    def test_by_contact_or_by_the_first_proxy(self) -> None:
        """403; what comes after a proxy is that one's business, and who is inside may."""
        proxy = [("Record-Route", "<sip:127.0.0.1;lr>")]
        harmless = [("Record-Route", "<sip:192.0.2.9;lr>")]
        cases = (("<sip:a@127.0.0.1>", [], 403), ("<sip:a@h;maddr=[::1]>", [], 403), ("<sip:a@h>", proxy, 403),
                 ("<sip:a@169.254.169.254>", [], 403), ("<sip:a@10.0.0.1>", [], 0),
                 ("<sip:a@localhost>", harmless, 0))  # fmt: skip
        for contact, headers, status in cases:
            invite = make_invite(contact=contact, headers=headers)
            answer = make_response(make_invite(), contact=contact, headers=headers)
            for make in (
                lambda foreign, invite=invite: Dialog.from_invite(invite, "b1", OURS, foreign=foreign),
                lambda foreign, answer=answer: Dialog.from_answer(make_invite(), answer, foreign=foreign),
            ):
                make(False)
                if status:
                    self.assertEqual(self.assertRaises(BadMessage, make, True).status, status)
                else:
                    self.assertTrue(make(True).foreign)

    def test_later_as_well(self) -> None:
        """A re-INVITE of the peer is refused, its 2xx moves nothing."""
        dialog = attrs.evolve(make_called(), foreign=True)
        moving = inside("INVITE", contact="<sip:a@[::1]>")
        self.assertEqual(self.assertRaises(BadMessage, dialog.accepts, moving).status, 403)
        asked, _ = dialog.request("INVITE", VIA)
        answer = make_response(asked, contact="<sip:a@localhost>")
        self.assertRaises(BadMessage, dialog.retargeted, answer)


class RecordedTests(SynchronousTestCase):
    """The messages of the specification, octet by octet."""

    def check(self, flow: str, invite: str, answer: str, ack: str, bye: str) -> None:
        asked, answered = recorded(f"{flow}/{invite}"), recorded(f"{flow}/{answer}")
        dialog = Dialog.from_answer(asked, answered)
        for name in (ack, bye):
            wanted = recorded(f"{flow}/{name}")
            credentials = [field for field in wanted.headers if field[0] == "Proxy-Authorization"]
            if wanted.method == "ACK":
                made = dialog.ack(asked.cseq.number, wanted.via, credentials)
            else:
                made, dialog = dialog.request(wanted.method, wanted.via, credentials)
            self.assertEqual(encode(made), (WIRE / flow / name).read_bytes())

    def test_ack_and_bye_of_a_direct_session(self) -> None:
        """[R-PSA-200-1a] [R-PSA-REL-2] [R-PSA-REL-3] Flow 1: both go to the Contact of the 200."""
        names = "01-sip-INVITE-offer-sendonly 02-sip-200-OK-answer-recvonly 03-sip-ACK 07-sip-BYE"
        self.check("flow1", *(f"{name}.bin" for name in names.split()))

    def test_ack_and_bye_through_a_proxy_with_credentials(self) -> None:
        """[R-PSA-200-1a] [D-SIP-7] Flow 14: Route of the proxy, the INVITE's CSeq and credentials in the ACK."""
        names = "08-sip-INVITE-credentials 12-sip-200-OK-forwarded 13-sip-ACK 17-sip-BYE"
        self.check("flow14", *(f"{name}.bin" for name in names.split()))


class MakingTests(SynchronousTestCase):
    def test_being_called(self) -> None:
        """[R-PRA-INV-3] The caller's Contact becomes the target; its URI parameters stay, its headers go."""
        dialog = make_called(contact='"A" <sip:alice@h:5070;transport=tcp;method=BYE?Subject=x>;+g.x="1"', cseq=9)
        self.assertEqual(str(dialog.target), "sip:alice@h:5070;transport=tcp")
        self.assertEqual(dialog.id, ("call1", "b1", "a1"))
        self.assertEqual((dialog.local_cseq, dialog.remote_cseq, dialog.we_called), (0, 9, False))
        self.assertEqual((str(dialog.local), str(dialog.remote)), _parties("bob", "b1", "alice", "a1"))
        self.assertEqual(dialog.contact, OURS)

    def test_calling(self) -> None:
        dialog = make_calling()
        self.assertEqual(str(dialog.target), "sip:bob@192.0.2.2:5070")
        self.assertEqual(dialog.id, ("call1", "a1", "b1"))
        self.assertEqual((dialog.local_cseq, dialog.remote_cseq, dialog.we_called), (7, None, True))
        self.assertEqual((str(dialog.local), str(dialog.remote)), _parties("alice", "a1", "bob", "b1"))
        self.assertEqual(str(dialog.contact), "sip:alice@192.0.2.1")

    def test_both_sides_see_the_same_dialog(self) -> None:
        """What one side sends the other must find."""
        invite = make_invite()
        answer = make_response(invite, contact="<sip:bob@192.0.2.2>")
        caller, called = Dialog.from_answer(invite, answer), Dialog.from_invite(invite, "b1", OURS)
        from_caller, _ = caller.request("BYE", VIA)
        from_called, _ = called.request("BYE", VIA)
        self.assertEqual(dialog_id(from_caller), called.id)
        self.assertEqual(dialog_id(from_called), caller.id)
        self.assertEqual(dialog_id(make_response(from_called)), called.id)

    def test_an_invite_without_a_usable_contact_is_refused(self) -> None:
        """[R-PRA-INV-3] There would be nowhere to send our BYE: 400."""
        for contact in (None, "<tel:+15551>", "*"):
            with self.assertRaises(BadMessage) as caught:
                make_called(contact=contact)
            self.assertEqual(caught.exception.status, 400)

    def test_a_2xx_without_contact_still_makes_a_dialog(self) -> None:
        """The peer believes in a session: it has to be acknowledged and ended, at the address that was called."""
        self.assertEqual(str(make_calling(contact=None).target), "sip:bob@192.0.2.2")

    def test_a_route_that_cannot_be_followed_is_refused(self) -> None:
        for value in ("<tel:+15551>", "<<>"):
            self.assertRaises(BadMessage, make_called, headers=[("Record-Route", value)])

    def test_peers_without_tags_are_borne(self) -> None:
        """RFC 3261 §12.1.1: peers of RFC 2543 have none."""
        dialog = make_called(from_="<sip:alice@example.com>")
        self.assertEqual(dialog.id, ("call1", "b1", None))
        dialog.accepts(inside(from_="<sip:alice@example.com>"))

    def test_secure_needs_a_sips_uri_and_tls(self) -> None:
        """RFC 3261 §12.1.1: only then the peer has asked for TLS all the way."""
        tls, tcp = "SIP/2.0/TLS h;branch=z9hG4bKt", "SIP/2.0/TCP h;branch=z9hG4bKt"
        self.assertTrue(make_called(uri="sips:bob@h", via=tls).secure)
        self.assertFalse(make_called(uri="sips:bob@h", via=tcp).secure)
        self.assertFalse(make_called(uri="sip:bob@h", via=tls).secure)


class RoutingTests(SynchronousTestCase):
    def routed(self, dialog: Dialog) -> tuple[str, list[str], str]:
        request, _ = dialog.request("BYE", VIA)
        return str(request.uri), request.headers.values("route"), str(dialog.next_hop_uri())

    def test_no_proxies(self) -> None:
        """[R-PSA-REL-2] The BYE goes to the Contact of the peer."""
        self.assertEqual(self.routed(make_calling()), ("sip:bob@192.0.2.2:5070", [], "sip:bob@192.0.2.2:5070"))

    def test_the_called_side_uses_record_route_as_received(self) -> None:
        """[R-PRA-INV-3] The proxy nearest to us is at the top."""
        uri, routes, first = self.routed(make_called(headers=TWO_PROXIES))
        self.assertEqual(routes, ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"])
        self.assertEqual((uri, first), ("sip:alice@192.0.2.1", "sip:p1.example.com;lr"))

    def test_the_calling_side_reverses_record_route(self) -> None:
        """[R-PSA-200-1a] The proxy nearest to us is at the bottom."""
        _, routes, first = self.routed(make_calling(headers=TWO_PROXIES))
        self.assertEqual(routes, ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"])
        self.assertEqual(first, "sip:p2.example.com;lr")

    def test_a_list_in_one_header_equals_several_headers(self) -> None:
        """[D-SIP-4] Proxies write both."""
        single = [("Record-Route", "<sip:p1.example.com;lr>"), ("Record-Route", "<sip:p2.example.com;lr>")]
        self.assertEqual(make_called(headers=single), make_called(headers=TWO_PROXIES))

    def test_a_strict_router_is_obeyed(self) -> None:
        """RFC 3261 §12.2.1.1: an old proxy finds itself in the Request-URI, and the target last in Route."""
        strict = [("Record-Route", "<sip:p1.example.com;method=BYE>, <sip:p2.example.com;lr>")]
        uri, routes, first = self.routed(make_called(headers=strict))
        self.assertEqual(uri, "sip:p1.example.com")
        self.assertEqual(routes, ["<sip:p2.example.com;lr>", "<sip:alice@192.0.2.1>"])
        self.assertEqual(first, "sip:p1.example.com;method=BYE")


class RequestTests(SynchronousTestCase):
    def test_each_request_has_the_next_number(self) -> None:
        """[R-PSA-REL-3] CSeq one higher, tags of the dialog."""
        first, dialog = make_calling().request("UPDATE", VIA, [("Supported", "timer")], b"x")
        second, dialog = dialog.request("BYE", VIA)
        self.assertEqual((first.cseq.number, second.cseq.number, dialog.local_cseq), (8, 9, 9))
        self.assertEqual((first.body, first.headers.get("supported")), (b"x", "timer"))
        self.assertEqual((second.from_.tag, second.to.tag, second.max_forwards), ("a1", "b1", 70))

    def test_the_called_side_starts_at_1(self) -> None:
        request, _ = make_called(cseq=4711).request("BYE", VIA)
        self.assertEqual(request.cseq.number, 1)

    def test_an_ack_has_the_number_of_its_invite(self) -> None:
        """[D-SIP-7] Whatever was sent since, and with the INVITE's credentials."""
        _, dialog = make_calling().request("UPDATE", VIA)
        ack = dialog.ack(7, VIA, [("Authorization", "Digest x")])
        self.assertEqual((str(ack.cseq), ack.headers.get("authorization"), ack.body), ("7 ACK", "Digest x", b""))

    def test_what_is_known_of_a_request_is_what_it_says(self) -> None:
        """The parsed view is given, not read: it must be the same as that of the octets."""
        odd = '"A, \\"B\\"" <sip:alice@h;x=y>;tag=a1;p=q'
        request, _ = make_called(headers=TWO_PROXIES, from_=odd).request("BYE", VIA)
        again = parse(encode(request))
        self.assertEqual((again.via, again.from_, again.to), (request.via, request.from_, request.to))
        self.assertEqual((again.call_id, again.cseq), (request.call_id, request.cseq))


class AcceptingTests(SynchronousTestCase):
    def refused(self, dialog: Dialog, request: Request) -> int:
        with self.assertRaises(BadMessage) as caught:
            dialog.accepts(request)
        return caught.exception.status

    def test_requests_in_order_are_taken(self) -> None:
        """Numbers may leave gaps: a challenged request uses two."""
        dialog = make_called().accepts(inside("UPDATE", 2)).accepts(inside("BYE", 9))
        self.assertEqual(dialog.remote_cseq, 9)

    def test_a_stranger_is_refused(self) -> None:
        """[R-PRA-REL-1] A forged BYE without the right tags or Call-ID ends nothing: 481."""
        for request in (
            inside(to="<sip:bob@example.com>;tag=guess"),
            inside(from_="<sip:alice@example.com>;tag=guess"),
            inside(call_id="guess"),
            inside(to="<sip:bob@example.com>"),
        ):
            self.assertEqual(self.refused(make_called(), request), 481)

    def test_an_old_number_is_refused(self) -> None:
        """[D-SIP-6] A lower number is out of order, an equal one a replay: 500."""
        dialog = make_called(cseq=5)
        self.assertEqual([self.refused(dialog, inside(cseq=number)) for number in (4, 5)], [500, 500])

    def test_ack_and_cancel_carry_the_number_of_their_invite(self) -> None:
        dialog = make_called(cseq=5)
        for method in ("ACK", "CANCEL"):
            self.assertEqual(dialog.accepts(inside(method, 5)), dialog)

    def test_the_first_request_of_who_was_called_may_have_any_number(self) -> None:
        """We know no number of a peer that we called until it asks something."""
        bye = make_request("BYE", cseq=3, from_="<sip:bob@example.com>;tag=b1", to="<sip:alice@example.com>;tag=a1")
        self.assertEqual(make_calling().accepts(bye).remote_cseq, 3)

    def test_a_later_invite_or_update_moves_the_target(self) -> None:
        """[R-PRA-INV-3] The peer may change its address during a session."""
        for method in ("INVITE", "UPDATE"):
            dialog = make_called().accepts(inside(method, contact="<sip:alice@198.51.100.9>"))
            self.assertEqual(str(dialog.target), "sip:alice@198.51.100.9")

    def test_other_requests_do_not(self) -> None:
        dialog = make_called().accepts(inside("INFO", contact="<sip:alice@198.51.100.9>"))
        self.assertEqual(str(dialog.target), "sip:alice@192.0.2.1")

    def test_a_target_that_cannot_be_followed_is_refused(self) -> None:
        self.assertEqual(self.refused(make_called(), inside("UPDATE", contact="<tel:+15551>")), 400)

    def test_a_2xx_moves_the_target_and_a_refusal_does_not(self) -> None:
        """RFC 3261 §12.2.1.2; and the 2xx to a BYE has no Contact to look at."""
        update, dialog = make_called().request("UPDATE", VIA)
        moved = make_response(update, contact="<sip:alice@198.51.100.9>")
        self.assertEqual(dialog.retargeted(moved), attrs.evolve(dialog, target=SipUri.parse("sip:alice@198.51.100.9")))
        self.assertEqual(dialog.retargeted(make_response(update)), dialog)
        self.assertEqual(dialog.retargeted(make_response(update, 488, contact="<sip:x@h>")), dialog)


def _parties(local: str, local_tag: str, remote: str, remote_tag: str) -> tuple[str, str]:
    return f"<sip:{local}@example.com>;tag={local_tag}", f"<sip:{remote}@example.com>;tag={remote_tag}"

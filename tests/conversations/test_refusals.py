"""What is refused, and with which code (requirements E.12); and what is answered without any session."""

from __future__ import annotations

import attrs

from pushsvc import push, sdp
from pushsvc.errors import Refused
from pushsvc.msrp.uri import MsrpUri
from pushsvc.push import message_headers
from pushsvc.sessions import Invitation, opening_request
from pushsvc.sip.headers import Headers, Via
from pushsvc.sip.message import Request, Response, ack_of
from pushsvc.sip.uri import OpaqueUri, SipUri
from tests.conversations.case import NOTICE, TO_BOB, ConversationCase
from tests.conversations.stranger import Stranger

METHODS = {"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
           "REGISTER", "SUBSCRIBE", "UPDATE"}  # fmt: skip
PATH = MsrpUri.parse("msrps://192.0.2.66:2855/somebody;tcp")


class Invitations(ConversationCase):
    """Bob does not take it."""

    def refused(self, **facts: object) -> Refused:
        error = self.failed(self.alice.dial(TO_BOB, NOTICE, **facts), Refused)
        assert isinstance(error, Refused)
        self.assertEqual(self.ladder[-1], "alice ACK")
        self.assertIsNotNone(self.bob_said.responses("INVITE")[-1].to.tag)
        self.assert_nothing_left()
        return error

    def test_each_status_reaches_the_sender_with_what_it_means_for_another_try(self) -> None:
        """[R-PRA-INV-2] [R-PRA-INV-2a] [R-PRA-INV-2b] [D-SIP-10] Nothing is left of the session that never was."""
        expected = {403: False, 404: False, 480: True, 482: True, 486: True, 488: False, 503: True, 603: False}
        for status, retry in expected.items():
            self.begin()

            def refuse(invitation: Invitation, status: int = status) -> None:
                invitation.refuse(status, [("Retry-After", "7 (soon)")])

            self.bob.sessions.on_invitation = refuse
            error = self.refused()
            self.assertEqual((error.status, error.retry, error.retry_after), (status, retry, 7.0))

    def test_nobody_takes_invitations(self) -> None:
        self.begin()
        self.assertEqual(self.refused().status, 603)

    def test_one_more_than_the_limit_is_busy_and_the_first_goes_on(self) -> None:
        """[R-PRA-INV-2a]"""
        self.begin(bob={"max_sessions": 1})
        session = self.opened()
        self.assertEqual(self.failed(self.alice.dial(TO_BOB, NOTICE), Refused).status, 486)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_draining_receiver_refuses_what_is_new_and_keeps_what_runs(self) -> None:
        """[R-PRA-INV-2a] A restart loses no transfer."""
        self.begin()
        session = self.opened()
        drained = self.bob.sessions.drain("the service stops")
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Refused)
        self.assertEqual((error.status, error.retry_after), (503, 30.0))
        self.assertNoResult(drained)
        self.network.run(session.lines[0].send(NOTICE))
        ends = self.network.run(drained)
        self.assertEqual([end.why for end in ends], ["the service stops"])
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assert_nothing_left()

    def test_a_draining_receiver_does_not_wait_for_sessions_that_linger(self) -> None:
        """Their sender may keep them for as long as it likes, and nothing is lost by their end."""
        self.begin()
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        self.network.settle(1.0)
        self.network.run(self.bob.sessions.drain("the service stops"))
        self.assertFalse(session.is_alive)
        self.assert_nothing_left()

    def test_an_interval_that_is_too_short(self) -> None:
        """[D-SES-2] 422 with Min-SE; whoever answers it again does not mean it."""
        self.begin(bob={"min_se": 300})
        self.kept = self.bob.accept_everything()
        session = self.network.run(self.alice.dial(TO_BOB, NOTICE, session_expires=90))
        first, second = self.alice_said.requests("INVITE")
        self.assertEqual([each.headers.get("session-expires") for each in (first, second)],
                         ["90;refresher=uac", "300;refresher=uac"])  # fmt: skip
        self.assertEqual(second.headers.get("min-se"), "300")
        self.assertEqual((first.call_id, first.from_, 1), (second.call_id, second.from_, first.cseq.number))
        self.assertEqual((second.cseq.number, second.to.tag), (2, None))
        refusal = self.bob_said.responses("INVITE")[0]
        self.assertEqual((refusal.status, refusal.headers.get("min-se")), (422, "300"))
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_422_that_asks_for_nothing_more_is_the_end(self) -> None:
        """[R-PSA-EST-6]"""
        for minimum in (None, "90", "rubbish"):
            self.begin()
            headers = [("Min-SE", minimum)] if minimum is not None else []

            def refuse(invitation: Invitation, headers: list[tuple[str, str]] = headers) -> None:
                invitation.refuse(422, headers)

            self.bob.sessions.on_invitation = refuse
            self.assertEqual(self.refused(session_expires=90).status, 422)
            self.assertEqual(len(self.alice_said.requests("INVITE")), 1)


class Requests(ConversationCase):
    """A stranger asks Bob for all kinds of things."""

    def setUp(self) -> None:
        self.begin()
        self.stranger = Stranger(self.network)
        self.bob.sessions.on_invitation = lambda invitation: invitation.refuse(486)

    def request(self, method: str, body: bytes = b"", *fields: tuple[str, str], **changes: object) -> Request:
        """A request outside of any dialog, with Contact and, where there is a body, an SDP content type."""
        call = self.alice.call(TO_BOB, NOTICE)
        parties = [("From", "<sip:stranger@example.com>"), ("To", f"<{TO_BOB}>"), ("Contact", "<sip:192.0.2.66>")]
        kind = [("Content-Type", "application/sdp")] if body and not any("Content-Type" in f for f in fields) else []
        request = opening_request(
            method, call.target, self.stranger.via(), "t1", call.call_id, 1, [*parties, *fields, *kind], body
        )
        return request.evolve(**changes) if changes else request

    def offer(self) -> bytes:
        local = self.alice.floors.local_end(secure=True)
        file = attrs.evolve(self.alice.call(TO_BOB, NOTICE).files[0], path=(PATH,))
        return sdp.format(sdp.offer(local, [file], (1, 1)))

    def answer(self, request: Request) -> Response:
        """The answer, acknowledged where it has to be; a refusal is one line in the log."""
        self.log.events.clear()
        self.stranger.say(request, settle=0.3)
        response = self.stranger.heard[-1]
        assert isinstance(response, Response)
        told = [line for line in self.log.troubles() if not line.startswith("a bug")]
        self.assertEqual([line.split()[2] for line in told], [str(response.status)] * (response.status >= 300))
        if request.method == "INVITE":
            self.stranger.say(ack_of(request, response), settle=0.2)
        return response

    def test_a_method_that_nobody_knows(self) -> None:
        """[D-SIP-5] [R-PSA-EST-4] 405, with what is allowed."""
        response = self.answer(self.request("PUBLISH"))
        self.assertEqual((response.status, response.headers.get("allow")), (405, ", ".join(push.RECEIVER_ALLOW)))

    def test_the_methods_of_allow_are_exactly_those_that_work(self) -> None:
        """[R-PSA-EST-4] None of them is answered 405, and every other is: for the sender and for the receiver."""
        for allow in (push.SENDER_ALLOW, push.RECEIVER_ALLOW):
            self.begin(bob={"allow": allow})
            self.stranger = Stranger(self.network)
            for method in sorted(METHODS - {"ACK"}):
                refused = self.answer(self.request(method)).status == 405
                self.assertEqual(refused, method not in allow, method)
            self.assertIn("ACK", allow)

    def test_an_extension_that_nobody_knows(self) -> None:
        """[D-SIP-5] 420 names it."""
        response = self.answer(self.request("INVITE", self.offer(), ("Require", "timer, 100rel, Precondition")))
        self.assertEqual((response.status, response.headers.get("unsupported")), (420, "100rel, Precondition"))

    def test_a_scheme_that_is_no_sip(self) -> None:
        """[D-SIP-5]"""
        self.assertEqual(self.answer(self.request("OPTIONS", uri=OpaqueUri("tel", "+123"))).status, 416)

    def test_a_body_that_is_no_session_description(self) -> None:
        """[D-SIP-5] 415, with what would be."""
        response = self.answer(self.request("INVITE", b"<x/>", ("Content-Type", "application/xml")))
        accept = "application/sdp, multipart/related, multipart/mixed"
        self.assertEqual((response.status, response.headers.get("accept")), (415, accept))

    def test_a_body_in_a_coding_that_nobody_knows(self) -> None:
        """[D-SIP-5] [F-11]"""
        response = self.answer(self.request("INVITE", self.offer(), ("Content-Encoding", "gzip")))
        self.assertEqual((response.status, response.headers.get("accept-encoding")), (415, "identity"))

    def test_an_offer_that_cannot_be_read_or_is_not_there(self) -> None:
        """[D-SDP-4] [D-SIP-5]"""
        response = self.answer(self.request("INVITE"))
        self.assertEqual((response.status, (response.headers.get("warning") or "")[:12]), (488, "399 pushsvc "))
        self.assertIn(self.answer(self.request("INVITE", b"v=1\r\n")).status, (400, 488))

    def test_an_invite_that_can_make_no_dialog(self) -> None:
        """[R-PRA-INV-3] 400 without a Contact."""
        request = self.request("INVITE", self.offer())
        without = request.evolve(headers=request.headers.without("Contact"))
        self.assertEqual(self.answer(without).status, 400)
        self.assertEqual(self.bob.sessions.alive, 0)

    def test_a_dialog_that_nobody_knows(self) -> None:
        """[R-PRA-REL-1] [D-SIP-5]"""
        for method in ("BYE", "INVITE", "UPDATE", "OPTIONS", "MESSAGE"):
            request = self.request(method, self.offer() if method == "INVITE" else b"")
            tagged = Headers(
                ("To", f"<{TO_BOB}>;tag=x") if name == "To" else (name, value) for name, value in request.headers
            )
            self.assertEqual(self.answer(request.evolve(headers=tagged)).status, 481, method)
        self.assertEqual(self.answer(self.request("BYE")).status, 481)
        self.assertEqual(self.answer(self.request("CANCEL")).status, 481)

    def test_options_tell_what_we_can(self) -> None:
        """[D-SIP-15] Whatever else is refused."""
        self.bob.sessions.capabilities = lambda: ([("Content-Type", "application/sdp")], b"v=0\r\n")
        self.bob.sessions.refusing = True
        response = self.answer(self.request("OPTIONS"))
        self.assertEqual((response.status, response.body), (200, b"v=0\r\n"))
        self.assertEqual(response.headers.get("allow"), ", ".join(push.RECEIVER_ALLOW))
        self.assertEqual(response.headers.get("supported"), "timer")

    def test_the_same_request_by_another_way(self) -> None:
        """[D-SIP-5] 482: who forks must know."""
        self.bob.sessions.on_invitation = lambda invitation: invitation.ring()
        request = self.request("INVITE", self.offer())
        self.stranger.say(request)
        self.assertEqual(self.answer(request.with_via(self.stranger.via())).status, 482)

    def test_a_second_invite_before_the_first_is_answered(self) -> None:
        """[D-SIP-6] 500 with Retry-After, at most ten seconds."""
        self.bob.sessions.on_invitation = lambda invitation: invitation.ring()
        request = self.request("INVITE", self.offer())
        self.stranger.say(request)
        headers = request.headers.replaced("CSeq", "2 INVITE").replaced("Via", str(self.stranger.via()))
        response = self.answer(request.evolve(headers=headers))
        self.assertEqual(response.status, 500)
        self.assertIn(int(response.headers.get("retry-after") or "-1"), range(11))

    def test_a_bug_of_ours_is_answered_with_500(self) -> None:
        """E.12: nobody waits for an answer that does not come."""

        def broken(invitation: Invitation) -> None:
            raise ZeroDivisionError("a bug")

        self.bob.sessions.on_invitation = broken
        self.assertEqual(self.answer(self.request("INVITE", self.offer())).status, 500)
        self.assert_logged("ZeroDivisionError")
        self.assertEqual(self.bob.sessions.alive, 0)


class Messages(ConversationCase):
    """MESSAGE needs no session."""

    def make(self, via: Via) -> Request:
        fields = message_headers(
            identity=SipUri.parse("sip:alice@example.com"),
            target=SipUri.parse(TO_BOB),
            targeting=push.Targeting(),
            push_id="psh_1",
            content_type="text/plain",
            now=0.0,
        )
        return opening_request("MESSAGE", SipUri.parse(TO_BOB), via, "t1", "c1", 1, fields, b"Gate 3 is open")

    def test_a_message_is_asked_and_answered(self) -> None:
        """[R-INF-3] No dialog comes of it."""
        self.begin()
        bodies = []

        def message(request: Request, source: object) -> None:
            bodies.append(request.body)
            self.bob.sessions.respond(request, 200)

        self.bob.sessions.on_message = message
        exchange = self.network.run(self.alice.sessions.ask(self.make, SipUri.parse(TO_BOB)))
        self.assertEqual((exchange.response.status, bodies), (200, [b"Gate 3 is open"]))
        self.assertEqual((self.alice.sessions.alive, self.bob.sessions.alive), (0, 0))
        self.assert_nothing_left()

    def test_a_message_that_nobody_hears(self) -> None:
        self.begin()
        exchange = self.network.run(self.alice.sessions.ask(self.make, SipUri.parse(TO_BOB)))
        self.assertEqual(exchange.response.status, 603)
        self.network.settle(40.0)
        self.bob.sessions.refusing = True
        exchange = self.network.run(self.alice.sessions.ask(self.make, SipUri.parse(TO_BOB)))
        self.assertEqual(exchange.response.status, 503)

    def test_a_message_inside_a_session_is_one_like_any_other(self) -> None:
        """It offers nothing, and the session goes on."""
        self.begin()
        session = self.opened()
        messages = []

        def message(request: Request, source: object) -> None:
            messages.append(request)
            self.bob.sessions.respond(request, 200)

        self.bob.sessions.on_message = message
        dialog = session.dialog
        fields = [("Content-Type", "text/plain")]
        exchange = self.network.run(
            self.alice.sessions.ask(lambda via: dialog.request("MESSAGE", via, fields, b"x")[0], dialog.next_hop_uri())
        )
        self.assertEqual((exchange.response.status, len(messages)), (200, 1))
        self.assertTrue(self.session_of(self.bob).is_alive)

    def test_options_inside_a_session(self) -> None:
        """[D-SIP-15]"""
        self.begin()
        dialog = self.opened().dialog
        exchange = self.network.run(
            self.alice.sessions.ask(lambda via: dialog.request("OPTIONS", via)[0], dialog.next_hop_uri())
        )
        self.assertEqual(exchange.response.status, 200)
        self.assertIsNotNone(exchange.response.headers.get("allow"))
        self.assertTrue(self.session_of(self.bob).is_alive)

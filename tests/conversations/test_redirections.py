"""Somebody answers 3xx: the push goes on to where the receiver is, or ends with words about it."""

from __future__ import annotations

from twisted.internet.defer import succeed

from pushsvc.digest import Account
from pushsvc.errors import Refused, Unreachable
from pushsvc.sender.job import FileState
from pushsvc.sender.outcome import RetryPolicy, State, judge
from pushsvc.sip.credentials import credentials_of
from pushsvc.sip.message import Request, Response, reply_to
from tests.agents import Agent
from tests.conversations.case import BOB, NOTICE, TO_BOB, ConversationCase, intercept
from tests.conversations.push_case import PushCase
from tests.gate import Gate

ELSEWHERE = "192.0.2.30"
TO_ELSEWHERE = f"sip:alice@{ELSEWHERE}"


class Pushes(PushCase):
    """[D-SIP-10] A redirect server stands at the address of the push."""

    def redirect(self, status: int, *contacts: str) -> list[Request]:
        """The requests that it gets."""
        self.begin()
        requests: list[Request] = []

        def answer(request: Request) -> Response | None:
            if request.method == "ACK":
                return None
            requests.append(request)
            return reply_to(request, status, to_tag="r", headers=[("Contact", contact) for contact in contacts])

        self.server = Agent(self.network, ELSEWHERE, "server")
        intercept(self.server, answer)
        return requests

    def test_a_push_follows(self) -> None:
        """[D-SIP-10] In the same attempt: one more number, another Request-URI, the rest as it was."""
        for mode, content in (("msrp", b"x" * 5000), ("message", b"Gate 3 is open")):
            first = self.redirect(302, f"<{TO_ELSEWHERE}>;q=0.9, <sip:alice@192.0.2.20;method=BYE>;q=0.5")
            heard: list[Request] = []
            self.hear(heard)
            result = self.push(self.sender.job(content, to=TO_ELSEWHERE, mode=mode))
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], mode)
            self.assertEqual((self.receiver.contents(), result.sip_status), ([content], 200))
            before, after = first[0], heard[0]
            self.assertEqual((len(first), str(after.uri)), (1, "sip:alice@192.0.2.20"))
            self.assertEqual(
                (before.call_id, before.from_, before.to, before.body),
                (after.call_id, after.from_, after.to, after.body),
            )
            self.assertEqual((before.cseq.number, after.cseq.number), (1, 2))
            self.assert_nothing_left()

    def hear(self, heard: list[Request]) -> None:
        """Keep what the receiver gets."""

        def note(request: Request) -> None:
            heard.append(request)

        intercept(self.receiver.stack, note)

    def test_what_cannot_be_followed_is_undeliverable_and_says_why(self) -> None:
        """[D-SIP-10]"""
        here = "<sip:alice@192.0.2.20>"
        for status, contacts, why in (
            (302, (), "it sends us to nowhere else that we can go to"),
            (300, ("<tel:+1>", f"<{TO_ELSEWHERE}>"), "it sends us to nowhere else that we can go to"),
            (302, ("<sip:alice@127.0.0.1>",), "it sends us to nowhere else that we can go to"),
            (305, (here,), "this kind of redirection is not followed"),
            (380, (here,), "this kind of redirection is not followed"),
        ):
            requests = self.redirect(status, *contacts)
            result = self.push(self.sender.job(b"x" * 5000, to=TO_ELSEWHERE))
            outcome = judge(
                result, [None], tries=1, now=0.0, policy=RetryPolicy(), not_after=1e6, chance=0.5
            )  # fmt: skip
            self.assertEqual(outcome.state, State.UNDELIVERABLE)
            self.assertEqual((outcome.reason or "").partition(": ")[2], why)
            self.assertEqual((len(requests), result.sip_status), (1, status))
            self.assertEqual(self.receiver.arrived, [])
            self.assert_nothing_left()

    def test_a_name_that_leads_into_our_own_machine(self) -> None:
        """[D-SIP-10] What is not sent there is a push that ends with words. With a proxy it is the proxy's business."""
        for mode in ("msrp", "message"):
            requests = self.redirect(302, "<sip:alice@inside.example.com>")
            self.patch(self.sender.stack.agent._reaching._locator, "_resolve", lambda host: succeed(["127.0.0.1"]))
            result = self.push(self.sender.job(b"Gate 3 is open", to=TO_ELSEWHERE, mode=mode))
            assert isinstance(result.failure, Unreachable)
            self.assertEqual((len(requests), result.failure.retry), (1, False))
            self.assertRegex(result.failure.reason, "inside.example.com is inside of this machine")
            self.assert_nothing_left()

    def test_a_target_that_cannot_be_reached_is_passed_over(self) -> None:
        """[D-SIP-10] SIP over TLS is not possible here, nobody is at the next one, the third takes it."""
        contacts = "<sips:alice@192.0.2.20>", "<sip:alice@192.0.2.99;transport=tcp>", "<sip:alice@192.0.2.20>"
        self.redirect(302, *contacts)
        result = self.push(self.sender.job(b"x" * 5000, to=TO_ELSEWHERE))
        self.assertIsNone(result.failure)
        self.assertEqual(self.receiver.contents(), [b"x" * 5000])
        self.assert_nothing_left()


class Credentials(ConversationCase):
    def test_credentials_are_for_whoever_asked(self) -> None:
        """[D-SIP-9] [D-SIP-10] Where he sends us on, nobody can start guessing from them."""
        self.begin(udp=True, alice={"account": Account("alice", "secret")})
        server, gate = Agent(self.network, ELSEWHERE, "server"), Gate(401)
        intercept(server, lambda request: gate.refuses(request) or self.moved(request))
        self.bob.accept_everything()
        session = self.network.run(self.alice.dial(TO_ELSEWHERE, NOTICE))
        invites = self.alice_said.requests("INVITE")
        self.assertEqual([str(each.uri) for each in invites], [TO_ELSEWHERE, TO_ELSEWHERE, TO_BOB])
        self.assertEqual([each.cseq.number for each in invites], [1, 2, 3])
        self.assertEqual([credentials_of(each) == [] for each in invites], [True, False, True])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_whoever_is_at_the_end_is_not_answered(self) -> None:
        """[D-SIP-9] [D-SIP-10] Unless the realm is set: then it is the one that is meant, wherever it is."""
        for realm, numbers in (("", [1, 2]), ("example.com", [1, 2, 3])):
            self.begin(udp=True, alice={"account": Account("alice", "secret", realm)})
            server, gate = Agent(self.network, ELSEWHERE, "server"), Gate(401)
            intercept(server, lambda request: None if request.method == "ACK" else self.moved(request))
            intercept(self.bob, gate.refuses)
            self.bob.accept_everything()
            dialing = self.alice.dial(TO_ELSEWHERE, NOTICE)
            if realm:
                self.network.run(self.network.run(dialing).close())
            else:
                error = self.failed(dialing, Refused)
                self.assertRegex(error.why, "we were sent on to realm")
            self.assertEqual([each.cseq.number for each in self.alice_said.requests("INVITE")], numbers)
            self.assert_nothing_left()

    def test_a_6xx_is_the_last_word(self) -> None:
        """[D-SIP-10] No other target hears of the push."""
        self.begin()
        server = Agent(self.network, ELSEWHERE, "server")
        intercept(
            server, lambda request: None if request.method == "ACK" else self.moved(request, "<sip:x@192.0.2.99>")
        )
        self.bob.sessions.on_invitation = lambda invitation: invitation.refuse(603)
        error = self.failed(self.alice.dial(TO_ELSEWHERE, NOTICE), Refused)
        self.assertEqual((error.status, len(self.alice_said.requests("INVITE"))), (603, 2))
        self.assert_nothing_left()

    def moved(self, request: Request, *more: str) -> Response:
        contacts = [("Contact", contact) for contact in (f"<sip:bob@{BOB}>;q=1", *(f"{each};q=0.1" for each in more))]
        return reply_to(request, 302, to_tag="r", headers=contacts)

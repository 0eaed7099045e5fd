"""Challenges on the way and at the end of it, answered by whichever side is asked (RFC 3261 §22)."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher

from pushsvc.digest import Account
from pushsvc.errors import Withdrawn
from pushsvc.net.observer import Direction
from pushsvc.net.wirelog import WireLog
from pushsvc.sessions import opening_request
from pushsvc.sip.credentials import MAX_ROUNDS, credentials_of
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri
from tests.conversations.case import ALICE, NOTICE, TO_BOB, intercept
from tests.conversations.core_case import ACCOUNT, CoreCase
from tests.conversations.stranger import Stranger
from tests.core import CORE, PROXY
from tests.gate import Gate


class Proxies(CoreCase):
    """The core asks."""

    def test_an_invite_is_sent_again_with_credentials(self) -> None:
        """[D-SIP-9] [R-PSA-200-5] [F-18] Flow 14: one more number, another branch, the rest as it was."""
        gate = Gate()
        self.begin_with_core(gate)
        session = self.through_core()
        first, second = self.alice_said.requests("INVITE")
        self.assertEqual((first.call_id, first.from_, first.to.tag), (second.call_id, second.from_, second.to.tag))
        self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
        self.assertNotEqual(first.via.branch, second.via.branch)
        self.assertEqual((first.body, first.uri), (second.body, second.uri))
        self.assertEqual(credentials_of(first), [])
        (field,) = credentials_of(second)
        self.assertEqual((field[0], gate.passed[0].cseq.number), ("Proxy-Authorization", 2))
        self.assertIn('username="alice", realm="example.com", nonce="example.com-1"', field[1])
        self.assertIn("algorithm=SHA-256", field[1])
        self.assertEqual(self.bob_said.heard[0].headers.get("proxy-authorization"), None)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assert_nothing_left()

    def test_the_acks(self) -> None:
        """[D-SIP-7] That of the challenge is hop by hop; that of the 200 has the credentials of its INVITE."""
        self.begin_with_core(Gate())
        session = self.through_core()
        first, second = self.alice_said.requests("INVITE")
        refused, accepted = self.alice_said.requests("ACK")
        self.assertEqual((refused.via.branch, refused.cseq.number), (first.via.branch, 1))
        self.assertEqual((credentials_of(refused), str(refused.uri)), ([], TO_BOB))
        self.assertEqual(credentials_of(accepted), credentials_of(second))
        self.assertEqual((accepted.cseq.number, accepted.headers.all("Route")), (2, [f"<{PROXY}>"]))
        self.assertNotIn(accepted.via.branch, (first.via.branch, second.via.branch))
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_later_requests_send_them_ahead(self) -> None:
        """[D-SIP-9] [R-PSA-REL-3] The same nonce, counted; nobody has to ask again."""
        gate = Gate()
        self.begin_with_core(gate)
        session = self.through_core()
        self.run_story(session.close_lines([1]))
        self.network.run(session.close())
        self.assertEqual(gate.challenges, 1)
        counts = [(request.method, (gate.given(request) or {})["nc"]) for request in gate.passed]
        self.assertEqual(counts, [("INVITE", "00000001"), ("INVITE", "00000002"), ("BYE", "00000003")])
        self.assertEqual([request.cseq.number for request in gate.passed], [2, 3, 4])
        first, *acks = self.alice_said.requests("ACK")
        self.assertEqual([credentials_of(ack) for ack in (first, *acks)], [[], *map(credentials_of, gate.passed[:2])])
        self.assert_nothing_left()

    def test_another_call_is_asked_anew(self) -> None:
        """RFC 3261 §22.3: credentials are not for another dialog."""
        gate = Gate()
        self.begin_with_core(gate)
        for _ in range(2):
            self.network.run(self.through_core().close())
        self.assertEqual([credentials_of(each) == [] for each in self.alice_said.requests("INVITE")], [True, False] * 2)

    def test_a_nonce_that_has_become_stale(self) -> None:
        """[D-SIP-9] Again with the new one, which is counted from one; for INVITE, BYE, whatever comes."""
        gate = Gate(uses=1)
        self.begin_with_core(gate)
        session = self.through_core()
        self.run_story(session.close_lines([1]))
        self.network.run(session.close())
        self.assertEqual(gate.challenges, 3)
        self.assertEqual([(gate.given(request) or {})["nc"] for request in gate.passed], ["00000001"] * 3)
        self.assertEqual([request.cseq.number for request in gate.passed], [2, 4, 6])
        self.assert_nothing_left()

    def test_the_topmost_algorithm_that_is_known(self) -> None:
        """[D-SIP-9] RFC 8760 §2.4: the server's order counts, not ours."""
        for algorithms in (("MD5", "SHA-256"), ("SHA-512-256", "SHA-256", "MD5")):
            gate = Gate(algorithms=algorithms)
            self.begin_with_core(gate)
            self.through_core()
            self.assertIn(f"algorithm={algorithms[0]},", credentials_of(gate.passed[0])[0][1])

    def test_requests_inside_the_session_are_asked_for_the_first_time(self) -> None:
        """[D-SIP-9] Re-INVITE, UPDATE and BYE answer challenges as well."""
        gate = Gate(asked=("UPDATE",))
        self.begin_with_core(gate)
        session = self.opened(NOTICE, NOTICE, route=PROXY, session_expires=90)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.settle(50.0)
        self.assertEqual([str(each.cseq) for each in gate.passed], ["3 UPDATE"])
        gate.asked = ("INVITE",)
        gate.uses = 1
        self.run_story(session.close_lines([1]))
        self.assertEqual(str(gate.passed[-1].cseq), "5 INVITE")
        self.assertEqual(credentials_of(self.alice_said.requests("ACK")[-1]), credentials_of(gate.passed[-1]))
        gate.asked = ("BYE",)
        self.network.run(session.close())
        self.assertEqual(str(gate.passed[-1].cseq), "7 BYE")
        self.assertEqual(self.ladder[-1], "bob 200 BYE")
        self.assert_nothing_left()

    def test_the_callee_is_asked(self) -> None:
        """[D-SIP-9] The receiver's requests take the same way back, with its own account."""
        gate = Gate(asked=())
        self.begin_with_core(gate)
        self.through_core()
        gate.asked = ("BYE",)
        self.network.run(self.session_of(self.bob).close())
        (bye,) = gate.passed
        self.assertIn('username="bob"', credentials_of(bye)[0][1])
        self.assertEqual([each.cseq.number for each in self.bob_said.requests("BYE")], [1, 2])
        self.assert_nothing_left()

    def test_withdrawing_the_second_invite(self) -> None:
        """[R-PSA-CAN-1] [R-PSA-CAN-2] CANCEL is of the INVITE that is under way, with its Route."""
        self.begin_with_core(Gate())
        self.bob.sessions.on_invitation = lambda invitation: invitation.ring()
        dialed = self.alice.dial(TO_BOB, NOTICE, route=PROXY)
        self.network.settle(1.0)
        dialed.cancel()
        self.network.settle(1.0)
        (cancel,), (_, invite) = self.alice_said.requests("CANCEL"), self.alice_said.requests("INVITE")
        self.assertEqual((cancel.via, cancel.cseq.number, cancel.uri), (invite.via, 2, invite.uri))
        self.assertEqual(cancel.headers.all("Route"), invite.headers.all("Route"))
        self.assertEqual(cancel.headers.all("Route"), [f"<{PROXY}>"])
        self.assertIn("bob 487 INVITE", self.ladder)
        self.failureResultOf(dialed)
        self.assert_nothing_left()

    def test_stopping_while_a_challenge_is_on_its_way(self) -> None:
        """Nobody is asked again for a push that is not wanted any more."""
        self.begin_with_core(Gate())
        dialed = self.alice.dial(TO_BOB, NOTICE, route=PROXY)
        self.alice.agent.stop()
        self.failureResultOf(dialed, Withdrawn)
        self.network.settle(1.0)
        self.assertEqual(len(self.core.requests("INVITE")), 1)
        self.network = None  # type: ignore[assignment]  # a stopped agent ends with its process, transactions and all


class Servers(CoreCase):
    """Whoever is called asks, alone or after the core."""

    def test_a_peer_without_any_core(self) -> None:
        """[D-SIP-9] 401, answered by Authorization."""
        self.begin(udp=True, alice={"account": ACCOUNT})
        gate = Gate(401)
        intercept(self.bob, gate.refuses)
        session = self.opened(NOTICE)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assertEqual([credentials_of(each)[0][0] for each in gate.passed], ["Authorization"] * 2)
        self.assertEqual(credentials_of(self.alice_said.requests("ACK")[-1]), credentials_of(gate.passed[0]))
        self.assert_nothing_left()

    def test_both_ask(self) -> None:
        """[D-SIP-9] One after the other, each for its realm; the INVITE that arrives has both answers."""
        proxy, server = Gate(), Gate(401, "bob.example.com", algorithms=("MD5",))
        self.begin_with_core(proxy)
        intercept(self.bob, server.refuses)
        session = self.through_core()
        invites = self.alice_said.requests("INVITE")
        self.assertEqual([each.cseq.number for each in invites], [1, 2, 3])
        self.assertEqual([name for name, _ in credentials_of(invites[-1])], ["Authorization", "Proxy-Authorization"])
        self.assertEqual(credentials_of(self.alice_said.requests("ACK")[-1]), credentials_of(invites[-1]))
        self.network.run(session.close())
        self.assertEqual((proxy.challenges, server.challenges), (1, 1))
        self.assert_nothing_left()

    def test_a_message(self) -> None:
        """[D-SIP-9] [F-02] Outside of any session."""
        gate = Gate()
        self.begin_with_core(gate)
        self.bob.sessions.on_message = lambda request, source: self.bob.sessions.respond(request, 200)
        exchange = self.run_story(self.asked("MESSAGE"))
        self.assertEqual(exchange.response.status, 200)
        self.assertEqual([(each.cseq.number, each.method) for each in gate.passed], [(2, "MESSAGE")])
        self.assertEqual(exchange.request, self.alice_said.requests("MESSAGE")[1])
        self.assert_nothing_left()

    def test_another_fork_gets_the_credentials_in_its_ack_too(self) -> None:
        """[D-SIP-7] [D-SIP-11] And its BYE answers the challenge that comes."""
        self.begin_with_core(Gate())
        session = self.through_core()
        invite, answer = self.alice_said.requests("INVITE")[-1], self.bob_said.responses("INVITE")[-1]
        other = Stranger(self.network)
        headers = answer.headers.replaced("To", f"<{TO_BOB}>;tag=other").replaced("Contact", "<sip:other@192.0.2.66>")
        other.say(answer.evolve(headers=headers.replaced("Via", str(invite.via))), ALICE, settle=0.3)
        to_other = [each for each in self.core.heard if each.to.tag == "other"]
        self.assertEqual([str(each.cseq) for each in to_other], ["2 ACK", "3 BYE", "4 BYE"])
        self.assertEqual(credentials_of(to_other[0]), credentials_of(invite))
        self.assertTrue(session.is_alive)

    async def asked(self, method: str) -> Any:
        def make(via: Via) -> Request:
            parties = [("From", "<sip:alice@example.com>"), ("To", f"<{TO_BOB}>")]
            fields = [*parties, ("Content-Type", "text/plain")]
            return opening_request(method, SipUri.parse(TO_BOB), via, "t1", "c1", 1, fields, b"x", route=PROXY)

        return await self.alice.sessions.ask(make, PROXY)


class Unanswerable(CoreCase):
    """What cannot be answered ends at once, with a reason for people."""

    def test_a_wrong_password(self) -> None:
        """[D-SIP-9] Once, and no more: whoever guesses locks accounts."""
        self.begin_with_core(Gate(password="another"))
        error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
        self.assertEqual((error.status, error.why), (407, 'wrong user or password for realm "example.com"'))
        self.assertFalse(error.retry)
        self.assertEqual([each.cseq.number for each in self.core.requests("INVITE")], [1, 2])
        self.assertEqual(self.ladder, ["alice INVITE", "alice ACK"] * 2)

    def test_the_same_nonce_again(self) -> None:
        """[D-SIP-9] Whatever is said about it."""
        for stale in (False, True):
            gate = Gate(password="another")
            gate.fixed_nonce, gate.always_stale = "n", stale
            self.begin_with_core(gate)
            error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
            self.assertEqual((error.status, len(self.core.requests("INVITE"))), (407, 2))

    def test_a_server_whose_nonces_are_always_stale(self) -> None:
        """It has an end."""
        gate = Gate(password="another")
        gate.always_stale = True
        self.begin_with_core(gate)
        error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
        self.assertEqual(error.why, "it was challenged 6 times running")
        self.assertEqual(len(self.core.requests("INVITE")), MAX_ROUNDS + 1)

    def test_what_we_lack(self) -> None:
        """[D-SIP-9] [F-18] No password, another realm, an unknown digest: nothing is sent to guess from."""
        other = Account("alice", "secret", "other.example.com")
        cases = (
            (None, Gate(), 'no password is set for realm "example.com"'),
            (other, Gate(401), 'realm "example.com" is not "other.example.com", which our password is for'),
            (ACCOUNT, Gate(algorithms=("AKAv1-MD5",)), 'realm "example.com" asks for a digest that is not known here'),
        )
        for account, gate, why in cases:
            self.begin_with_core(gate, account)
            error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
            self.assertEqual((error.status, error.why), (gate.status, why))
            self.assertEqual(len(self.core.requests("INVITE")), 1)

    def test_the_realm_that_is_meant(self) -> None:
        """[D-SIP-9] Of several, the one that our password is for is answered."""
        gate = Gate()
        gate.extra = ', Digest realm="another.example.com", nonce="x"'
        self.begin_with_core(gate, Account("alice", "secret", "example.com"))
        self.through_core()
        (field,) = credentials_of(gate.passed[0])
        self.assertIn('realm="example.com"', field[1])

    def test_rubbish(self) -> None:
        """[D-SIP-9] A challenge that says nothing is a refusal like any other."""
        for value in (
            "",
            "Digest",
            'Digest realm="x',
            "Basic realm=x",
            "\udcff",
            ",",
            "Digest realm=a, nonce=b, realm=c",
        ):
            self.begin_with_core(None)
            self.bob.sessions.on_invitation = lambda invitation, value=value: invitation.refuse(
                401, [("WWW-Authenticate", value)] if value else []
            )
            error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
            self.assertEqual((error.status, error.why), (401, "its challenge cannot be read"), value)
            self.assertEqual(len(self.alice_said.requests("INVITE")), 1)

    def test_a_refresh_that_cannot_be_answered(self) -> None:
        """It is a refusal: the session lives until its interval is over, as flow 8c has it."""
        gate = Gate(password="another", asked=("UPDATE",))
        self.begin_with_core(gate)
        session = self.opened(NOTICE, route=PROXY, session_expires=90)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.settle(50.0)
        self.assertTrue(session.is_alive)
        self.network.settle(50.0)
        self.assertFalse(session.is_alive)
        self.assert_nothing_left()

    def test_a_challenge_to_another_status_is_none(self) -> None:
        """Only 401 and 407 ask."""
        self.begin_with_core(None)
        challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n"')
        self.bob.sessions.on_invitation = lambda invitation: invitation.refuse(403, [challenge])
        error = self.refused(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
        self.assertEqual((error.status, error.why, len(self.alice_said.requests("INVITE"))), (403, "", 1))


class Secrecy(CoreCase):
    def test_no_log_tells_the_password_or_the_credentials(self) -> None:
        """[F-18] Not the wire log at its finest, nor the warning about a challenge."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for password in ("secret", "another"):
            self.begin_with_core(Gate(password=password))
            self.bob.accept_everything()
            self.network.run(self.alice.dial(TO_BOB, NOTICE, route=PROXY).addErrback(lambda failure: None))
            for message in self.alice_said.sent:
                WireLog(unlimited=True).sip(Direction.OUT, message, Hop("udp", CORE, 5060))
        told = "\n".join(repr(sorted(event.items(), key=str)) for event in events)
        self.assertIn("wrong user or password", told)
        for secret in ("'secret'", "response=", "cnonce", "Digest"):
            self.assertNotIn(secret, told)

"""Which request is for whom. Whole conversations are in `tests.conversations`."""

from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.net.msrp_receiving import NOTHING
from pushsvc.sessions import Invitation, Sessions, Take
from pushsvc.sip.message import Request, cancel_of
from tests.agents import Agent
from tests.sessions.scripted import HOP, ScriptedAgent
from tests.sessions.values import accepted, invite, offer
from tests.sim import Network

ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "MESSAGE")
RETRY_LATER = "30"


class Routing(SynchronousTestCase):
    """Requests as they come in."""

    def setUp(self) -> None:
        self.clock, self.agent = Clock(), ScriptedAgent()
        self.invites: list[Request] = []
        self.agent.cancelled_by = lambda cancel: self.invites[0] if self.invites else None  # type: ignore[attr-defined]
        floors = attrs.evolve(Agent(Network(), "192.0.2.20", "bob").floors, agent=self.agent)
        self.sessions = Sessions(floors, allow=ALLOW, max_sessions=2)
        self.invitations: list[Invitation] = []
        self.sessions.on_invitation = self.invitations.append

    def arrive(self, request: Request) -> None:
        self.agent.on_request(request, HOP)  # type: ignore[attr-defined]

    def invite(self, number: int = 1, tag: str = "alice-tag") -> Request:
        request = invite(sdp.format(offer("a")))
        headers = request.headers.replaced("CSeq", f"{number} INVITE")
        return request.evolve(headers=headers.replaced("From", f"<sip:alice@example.com>;tag={tag}"))

    def accepted_session(self):  # type: ignore[no-untyped-def]
        self.arrive(self.invite())
        return self.invitations.pop().accept([Take(NOTHING, ("*",))], lambda contact: [("Contact", f"<{contact}>")])

    def in_session(self, method: str, number: int = 2) -> Request:
        """A request of the caller's inside the only session."""
        answer = next(each for each in self.agent.sent if each.cseq.method == "INVITE")
        request = self.invite()
        headers = request.headers.replaced("CSeq", f"{number} {method}").replaced("To", str(answer.to))
        return Request(method, request.uri, headers)

    def test_an_invitation_is_asked_about_and_counted(self) -> None:
        self.arrive(self.invite())
        self.assertEqual((len(self.invitations), self.sessions.alive, self.agent.sent), (1, 1, []))
        self.invitations[0].refuse(486)
        self.assertEqual((self.sessions.alive, self.agent.methods()), (0, ["486"]))

    def test_the_limit_counts_sessions_and_invitations(self) -> None:
        """[R-PRA-INV-2a]"""
        self.accepted_session()
        self.arrive(self.invite(tag="t2"))
        self.arrive(self.invite(tag="t3"))
        self.assertEqual((self.sessions.alive, self.agent.methods()), (2, ["200", "486"]))

    def test_one_source_cannot_take_all_the_room(self) -> None:
        """SECURITY part 5: 486 for its next, however its sessions and invitations end meanwhile."""
        self.agent.limited = True
        session = self.accepted_session()
        self.arrive(self.in_session("ACK", 1))
        self.arrive(self.invite(tag="t2"))
        self.assertEqual(self.agent.methods(), ["200", "486"])
        session.close()
        self.agent.answer(200)
        for tag in ("t3", "t4"):
            self.arrive(self.invite(tag=tag))
            self.invitations.pop().refuse(603)
        self.assertEqual(self.agent.methods()[2:], ["BYE", "603", "603"])
        self.assertEqual((self.sessions.alive, len(self.sessions._room)), (0, 0))

    def test_the_same_caller_again_before_it_was_answered(self) -> None:
        """[D-SIP-6]"""
        self.arrive(self.invite())
        self.arrive(self.invite(2))
        self.assertEqual((len(self.invitations), self.agent.methods()), (1, ["500"]))

    def test_requests_inside_a_session(self) -> None:
        session = self.accepted_session()
        self.arrive(self.in_session("ACK", 1))
        self.assertFalse(session._offers.unacked)
        self.arrive(self.in_session("OPTIONS", 2))
        self.arrive(self.in_session("BYE", 3))
        self.assertEqual(self.agent.methods(), ["200", "200", "200"])
        self.assertEqual(self.sessions.alive, 0)
        self.arrive(self.in_session("BYE", 4))
        self.assertEqual(self.agent.methods()[3:], ["481"])

    def test_an_ack_of_nothing(self) -> None:
        self.arrive(Request("ACK", self.invite().uri, self.invite().headers.replaced("CSeq", "1 ACK")))
        self.assertEqual(self.agent.sent, [])

    def test_a_cancel(self) -> None:
        """[R-PSA-CAN-1] Of the INVITE that it names, and of no other."""
        request = self.invite()
        self.arrive(cancel_of(request))
        self.assertEqual(self.agent.methods(), ["481"])
        self.invites.append(request)
        self.arrive(request)
        self.arrive(cancel_of(self.invite(tag="another")))
        self.assertEqual(self.agent.methods(), ["481", "481"])
        self.arrive(cancel_of(request))
        self.assertEqual(self.agent.methods(), ["481", "481", "200", "487"])
        self.assertEqual(self.sessions.alive, 0)

    def test_a_draining_service(self) -> None:
        """[R-PRA-INV-2a] Nothing new; what is asked about a session is still answered."""
        self.accepted_session()
        self.sessions.refusing = True
        self.arrive(self.invite(tag="t2"))
        self.arrive(self.in_session("UPDATE", 2))
        self.arrive(self.in_session("MESSAGE", 3))
        self.assertEqual(self.agent.methods(), ["200", "503", "200", "503"])
        self.assertEqual(self.agent.sent[1].headers.get("retry-after"), RETRY_LATER)

    def test_who_calls_a_service_that_starts_hears_how_long_that_takes(self) -> None:
        self.sessions.refusing, self.sessions.again_after = True, 2
        self.arrive(self.invite())
        self.assertEqual(self.agent.sent[0].headers.get("retry-after"), "2")

    def test_a_2xx_of_a_call_that_nobody_knows(self) -> None:
        """[R-PSA-CAN-1] It is turned away, unless it does not belong to the INVITE that it claims."""
        ours = invite()
        on_stray = self.agent.on_stray  # type: ignore[attr-defined]
        on_stray(accepted(ours), None)
        forged = accepted(ours)
        on_stray(forged.evolve(headers=forged.headers.replaced("Call-ID", "another")), ours)
        self.assertEqual(self.agent.sent, [])
        on_stray(accepted(ours), ours)
        on_stray(accepted(ours), ours)
        self.assertEqual(self.agent.methods(), ["ACK", "BYE", "ACK"])

    def test_a_bug_in_a_decision_is_not_the_callers_to_wait_for(self) -> None:
        """E.12: 500; the bug itself goes on up to who logs it."""

        def broken(invitation: Invitation) -> None:
            raise ZeroDivisionError

        self.sessions.on_invitation = broken
        self.assertRaises(ZeroDivisionError, self.arrive, self.invite())
        self.assertEqual((self.agent.methods(), self.sessions.alive), (["500"], 0))

    def test_a_request_outside_of_everything(self) -> None:
        request = self.invite()
        for method in ("BYE", "UPDATE"):
            self.arrive(Request(method, request.uri, request.headers.replaced("CSeq", f"1 {method}")))
        self.assertEqual(self.agent.methods(), ["481", "481"])

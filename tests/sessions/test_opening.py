"""From an INVITE to a session, on the callee's side."""

from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import BadMessage, NotAcceptable, ProtocolError
from pushsvc.net.msrp_receiving import NOTHING
from pushsvc.sessions.opening import Opening
from pushsvc.sessions.session import Session
from pushsvc.sessions.take import Take
from pushsvc.sip.message import Request
from tests.agents import Agent
from tests.sessions.scripted import HOP, ScriptedAgent
from tests.sessions.values import FIELDS, invite, offer
from tests.sim import Network

TAKE = Take(NOTHING, ("*",))


class Invites(SynchronousTestCase):
    """Bob is invited."""

    def setUp(self) -> None:
        self.clock, self.agent = Clock(), ScriptedAgent()
        self.bob = Agent(Network(), "192.0.2.20", "bob")
        self.events: list[object] = []

    def opening(self, request: Request) -> Opening:
        return Opening(
            attrs.evolve(self.bob.floors, agent=self.agent),
            request,
            HOP,
            lambda session: self.events.append("begun"),
            lambda: self.events.append("over"),
            lambda session: self.events.append("forgotten"),
            self.events.append,
        )

    def accepted(self, request: Request, *takes: Take | None) -> Session:
        return self.opening(request).invitation.accept(takes, lambda contact: [("Contact", f"<{contact}>")], ["text/*"])

    def test_the_session_is_known_and_ready_before_its_200_goes_out(self) -> None:
        """[R-PRA-INV-8]"""
        respond = self.agent.respond

        def noted(response):  # type: ignore[no-untyped-def]
            self.events.append(("200", self.bob.msrp.sessions))
            respond(response)

        self.agent.respond = noted  # type: ignore[method-assign]
        self.accepted(invite(sdp.format(offer("a"))), TAKE)
        self.assertEqual(self.events, ["begun", ("200", 1)])

    def test_the_200_answers_line_by_line(self) -> None:
        """[R-PRA-INV-6] [R-PRA-INV-6a] [D-SES-1]"""
        session = self.accepted(invite(sdp.format(offer("a", "b", "c"))), None, TAKE, None)
        (response,) = self.agent.sent
        lines = sdp.media(sdp.parse(response.body))
        self.assertEqual([line.port for line in lines], [0, 2855, 0])
        self.assertEqual([line.direction for line in lines], ["recvonly"] * 3)
        self.assertEqual((lines[0].accept_types, lines[1].accept_types), (("text/*",), ("*",)))
        self.assertEqual(response.headers.get("require"), "timer")
        self.assertEqual([line.is_open for line in session.lines], [False, True, False])
        self.assertEqual(response.to.tag, session.dialog.local_tag)

    def test_what_nothing_can_come_of(self) -> None:
        """Found out before anybody is asked."""
        body = sdp.format(offer("a"))
        too_short = [
            ("Session-Expires", "30") if name == "Session-Expires" else (name, value) for name, value in FIELDS
        ]
        without = [(name, value) for name, value in FIELDS if name != "Contact"]
        cases: list[tuple[Request, type[ProtocolError], int]] = [
            (invite(), NotAcceptable, 488),
            (invite(b"rubbish"), ProtocolError, 400),
            (invite(body, too_short), BadMessage, 422),
            (invite(body, without), BadMessage, 400),
        ]
        for request, error, status in cases:
            with self.assertRaises(error) as caught:
                self.opening(request)
            self.assertEqual(caught.exception.status, status)
        self.assertEqual((self.events, self.agent.sent, self.bob.msrp.sessions), ([], [], 0))

    def test_a_refusal_leaves_nothing(self) -> None:
        self.opening(invite(sdp.format(offer("a")))).invitation.refuse(486)
        self.assertEqual((self.events, self.agent.methods(), self.bob.msrp.sessions), (["over"], ["486"], 0))

"""Our offers, one at a time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.sessions.errands import Errands
from pushsvc.sessions.line import Line
from pushsvc.sessions.offer_body import read_offer
from pushsvc.sessions.own_offers import GLARE_TRIES, OwnOffers
from pushsvc.sessions.own_requests import OwnRequests
from pushsvc.sessions.user_plane import UserPlane
from pushsvc.sip.message import Request
from tests.sessions.scripted import ScriptedAgent, floors_on
from tests.sessions.values import LOCAL, answer, callers_standing, file

SDP = ("Content-Type", "application/sdp")
CONTACT = ("Contact", "<sip:bob@192.0.2.20>")


class Offers(SynchronousTestCase):
    """Alice's, in a session with Bob that has two lines and no MSRP."""

    def setUp(self) -> None:
        self.clock, self.agent, self.standing = Clock(), ScriptedAgent(), callers_standing("a", "b")
        self.standing.peer_allows = ("INVITE", "UPDATE")
        self.ends: list[str] = []
        floors = floors_on(self.agent, self.clock)
        lines = [Line(view, None) for view in sdp.media(self.standing.ours)]
        self.plane = UserPlane(floors, lines, lambda: None, lambda line, why: None, lambda why: None)
        self.errands = Errands(self.ends.append)
        self.requests = OwnRequests(floors, self.standing, lambda: None, lambda response: None, 180.0)
        self.own = OwnOffers(floors, self.standing, self.plane, self.requests, self.errands)

    def start(self, story: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(story)

    def grant(self) -> None:
        """Answer the offer that waits with what was agreed at first."""
        offered = sdp.parse(next(each for each in reversed(self.agent.sent) if isinstance(each, Request)).body)
        self.agent.answer(200, CONTACT, SDP, body=sdp.format(answer(offered)))

    def test_an_offer_is_acknowledged_and_then_holds(self) -> None:
        """[D-SDP-1]"""
        before = self.standing.ours
        changing = self.start(self.own.close_lines([0]))
        self.assertTrue(self.own.inviting)
        self.assertEqual(self.standing.ours, before)
        self.grant()
        self.successResultOf(changing)
        self.assertEqual(self.agent.methods(), ["INVITE", "ACK"])
        self.assertEqual([line.port for line in sdp.media(self.standing.ours)], [0, 2855])
        self.assertEqual((self.own.inviting, self.own.turn.locked), (False, False))

    def test_a_refused_offer_has_never_been(self) -> None:
        before = self.standing.ours
        changing = self.start(self.own.close_lines([0]))
        self.agent.answer(488)
        self.failureResultOf(changing, Refused)
        self.assertEqual((self.standing.ours, self.own.turn.locked, self.ends), (before, False, []))

    def test_one_waits_for_the_other_and_builds_on_it(self) -> None:
        """RFC 3261 §14.1."""
        first, second = self.start(self.own.close_lines([0])), self.start(self.own.close_lines([1]))
        self.assertEqual(self.agent.methods(), ["INVITE"])
        self.grant()
        self.grant()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual([line.port for line in sdp.media(self.standing.ours)], [0, 0])
        self.assertEqual(self.standing.ours.origin.version, 3)

    def test_after_a_491_it_is_offered_again_as_things_are_by_then(self) -> None:
        """[D-SIP-6] Meanwhile the peer has its turn."""
        changing = self.start(self.own.close_lines([0]))
        self.agent.answer(491)
        self.assertEqual((self.own.inviting, self.own.turn.locked), (False, False))
        self.standing.ours = sdp.closing(self.standing.ours, [1])
        self.clock.advance(4.0)
        self.grant()
        self.successResultOf(changing)
        self.assertEqual([line.port for line in sdp.media(self.standing.ours)], [0, 0])

    def test_it_is_given_up_in_the_end(self) -> None:
        changing = self.start(self.own.close_lines([0]))
        for _ in range(GLARE_TRIES):
            self.agent.answer(491)
            self.clock.advance(4.0)
        self.assertEqual(self.failureResultOf(changing, Refused).value.status, 491)
        self.assertEqual(self.agent.methods().count("INVITE"), GLARE_TRIES)

    def test_an_offer_that_waits_for_its_turn_when_the_session_ends(self) -> None:
        """It is not made any more."""
        self.own.turn.acquire()
        changing = self.start(self.own.close_lines([0]))
        self.requests.stop()
        self.own.turn.release()
        self.failureResultOf(changing, Unreachable)
        self.assertEqual(self.agent.sent, [])

    def test_a_refresh_is_an_update_where_the_peer_takes_it(self) -> None:
        """RFC 4028 §7.4."""
        self.start(self.own.refresh())
        self.standing.peer_allows = ("INVITE",)
        self.start(self.own.refresh())
        self.assertEqual(self.agent.methods(), ["UPDATE", "INVITE"])
        self.assertEqual(self.agent.sent[1].body, sdp.format(self.standing.ours))

    def test_a_refresh_names_no_icon_whose_octets_are_not_with_it(self) -> None:
        """[D-SDP-1] The version goes up once for that, and never again."""
        self.standing.peer_allows = ()
        self.standing.ours = sdp.offer(LOCAL, [file("a", icon="1@h"), file("b")], (1, 1))
        for _ in range(2):
            self.start(self.own.refresh())
            self.grant()
        bodies = [read_offer(each).description for each in self.agent.sent if each.cseq.method == "INVITE"]
        self.assertEqual([body.origin.version for body in bodies], [2, 2])
        self.assertEqual([line.icon for line in sdp.media(bodies[0])], [None, None])

    def test_an_answer_that_closes_a_line_of_its_own_will(self) -> None:
        """RFC 3264 §8: it carries nothing any more."""
        closed: list[Line] = []
        self.patch(self.plane, "close", closed.append)
        self.standing.peer_allows = ()
        refreshing = self.start(self.own.refresh())
        body = sdp.format(answer(self.standing.ours, True, False))
        self.agent.answer(200, CONTACT, SDP, body=body)
        self.successResultOf(refreshing)
        self.assertEqual(closed, [self.plane.lines[1]])

    def test_an_answer_that_is_none(self) -> None:
        """It is acknowledged all the same, and the session ends."""
        changing = self.start(self.own.close_lines([0]))
        self.agent.answer(200, CONTACT, SDP, body=b"rubbish")
        self.assertFalse(self.failureResultOf(changing, Unreachable).value.retry)
        self.assertEqual((self.agent.methods(), len(self.ends)), (["INVITE", "ACK"], 1))

"""What the peer asks for later."""

from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.sessions.errands import Errands
from pushsvc.sessions.invitation import Invitation
from pushsvc.sessions.line import Line
from pushsvc.sessions.own_offers import OwnOffers
from pushsvc.sessions.own_requests import OwnRequests
from pushsvc.sessions.peer_offers import Asker, PeerOffers
from pushsvc.sessions.user_plane import UserPlane
from pushsvc.sip.message import Request
from pushsvc.sip.session_timer import SessionTimer
from pushsvc.sip.uri import SipUri
from tests.sessions.scripted import HOP, ScriptedAgent, floors_on
from tests.sessions.values import LOCAL, VIA, answer, callers_standing, file, invite, offer, within

ELSEWHERE = SipUri.parse("sip:bob@192.0.2.99")
SDP = ("Content-Type", "application/sdp")


class Session:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def granted(self, new: list[Line]) -> None:
        self.heard.append(("granted", [line.view.index for line in new]))

    def acknowledged(self) -> None:
        self.heard.append("acknowledged")

    def never_acknowledged(self) -> None:
        self.heard.append("never acknowledged")


class Offers(SynchronousTestCase):
    """Bob's, in a session with two lines that he once offered."""

    def setUp(self) -> None:
        self.clock, self.agent, self.session = Clock(), ScriptedAgent(), Session()
        self.offer = offer("a", "b")
        self.standing = attrs.evolve(callers_standing(), ours=answer(self.offer), theirs=self.offer)
        self.standing.timer = SessionTimer(1800, we_refresh=False)
        self.number = 0
        self.asked: list[Invitation] = []
        floors = floors_on(self.agent, self.clock)
        lines = [Line(view, None) for view in sdp.media(self.offer)]
        self.plane = UserPlane(floors, lines, lambda: None, lambda line, why: None, lambda why: None)
        requests = OwnRequests(floors, self.standing, lambda: None, lambda response: None, 180.0)
        self.own = OwnOffers(floors, self.standing, self.plane, requests, Errands(lambda why: None))
        self.patch(type(floors), "local_end", lambda *args, **kwargs: LOCAL)
        self.offers = PeerOffers(
            self.session,  # type: ignore[arg-type]
            floors,
            self.standing,
            self.plane,
            self.own,
            Asker((invite(), HOP), self.asked.append),
        )

    def request(self, method: str, described: sdp.Description | None = None, *headers: tuple[str, str]) -> Request:
        self.number += 1
        body = b"" if described is None else sdp.format(described)
        kind = [SDP] if body else []
        return within(self.standing.dialog, method, self.number, ("Supported", "timer"), *kind, *headers, body=body)

    def invited(self, described: sdp.Description | None = None) -> Request:
        request = self.request("INVITE", described)
        self.offers.invited(request, ELSEWHERE)
        return request

    def updated(self, described: sdp.Description | None = None, *headers: tuple[str, str]) -> None:
        self.offers.updated(self.request("UPDATE", described, *headers), ELSEWHERE)

    def ack(self, request: Request) -> None:
        self.offers.acked(self.standing.dialog.ack(request.cseq.number, VIA))

    def test_a_refresh_by_update(self) -> None:
        """[D-SIP-14] No SDP, nobody is asked, and it needs no ACK."""
        self.updated(None, ("Session-Expires", "300;refresher=uac"))
        (response,) = self.agent.sent
        self.assertEqual((self.agent.methods(), response.body), (["200"], b""))
        self.assertEqual(response.headers.get("session-expires"), "300;refresher=uac")
        self.assertIsNotNone(response.contact)
        self.assertEqual((self.offers.unacked, self.session.heard), (False, [("granted", [])]))
        self.assertEqual(self.standing.dialog.target, ELSEWHERE)

    def test_an_offer_that_changes_nothing(self) -> None:
        """[D-SDP-2] The same answer, to the octet; its ACK is waited for."""
        request = self.invited(self.offer)
        self.assertEqual(self.agent.sent[0].body, sdp.format(answer(self.offer)))
        self.assertTrue(self.offers.unacked)
        self.assertTrue(self.own.turn.locked)
        self.ack(request)
        self.assertEqual((self.offers.unacked, self.own.turn.locked), (False, False))
        self.assertEqual(self.session.heard, [("granted", []), "acknowledged"])

    def test_an_offer_that_is_asked_of_us_names_no_icon(self) -> None:
        """[D-SDP-1] RFC 3261 §14.2: its octets went with our first offer, and not with this one."""
        drawn = sdp.offer(LOCAL, [file("a", icon="1@h")], (1, 1))
        self.standing.ours = drawn
        self.invited()
        self.assertEqual(self.agent.sent[0].body, sdp.format(sdp.again(drawn)))
        self.assertEqual(self.standing.ours, sdp.again(drawn))
        self.assertEqual(self.standing.ours.origin.version, 2)

    def test_a_line_that_is_closed(self) -> None:
        self.invited(sdp.closing(self.offer, [0]))
        self.assertEqual([line.port for line in sdp.media(sdp.parse(self.agent.sent[0].body))], [0, 2855])
        self.assertEqual(self.asked, [])

    def test_a_200_that_nobody_acknowledges(self) -> None:
        """[R-PRA-INV-7]"""
        self.invited(self.offer)
        self.clock.pump([0.5] * 64)
        self.assertEqual(self.session.heard[1:], ["never acknowledged"])
        self.assertEqual((self.offers.unacked, self.own.turn.locked), (False, False))

    def test_a_new_invite_overtakes_the_ack(self) -> None:
        self.invited(self.offer)
        self.offers.overtaken()
        self.assertEqual((self.offers.unacked, self.session.heard[1:]), (False, ["acknowledged"]))
        self.offers.overtaken()
        self.assertEqual(self.session.heard[2:], [])

    def test_a_session_that_is_over_repeats_nothing(self) -> None:
        self.invited(self.offer)
        self.offers.stop()
        self.clock.advance(60.0)
        self.assertEqual((self.agent.methods(), self.clock.getDelayedCalls()), (["200"], []))

    def test_what_meets_an_offer_of_ours(self) -> None:
        """[D-SIP-6] 491; an UPDATE without an offer meets nothing (RFC 3311 §5.2)."""
        self.own.inviting = True
        self.invited(self.offer)
        self.updated(self.offer)
        self.updated()
        self.assertEqual(self.agent.methods(), ["491", "491", "200"])
        self.assertFalse(self.own.turn.locked)

    def test_what_comes_while_somebody_decides(self) -> None:
        """[D-SIP-6] 500 with Retry-After, at most ten seconds."""
        self.invited(self.further())
        self.invited(self.offer)
        self.updated(self.offer)
        self.updated()
        self.assertEqual(self.agent.methods(), ["500", "500", "200"])
        for response in self.agent.sent[:2]:
            self.assertIn(int(response.headers.get("retry-after") or "-1"), range(11))
        self.assertEqual(len(self.asked), 1)

    def further(self) -> sdp.Description:
        return sdp.reoffer(self.offer, LOCAL, {2: file("c")})

    def test_further_files_are_asked_about(self) -> None:
        """[R-PSA-REL-0] Those alone, and nothing moves until it is decided."""
        target = self.standing.dialog.target
        self.invited(self.further())
        (invitation,) = self.asked
        self.assertEqual([line.transfer_id for line in invitation.lines], ["id-c"])
        self.assertEqual((self.agent.sent, self.standing.dialog.target), ([], target))
        invitation.accept([None], lambda contact: [("Contact", f"<{contact}>"), SDP], ["text/*"])
        self.assertEqual(self.standing.dialog.target, ELSEWHERE)
        lines = sdp.media(sdp.parse(self.agent.sent[0].body))
        self.assertEqual(([line.port for line in lines], lines[2].accept_types), ([2855, 2855, 0], ("text/*",)))
        self.assertEqual((len(self.plane.lines), self.session.heard), (3, [("granted", [2])]))

    def test_further_files_are_refused(self) -> None:
        """Everything is as it was, the target too."""
        before = self.standing.dialog.target, self.standing.ours, self.standing.theirs
        self.invited(self.further())
        self.asked[0].refuse(488)
        self.assertEqual((self.standing.dialog.target, self.standing.ours, self.standing.theirs), before)
        self.assertEqual((self.agent.methods(), self.own.turn.locked, len(self.plane.lines)), (["488"], False, 2))

    def test_the_question_is_withdrawn(self) -> None:
        """[R-PRA-REL-2]"""
        self.invited(self.further())
        self.offers.withdraw()
        self.offers.withdraw()
        self.assertEqual((self.agent.methods(), self.own.turn.locked), (["487"], False))

    def test_an_update_may_not_wait_so_its_files_are_declined(self) -> None:
        """RFC 3311 §5.2: who has to ask somebody cannot answer an UPDATE."""
        self.updated(self.further())
        self.assertEqual([line.port for line in sdp.media(sdp.parse(self.agent.sent[0].body))], [2855, 2855, 0])
        self.assertEqual(self.asked, [])

    def test_what_cannot_be_agreed_to(self) -> None:
        """Nothing changes."""
        before = self.standing.dialog, self.standing.timer
        self.invited(attrs.evolve(self.offer, sections=self.offer.sections[:1]))
        self.updated(None, ("Session-Expires", "30"))
        self.assertEqual(self.agent.methods(), ["488", "422"])
        self.assertEqual(self.agent.sent[1].headers.get("min-se"), "90")
        self.assertEqual((self.standing.dialog, self.standing.timer), before)
        self.assertEqual((self.own.turn.locked, self.session.heard), (False, []))

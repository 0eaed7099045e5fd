"""Further files are offered, and something comes between: CANCEL, BYE, refreshes, a second offer, nobody decides."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import Refused, TimedOut, Unreachable
from pushsvc.sessions import Invitation, Line, Session
from pushsvc.sip.message import cancel_of
from tests.conversations.reuse_case import DONE, ReuseCase


class Interrupted(ReuseCase):
    """Something comes between the offer and its answer."""

    def asked(self) -> tuple[Session, Deferred[list[Line]], Invitation, list[str]]:
        session = self.lingering()
        asked: list[Invitation] = []
        events: list[str] = []

        def ask(invitation: Invitation) -> None:
            asked.append(invitation)
            invitation.on_cancelled = lambda: events.append("cancelled")

        self.bob.sessions.on_invitation = ask
        offering = self.more(session, DONE)
        self.network.settle(1.0)
        return session, offering, asked[0], events

    def test_the_offer_is_withdrawn(self) -> None:
        """[R-PSA-CAN-1] CANCEL, 487, and the session is as it was."""
        session, offering, _, events = self.asked()
        offering.cancel()
        self.failureResultOf(offering, CancelledError)
        self.network.settle(1.0)
        self.assertEqual(
            self.ladder,
            ["alice INVITE", "bob 100 INVITE", "alice CANCEL", "bob 200 CANCEL", "bob 487 INVITE", "alice ACK"],
        )
        self.assertEqual(events, ["cancelled"])
        self.assertTrue(session.is_alive)
        self.assertEqual(self.alice.msrp.sessions, 1)
        self.bob.sessions.on_invitation = lambda invitation: self.bob.accept(invitation, self.kept)
        self.network.run(self.more(session, DONE))
        self.end(session)

    def test_the_offer_is_withdrawn_and_granted_all_the_same(self) -> None:
        """[R-PSA-CAN-1] The 200 crosses the CANCEL: ACK, and BYE, for nobody knows what holds."""
        session, offering, invitation, _ = self.asked()
        offering.cancel()
        self.bob.accept(invitation, self.kept)
        self.failureResultOf(offering, CancelledError)
        self.network.settle(1.0)
        self.assertEqual(
            self.ladder[2:],
            ["alice CANCEL", "bob 200 INVITE", "bob 200 CANCEL", "alice ACK", "alice BYE", "bob 200 BYE"],
        )
        self.assertFalse(session.is_alive)
        self.assert_nothing_left()

    def test_the_sender_hangs_up(self) -> None:
        """[R-PRA-REL-2] 200 for the BYE, 487 for the INVITE."""
        session, offering, _, events = self.asked()
        session.close()
        self.network.settle(1.0)
        self.failureResultOf(offering, Unreachable, Refused)
        self.assertEqual(self.ladder[2:5], ["alice BYE", "bob 200 BYE", "bob 487 INVITE"])
        self.assertEqual(events, ["cancelled"])
        self.assert_nothing_left()

    def test_the_receiver_hangs_up(self) -> None:
        """What it was asked is answered first."""
        _, offering, _, events = self.asked()
        self.session_of(self.bob).close()
        self.network.settle(1.0)
        self.failureResultOf(offering, Unreachable, Refused)
        self.assertEqual(self.ladder[2:4], ["bob 487 INVITE", "bob BYE"])
        self.assertEqual(events, ["cancelled"])
        self.assert_nothing_left()

    def test_nobody_decides(self) -> None:
        """The sender's patience ends it, and the session with it."""
        session, offering, _, events = self.asked()
        error = self.failed(offering, TimedOut)
        self.assertEqual(error.reason, "no final answer within 180 s")
        self.network.settle(1.0)
        self.assertEqual(events, ["cancelled"])
        self.assertFalse(session.is_alive)
        self.assert_nothing_left()

    def test_refreshes_go_on_while_somebody_is_asked(self) -> None:
        """[D-SIP-14] An UPDATE without an offer gets in nobody's way; one with an offer has to wait."""
        session, offering, invitation, _ = self.asked()
        offer = self.alice_said.requests("INVITE")[0].body
        kind = [("Content-Type", "application/sdp")]
        for fields, body, status in (([], b"", 200), (kind, offer, 500)):
            response = self.run_story(session._requests._ask("UPDATE", fields, body)).response
            self.assertEqual(response.status, status)
        self.assertIsNotNone(response.headers.get("retry-after"))
        self.bob.accept(invitation, self.kept)
        (line,) = self.network.run(offering)
        self.network.run(line.send(DONE))
        self.end(session)

    def test_a_second_invite_before_the_first_is_answered(self) -> None:
        """[D-SIP-6] 500 with Retry-After; the first goes on."""
        session, offering, invitation, events = self.asked()
        response = self.run_story(session._requests._ask("INVITE", [], b"")).response
        self.assertEqual(response.status, 500)
        self.assertIn(int(response.headers.get("retry-after") or "-1"), range(11))
        self.bob.accept(invitation, self.kept)
        self.network.run(offering)
        self.assertEqual(events, [])
        self.end(session)

    def test_a_forged_cancel(self) -> None:
        """It has to name the INVITE by everything."""
        _, offering, _, events = self.asked()
        cancel = cancel_of(self.alice_said.requests("INVITE")[1])
        forged = cancel.evolve(headers=cancel.headers.replaced("Call-ID", "another"))
        exchange = self.network.run(
            self.alice.sessions.ask(lambda via: forged, self.session_of(self.bob).dialog.contact)
        )
        self.assertEqual((exchange.response.status, events), (481, []))
        self.assertNoResult(offering)
        offering.addErrback(lambda failure: None)

    def test_the_service_stops(self) -> None:
        """The question is withdrawn, the session ended."""
        _, offering, _, events = self.asked()
        self.network.run(self.bob.sessions.close_all("the service stops"))
        self.failureResultOf(offering)
        self.assertEqual(events, ["cancelled"])
        self.assert_nothing_left()

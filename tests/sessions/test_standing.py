"""The facts of a session and how they change."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.headers import Via
from pushsvc.sip.message import reply_to
from pushsvc.sip.session_timer import SessionTimer
from tests.sessions.values import BOB, callers_standing, within

MOVED = ("Contact", "<sip:moved@192.0.2.99>")


class Standings(SynchronousTestCase):
    """Alice's side of a session with Bob."""

    def setUp(self) -> None:
        self.standing = callers_standing()

    def test_a_request_of_the_peer_counts_at_once_and_moves_nothing(self) -> None:
        """[R-PRA-INV-3] The target moves with our 2xx: a refused re-INVITE has never been."""
        wished = self.standing.heard(within(self.standing.dialog, "INVITE", 1, MOVED))
        self.assertEqual((str(wished), self.standing.dialog.target), ("sip:moved@192.0.2.99", BOB))
        with self.assertRaises(BadMessage) as caught:
            self.standing.heard(within(self.standing.dialog, "UPDATE", 1))
        self.assertEqual(caught.exception.status, 500)
        self.standing.move(wished)
        self.assertEqual(self.standing.dialog.target, wished)

    def test_what_is_not_of_this_dialog_counts_nothing(self) -> None:
        other = within(callers_standing().dialog, "BYE", 5)
        forged = other.evolve(headers=other.headers.replaced("Call-ID", "another"))
        with self.assertRaises(BadMessage) as caught:
            self.standing.heard(forged)
        self.assertEqual(caught.exception.status, 481)
        self.standing.heard(within(self.standing.dialog, "BYE", 5))

    def test_a_granted_refresh_sets_the_timer_and_may_move_the_target(self) -> None:
        """[D-SES-1]"""
        update, _ = self.standing.dialog.request("UPDATE", Via.parse("SIP/2.0/UDP h;branch=z9hG4bKx"))
        expires = ("Session-Expires", "300;refresher=uac")
        self.standing.granted(reply_to(update, 200, headers=[expires, MOVED]))
        self.assertEqual(self.standing.timer, SessionTimer(300, we_refresh=True, peer_supports=False))
        self.assertEqual(str(self.standing.dialog.target), "sip:moved@192.0.2.99")
        self.standing.granted(reply_to(update, 200, headers=[("Contact", "<tel:+1>")]))
        self.assertIsNone(self.standing.timer)
        self.assertEqual(str(self.standing.dialog.target), "sip:moved@192.0.2.99")

    def test_numbers_are_used_once(self) -> None:
        self.assertEqual([self.standing.next_number() for _ in range(3)], [2, 3, 4])

    def test_headers_of_what_follows(self) -> None:
        """Session-Expires where there is a timer; the roles are those of the message that carries it."""
        for we_refresh, asking, answering in ((True, "uac", "uas"), (False, "uas", "uac")):
            self.standing.timer = SessionTimer(300, we_refresh)
            self.assertIn(("Session-Expires", f"300;refresher={asking}"), self.standing.request_fields(with_body=False))
            fields = self.standing.response_fields(with_body=True)
            self.assertIn(("Session-Expires", f"300;refresher={answering}"), fields)
            self.assertIn(("Content-Type", "application/sdp"), fields)
        self.standing.timer = None
        names = [name for name, _ in self.standing.request_fields(with_body=False)]
        self.assertEqual(names, ["Contact", "Allow", "Supported"])
        self.assertEqual(self.standing.request_fields(with_body=True), self.standing.response_fields(with_body=True))

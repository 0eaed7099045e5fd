"""Who waits for which answer, and what withdrawing means."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Withdrawn
from pushsvc.net.asking import Asking
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response
from pushsvc.sip.transaction import Why
from tests.sip.values import UDP_PEER, make_invite, make_request, make_response

INVITE = make_invite()
BYE = make_request("BYE")


class AskingTest(SynchronousTestCase):
    """Requests that are started are kept in a list."""

    def setUp(self) -> None:
        self.started: list[tuple[Request, Hop]] = []
        self.asking = Asking(lambda request, hop: self.started.append((request, hop)))
        self.provisional: list[Response] = []

    def ask(self, request: Request = INVITE) -> Deferred[Response | Why]:
        return self.asking.ask(request, UDP_PEER, self.provisional.append)

    def methods(self) -> list[str]:
        return [request.method for request, _ in self.started]


class Answers(AskingTest):
    """What whoever asked gets."""

    def test_the_final_answer_and_the_provisional_ones_before_it(self) -> None:
        """Ringing is progress, and no answer."""
        asked = self.ask()
        self.assertEqual(self.started, [(INVITE, UDP_PEER)])
        ringing, ok = make_response(INVITE, 180), make_response(INVITE)
        self.assertFalse(self.asking.heard(ringing))
        self.assertNoResult(asked)
        self.assertFalse(self.asking.heard(ok))
        self.assertEqual((self.successResultOf(asked), self.provisional), (ok, [ringing]))

    def test_why_there_is_none(self) -> None:
        """Whether the next address is tried depends on it."""
        for why in Why:
            asked = self.ask()
            self.asking.given_up(INVITE, why)
            self.assertEqual(self.successResultOf(asked), why)
            self.asking.given_up(INVITE, why)

    def test_the_answer_to_a_cancel_is_not_the_answer_to_its_invite(self) -> None:
        """They share a branch."""
        asked = self.ask()
        self.asking.heard(make_response(make_request("CANCEL")))
        self.assertNoResult(asked)

    def test_a_2xx_that_nobody_waits_for_stands_for_a_session(self) -> None:
        """[D-SIP-11] A repeated or forked 2xx needs an ACK, whoever sends it."""
        self.assertTrue(self.asking.heard(make_response(INVITE)))
        self.assertFalse(self.asking.heard(make_response(INVITE, 486)))
        self.assertFalse(self.asking.heard(make_response(INVITE, 180)))
        self.assertFalse(self.asking.heard(make_response(BYE)))

    def test_when_the_service_stops_whoever_waits_hears_of_it(self) -> None:
        """No Deferred is left hanging."""
        waiting, withdrawn = self.ask(), self.ask(BYE)
        withdrawn.cancel()
        self.failureResultOf(withdrawn, CancelledError)
        self.asking.stop()
        self.failureResultOf(waiting, Withdrawn)


class Withdrawing(AskingTest):
    """An INVITE is taken back (RFC 3261 §9.1)."""

    def withdraw(self, request: Request = INVITE) -> None:
        asked = self.ask(request)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def test_no_cancel_before_the_invite_was_heard_of(self) -> None:
        """[R-PSA-CAN-1] Else the CANCEL may overtake it, and is answered 481."""
        self.withdraw()
        self.assertEqual(self.methods(), ["INVITE"])
        self.asking.heard(make_response(INVITE, 100))
        self.asking.heard(make_response(INVITE, 180))
        self.assertEqual((self.methods(), self.provisional), (["INVITE", "CANCEL"], []))

    def test_at_once_when_it_was(self) -> None:
        """[R-PSA-CAN-1] To the same hop, with the same branch."""
        asked = self.ask()
        self.asking.heard(make_response(INVITE, 180))
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        cancel, hop = self.started[-1]
        self.assertEqual((cancel.method, cancel.via.branch, hop), ("CANCEL", INVITE.via.branch, UDP_PEER))

    def test_not_at_all_when_its_answer_came_first(self) -> None:
        """It came before anything that could be cancelled."""
        self.withdraw()
        self.asking.heard(make_response(INVITE, 486))
        self.asking.heard(make_response(INVITE, 180))
        self.assertEqual(self.methods(), ["INVITE"])

    def test_a_2xx_that_crosses_it_is_somebody_elses_business(self) -> None:
        """[R-PSA-CAN-1] A session that nobody wants has to be ended."""
        self.withdraw()
        self.assertTrue(self.asking.heard(make_response(INVITE)))
        self.assertTrue(self.asking.heard(make_response(INVITE)))

    def test_other_requests_are_only_forgotten(self) -> None:
        """RFC 3261 §9.1: CANCEL is for INVITE."""
        self.withdraw(BYE)
        self.assertFalse(self.asking.heard(make_response(BYE, 100)))
        self.assertFalse(self.asking.heard(make_response(BYE)))
        self.assertEqual(self.methods(), ["BYE"])

    def test_nothing_is_remembered_of_it_in_the_end(self) -> None:
        """The layer gives it up at last."""
        self.withdraw()
        self.asking.given_up(INVITE, Why.TIMEOUT)
        self.asking.heard(make_response(INVITE, 180))
        self.assertEqual(self.methods(), ["INVITE"])

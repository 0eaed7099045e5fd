"""Taking back a request of ours, at every moment (RFC 3261 §9.1)."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from tests.net.sides import BOB, AgentTest, Side
from tests.sip.values import make_response


class Withdrawing(AgentTest):
    """[R-PSA-CAN-1] CANCEL."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = Side(self.network, BOB)

    def cancel(self, after: float) -> None:
        asked = self.alice.ask("INVITE")
        self.network.settle(after)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def refuse_cancelled(self, request: Request, source: Hop) -> None:
        """As a receiver does: 200 to the CANCEL, 487 to the INVITE."""
        if request.method == "CANCEL":
            invite = self.bob.agent.cancelled_by(request)
            assert invite is not None
            self.bob.agent.respond(make_response(request))
            self.bob.agent.respond(make_response(invite, 487))
        else:
            self.network.clock.callLater(1.0, self.bob.agent.respond, make_response(request, 180))

    def test_before_a_provisional_answer_it_waits_for_one(self) -> None:
        """[R-PSA-CAN-1] CANCEL after the 1xx."""
        self.bob.answer = self.refuse_cancelled
        self.cancel(after=0)
        self.network.settle(0.15)
        self.assertEqual(self.bob.methods(), ["INVITE"])
        self.network.settle(5)
        self.assertEqual(self.bob.methods(), ["INVITE", "CANCEL"])
        self.assertEqual((self.alice.strays, self.alice.provisional), ([], []))
        self.assert_nothing_left(self.alice, self.bob)

    def test_after_one_it_goes_out_at_once(self) -> None:
        """[R-PSA-CAN-1] And the 487 gets its ACK."""
        self.bob.answer = self.refuse_cancelled
        self.cancel(after=2)
        self.network.settle(1)
        self.assertEqual(self.bob.methods(), ["INVITE", "CANCEL"])
        self.assertEqual(self.alice.notes.lines[-1], "out udp ACK")
        self.assert_nothing_left(self.alice, self.bob)

    def test_a_200_that_crosses_it_is_told(self) -> None:
        """[R-PSA-CAN-1] Somebody has to say BYE to that session."""

        def accept(request: Request, source: Hop) -> None:
            self.bob.agent.respond(make_response(request, 200 if request.method == "INVITE" else 481))

        self.bob.answer = accept
        self.cancel(after=0)
        self.network.settle(1)
        self.assertEqual(self.bob.methods(), ["INVITE"])  # nothing was left to cancel when the 200 came
        ((response, invite),) = self.alice.strays
        self.assertEqual((response.status, invite.method if invite else None), (200, "INVITE"))
        self.assert_nothing_left(self.alice, self.bob)

    def test_a_peer_that_answers_only_the_cancel_is_given_up(self) -> None:
        """CANCEL guard (requirements F): 64*T1, then the transaction is dropped."""

        def deaf(request: Request, source: Hop) -> None:
            self.bob.agent.respond(make_response(request, 180 if request.method == "INVITE" else 200))

        self.bob.answer = deaf
        self.cancel(after=1)
        self.network.settle(40)
        self.assertEqual(self.alice.agent.transactions, 0)

    def test_an_invite_that_nobody_ever_heard_of_ends_by_itself(self) -> None:
        """Nobody to cancel it at."""
        self.network.unplug(BOB)
        self.cancel(after=1)
        self.assert_nothing_left()

    def test_other_requests_are_not_cancelled(self) -> None:
        """Their answer is nobody's news any more."""
        self.bob.answering(100, 200)
        asked = self.alice.ask("OPTIONS")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assert_nothing_left(self.alice, self.bob)
        self.assertEqual((self.bob.methods(), self.alice.strays), (["OPTIONS"], []))

    def test_while_the_connection_is_being_opened(self) -> None:
        """The push is withdrawn before its INVITE is out."""
        self.network.unplug(BOB)
        asked = self.alice.ask("INVITE", to=f"sip:bob@{BOB};transport=tcp")
        self.network.settle(1)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assert_nothing_left()

"""How long an INVITE is waited for."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import TimedOut, Unreachable
from pushsvc.net.reaching import Exchange
from pushsvc.sessions.inviting import invite
from tests.sessions.scripted import ScriptedAgent, floors_on
from tests.sessions.values import BOB
from tests.sessions.values import invite as an_invite


class Patience(SynchronousTestCase):
    """Thirty seconds of it."""

    def setUp(self) -> None:
        self.clock, self.agent = Clock(), ScriptedAgent()
        make = an_invite().with_via
        self.asking: Deferred[Exchange] = Deferred.fromCoroutine(
            invite(floors_on(self.agent, self.clock), make, BOB, 30.0, self.agent.credentials(), lambda: 2)
        )

    def test_the_final_answer_is_given(self) -> None:
        self.agent.answer(180)
        self.agent.answer(486)
        self.assertEqual(self.successResultOf(self.asking).response.status, 486)
        self.assertEqual((self.agent.next_hops, self.clock.getDelayedCalls()), ([BOB], []))

    def test_it_counts_from_the_first_provisional_answer(self) -> None:
        """Before that the transaction's own timer counts; later ones do not lengthen it."""
        self.clock.advance(31.0)
        self.agent.answer(100)
        self.clock.advance(29.0)
        self.agent.answer(180)
        self.assertNoResult(self.asking)
        self.clock.advance(1.0)
        self.assertEqual(self.failureResultOf(self.asking, TimedOut).value.reason, "no final answer within 30 s")
        self.assertEqual(len(self.agent.withdrawn), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whoever_waits_may_give_up(self) -> None:
        self.agent.answer(180)
        self.asking.cancel()
        self.failureResultOf(self.asking, CancelledError)
        self.assertEqual((len(self.agent.withdrawn), self.clock.getDelayedCalls()), (1, []))

    def test_no_answer_at_all(self) -> None:
        self.agent.answer(180)
        self.agent.fail(Unreachable("broken wire"))
        self.failureResultOf(self.asking, Unreachable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

"""When a session that we want to end may be ended."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions.parting import GRACE, Parting


class Wishes(SynchronousTestCase):
    """The reasons with which BYE is said."""

    def setUp(self) -> None:
        self.clock, self.closed = Clock(), list[str]()
        self.unacked = self.is_done = False
        self.parting = Parting(self.clock, self.closed.append, lambda: self.unacked, lambda: self.is_done)

    def test_at_once(self) -> None:
        self.parting.wish("a")
        self.assertEqual(self.closed, ["a"])

    def test_not_before_the_ack(self) -> None:
        """RFC 3261 §15: a callee waits for it. The first reason counts."""
        self.unacked = True
        self.parting.wish("a")
        self.parting.wish("b")
        self.assertEqual(self.closed, [])
        self.assertTrue(self.parting.acked())
        self.assertEqual(self.closed, ["a"])

    def test_an_ack_that_nobody_waited_for(self) -> None:
        self.assertFalse(self.parting.acked())
        self.assertEqual(self.closed, [])

    def test_an_ack_that_never_comes(self) -> None:
        """It ends all the same, and says why."""
        self.parting.never_acked()
        self.unacked = True
        self.parting.wish("a")
        self.parting.never_acked()
        self.assertEqual(self.closed, ["the 200 was never acknowledged", "a"])

    def test_once_nothing_is_under_way(self) -> None:
        """A moment after the last content's end; the end of another one is none."""
        self.parting.done()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.parting.wish_when_done("a")
        self.parting.done()
        self.clock.advance(GRACE)
        self.assertEqual(self.closed, [])
        self.is_done = True
        self.parting.done()
        self.assertEqual(self.closed, [])
        self.clock.advance(GRACE)
        self.assertEqual(self.closed, ["a"])

    def test_where_nothing_is_under_way(self) -> None:
        self.is_done = True
        self.parting.wish_when_done("a")
        self.assertEqual(self.closed, ["a"])

    def test_a_session_that_is_over_leaves_no_timer(self) -> None:
        self.parting.wish_when_done("a")
        self.parting.done()
        self.parting.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

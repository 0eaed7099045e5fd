"""One moment, at most one timer."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.alarm import Alarm


class Ringing(SynchronousTestCase):
    """When it rings, and when it does not."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.rung: list[float] = []
        self.alarm = Alarm(self.clock, lambda: self.rung.append(self.clock.seconds()))

    def test_it_rings_once_at_its_moment(self) -> None:
        """A deadline is a deadline."""
        self.alarm.set(5.0)
        self.clock.pump([1.0] * 20)
        self.assertEqual(self.rung, [5.0])
        self.assertFalse(self.alarm.is_set)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_counts_from_now(self) -> None:
        """Most deadlines begin when something happens."""
        self.clock.advance(100)
        self.alarm.after(30)
        self.clock.pump([10.0] * 4)
        self.assertEqual(self.rung, [130.0])

    def test_a_later_moment_replaces_an_earlier_one_without_a_new_timer(self) -> None:
        """A transfer moves its deadline with every chunk; that must cost nothing."""
        self.alarm.set(5.0)
        (timer,) = self.clock.getDelayedCalls()
        for at in range(6, 100):
            self.alarm.set(float(at))
            self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.clock.pump([1.0] * 98)
        self.assertEqual(self.rung, [])
        self.clock.advance(1)
        self.assertEqual(self.rung, [99.0])

    def test_a_sooner_moment_replaces_a_later_one(self) -> None:
        """The machine's next deadline may be any."""
        self.alarm.set(50.0)
        self.alarm.set(5.0)
        self.clock.pump([1.0] * 60)
        self.assertEqual(self.rung, [5.0])

    def test_a_moment_that_has_passed_rings_at_the_next_turn_and_not_at_once(self) -> None:
        """Whoever sets an alarm is not called back in the middle of it."""
        self.clock.advance(10)
        self.alarm.set(5.0)
        self.assertEqual(self.rung, [])
        self.clock.advance(0)
        self.assertEqual(self.rung, [10.0])

    def test_it_can_be_called_off_and_leaves_no_timer(self) -> None:
        """Nothing may keep what is over alive."""
        self.alarm.set(5.0)
        self.assertTrue(self.alarm.is_set)
        self.alarm.clear()
        self.assertFalse(self.alarm.is_set)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(10)
        self.assertEqual(self.rung, [])

    def test_it_can_be_set_again_while_it_rings(self) -> None:
        """A machine that is woken has a next deadline."""
        alarm = Alarm(self.clock, lambda: (self.rung.append(self.clock.seconds()), alarm.after(1.0)))  # type: ignore[func-returns-value]
        alarm.after(1.0)
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.rung, [1.0, 2.0, 3.0])
        alarm.clear()
        self.assertEqual(self.clock.getDelayedCalls(), [])

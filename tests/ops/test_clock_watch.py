"""Somebody sets the clock."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.clock_watch import ClockWatch


class Watching(SynchronousTestCase):
    def setUp(self) -> None:
        self.wall, self.steady = Clock(), Clock()
        self.watch = ClockWatch(self.wall.seconds, self.steady.seconds)

    def pass_(self, seconds: float, jump: float = 0.0) -> None:
        self.steady.advance(seconds)
        self.wall.rightNow += seconds + jump

    def test_time_that_only_passes_is_no_jump(self) -> None:
        self.pass_(86400)
        self.assertEqual(self.watch.jumped(), 0.0)

    def test_a_jump_is_told_once_and_in_its_direction(self) -> None:
        for jump in (7200.0, -7200.0):
            self.pass_(10, jump)
            self.assertEqual([self.watch.jumped(), self.watch.jumped()], [jump, 0.0])

    def test_slewing_is_not_a_jump_however_long_it_goes_on(self) -> None:
        """A time daemon shifts the clock all day."""
        for _ in range(100):
            self.pass_(60, 0.03)
            self.assertEqual(self.watch.jumped(), 0.0)

"""A reactor that is late is the first thing to know about a slow daemon."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.reactor_lag import ReactorLag


class Lag(SynchronousTestCase):
    """Samples."""

    def test_lateness_is_reported_again_and_again(self) -> None:
        """Zero when it is on time."""
        clock, reported = Clock(), list[float]()
        service = ReactorLag(clock, reported.append, 0.5)
        service.startService()
        clock.advance(0.5)
        clock.advance(0.75)
        self.assertEqual(reported, [0.0, 0.25])
        service.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_clock_that_was_set_back_is_no_lag(self) -> None:
        """The reactor's clock is wall time."""
        clock, reported = Clock(), list[float]()
        service = ReactorLag(clock, reported.append, 0.5)
        service.startService()
        (call,) = clock.getDelayedCalls()
        clock.rightNow -= 3600
        call.func(*call.args)
        self.assertEqual(reported, [0.0])

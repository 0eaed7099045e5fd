"""Somebody sets the clock, and whoever waits for something waits as long as before."""

from __future__ import annotations

import time

from twisted.internet.pollreactor import PollReactor
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.steady_timers import SteadyTimers

SOON = 0.02
TOO_LONG = 5.0


class Waiting(SynchronousTestCase):
    """A reactor of its own, with a clock that can be set."""

    def setUp(self) -> None:
        self.ahead = 0.0
        self.reactor = PollReactor()
        self.reactor.seconds = lambda: time.time() + self.ahead  # type: ignore[method-assign]
        self.timers = SteadyTimers(self.reactor, time.monotonic)
        self.timers.startService()
        self.reactor.addSystemEventTrigger("before", "shutdown", self.timers.stopService)  # as a daemon's services are
        self.addCleanup(self.reactor.disconnectAll)

    def set_clock(self, seconds: float) -> None:
        self.ahead += seconds

    def waited(self, seconds: float) -> float:
        """How long a timer took, with the clock being set meanwhile."""
        began = time.monotonic()
        self.reactor.callLater(SOON, self.set_clock, seconds)
        self.reactor.callLater(3 * SOON, self.reactor.stop)
        self.reactor.run(installSignalHandlers=False)
        return time.monotonic() - began

    def test_a_clock_that_is_set_back_stops_no_timer(self) -> None:
        """Two hours would be two hours without a retry, a time-out, a refresh."""
        self.assertLess(self.waited(-7200.0), TOO_LONG)

    def test_a_clock_that_is_set_forward_ends_no_wait(self) -> None:
        """A peer that has 30 seconds to answer still has them."""
        self.assertGreaterEqual(self.waited(7200.0), 3 * SOON)

    def test_the_clock_is_what_it_was_set_to(self) -> None:
        """And when the service is stopped the reactor is as it was."""
        self.set_clock(7200.0)
        self.assertLess(abs(self.reactor.seconds() - time.time() - 7200), TOO_LONG)
        self.timers.stopService()
        self.assertNotEqual(self.reactor.seconds, self.timers._seconds)

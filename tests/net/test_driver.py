"""A machine on a clock."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.driver import Driver


class Countdown:
    """A machine that wishes for a number when woken, one second after the other."""

    def __init__(self, *due: float) -> None:
        self.due = list(due)

    @property
    def deadline(self) -> float | None:
        return self.due[0] if self.due else None

    def wake(self, now: float) -> list[str]:
        self.due.pop(0)
        return [f"woken at {now:g}"]


class Driving(SynchronousTestCase):
    """What a driver does with wishes and with time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.done: list[str] = []

    def test_wishes_are_performed_in_their_order(self) -> None:
        """A 100 must not overtake a 200."""
        Driver(Countdown(), self.done.append, self.clock).run(["one", "two", "three"])
        self.assertEqual(self.done, ["one", "two", "three"])

    def test_the_machine_is_woken_at_its_deadlines(self) -> None:
        """Retransmissions happen by themselves."""
        driver = Driver(Countdown(1.0, 3.0), self.done.append, self.clock)
        driver.run([])
        self.clock.pump([0.5] * 10)
        self.assertEqual(self.done, ["woken at 1", "woken at 3"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_wishes_that_come_up_while_performing_wait_for_their_turn(self) -> None:
        """Answering a request while it is being passed up must not turn the machine's order around."""

        def perform(wish: str) -> None:
            self.done.append(wish)
            if wish == "one":
                driver.run(["three"])

        driver = Driver(Countdown(), perform, self.clock)
        driver.run(["one", "two"])
        self.assertEqual(self.done, ["one", "two", "three"])

    def test_a_wish_that_fails_does_not_cost_the_others_theirs(self) -> None:
        """One bug in one session, a thousand sessions in one transaction layer."""

        def perform(wish: str) -> None:
            if wish == "bad":
                raise ValueError(wish)
            self.done.append(wish)

        Driver(Countdown(1.0), perform, self.clock).run(["bad", "good"])
        self.clock.advance(1)
        self.assertEqual(self.done, ["good", "woken at 1"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_stopped_driver_never_wakes_its_machine_again(self) -> None:
        """What is over leaves no timer, even if somebody still tells it things."""
        driver = Driver(Countdown(1.0, 2.0), self.done.append, self.clock)
        driver.run([])
        driver.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        driver.run(["last words"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.done, ["last words"])

    def test_stopping_from_inside_a_wish_counts(self) -> None:
        """A content ends while one of its outputs is performed."""
        driver = Driver(Countdown(1.0), lambda wish: driver.stop(), self.clock)
        driver.run(["stop"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

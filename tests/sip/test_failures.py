"""Guessing is slow, and locks nobody out elsewhere."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip import failures
from pushsvc.sip.failures import MINUTE, MOST, Failures

ALICE, ELSEWHERE = ("alice", "192.0.2.1"), ("alice", "192.0.2.2")


class Guesses(SynchronousTestCase):
    """SECURITY part 5: 5 failures a minute, then 60 s of silence for this user and source."""

    def setUp(self) -> None:
        self.failures = Failures()

    def guess(self, times: int, now: float = 0.0, key: tuple[str, str] = ALICE) -> None:
        for number in range(times):
            self.failures.failed(key, f"{now} {number}", now)

    def test_five_are_enough(self) -> None:
        self.guess(MOST - 1)
        self.assertEqual(self.failures.locked_for(ALICE, 0.0), 0)
        self.guess(1, 1.0)
        self.assertEqual(self.failures.locked_for(ALICE, 1.0), MINUTE)
        self.assertEqual(self.failures.locked_for(ALICE, 60.5), 1)
        self.assertEqual(self.failures.locked_for(ALICE, 61.0), 0)

    def test_after_that_it_begins_anew(self) -> None:
        self.guess(MOST)
        self.guess(MOST - 1, 61.0)
        self.assertEqual(self.failures.locked_for(ALICE, 61.0), 0)

    def test_others_are_not_locked_out(self) -> None:
        """The same user elsewhere, and another one here."""
        self.guess(MOST)
        for other in (ELSEWHERE, ("bob", ALICE[1])):
            self.assertEqual(self.failures.locked_for(other, 0.0), 0)

    def test_slow_mistakes_are_forgiven(self) -> None:
        for second in range(0, 600, 16):
            self.guess(1, float(second))
            self.assertEqual(self.failures.locked_for(ALICE, float(second)), 0)

    def test_the_right_password_ends_it(self) -> None:
        self.guess(MOST - 1)
        self.failures.succeeded(ALICE)
        self.guess(MOST - 1)
        self.assertEqual(self.failures.locked_for(ALICE, 0.0), 0)

    def test_a_repeated_request_is_no_second_guess(self) -> None:
        """Its answer was lost."""
        told = [self.failures.failed(ALICE, response, 0.0) for response in ("a", "a", "a", "a", "b", "b")]
        self.assertEqual(told, [True, False, False, False, True, False])
        self.assertEqual(self.failures.locked_for(ALICE, 0.0), 0)

    def test_a_clock_that_is_set_back_locks_nobody_out_for_long(self) -> None:
        self.guess(MOST, 86400.0)
        self.assertEqual(self.failures.locked_for(ALICE, 0.0), 0)

    def test_what_is_kept_is_bounded(self) -> None:
        """The oldest give way."""
        self.patch(failures, "MAX_FAILING", 10)
        self.guess(MOST, key=ALICE)
        for number in range(9):
            self.guess(1, key=(f"user{number}", "x"))
        self.assertGreater(self.failures.locked_for(ALICE, 0.0), 0)
        self.guess(1, key=("one more", "x"))
        self.assertEqual((self.failures.locked_for(ALICE, 0.0), len(self.failures._failing)), (0, 10))

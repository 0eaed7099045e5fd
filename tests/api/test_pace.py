from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.pace import GRACE, RATE, BodyPace


class Pace(SynchronousTestCase):
    """How long a body may take: max(30 s, size / 16 KiB/s), and never 30 s of silence."""

    def test_a_small_body_has_30_seconds_in_all(self) -> None:
        pace = BodyPace.starting(100.0)
        for second in range(30):
            pace.received(1, 100.0 + second)
        self.assertEqual(pace.deadline, 100.0 + GRACE)

    def test_what_has_arrived_buys_time(self) -> None:
        pace = BodyPace.starting(0.0)
        pace.received(100 * RATE, 90.0)
        self.assertEqual(pace.deadline, 100.0)

    def test_silence_ends_even_a_body_that_was_fast(self) -> None:
        pace = BodyPace.starting(0.0)
        pace.received(1000 * RATE, 1.0)
        self.assertEqual(pace.deadline, 1.0 + GRACE)

    def test_our_own_pauses_do_not_count(self) -> None:
        pace = BodyPace.starting(0.0)
        pace.received(1, 5.0)
        pace.paused(5.0)
        self.assertEqual(pace.deadline, None)
        pace.resumed(500.0)
        self.assertEqual(pace.deadline, 495.0 + GRACE)

    def test_a_resume_without_a_pause_changes_nothing(self) -> None:
        pace = BodyPace.starting(0.0)
        pace.resumed(5.0)
        self.assertEqual(pace.deadline, GRACE)

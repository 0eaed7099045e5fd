"""The clock is set while no process looks, or is wrong after a boot: deadlines hold all the same (SECURITY 4)."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pushsvc.ops.clock_watch import boot_id
from pushsvc.sender.outbox_clock import ALLOWANCE, Reading
from pushsvc.sender.outbox_records import Turn
from tests.sender.outbox_case import NOW, OutboxCase

AHEAD = 1_000_000.0


class Resuming(OutboxCase):
    """A push with an hour to live, and a process that begins later."""

    def setUp(self) -> None:
        super().setUp()
        self.resume(AHEAD)
        self.put()

    def resume(self, ahead: float, boot: str = "boot-1", now: float = NOW) -> float:
        jump = self.done(self.outbox.resume(Reading(boot, ahead), now))
        assert isinstance(jump, float)
        return jump

    def turn(self, now: float) -> Turn:
        turn = self.done(self.outbox.turn(now, 0))
        assert isinstance(turn, Turn)
        return turn

    def test_time_that_only_passed_counts(self) -> None:
        """The service was down when the deadline came: it came."""
        self.restart()
        self.assertEqual(self.resume(AHEAD + 0.5, now=NOW + 3700), 0.0)
        self.assertEqual(self.turn(NOW + 3700).expired, 1)

    def test_a_clock_that_was_set_forward_meanwhile_expires_nothing(self) -> None:
        self.restart()
        self.assertEqual(self.resume(AHEAD + 7200, now=NOW + 7210), 7200.0)
        turn = self.turn(NOW + 7210)
        self.assertEqual((turn.expired, turn.next_due, turn.next_expiry), (0, NOW + 7200, NOW + 10800))

    def test_a_clock_that_was_set_back_meanwhile_delays_nothing(self) -> None:
        self.restart()
        self.assertEqual(self.resume(AHEAD - 7200, now=NOW - 7190), -7200.0)
        turn = self.turn(NOW - 7190)
        self.assertEqual((turn.next_due, turn.next_expiry), (NOW - 7200, NOW + 3600))

    def test_a_jump_is_made_up_for_once(self) -> None:
        """Seen while it ran, or at the first start after it; not again at the next."""
        self.done(self.outbox.clock_jumped(7200.0))
        for _ in range(2):
            self.restart()
            self.assertEqual(self.resume(AHEAD + 7200), 0.0)
        self.resume(AHEAD)
        self.restart()
        self.assertEqual(self.resume(AHEAD), 0.0)

    def test_what_is_in_hand_is_moved_too(self) -> None:
        """It may come back to the queue: two hours from now it would be due, found by tests/faults."""
        self.done(self.outbox.turn(NOW, 1))
        self.done(self.outbox.clock_jumped(-7200.0))
        self.restart()
        self.resume(AHEAD - 7200, now=NOW - 7200)
        turn = self.turn(NOW - 7200)
        self.assertEqual((turn.next_due, turn.next_expiry), (NOW - 7200, NOW + 3600))

    def test_clocks_that_drift_apart_are_no_jump(self) -> None:
        """A time daemon shifts the one all day, and every hour that is noted."""
        for hour in range(1, 5):
            self.done(self.outbox.note_clock(Reading("boot-1", AHEAD + hour * 1.5)))
        self.restart()
        self.assertEqual(self.resume(AHEAD + 6.5), 0.0)

    def test_after_a_boot_the_clock_may_be_wrong_by_ten_minutes(self) -> None:
        """Nobody can tell then; what is overdue by less is tried once more before it is given up."""
        for boot in ("boot-2", ""):
            self.put(f"psh_{boot}")
            self.restart()
            self.assertEqual(self.resume(5.0, boot, NOW + 3700), 0.0)
            self.assertEqual(self.turn(NOW + 3700).expired, 0)
            self.assertEqual(self.turn(NOW + 3600 + ALLOWANCE).expired, 2 if boot else 1)

    def test_after_a_boot_what_is_overdue_by_more_expires(self) -> None:
        self.restart()
        self.resume(5.0, "boot-2", NOW + 3600 + ALLOWANCE)
        self.assertEqual(self.turn(NOW + 3600 + ALLOWANCE).expired, 1)


class Boots(OutboxCase):
    def test_a_boot_has_one_name(self) -> None:
        self.assertEqual(boot_id(), boot_id())


class Submitting(OutboxCase):
    """The clock is set between a submission's first look at it and its commit; found by tests/faults."""

    def put_meanwhile(self, *jumps: float) -> Turn:
        """One hour to live; its content is on the disk only when the clock was set. What a look finds then."""
        synced: Deferred[None] = Deferred()
        submission = self.submission()
        upload = submission.contents[0].upload
        self.patch(upload, "synced", lambda: synced)
        putting = Deferred.fromCoroutine(self.outbox.put(submission, "{}"))
        for jump in jumps:
            self.done(self.outbox.clock_jumped(jump))
        synced.callback(None)
        self.done(putting)
        turn = self.done(self.outbox.turn(NOW + sum(jumps), 0))
        assert isinstance(turn, Turn)
        return turn

    def test_what_is_submitted_while_the_clock_is_set_forward_does_not_expire(self) -> None:
        turn = self.put_meanwhile(86_400.0)
        self.assertEqual((turn.expired, turn.next_due, turn.next_expiry), (0, NOW + 86_400, NOW + 90_000))

    def test_what_is_submitted_while_it_is_set_back_is_due_at_once(self) -> None:
        turn = self.put_meanwhile(-7200.0)
        self.assertEqual((turn.next_due, turn.next_expiry), (NOW - 7200, NOW + 3600))

    def test_what_was_set_right_again_is_as_before(self) -> None:
        """But for its deadline: of that, setting a clock back takes nothing away."""
        turn = self.put_meanwhile(-7200.0, 7200.0)
        self.assertEqual((turn.next_due, turn.next_expiry), (NOW, NOW + 10_800))

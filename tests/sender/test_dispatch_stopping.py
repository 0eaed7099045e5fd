"""Attempts that are ended from our side: by their owner, or because the service stops."""

from __future__ import annotations

import contextlib
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import Refused, Withdrawn
from pushsvc.sender.dispatch import WITHDRAWAL
from pushsvc.sender.job import AttemptResult, FileResult, FileState
from tests.sender.dispatch_case import DispatchCase
from tests.sender.outbox_case import ALICE, BOB, delivered


class Cancelling(DispatchCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_an_attempt_in_flight_is_withdrawn(self) -> None:
        self.submit(to=(ALICE, BOB, "sip:carol@example.com"))
        cancelling = self.done(self.dispatch.cancel("psh_1"))
        self.assertEqual((cancelling.cancelled, len(cancelling.in_flight)), (1, 2))
        self.assertEqual([attempt.withdrawn for attempt in self.attempts], [True, True])
        self.assertEqual(self.states(), ["cancelled"] * 3)
        self.assertEqual(self.metrics.counted.count(("finished", "cancelled", "none")), 3)

    def test_what_arrived_meanwhile_is_delivered(self) -> None:
        self.submit()
        attempt = self.attempts[0]
        attempt.deliver()
        self.done(self.dispatch.cancel("psh_1"))
        self.assertEqual(self.states(), ["delivered"])

    def test_a_withdrawal_that_takes_time_is_waited_for(self) -> None:
        """CANCEL crosses the answer; what counts is what the peer got."""
        bye: Deferred[None] = Deferred()

        async def until_bye() -> AttemptResult:
            try:
                await Deferred()
            except CancelledError:
                await bye
            return delivered("0.txt")

        self.dispatch._deliver = lambda job, moved: Deferred.fromCoroutine(until_bye())
        self.submit()
        self.done(self.dispatch.cancel("psh_1"))
        self.assertEqual(self.states(), ["sending"])
        bye.callback(None)
        self.assertEqual(self.states(), ["delivered"])

    def test_a_wish_that_comes_while_a_failure_is_written_down_is_told_as_what_it_was(self) -> None:
        """Log and metrics say what the row says; one that only waits would never be counted as ended."""
        self.submit()
        self.done(self.outbox.cancel("psh_1"))
        self.attempts[0].done.callback(AttemptResult(mode="msrp", failure=Refused(480, "Gone", retry=True)))
        self.assertEqual(self.states(), ["cancelled"])
        self.assertEqual(self.push().recipients[0].reason, "cancelled by its owner")
        self.assertEqual(self.metrics.counted, [("attempt", "msrp", "cancelled"), ("finished", "cancelled", "msrp")])

    def test_a_push_that_is_not_there(self) -> None:
        self.assertIsNone(self.done(self.dispatch.cancel("psh_9")))


class Draining(DispatchCase):
    def withdraw(self, *files: FileResult) -> None:
        """Stop while an attempt runs that has come so far."""

        async def until_we_stop() -> AttemptResult:
            with contextlib.suppress(CancelledError):
                await Deferred()
            return AttemptResult(files, "msrp", failure=Withdrawn())

        self.start()
        self.dispatch._deliver = lambda job, moved: Deferred.fromCoroutine(until_we_stop())
        self.submit(contents=(self.content(b"one", "1.txt"), self.content(b"two", "2.txt")))
        self.dispatch.drain(0.0)
        self.advance(0)

    def test_what_had_arrived_is_not_sent_again_and_what_was_cut_is_gone_on_with(self) -> None:
        """A restart in the middle of a large file costs no more than its last octets."""
        cut = FileResult("2.txt", FileState.FAILED, resume_at=2)
        self.withdraw(FileResult("1.txt", FileState.DELIVERED, 200), cut)
        self.assertEqual(self.states(), ["queued"])
        self.restart()
        self.start()
        (content,) = self.attempts[0].job.contents
        self.assertEqual((content.name, content.resume_at, self.attempts[0].job.attempt), ("2.txt", 2, 2))

    def test_who_has_everything_when_we_stop_is_done(self) -> None:
        """Only the end of the session was cut short; there is nothing to go on with."""
        self.withdraw(*(FileResult(f"{number}.txt", FileState.DELIVERED, 200) for number in (1, 2)))
        self.assertEqual(self.states(), ["delivered"])

    def test_what_runs_may_finish_and_nothing_new_begins(self) -> None:
        self.start()
        for number in range(3):
            self.submit(f"psh_{number}")
        drained = self.dispatch.drain(30.0)
        self.attempts[0].deliver()
        self.dispatch.wake()
        self.assertNoResult(drained)
        self.attempts[1].deliver()
        self.successResultOf(drained)
        self.assertEqual((len(self.attempts), self.states("psh_2")), (2, ["queued"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_takes_too_long_is_withdrawn_and_tried_after_the_restart(self) -> None:
        self.start()
        self.submit()
        drained = self.dispatch.drain(30.0)
        self.advance(30)
        self.successResultOf(drained)
        self.assertEqual((self.attempts[0].withdrawn, self.states()), (True, ["queued"]))
        self.assertEqual(self.push().recipients[0].attempts[0].outcome, "interrupted")
        self.restart()
        self.start()
        self.assertEqual((self.attempts[0].job.attempt, self.attempts[0].job.to), (2, ALICE))

    def test_what_finished_in_spite_of_the_withdrawal_is_kept(self) -> None:
        self.start()
        done: Deferred[AttemptResult] = Deferred(
            lambda deferred: deferred.callback(AttemptResult(failure=Refused(486, "Busy Here")))
        )
        self.dispatch._deliver = lambda job, moved: done
        self.submit()
        self.dispatch.stopService()
        self.advance(0)
        self.assertEqual(self.states(), ["waiting"])

    def test_an_attempt_that_never_ends_does_not_hold_the_service_for_ever(self) -> None:
        """[promise 5] What started must stop."""
        self.start()
        self.dispatch._deliver = self.deaf
        self.submit()
        drained = self.dispatch.drain(30.0)
        self.advance(30)
        self.assertNoResult(drained)
        self.advance(WITHDRAWAL)
        self.successResultOf(drained)

    def deaf(self, job: Any, moved: Any) -> Deferred[AttemptResult]:
        async def never() -> AttemptResult:
            try:
                await Deferred()
            except CancelledError:
                await Deferred()
            raise AssertionError

        return Deferred.fromCoroutine(never())

    def test_an_idle_service_stops_at_once(self) -> None:
        self.start()
        self.successResultOf(self.dispatch.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_was_claimed_while_we_began_to_stop_is_given_back(self) -> None:
        gate: Deferred[None] = Deferred()
        turn = self.outbox.turn

        async def slow(now: float, limit: int) -> Any:
            found = await turn(now, limit)
            await gate
            return found

        self.patch(self.outbox, "turn", slow)
        self.start()
        self.submit()
        drained = self.dispatch.drain(30.0)
        self.assertNoResult(drained)
        gate.callback(None)
        self.successResultOf(drained)
        self.assertEqual((self.attempts, self.states()), ([], ["queued"]))

    def test_withdrawn_results_of_a_stop_are_not_judged(self) -> None:
        """A result that says withdrawn is no reason to make the recipient wait."""
        self.start()
        self.dispatch._deliver = lambda job, moved: Deferred(
            lambda deferred: deferred.callback(AttemptResult(mode="msrp", failure=Withdrawn()))
        )
        self.submit()
        self.dispatch.stopService()
        self.advance(0)
        self.assertEqual((self.states(), self.metrics.counted), (["queued"], []))

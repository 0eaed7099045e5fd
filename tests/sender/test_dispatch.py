"""Who is tried, how many at once, and how it goes on after each attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred, fail

from pushsvc.errors import Misuse, Refused, TimedOut
from pushsvc.sender.dispatch import TROUBLE
from pushsvc.sender.job import AttemptResult
from pushsvc.sender.outcome import Outcome
from tests.sender.dispatch_case import DispatchCase
from tests.sender.outbox_case import ALICE, BOB, NOW, at_once


def busy(retry_after: float | None = None) -> AttemptResult:
    return AttemptResult(mode="msrp", sip_status=486, failure=Refused(486, "Busy Here", retry_after=retry_after))


class Taking(DispatchCase):
    def test_what_is_due_is_tried_at_once(self) -> None:
        self.start()
        self.submit()
        self.assertEqual(self.tried(), ["psh_1"])
        self.assertEqual((self.states(), self.push().recipients[0].attempts[0].started_at), (["sending"], NOW))

    def test_what_was_there_before_the_start_is_tried_too(self) -> None:
        self.put()
        self.start()
        self.assertEqual(self.tried(), ["psh_1"])

    def test_nothing_is_tried_before_the_start(self) -> None:
        self.submit()
        self.assertEqual(self.tried(), [])

    def test_no_more_at_once_than_allowed(self) -> None:
        """A list of a thousand recipients must not open a thousand sessions."""
        self.start()
        self.submit(to=tuple(f"sip:user{number}@example.com" for number in range(5)))
        self.assertEqual(len(self.attempts), 2)
        for attempt in self.attempts:  # grows meanwhile
            attempt.deliver()
        self.assertEqual((len(self.attempts), self.push().state), (5, "delivered"))

    def looks(self) -> list[float]:
        """When the outbox was looked into, from now on."""
        looks: list[float] = []
        turn = self.outbox.turn

        async def counted(now: float, limit: int) -> Any:
            looks.append(now)
            return await turn(now, limit)

        self.patch(self.outbox, "turn", counted)
        return looks

    def test_the_end_of_an_attempt_is_no_reason_to_look_when_nothing_was_left(self) -> None:
        """[P7] A look costs as much as an attempt's end; only what waits for a place is helped by it."""
        self.start()
        looks = self.looks()
        self.submit("psh_1")
        self.attempts[0].deliver()
        self.assertEqual((self.tried(), len(looks)), (["psh_1"], 1))
        for number in range(2, 6):  # more than there are places
            self.submit(f"psh_{number}")
        self.assertEqual(self.tried(), ["psh_2", "psh_3"])
        self.attempts[1].deliver()
        self.attempts[2].deliver()
        self.assertEqual(self.tried(), ["psh_4", "psh_5"])

    def test_a_submission_and_the_look_for_it_are_one_commit(self) -> None:
        """[P11] Each commit is a sync, and two turns of a thread."""
        calls: list[Callable[[], Any]] = []

        def in_thread(call: Callable[[], Any]) -> Deferred[Any]:
            calls.append(call)
            return at_once(call)

        self.database.close()
        self.open(in_thread)
        self.start()
        calls.clear()
        self.done(self.outbox.put(self.submission("psh_1"), "{}", self.dispatch.wake))
        self.assertEqual((self.tried(), len(calls)), (["psh_1"], 1))

    def test_a_full_service_does_not_look_for_every_submission(self) -> None:
        """Each look is a transaction; a thousand submissions a second leave no time for a thousand looks."""
        self.start()
        looks = self.looks()
        for number in range(10):
            self.submit(f"psh_{number}")
        self.assertEqual(len(looks), 2)
        self.advance(1)
        self.assertEqual(len(looks), 3)

    def test_what_is_due_later_is_tried_then(self) -> None:
        self.start()
        self.submit(submitted_at=NOW + 10)
        self.advance(9.9)
        self.assertEqual(self.tried(), [])
        self.advance(0.1)
        self.assertEqual(self.tried(), ["psh_1"])

    def test_looking_again_while_a_look_goes_on_loses_nobody(self) -> None:
        """The second push is committed after the first look has begun."""
        turns: list[tuple[Any, Deferred[Any]]] = []
        turn = self.outbox.turn

        async def slow(now: float, limit: int) -> Any:
            turns.append((now, Deferred()))
            await turns[-1][1]
            return await turn(now, limit)

        self.patch(self.outbox, "turn", slow)
        self.start()
        self.submit("psh_1")
        self.submit("psh_2")
        self.assertEqual(len(turns), 1)
        turns[0][1].callback(None)
        turns[1][1].callback(None)
        self.assertEqual(self.tried(), ["psh_1", "psh_2"])
        self.assertEqual(len(turns), 2)

    def test_an_outbox_in_trouble_is_asked_again(self) -> None:
        """A full disk is emptied some day, and then everything goes on by itself."""
        turn = self.outbox.turn
        self.outbox.turn = lambda now, limit: fail(OperationalError("", {}, OSError("disk full")))  # type: ignore
        self.start()
        self.submit()
        self.assertEqual((self.tried(), len(self.flushLoggedErrors(OperationalError)) > 0), ([], True))
        self.outbox.turn = turn  # type: ignore[method-assign]
        self.advance(TROUBLE)
        self.assertEqual(self.tried(), ["psh_1"])


class Ending(DispatchCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_a_delivery_ends_the_recipient(self) -> None:
        self.submit()
        self.advance(2.5)
        self.attempts[0].deliver()
        self.assertEqual(self.states(), ["delivered"])
        self.assertEqual(
            self.metrics.counted,
            [("attempt", "msrp", "delivered"), ("finished", "delivered", "msrp"), ("delivered", 2.5)],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_busy_peer_is_tried_again_after_the_pause(self) -> None:
        """[F-21]"""
        self.submit()
        self.attempts[0].done.callback(busy())
        self.assertEqual((self.states(), self.push().recipients[0].reason), (["waiting"], "486 Busy Here"))
        self.advance(4.9)
        self.assertEqual(len(self.attempts), 1)
        self.advance(0.1)
        self.assertEqual((len(self.attempts), self.attempts[1].job.attempt), (2, 2))
        self.assertEqual(self.metrics.counted, [("attempt", "msrp", "retry")])

    def test_a_peer_that_says_when_is_obeyed(self) -> None:
        self.submit()
        self.attempts[0].done.callback(busy(retry_after=60))
        self.advance(59)
        self.assertEqual(len(self.attempts), 1)
        self.advance(10)
        self.assertEqual(len(self.attempts), 2)

    def test_a_delivery_that_fails_as_a_whole_counts_like_its_result(self) -> None:
        self.submit()
        self.attempts[0].done.errback(TimedOut("no answer"))
        self.assertEqual((self.states(), self.push().recipients[0].reason), (["waiting"], "no answer"))

    def test_a_bug_of_ours_ends_that_attempt_and_nothing_else(self) -> None:
        """[promise 4] It is logged with its traceback, and the push is not lost."""
        self.submit("psh_1")
        self.submit("psh_2")
        self.attempts[0].done.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.attempts[1].deliver()
        self.assertEqual((self.states("psh_1"), self.states("psh_2")), (["waiting"], ["delivered"]))

    def test_a_delivery_that_raises_at_once_is_such_a_bug_too(self) -> None:
        def broken(job: Any, moved: Any) -> Any:
            raise ZeroDivisionError

        self.dispatch._deliver = broken
        self.submit()
        self.assertEqual((self.states(), len(self.flushLoggedErrors(ZeroDivisionError))), (["waiting"], 1))

    def test_what_the_peer_has_is_not_forgotten_when_our_disk_is_full(self) -> None:
        """Otherwise it would be sent again."""
        settle, trouble = self.outbox.settle, [True, True, False]

        async def full(*args: Any) -> Outcome:
            if trouble.pop(0):
                raise OperationalError("", {}, OSError("disk full"))
            return await settle(*args)

        self.patch(self.outbox, "settle", full)
        self.submit()
        self.attempts[0].deliver()
        self.assertEqual(self.states(), ["sending"])
        self.advance(TROUBLE)
        self.advance(TROUBLE)
        self.assertEqual((self.states(), len(self.flushLoggedErrors(OperationalError))), (["delivered"], 2))

    def test_progress_is_seen_while_it_goes_on(self) -> None:
        self.submit()
        attempt = self.attempts[0]
        attempt.moved(4, 2)
        progress = self.dispatch.progress(attempt.job.recipient_id)
        assert progress is not None
        self.assertEqual((progress.sent, progress.acknowledged), (4, 2))
        attempt.deliver()
        self.assertIsNone(self.dispatch.progress(attempt.job.recipient_id))


class Deadlines(DispatchCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_an_attempt_is_withdrawn_at_its_deadline(self) -> None:
        """Somebody's telephone rings; the visitor has gone."""
        self.submit(not_after=NOW + 20)
        self.advance(20)
        self.assertTrue(self.attempts[0].withdrawn)
        self.assertEqual(
            (self.states(), self.push().recipients[0].reason),
            (["expired"], "its deadline came while it was being sent"),
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_finds_no_slot_expires_in_the_queue(self) -> None:
        for number in (1, 2):
            self.submit(f"psh_{number}")
        self.submit("psh_3", not_after=NOW + 20, to=(ALICE, BOB))
        self.advance(20)
        self.assertEqual(self.states("psh_3"), ["expired", "expired"])
        self.assertEqual(self.metrics.counted, [("finished", "expired", "none")] * 2)

    def test_setting_the_clock_forward_ends_nothing(self) -> None:
        """[SECURITY 4] A clock that was wrong must not expire a single push."""
        self.submit("psh_1", not_after=NOW + 3600)
        self.submit("psh_2", not_after=NOW + 3600)
        self.submit("psh_3", not_after=NOW + 3600)
        self.clock.advance(7200)
        self.advance(1)
        self.assertEqual([self.states(f"psh_{number}") for number in (1, 2, 3)], [["sending"], ["sending"], ["queued"]])
        self.advance(3600)
        self.assertEqual([self.states(f"psh_{number}") for number in (1, 2, 3)], [["expired"]] * 3)

    def test_an_attempt_notices_by_itself_that_the_clock_was_set(self) -> None:
        """Its deadline is the first thing that the jump makes due."""
        self.submit(not_after=NOW + 20)
        self.clock.advance(3600)
        self.assertEqual((self.attempts[0].withdrawn, self.states()), (False, ["sending"]))
        self.advance(20)
        self.assertEqual(self.states(), ["expired"])

    def test_a_claim_that_somebody_else_ended_is_logged_and_frees_its_slot(self) -> None:
        self.submit()
        self.done(self.outbox.release([self.dispatch._attempts[1].claim], NOW))
        self.attempts[0].deliver()
        self.assertEqual(len(self.flushLoggedErrors(Misuse)), 1)
        self.assertEqual(len(self.attempts), 2)

    def test_setting_the_clock_back_delays_no_attempt(self) -> None:
        self.submit()
        self.attempts[0].done.callback(busy())
        self.clock.rightNow -= 7200
        self.dispatch.wake()
        self.advance(5)
        self.assertEqual(len(self.attempts), 2)

    def test_an_outbox_that_cannot_take_note_of_the_clock_is_told_again(self) -> None:
        """Its disk failed at that moment: what waits must not wait two hours for that."""
        self.submit(to=(ALICE, BOB, "sip:carol@example.com"))  # two slots, three recipients
        clock_jumped = self.outbox.clock_jumped
        self.outbox.clock_jumped = lambda seconds: fail(OSError("disk full"))  # type: ignore[method-assign]
        self.clock.rightNow -= 7200
        self.dispatch.check_clock()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.outbox.clock_jumped = clock_jumped  # type: ignore[method-assign]
        self.attempts[0].deliver()
        self.assertEqual(len(self.attempts), 3)

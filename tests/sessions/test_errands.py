"""Waiting for the peer on behalf of a session."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import DeliveryError, Refused, TimedOut, Unreachable
from pushsvc.sessions.errands import Errands


class Waiting(SynchronousTestCase):
    """One errand, and the session that it is for."""

    def setUp(self) -> None:
        self.ends: list[str] = []
        self.errands = Errands(self.ends.append)
        self.answer: Deferred[Any] = Deferred()

    async def errand(self) -> Any:
        return await self.answer

    def start(self, way: str = "ask") -> Deferred[Any]:
        return Deferred.fromCoroutine(getattr(self.errands, way)(self.errand()))

    def test_its_result_is_given(self) -> None:
        for way in ("ask", "keep"):
            self.answer = Deferred()
            waiting = self.start(way)
            self.assertNoResult(waiting)
            self.answer.callback(7)
            self.assertEqual(self.successResultOf(waiting), 7)
        self.assertEqual(self.ends, [])

    def test_what_a_failed_request_means_for_the_session(self) -> None:
        """RFC 3261 §12.2.1.2: no answer, 408 and 481 end it; other refusals do not."""
        cases: list[tuple[DeliveryError, bool]] = [
            (Refused(488, "no"), False),
            (Refused(500, "no"), False),
            (Refused(408, "gone"), True),
            (Refused(481, "gone"), True),
            (TimedOut("gone"), True),
            (Unreachable("broken wire"), False),
            (Unreachable("gone", retry=False), True),
        ]
        for error, ends in cases:
            self.ends.clear()
            self.answer = Deferred()
            waiting = self.start()
            self.answer.errback(error)
            self.failureResultOf(waiting, type(error))
            self.assertEqual(self.ends, ["gone"] if ends else [])

    def test_what_was_agreed_and_cannot_be_kept_ends_the_session(self) -> None:
        waiting = self.start("keep")
        self.answer.errback(Unreachable("no connection"))
        self.failureResultOf(waiting, Unreachable)
        self.assertEqual(self.ends, ["no connection"])

    def test_the_end_of_the_session_is_the_end_of_the_errand(self) -> None:
        waiting = self.start()
        self.errands.call_off("the peer hung up")
        self.assertEqual(self.failureResultOf(waiting, Unreachable).value.reason, "the peer hung up")

    def test_nothing_is_begun_for_a_session_that_is_over(self) -> None:
        self.errands.call_off("done")
        self.assertEqual(self.failureResultOf(self.start(), Unreachable).value.reason, "done")

    def test_an_errand_whose_first_deed_ends_the_session(self) -> None:
        async def suicidal() -> None:
            self.errands.call_off("done")
            await self.answer

        waiting = Deferred.fromCoroutine(self.errands.ask(suicidal()))
        self.assertEqual(self.failureResultOf(waiting, Unreachable).value.reason, "done")

    def test_whoever_waits_may_give_up(self) -> None:
        """The errand is cancelled by that, which means something to it."""
        cancelled: list[object] = []
        self.answer = Deferred(cancelled.append)
        waiting = self.start()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(cancelled, [self.answer])

    def test_those_that_wait_for_others_are_called_off_first(self) -> None:
        """None of them gets its turn by the end of the one before."""
        order: list[int] = []
        for number in range(3):
            self.answer = Deferred(lambda _, number=number: order.append(number))
            self.start().addErrback(lambda failure: None)
        self.errands.call_off("done")
        self.assertEqual(order, [2, 1, 0])

"""Who is tried next and how many at once. What an attempt does is in delivery, what it means in outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
from sqlalchemy.exc import SQLAlchemyError
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import Withdrawn
from pushsvc.machine import Tokens
from pushsvc.ops.clock_watch import ClockWatch
from pushsvc.sender.attempts import Deliver, Progress, Running
from pushsvc.sender.job import AttemptResult, FileResult
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_records import Cancelling, Claim, Turn
from pushsvc.sender.outcome import OPEN, SUCCESS, Outcome, RetryPolicy, State, is_settled, judge, merged

OUTBOX_TROUBLE = (SQLAlchemyError, OSError)  # a full disk, mostly
TROUBLE = 5.0  # seconds until the outbox is asked again after it failed
FULL = 1.0  # seconds until newcomers are looked at for their deadlines when no slot is free
WITHDRAWAL = 5.0  # seconds that withdrawn attempts get for their CANCEL or BYE


class DispatchMetrics(Protocol):
    """What is counted here."""

    def attempt(self, mode: str, outcome: str) -> None: ...
    def recipient_finished(self, result: str, mode: str) -> None: ...
    def delivered_after(self, seconds: float) -> None: ...


class Dispatch(Service):
    """Takes what is due out of the outbox, at most `concurrency` recipients at once, and has each delivered.

    `steady` gives seconds of a clock that nobody can set. Start it after the outbox.
    """

    name = "dispatch"
    log = Logger()

    def __init__(
        self,
        outbox: Outbox,
        deliver: Deliver,
        clock: IReactorTime,
        steady: Callable[[], float],
        tokens: Tokens,
        metrics: DispatchMetrics,
        *,
        policy: RetryPolicy,
        concurrency: int,
    ) -> None:
        self._outbox = outbox
        self._deliver = deliver
        self._clock = clock
        self._watch = ClockWatch(clock.seconds, steady)
        self._untold = 0.0  # seconds that the clock was set by and the outbox could not take note of
        self._tokens = tokens
        self._metrics = metrics
        self._policy = policy
        self._concurrency = concurrency
        self._attempts: dict[int, Running] = {}
        self._alarm: IDelayedCall | None = None
        self._looking = False
        self._look_again = False
        self._is_crowded = True
        self._draining = False
        self._drained: list[Deferred[None]] = []

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self._draining = False
        self._begin_look()

    def stopService(self) -> Deferred[None]:
        super().stopService()  # type: ignore[no-untyped-call]
        return self.drain(0.0)

    def wake(self) -> None:
        """Something may be due: look. Cheap, and fine to call for every submission."""
        soon = self._clock.seconds() + FULL
        if len(self._attempts) < self._concurrency:
            self._begin_look()
        elif self._alarm is None or not self._alarm.active() or self._alarm.getTime() > soon:
            self._set_alarm(soon)

    def _begin_look(self) -> None:
        self._look_again = True
        if not self._looking and self.running and not self._draining:
            self._looking = True
            Deferred.fromCoroutine(self._look()).addErrback(self._not_looked)

    def progress(self, recipient: int) -> Progress | None:
        """How far the attempt at this recipient is; None when none runs."""
        running = self._attempts.get(recipient)
        return running.progress if running else None

    async def cancel(self, push_id: str) -> Cancelling | None:
        """Cancel what is not final of this push, running attempts too. None when there is no such push."""
        cancelling = await self._outbox.cancel(push_id)
        if cancelling is not None:
            self.log.info("push {push} is cancelled by its owner", push=push_id)
            for _ in range(cancelling.cancelled):
                self._metrics.recipient_finished(State.CANCELLED.value, "none")
            for recipient in cancelling.in_flight:
                if running := self._attempts.get(recipient):
                    running.cancel()
        return cancelling

    def drain(self, within: float) -> Deferred[None]:
        """Take nothing more; fires when all attempts ended.

        After `within` seconds they are withdrawn; these recipients are tried again after the next start.
        """
        return Deferred.fromCoroutine(self._drain(within))

    async def _drain(self, within: float) -> None:
        self._draining = True
        self._clear_alarm()
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        alarms = [
            self._clock.callLater(within, self._withdraw),
            self._clock.callLater(within + WITHDRAWAL, self._tell_drained),
        ]
        self._check_drained()
        await drained
        for alarm in alarms:
            if alarm.active():
                alarm.cancel()

    # --- taking ---

    async def _look(self) -> None:
        try:
            while self._look_again and not self._draining:
                self._look_again = False
                self.check_clock()
                turn = await self._outbox.turn(self._clock.seconds(), self._concurrency - len(self._attempts))
                await self._take(turn)
        finally:
            self._looking = False
            self._check_drained()

    def _not_looked(self, failure: Failure) -> None:
        self.log.failure("the outbox cannot be read", failure)
        self._set_alarm(self._clock.seconds() + TROUBLE)

    async def _take(self, turn: Turn) -> None:
        self._is_crowded = turn.is_crowded
        if turn.expired:
            self.log.info("{count} recipients expired in the queue", count=turn.expired)
        for _ in range(turn.expired):
            self._metrics.recipient_finished(State.EXPIRED.value, "none")
        if self._draining:
            await self._outbox.release(turn.claims, self._clock.seconds())
            return
        for claim in turn.claims:
            self._start(claim)
        moments = [turn.next_expiry]
        if len(self._attempts) < self._concurrency:
            moments.append(turn.next_due)
        self._set_alarm(min((moment for moment in moments if moment is not None), default=None))

    @property
    def clock_ahead(self) -> float:
        """Seconds by which the clock is ahead of the steady one, after seeing whether somebody has set it."""
        self.check_clock()
        return self._watch.ahead

    def check_clock(self) -> None:
        """See whether somebody has set the clock. Before a push is submitted: it has the time of the new one."""
        if jump := self._watch.jumped():
            self.log.warn("the clock was set by {seconds:+.1f} s", seconds=jump)
            for running in self._attempts.values():
                running.clock_jumped(jump)
        if jump := jump + self._untold:
            self._untold = 0.0
            self._outbox.clock_jumped(jump).addErrback(self._not_told, jump)

    def _not_told(self, failure: Failure, jump: float) -> None:
        self._untold += jump  # until the next look
        self.log.failure("the outbox does not know that the clock was set", failure)

    # --- one attempt ---

    def _start(self, claim: Claim) -> None:
        running = Running(claim, self._deliver, self._clock, self.check_clock)
        self._attempts[claim.job.recipient_id] = running
        Deferred.fromCoroutine(self._run(running)).addErrback(
            lambda failure: self.log.failure("an attempt of {push} was not kept", failure, push=claim.job.push_id)
        )

    async def _run(self, running: Running) -> None:
        claim, is_over = running.claim, False
        try:
            result = await running.result()
            self.check_clock()
            files = merged(claim.files, result)
            withdrawn = running.withdrawn and isinstance(result.failure, Withdrawn)
            if withdrawn and not all(map(is_settled, files)):
                await self._outbox.release([attrs.evolve(claim, files=files)], self._clock.seconds())
            else:
                is_over = await self._settle(running, result, files)
        finally:
            del self._attempts[claim.job.recipient_id]
            if self._looking or self._is_crowded or not is_over:
                self._begin_look()
            self._check_drained()

    async def _settle(self, running: Running, result: AttemptResult, files: Sequence[FileResult | None]) -> bool:
        """Whether nothing is left to be tried."""
        claim, ended_at = running.claim, self._clock.seconds()
        outcome = judge(
            result,
            files,
            tries=claim.tries,
            now=ended_at,
            policy=self._policy,
            not_after=running.not_after,
            chance=self._tokens.fraction(),
            cancelled=running.cancelled,
        )
        while True:
            try:
                outcome = await self._outbox.settle(claim, outcome, result, files, ended_at)
                break
            except OUTBOX_TROUBLE:
                # What the peer has must not be forgotten because our disk is full now.
                self.log.failure("the outbox cannot be written", push=claim.job.push_id)
                await deferLater(self._clock, TROUBLE)
        self._tell(claim, outcome, result)
        return outcome.state not in OPEN

    def _tell(self, claim: Claim, outcome: Outcome, result: AttemptResult) -> None:
        job, mode = claim.job, result.mode or "none"
        seconds = self._clock.seconds() - job.created_at
        self._metrics.attempt(mode, outcome.word)
        if outcome.state not in OPEN:
            self._metrics.recipient_finished(outcome.state.value, mode)
        if outcome.state in SUCCESS:
            self._metrics.delivered_after(seconds)
        self.log.info(
            "push {state}",
            push=job.push_id, peer=job.to, state=outcome.state.value, attempt=job.attempt, reason=outcome.reason,
            call_id=result.call_id, status=result.sip_status, seconds=round(seconds, 3), size=job.size,
            log_unlimited=True,
        )  # fmt: skip

    # --- waiting ---

    def _set_alarm(self, at: float | None) -> None:
        self._clear_alarm()
        if at is not None and not self._draining:
            self._alarm = self._clock.callLater(max(0.0, at - self._clock.seconds()), self._begin_look)

    def _clear_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _withdraw(self) -> None:
        for running in tuple(self._attempts.values()):
            running.withdraw()

    def _check_drained(self) -> None:
        if not self._attempts and not self._looking:
            self._tell_drained()

    def _tell_drained(self) -> None:
        drained, self._drained = self._drained, []
        for waiter in drained:
            waiter.callback(None)

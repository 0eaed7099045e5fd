"""A dispatch on a real outbox, whose attempts the test ends by hand."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pushsvc.sender.attempts import Moved
from pushsvc.sender.dispatch import WITHDRAWAL, Dispatch
from pushsvc.sender.job import AttemptResult, FileResult, FileState, Job
from pushsvc.sender.outcome import RetryPolicy
from tests.sender.outbox_case import NOW, OutboxCase


@attrs.define
class Attempt:
    """One call of `deliver`."""

    job: Job
    moved: Moved
    done: Deferred[AttemptResult]
    withdrawn: bool = False

    def deliver(self) -> None:
        files = tuple(FileResult(content.name, FileState.DELIVERED, 200) for content in self.job.contents)
        self.done.callback(AttemptResult(files, "msrp", call_id="c1", octets_acknowledged=self.job.size))


@attrs.define
class Counted:
    """What was counted, in order."""

    counted: list[tuple[Any, ...]] = attrs.field(factory=list)

    def attempt(self, mode: str, outcome: str) -> None:
        self.counted.append(("attempt", mode, outcome))

    def recipient_finished(self, result: str, mode: str) -> None:
        self.counted.append(("finished", result, mode))

    def delivered_after(self, seconds: float) -> None:
        self.counted.append(("delivered", seconds))

    def push_submitted(self, door: str) -> None:
        self.counted.append(("submitted", door))

    def queue(self, items: Any, oldest: float) -> None:
        self.counted.append(("queue", dict(items), oldest))

    def exposition(self) -> bytes:
        return b"pushsvc_build_info 1\n"


class DispatchCase(OutboxCase):
    policy = RetryPolicy()
    concurrency = 2

    def open(self, *threads: Any) -> None:
        super().open(*threads)
        self.clock, self.steady = Clock(), Clock()
        self.clock.rightNow = NOW
        self.attempts: list[Attempt] = []
        self.metrics = Counted()
        self.dispatch = Dispatch(
            self.outbox,
            self.deliver,
            self.clock,
            self.steady.seconds,
            self.tokens,
            self.metrics,
            policy=self.policy,
            concurrency=self.concurrency,
        )

    def start(self) -> None:
        self.dispatch.startService()
        self.addCleanup(self.stop, self.dispatch, self.clock)

    def stop(self, dispatch: Dispatch, clock: Clock) -> None:
        """Every service ends, whatever its attempts do."""
        stopped = dispatch.stopService()
        clock.advance(WITHDRAWAL)
        self.successResultOf(stopped)

    def deliver(self, job: Job, moved: Moved) -> Deferred[AttemptResult]:
        def withdraw(done: Deferred[AttemptResult]) -> None:
            attempt.withdrawn = True

        attempt = Attempt(job, moved, Deferred(withdraw))
        self.attempts.append(attempt)
        return attempt.done

    def submit(self, push_id: str = "psh_1", **changes: Any) -> None:
        self.put(push_id, **changes)
        self.dispatch.wake()

    def advance(self, seconds: float) -> None:
        self.steady.advance(seconds)
        self.clock.advance(seconds)

    def tried(self) -> list[str]:
        """Which pushes were tried since this was asked last."""
        tried, self._seen = [attempt.job.push_id for attempt in self.attempts[self._seen :]], len(self.attempts)
        return tried

    _seen = 0

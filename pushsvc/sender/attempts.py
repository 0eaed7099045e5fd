"""One attempt while it runs: how far it is, and what may end it early. Who is tried next is in dispatch."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from pushsvc.errors import DeliveryError, Withdrawn
from pushsvc.sender.job import AttemptResult, Job
from pushsvc.sender.outbox_records import Claim

Moved = Callable[[int, int], None]
"""Hears of progress: octets sent and octets acknowledged of the whole job."""
Deliver = Callable[[Job, Moved], Deferred[AttemptResult]]
"""Makes one attempt. Its Deferred fires with the result; cancelling it withdraws what was begun."""


@attrs.frozen
class Progress:
    """Octets of all contents of a recipient: sent, and known to have arrived."""

    sent: int
    acknowledged: int


class Running:
    """One attempt that runs. It is withdrawn when its deadline comes, when its owner cancels it, or when we stop.

    `check_clock` calls `clock_jumped` when somebody set the clock: a deadline that came by that has not come.
    """

    _log = Logger()

    def __init__(self, claim: Claim, deliver: Deliver, clock: IReactorTime, check_clock: Callable[[], None]) -> None:
        self.claim = claim
        self.progress = Progress(claim.delivered, claim.delivered)
        self.not_after = claim.job.not_after
        self.cancelled = False
        self.withdrawn = False
        self._deliver = deliver
        self._clock = clock
        self._check_clock = check_clock
        self._delivery: Deferred[AttemptResult] | None = None
        self._alarm: IDelayedCall | None = None

    async def result(self) -> AttemptResult:
        """Make the attempt; how it ended. Never raises for what happens in it."""
        self._delivery = maybeDeferred(self._deliver, self.claim.job, self._moved)
        self._set_alarm()
        try:
            return await self._delivery
        except DeliveryError as error:
            return AttemptResult(failure=error)
        except CancelledError:
            return AttemptResult(failure=Withdrawn())
        except Exception:
            # The root of one delivery: our bug ends this attempt and nothing else.
            self._log.failure(
                "a bug: attempt {attempt} of {push} broke", push=self.claim.job.push_id, attempt=self.claim.job.attempt
            )
            return AttemptResult(failure=DeliveryError("an error of ours, it is in the log", retry=True))
        finally:
            self._clear_alarm()

    def cancel(self) -> None:
        """Its owner does not want it any more."""
        self.cancelled = True
        self._stop()

    def withdraw(self) -> None:
        """We stop; the recipient will be tried again."""
        self.withdrawn = True
        self._stop()

    def clock_jumped(self, seconds: float) -> None:
        """The clock was set: no deadline comes sooner by that."""
        self.not_after += max(seconds, 0.0)
        if self._alarm is not None:
            self._set_alarm()

    def _moved(self, sent: int, acknowledged: int) -> None:
        self.progress = Progress(self.claim.delivered + sent, self.claim.delivered + acknowledged)

    def _stop(self) -> None:
        if self._delivery is not None:
            self._delivery.cancel()

    def _set_alarm(self) -> None:
        self._clear_alarm()
        self._alarm = self._clock.callLater(max(0.0, self.not_after - self._clock.seconds()), self._too_late)

    def _clear_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _too_late(self) -> None:
        self._alarm = None
        self._check_clock()
        if self._clock.seconds() < self.not_after:
            self._set_alarm()
        else:
            self._stop()

"""How late the reactor is: the one number that shows that something blocks it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

INTERVAL = 0.5  # seconds between two samples


class ReactorLag(Service):
    """Asks to be called in half a second, again and again, and reports by how many seconds it was too late."""

    def __init__(self, clock: IReactorTime, report: Callable[[float], None], interval: float = INTERVAL) -> None:
        self._clock = clock
        self._report = report
        self._interval = interval
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self._wait()

    def stopService(self) -> None:
        super().stopService()  # type: ignore[no-untyped-call]
        if self._next:
            self._next.cancel()
            self._next = None

    def _wait(self) -> None:
        self._next = self._clock.callLater(self._interval, self._sample, self._clock.seconds() + self._interval)

    def _sample(self, due_at: float) -> None:
        # The reactor's clock is wall time and may jump back.
        self._report(max(0.0, self._clock.seconds() - due_at))
        self._wait()

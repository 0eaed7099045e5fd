"""Timers that take as long as was meant when somebody sets the clock. What else follows from that is not known here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service

from pushsvc.ops.clock_watch import ClockWatch


class SteadyTimers(Service):
    """Moves the reactor's timers with its clock, and is its `seconds` while it runs.

    They are moments of a clock that can be set. Set back by two hours it would let everything stand still for so long,
    and set forward let every wait be over at once. `steady` gives seconds of a clock that nobody can set.
    """

    def __init__(self, reactor: Any, steady: Callable[[], float]) -> None:
        self._reactor = reactor
        self._wall = reactor.seconds
        self._watch = ClockWatch(reactor.seconds, steady)

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.seconds = self._seconds

    def stopService(self) -> None:
        self._reactor.seconds = self._wall
        super().stopService()  # type: ignore[no-untyped-call]

    def _seconds(self) -> float:
        if jump := self._watch.jumped():
            for call in self._reactor.getDelayedCalls():
                call.delay(jump)
            # It may have been about to sleep until a moment that is another one now.
            self._reactor.callFromThread(lambda: None)
        now: float = self._wall()
        return now

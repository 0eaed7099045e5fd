"""One moment to be told about: set it, move it, call it off. At most one reactor timer lives behind it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Alarm:
    """Rings once its moment has come.

    Moving the moment later costs nothing: the timer that is already running looks again when it fires. (A
    transfer moves its deadline with every chunk, and Twisted's `reset` to a sooner time is linear in all timers.)
    """

    def __init__(self, clock: IReactorTime, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._at: float | None = None
        self._call: IDelayedCall | None = None
        self._call_at = 0.0

    def set(self, at: float | None) -> None:
        """Ring at this moment (seconds of the clock) and at no other; None: not at all."""
        self._at = at
        if self._call is not None and (at is None or at < self._call_at):
            self._call.cancel()
            self._call = None
        if at is not None and self._call is None:
            self._call_at = at
            self._call = self._clock.callLater(max(0.0, at - self._clock.seconds()), self._look)

    def after(self, seconds: float) -> None:
        """Ring this many seconds from now, and at no other moment."""
        self.set(self._clock.seconds() + seconds)

    def clear(self) -> None:
        self.set(None)

    @property
    def is_set(self) -> bool:
        return self._at is not None

    def _look(self) -> None:
        self._call = None
        at, self._at = self._at, None
        if at is not None and at > self._clock.seconds():
            self.set(at)
        else:
            self._ring()

"""Noticing that somebody set the clock. What follows from it is decided where time matters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TOLERANCE = 2.0  # seconds: slewing never makes that much between two looks, setting a clock by hand does


class ClockWatch:
    """Compares the clock that people read with one that nobody can set; both are functions that give seconds."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()

    @property
    def ahead(self) -> float:
        """Seconds by which the one was ahead of the other when this was asked last."""
        return self._offset

    def jumped(self) -> float:
        """By how many seconds the clock was set since this was asked last; 0.0 when it was not."""
        offset = self._wall() - self._steady()
        jump = offset - self._offset
        self._offset = offset
        return jump if abs(jump) > TOLERANCE else 0.0


def boot_id() -> str:
    """What names the time since this machine was booted, in which the steady clock goes on; "" where nothing does."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""

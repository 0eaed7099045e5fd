"""A real daemon to which faults happen. Whatever they do, it is brought back, and what had to be noticed is kept."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from pushsvc.pushctl.daemon import Daemon, DaemonFailed
from pushsvc.pushctl.lab import CLEAN_ENDS
from tests.faults.shim import Kind, Shim, descriptors, resident
from tests.faults.warm import Warm

LOOK_EVERY = 0.01
TRIES = 20  # starts in a row that may fail while a fault is there; without one the first has to work
ENDS_WITHIN = 20.0  # seconds from SIGTERM to the end, those of shutdown.drain included
COLD_EVERY = 20  # one start of so many is that of a new Python, as in life
FAULTY_ENDS = (74, 73, 69)  # exit codes of a start or a run that a disk's errors ended


@attrs.frozen
class Footprint:
    """A process at one moment: octets of memory, open descriptors."""

    at: float
    resident: int
    descriptors: int


@attrs.frozen
class Point:
    """Where a process was struck: the `number`th call of this kind in its life, and what that touched."""

    kind: Kind
    place: str
    number: int


class Victim:
    """`daemon` under its shim. `complaints` is what was wrong; `starts` are seconds from spawning to serving.

    `renew` gives the daemon another certificate. With `forks` most starts are those of `warm`: close it when the daemon
    has ended.
    """

    def __init__(
        self, daemon: Daemon, library: Path, renew: Callable[[], None] = lambda: None, *, forks: bool = False
    ) -> None:
        self.daemon = daemon
        self.shim = Shim(library, daemon.directory / "faults", daemon.state)
        daemon.environment.update(self.shim.environment)
        self.complaints: list[str] = []
        self.starts: list[float] = []
        self.ends: list[int] = []
        self.footprints: list[Footprint] = []
        self.points: set[Point] = set()
        self.renew = renew
        self._began = self._spawned_at = time.monotonic()
        self._calls_before = dict(self.shim.calls)
        self._warm = Warm(self.shim.environment) if forks else None
        self._spawned = 0

    def close(self) -> None:
        if self._warm is not None:
            self._warm.close()

    @property
    def pid(self) -> int:
        return self.daemon.pid

    def struck_within(self, seconds: float) -> bool:
        """Whether the armed call came; it is not armed any longer then, unless it lasts."""
        end = time.monotonic() + seconds
        while not self.shim.struck and time.monotonic() < end and self.daemon.alive:
            time.sleep(LOOK_EVERY)
        return bool(self.shim.struck)

    def rate(self, kind: Kind) -> float:
        """Calls of this kind in a second, so far."""
        return self.shim.calls[kind] / max(time.monotonic() - self._began, 1.0)

    def is_new_point(self) -> bool:
        """Whether nobody was struck where this was the last time."""
        kind, what = self.shim.where
        point = Point(kind, place(what, self.daemon.state), self.shim.calls[kind] - self._calls_before[kind])
        is_new = point not in self.points
        self.points.add(point)
        return is_new

    def signal(self, number: signal.Signals) -> None:
        self.daemon.signal(number)

    def kill(self) -> None:
        self.daemon.kill()

    def start(self) -> None:
        """Spawn it, and do not wait."""
        self._spawned_at = time.monotonic()
        self._calls_before = dict(self.shim.calls)
        if self._warm is not None:
            self.daemon.spawn = subprocess.Popen if self._spawned % COLD_EVERY == COLD_EVERY - 1 else self._warm.spawn
        self._spawned += 1
        self.daemon.start()

    def ends_in_order(self) -> bool:
        """It was told to end: it does, in its time, with a clean exit."""
        began = time.monotonic()
        code = self.daemon.stop(ENDS_WITHIN)
        took = time.monotonic() - began
        if code == -signal.SIGKILL and took < ENDS_WITHIN:
            return False  # by an earlier fault, which came about a moment too late
        if code not in CLEAN_ENDS:
            self.complaints.append(f"ended with {code} {took:.1f} s after SIGTERM")
        return True

    def revive(self) -> None:
        """Serving again: started if it has ended, and started again if that was no good time for it.

        Raises DaemonFailed when it does not come back, which nobody but a person could help.
        """
        self.shim.disarm()
        if self.shim.struck_dead():
            self.kill()  # it dies anyway, but perhaps after it was looked at
        if not self.daemon.alive:
            self._note_end()
            self.start()
        elif self.daemon.is_ready:
            return
        for tries in range(TRIES):
            try:
                self.daemon.wait_until_ready()
                break
            except DaemonFailed:
                # What a fault ended while it started may end once more; without a fault nothing ends it.
                code = self._note_end()
                if code not in (-signal.SIGKILL, *FAULTY_ENDS) or tries:
                    self.complaints.append(f"a start without faults ended with {code}")
                    raise
                self.start()
        self.starts.append(time.monotonic() - self._spawned_at)

    def look(self) -> None:
        """Keep what it takes at this moment."""
        try:
            seen = Footprint(time.monotonic(), resident(self.pid), descriptors(self.pid))
        except OSError:
            return  # it just ended
        if seen.resident:  # a process that ended and is not reaped has none
            self.footprints.append(seen)

    def _note_end(self) -> int:
        code = self.daemon.exit_code
        self.ends.append(code if code is not None else 0)
        return self.ends[-1]


def place(what: str, state: Path) -> str:
    """What a call touched without what differs each time: a path below the state, or how an MSRP or SIP message begins.

    Octets of TLS say nothing.
    """
    if what.startswith(str(state)):
        return re.sub(r"[\w-]*\d[\w-]*", "*", what.removeprefix(str(state)))
    begins = re.match(r"MSRP \S+ (\S+)|([A-Z]+) sip|(SIP/2\.0 \d+)|(HTTP\S+ \d+)", what)
    return next(filter(None, begins.groups())) if begins else "octets"

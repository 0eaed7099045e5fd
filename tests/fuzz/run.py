"""Runs a target over inputs: counts them, keeps those that it fell over, and which one took longest."""

from __future__ import annotations

import hashlib
import itertools
import signal
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import attrs

from tests.fuzz.mutation import inputs
from tests.fuzz.target import Target

PATIENCE = 2.0  # seconds of processor for one input: thousands of times what it should need
CRASHES = Path("build/fuzz/crashes")
AGAIN = 9
MOST_KEPT = 20  # crashes of one target: they are seldom of different kinds


class TooSlow(Exception):
    """One input took longer than `PATIENCE`."""


@attrs.frozen
class Crash:
    """What was raised, and the input that did it."""

    where: str
    trace: str
    octets: bytes = attrs.field(repr=False)

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return CRASHES / hashlib.sha256(self.octets).hexdigest()[:16]


@attrs.define
class Outcome:
    """Of one target: `slowest` is in seconds, the best of several runs of it, `slowest_size` in octets."""

    name: str
    inputs: int = 0
    octets: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_size: int = 0
    crashes: list[Crash] = attrs.field(factory=list)

    def add(self, other: Outcome) -> None:
        """The same target, more inputs."""
        self.inputs += other.inputs
        self.octets += other.octets
        self.seconds += other.seconds
        self.crashes += other.crashes
        if other.slowest > self.slowest:
            self.slowest, self.slowest_size = other.slowest, other.slowest_size


def fuzzed(target: Target, count: int, seed: int) -> Outcome:
    """`count` inputs of this seed."""
    return judged(target, itertools.islice(inputs(target, seed), count))


def judged(target: Target, given: Iterable[bytes]) -> Outcome:
    """Each of these inputs. After many crashes the rest is left out."""
    outcome = Outcome(target.name)
    known: set[str] = set()
    began = time.perf_counter()
    with _impatient():
        for octets in given:
            start = time.perf_counter()
            crash = once(target, octets)
            took = time.perf_counter() - start
            outcome.inputs += 1
            outcome.octets += len(octets)
            if took > outcome.slowest and (took := min(took, *_timed(target, octets))) > outcome.slowest:
                outcome.slowest, outcome.slowest_size = took, len(octets)
            if crash is not None and crash.where not in known:
                known.add(crash.where)
                outcome.crashes.append(crash)
                if len(known) >= MOST_KEPT:
                    break
    outcome.seconds = time.perf_counter() - began
    return outcome


def once(target: Target, octets: bytes) -> Crash | None:
    """One input; what came of it that should not."""
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        target.run(octets)
    except Exception as error:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__}: {str(error)[:40]} at {Path(last.filename).name}:{last.lineno}"
        return Crash(where, traceback.format_exc(limit=-6), octets)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def _timed(target: Target, octets: bytes) -> Iterator[float]:
    """Some times more: the machine does other work as well."""
    for _ in range(AGAIN):
        start = time.perf_counter()
        once(target, octets)
        yield time.perf_counter() - start


@contextmanager
def _impatient() -> Iterator[None]:
    def too_slow(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {PATIENCE:g} s of processor")

    before = signal.signal(signal.SIGVTALRM, too_slow)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)

"""Many worlds, in this process or in several at once."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import FrameType

from twisted.logger import globalLogBeginner

from tests.soak.seen import Seen
from tests.soak.world import Broken, live

AT_ONCE = 20  # seeds: what one process is given at a time
PATIENCE = 120  # seconds of real time for a world; most take a twentieth of one

Told = list[tuple[int, Seen | str]]
"""Of each seed what its world was like, or what was wrong with it."""


def lived(seeds: Sequence[int], jobs: int) -> Iterator[Told]:
    """All of them by so many processes, told of as soon as they are known, piece by piece."""
    if len(seeds) <= AT_ONCE:
        prepare()
        yield live_all(seeds)
        return
    pieces = [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, prepare) as pool:
        for done in as_completed([pool.submit(live_all, piece) for piece in pieces]):
            yield done.result()


def prepare() -> None:
    """For a process that does nothing else."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    signal.signal(signal.SIGALRM, _too_long)
    gc.freeze()  # what was imported is not looked at with every world


def live_all(seeds: Sequence[int]) -> Told:
    """One after the other."""
    return [(seed, _live(seed)) for seed in seeds]


def _live(seed: int) -> Seen | str:
    signal.alarm(PATIENCE)
    try:
        return live(seed)
    except Broken as broken:
        return str(broken)
    finally:
        signal.alarm(0)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end after {PATIENCE} seconds")

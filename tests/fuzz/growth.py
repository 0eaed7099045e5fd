"""What an octet costs in a long input: `python -m tests.fuzz.growth [--target NAME]`.

For each target every shape of long input is tried that its frames, words and units make; the dearest ones are measured
at an eighth, a quarter, a half and all of what the code takes at all. Cost that grows faster than the input shows as
`growth`: how much dearer an octet is in the longest input than in one of an eighth. Exit 0: nowhere above `MOST`.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence

import attrs

from tests.fuzz.target import Frame, Target, words
from tests.fuzz.targets import TARGETS

MOST = 4.0  # times; what is quadratic reaches 8
PARTS = (8, 4, 2, 1)
TRIED = 4096  # octets of the inputs that are tried first
DEAREST = 4  # shapes of a target that are measured
SLOW = 10  # weight of a target
ENOUGH = 0.1  # seconds spent on one input: many ticks of the clock that counts them
WORTH = 0.002  # seconds: what is faster than that all in all is not worth a verdict, and measures the clock
UNITS = words(r"""
    a \x20 \t " \\ \\" < > <a ( , ; : = % @ [ { / . - 0 \r \n \r\n \r\n\x20 \x00 \xff \xc3\xa4 a; a, a\x20 a"
    ;a=b "; ? *
""")
Shape = tuple[Frame, bytes]


@attrs.frozen
class Growth:
    """One shape of one target: seconds for each of `PARTS`, octets of the longest, and the most memory it took."""

    target: str
    shape: Shape
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    memory: int

    @property
    def growth(self) -> float:
        """How much dearer an octet of the longest is than one of the shortest."""
        if self.seconds[-1] < WORTH:
            return 1.0
        return self.seconds[-1] / self.sizes[-1] / (self.seconds[0] / self.sizes[0])


def main(arguments: list[str]) -> int:
    """Measure and tell; 0 when everything is linear."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.growth", description="What an octet costs in a long input."
    )
    parser.add_argument(
        "--target", action="append", choices=sorted(measurable()), help="may be repeated; all when not given"
    )
    options = parser.parse_args(arguments)
    print("\n".join(HEADER), flush=True)
    worst = 0.0
    for name in options.target or measurable():
        for found in grown(TARGETS[name]):
            worst = max(worst, found.growth)
            print(row(found), flush=True)
    print(f"an octet of the longest input costs at most {worst:.1f} times that of one of an eighth")
    return 1 if worst > MOST else 0


def measurable() -> list[str]:
    """The targets that take one long text: in the others an input is a history."""
    return [name for name, target in TARGETS.items() if target.frames != (Frame(),) or target.units]


HEADER = (
    "| target | octets | µs an octet at 1/8, 1/4, 1/2, 1/1 | growth | memory / octets | of |",
    "|---|---|---|---|---|---|",
)


def row(found: Growth) -> str:
    """As a line of a table."""
    each = " ".join(f"{seconds / size * 1e6:.3f}" for seconds, size in zip(found.seconds, found.sizes, strict=True))
    frame, unit = found.shape
    about = f"{frame.head[-20:]!r} {unit[:20]!r}".replace("|", "\\|")
    memory = found.memory / found.sizes[-1]
    return f"| {found.target} | {found.sizes[-1]} | {each} | {found.growth:.1f} | {memory:.0f} | `{about}` |"


def grown(target: Target, limit: int | None = None) -> Iterator[Growth]:
    """The dearest shapes of this target, up to `limit` octets; what the code takes, where none is given."""
    limit = min(limit or target.limit, target.limit)
    tried = min(TRIED, limit)
    cost = {shape: _seconds(target, shape, tried) for shape in _shapes(target)}
    steep = {shape: seconds / _seconds(target, shape, tried // 4) for shape, seconds in cost.items()}
    dearest = sorted(cost, key=lambda shape: -cost[shape])[: DEAREST // 2]
    steepest = sorted(steep, key=lambda shape: -steep[shape] * cost[shape])[:DEAREST]
    for shape in list(dict.fromkeys([*dearest, *steepest]))[:DEAREST]:
        yield measured(target, shape, limit)


def measured(target: Target, shape: Shape, limit: int) -> Growth:
    """One shape at all its sizes."""
    limit = min(limit, shape[0].most)
    sizes = tuple(limit // part for part in PARTS)
    seconds = tuple(_of_processor(target, shape, size) for size in sizes)
    octets = shape[0].filled(shape[1], limit)
    gc.collect()
    tracemalloc.start()
    target.run(octets)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Growth(target.name, shape, sizes, seconds, memory)


def _shapes(target: Target) -> Sequence[Shape]:
    own = target.weight > SLOW  # what takes long by its nature is given only what was thought of for it
    units = dict.fromkeys(target.units if own else (*target.units, *target.words, *UNITS))
    return [(frame, unit) for frame in target.frames for unit in units]


def _seconds(target: Target, shape: Shape, size: int) -> float:
    """Roughly: the better of two times."""
    octets = shape[0].filled(shape[1], size)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        target.run(octets)
        times.append(time.perf_counter() - start)
    return max(min(times), 1e-7)


def _of_processor(target: Target, shape: Shape, size: int) -> float:
    """Seconds of processor, which other work on this machine does not change, over as many times as it takes."""
    octets = shape[0].filled(shape[1], size)
    count = 0
    gc.disable()  # when it comes, and what it costs, is a matter of everything else that lives
    try:
        start = time.process_time()
        while (spent := time.process_time() - start) < ENOUGH:
            target.run(octets)
            count += 1
    finally:
        gc.enable()
    return spent / count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

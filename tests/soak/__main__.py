"""Thousands of worlds on all processors: `python -m tests.soak [--seeds 0-9999] [--jobs 2]`.

Exit 0 means that every world was as it has to be. Of one that was not, its seed is printed with what happened last and
the command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.soak.seen import Seen
from tests.soak.tally import Tally
from tests.soak.worlds import lived

PROGRESS = 500  # worlds from one line of progress to the next


def main(arguments: list[str]) -> int:
    """Live through all worlds, and say what they were like; 0 when none was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Whole worlds, each made of a seed.")
    parser.add_argument("--seeds", type=seeds_of, default="0-9999", help="as 17 or 0-9999 (the default)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; as many as processors")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    tally = Tally()
    for told in lived(options.seeds, options.jobs):
        for seed, seen in told:
            if isinstance(seen, Seen):
                tally.add(seen)
            else:
                tally.add_broken(seed)
                print(f"seed {seed} is broken: {seen}\nagain: python -m tests.soak --seeds {seed}", flush=True)
            if tally.worlds % PROGRESS == 0:
                print(f"{tally.worlds}/{len(options.seeds)} after {time.monotonic() - began:.0f} s", flush=True)
    print("\n".join(tally.lines()))
    worked = sum(os.times()[:4])
    seconds = f"{time.monotonic() - began:.1f} seconds ({worked:.1f} of processors)"
    print(f"{tally.worlds} seeds, {len(tally.broken)} broken, {seconds}")
    return 1 if tally.broken else 0


def seeds_of(text: str) -> range:
    """`17` is one seed, `0-9999` are ten thousand. Raises ValueError."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

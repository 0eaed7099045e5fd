"""Two real daemons under faults: `python -m tests.faults [--seconds 300] [--faults N] [--seed 1] [--rate 12]`.

Exit 0 means that nothing was lost, torn, duplicated or stuck, and nothing was wrong otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.ordeal import RATE, Ordeal, endured
from tests.faults.shim import has_compiler

SHOWN = 40  # complaints


def main(arguments: list[str]) -> int:
    """Let it happen, and say what came of it; 0 when all was as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Two real daemons under faults.")
    parser.add_argument("--seconds", type=float, default=300, help="how long (300)")
    parser.add_argument("--faults", type=int, help="end after so many, if that is sooner")
    parser.add_argument("--seed", default="1", help="of what happens and what is pushed (1)")
    parser.add_argument("--rate", type=float, default=RATE, help=f"pushes a second ({RATE:.0f})")
    parser.add_argument("--keep", type=Path, help="a new directory in which everything stays, logs and states too")
    options = parser.parse_args(arguments)
    if not has_compiler():
        print("there is no C compiler (cc): the faults need one", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pushsvc-faults-") as scratch:
        directory = options.keep or Path(scratch) / "lab"
        ordeal = endured(directory, options.seed, options.seconds, options.faults, options.rate)
    print("\n".join(told(ordeal)))
    return 0 if ordeal.is_good else 1


def told(ordeal: Ordeal) -> list[str]:
    """For people."""
    verdict = ordeal.verdict
    complaints = [*ordeal.complaints, *verdict.complaints()]
    states = ", ".join(f"{count} {state}" for state, count in verdict.states.most_common())
    return [
        *(f"  {count:5} {name}" for name, count in ordeal.faults.most_common()),
        *ordeal.lines,
        f"pushes: {states or 'not judged'}",
        *(f"wrong: {complaint}" for complaint in complaints[:SHOWN]),
        f"{ordeal.faults.total()} faults in {ordeal.seconds:.0f} s, {ordeal.acknowledged} acknowledged, "
        f"{len(verdict.lost)} lost, {len(verdict.torn)} torn, {len(verdict.duplicated)} duplicated, "
        f"{len(verdict.stuck)} stuck, {len(verdict.failed)} failed, {len(verdict.left)} left behind, "
        f"{len(complaints)} complaints",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

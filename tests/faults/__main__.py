"""Two real daemons under faults: `python -m tests.faults [--seconds 300] [--faults N] [--seed 1] [--rate 12]`.

Exit 0 means that nothing was lost, torn, duplicated or stuck, that there were as many faults and pushes as G6 of
SECURITY wants in that time (1,000 and 10,000 in 20 minutes), and that every other goal was met.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.ordeal import RATE, Ordeal, endured
from tests.faults.plan import Goal, at_least, at_most, table
from tests.faults.promising import FAIL_EVERY, promised
from tests.faults.shim import has_compiler

SHOWN = 40  # complaints
MOST_PROMISES = 100  # pushes; each fifth takes ten seconds


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
        try:
            ordeal.goals += _kept(directory.with_name(directory.name + "-promises"), options.seed, options.seconds)
        except AssertionError as error:
            ordeal.complaints.append(str(error))
    print("\n".join(told(ordeal)))
    return 0 if ordeal.is_good else 1


def _kept(directory: Path, seed: str, seconds: float) -> list[Goal]:
    """G8, of as many pushes as are worth that time."""
    pushes = min(MOST_PROMISES, int(seconds / 12) + FAIL_EVERY)
    kept = promised(directory, seed, pushes)
    return [
        at_least("G8: acknowledgements looked at", 2 * pushes, kept.acknowledged),
        at_least("G8: syncs that failed", 1, kept.failed),
        at_most("G8: what was not on the disk when it was acknowledged", 0, len(kept.found)),
    ]


def told(ordeal: Ordeal) -> list[str]:
    """For people."""
    verdict = ordeal.verdict
    complaints = [*ordeal.complaints, *verdict.complaints()]
    states = ", ".join(f"{count} {state}" for state, count in verdict.states.most_common())
    return [
        *table(ordeal.counts),
        *ordeal.lines,
        *map(str, ordeal.goals),
        f"pushes: {states or 'not judged'}",
        *(f"wrong: {complaint}" for complaint in complaints[:SHOWN]),
        f"{ordeal.faults} faults in {ordeal.seconds:.0f} s, {ordeal.acknowledged} acknowledged, "
        f"{len(verdict.lost)} lost, {len(verdict.torn)} torn, {len(verdict.duplicated)} duplicated, "
        f"{len(verdict.stuck)} stuck, {len(verdict.failed)} failed, {len(verdict.left)} left behind, "
        f"{len(complaints)} complaints, {sum(not goal.is_met for goal in ordeal.goals)} goals missed",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

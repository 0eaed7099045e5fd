"""Fuzzes every target, or some: `python -m tests.fuzz [--target NAME] [--inputs N] [--seed S] [--guided]`.

`--inputs` are of a quick target: one that is slower by its nature gets its share. With `--guided` coverage chooses them
(atheris), else chance. Each crash is kept in build/fuzz/crashes and told with its trace; `--input FILE` repeats one.
Exit 0 means that there was none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tests.fuzz import guided
from tests.fuzz.run import Outcome, fuzzed, once
from tests.fuzz.targets import TARGETS

SHARE = 50_000  # inputs of one job: so that no processor is idle at the end
Job = Callable[[], Outcome]


def main(arguments: list[str]) -> int:
    """Run and tell; 0 for no crash."""
    options = _options(arguments)
    if options.input:
        return _repeated(options.target, options.input)
    began = time.monotonic()
    outcomes: dict[str, Outcome] = {name: Outcome(name) for name in options.target}
    jobs = list(_jobs(options.target, options.inputs, options.seed, with_coverage=options.guided))
    with ProcessPoolExecutor(options.jobs) as pool:
        for done in as_completed([pool.submit(job) for job in jobs]):
            outcome = done.result()
            outcomes[outcome.name].add(outcome)
            _tell_crashes(outcome)
    print("\n".join(table(list(outcomes.values()))))
    total = sum(each.inputs for each in outcomes.values())
    crashes = sum(len(each.crashes) for each in outcomes.values())
    print(f"{len(outcomes)} targets, {total} inputs, {crashes} unhandled, seed {options.seed}, ", end="")
    print(f"{time.monotonic() - began:.1f} seconds")
    return 1 if crashes else 0


def table(outcomes: list[Outcome]) -> list[str]:
    """One line for each target."""
    lines = [
        "| target | inputs | unhandled | octets an input | slowest input | its octets | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        average = each.octets // max(1, each.inputs)
        lines.append(
            f"| {each.name} | {each.inputs} | {len(each.crashes)} | {average} | {each.slowest * 1000:.1f} ms | "
            f"{each.slowest_size}"
            f" | {each.seconds:.1f} |"
        )
    return lines


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Octets that nobody would send.")
    parser.add_argument(
        "--target", action="append", choices=sorted(TARGETS), help="may be repeated; all when not given"
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="for a quick target; slower ones get their share")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; as many as processors")
    parser.add_argument("--guided", action="store_true", help="inputs that reach more of the code (needs atheris)")
    parser.add_argument("--input", type=Path, help="this file alone")
    options = parser.parse_args(arguments)
    options.target = options.target or list(TARGETS)
    if options.guided and (why := guided.missing()):
        parser.error(why)
    return options


def _jobs(names: list[str], inputs: int, seed: int, *, with_coverage: bool) -> Iterator[Job]:
    for name in names:
        count = max(1, inputs // TARGETS[name].weight)
        if with_coverage:
            yield partial(guided.fuzzed, name, count, seed)
        else:
            for number, start in enumerate(range(0, count, SHARE)):
                yield partial(_by_chance, name, min(SHARE, count - start), seed * 1000 + number)


def _by_chance(name: str, count: int, seed: int) -> Outcome:
    return fuzzed(TARGETS[name], count, seed)


def _tell_crashes(outcome: Outcome) -> None:
    for crash in outcome.crashes:
        crash.file.parent.mkdir(parents=True, exist_ok=True)
        crash.file.write_bytes(crash.octets)
        again = f"python -m tests.fuzz --target {outcome.name} --input {crash.file}"
        print(f"{outcome.name}: {crash.where}\n{crash.trace}again: {again}\n", flush=True)


def _repeated(names: list[str], file: Path) -> int:
    crashes = [crash for name in names if (crash := once(TARGETS[name], file.read_bytes())) is not None]
    for crash in crashes:
        print(crash.trace)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

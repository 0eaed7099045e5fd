"""Runs the tests by trial and ends with one plain line of counts: `python -m tests [NAME...]`.

Exit 0 means that tests ran and all of them passed. Where `CI` is `true` a skipped test has not passed; in a run of
everything, nor has one that claims a requirement. A run of everything uses all processors (tests/lanes.py), and is kept
for docs/conformance.md.
"""

from __future__ import annotations

import os
import sys

from twisted.trial.runner import TestLoader

from tests.conformance.report import claims
from tests.conformance.results import digest, keep, unproved
from tests.lanes import MAX_LANES, Ran, run, run_all


def closing_line(ran: Ran, strict: bool) -> tuple[str, bool]:
    """The counts as `N passed, N failed`, and whether this was a success."""
    failed, skipped = ran.failed, len(ran.skipped)
    if strict:
        failed, skipped = failed + skipped, 0
    line = f"{ran.passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    return line, ran.passed > 0 and failed == 0


def main(names: list[str]) -> int:
    """Run what `names` name (all tests when empty); 0 for success, else 1."""
    strict = os.environ.get("CI") == "true"
    source = digest()
    if names:
        ran = run(TestLoader().loadByNames(names, recurse=True))
    else:
        ran = run_all(min(len(os.sched_getaffinity(0)), MAX_LANES))
    line, success = closing_line(ran, strict)
    if strict:
        for test, reason in ran.skipped:
            sys.stdout.write(f"skipped, and that fails here: {test}: {reason}\n")
    if not names and ran.whole:
        keep(ran.results, source)
        for identifier, outcome in unproved(claims(), ran.results).items():
            success = False
            sys.stdout.write(f"{identifier} is not proved: {outcome}\n")
    sys.stdout.write(f"{line}\n")
    return 0 if success else 1


if __name__ == "__main__":
    # Line by line and complete also into a pipe, where a killed run would otherwise show nothing.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    raise SystemExit(main(sys.argv[1:]))

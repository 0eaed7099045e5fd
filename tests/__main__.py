"""Runs the tests by trial and ends with one plain line of counts: `python -m tests [NAME...]`.

Exit 0 means that tests ran and all of them passed. Where `CI` is `true` a skipped test has not passed; in a run of
everything, nor has one that claims a requirement. A run of everything is kept for docs/conformance.md.
"""

from __future__ import annotations

import os
import sys

from twisted.trial.reporter import Reporter
from twisted.trial.runner import TestLoader, TrialRunner

from tests.conformance.report import claims
from tests.conformance.results import Recording, digest, keep, unproved


def closing_line(result: Reporter, strict: bool) -> tuple[str, bool]:
    """The counts as `N passed, N failed`, and whether this was a success."""
    passed = result.successes + len(result.expectedFailures)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skips)
    if strict:
        failed, skipped = failed + skipped, 0
    line = f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    return line, passed > 0 and failed == 0


def main(names: list[str]) -> int:
    """Run what `names` name (all tests when empty); 0 for success, else 1."""
    strict = os.environ.get("CI") == "true"
    source = digest()
    runner = TrialRunner(Recording, stream=sys.stdout)
    result = runner.run(TestLoader().loadByNames(names or ["tests"], recurse=True))
    line, success = closing_line(result, strict)
    if strict:
        for test, reason in result.skips:
            sys.stdout.write(f"skipped, and that fails here: {test.id()}: {reason}\n")
    if not names and not result.shouldStop:
        keep(result.results, source)
        for identifier, outcome in unproved(claims(), result.results).items():
            success = False
            sys.stdout.write(f"{identifier} is not proved: {outcome}\n")
    sys.stdout.write(f"{line}\n")
    return 0 if success else 1


if __name__ == "__main__":
    # Line by line and complete also into a pipe, where a killed run would otherwise show nothing.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    raise SystemExit(main(sys.argv[1:]))

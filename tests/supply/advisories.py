"""Asks what is known against the pinned versions, by pip-audit, and says in one line what came of it.

`python -m tests.supply.advisories`: exit code 1 when something is known against one of them. Where the service cannot
be reached nothing is known, which is said, and is no failure: nobody's work stops because a registry is away.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs

from tests.supply.licences import CONSTRAINTS

PATIENCE = 300.0  # seconds for all of it
TIMEOUT = 10  # seconds for each question


@attrs.frozen
class Verdict:
    """What to say, and whether that is a failure."""

    lines: tuple[str, ...]
    failed: bool = False


def judge(report: str, trouble: str) -> Verdict:
    """What pip-audit's JSON means; `trouble` is what it wrote beside, for when there is none."""
    try:
        asked: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = trouble.strip().splitlines()[-1:] or ["it says nothing"]
        return Verdict((f"advisories: NOT CHECKED: {why[0][:200]}",))
    bad = tuple(_findings(asked))
    if bad:
        return Verdict((*bad, f"advisories: {len(bad)} known against what is pinned in {CONSTRAINTS.name}"), True)
    skipped = [each for each in asked if "skip_reason" in each]
    if len(skipped) == len(asked):
        return Verdict(("advisories: NOT CHECKED: the service that has them cannot be reached, or knows no package",))
    rest = f"; NOT CHECKED: {', '.join(sorted(each['name'] for each in skipped))}" if skipped else ""
    return Verdict((f"advisories: none known against {len(asked) - len(skipped)} pinned packages{rest}",))


def _findings(asked: list[dict[str, Any]]) -> Iterator[str]:
    for each in asked:
        for known in each.get("vulns", ()):
            mended = ", ".join(known.get("fix_versions", ())) or "no version"
            yield f"{each['name']} {each['version']}: {known['id']}, mended in {mended}"


def main() -> int:
    """Ask, say what came of it; the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
    command += ["--format=json", f"--timeout={TIMEOUT}", f"--requirement={CONSTRAINTS}"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        verdict = judge("", "it takes too long")
    else:
        verdict = judge(done.stdout, done.stderr)
    print("\n".join(verdict.lines))
    return int(verdict.failed)


if __name__ == "__main__":
    sys.exit(main())

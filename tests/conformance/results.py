"""What a run of the whole suite gave, test by test: written by `python -m tests`, read for docs/conformance.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from twisted.python.failure import Failure
from twisted.trial.reporter import TreeReporter

from tests.conformance.report import PASSED, REPORT, ROOT

RECORD = ROOT / "build" / "test-results.json"
"""Of the last run of the whole suite; another run, or another source, makes it worthless."""

WORST_FIRST = ("failed", "skipped", "not run", PASSED)
_SOURCES = ("pushsvc", "twisted", "tests", "etc", "docs")


class Recording(TreeReporter):
    """A tree of tests that also keeps what became of each; one that failed anywhere has failed."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.results: dict[str, str] = {}

    def addSuccess(self, test: object) -> None:
        super().addSuccess(test)
        self._became(test, PASSED)

    def addSkip(self, test: object, reason: object) -> None:
        super().addSkip(test, reason)
        self._became(test, "skipped")

    def addFailure(self, test: object, failure: Failure) -> None:
        super().addFailure(test, failure)
        self._became(test, "failed")

    def addError(self, test: object, failure: Failure) -> None:
        super().addError(test, failure)
        self._became(test, "failed")

    def _became(self, test: object, outcome: str) -> None:
        name = test.id()  # type: ignore[attr-defined]
        self.results[name] = min(outcome, self.results.get(name, outcome), key=WORST_FIRST.index)


def verdict(tests: Sequence[str], results: Mapping[str, str]) -> str:
    """What became of these tests together: the worst of them. A class stands for all its tests."""
    found = [outcome for test in tests for outcome in _of(test, results)]
    return min(found, key=WORST_FIRST.index)


def _of(test: str, results: Mapping[str, str]) -> list[str]:
    one = results.get(test)
    several = [outcome for name, outcome in results.items() if name.startswith(f"{test}.")]
    return [one] if one is not None else several or ["not run"]


def unproved(claimed: Mapping[str, Sequence[str]], results: Mapping[str, str]) -> dict[str, str]:
    """The ids whose tests did not all pass, and what became of them instead."""
    verdicts = {identifier: verdict(tests, results) for identifier, tests in claimed.items()}
    return {identifier: outcome for identifier, outcome in verdicts.items() if outcome != PASSED}


def keep(results: Mapping[str, str], source: str, record: Path = RECORD) -> None:
    """Write the record of a run of the whole suite; `source` is the digest from before it began."""
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"source": source, "results": dict(sorted(results.items()))}, indent=1), "utf-8")


def kept(record: Path = RECORD, root: Path = ROOT) -> dict[str, str] | None:
    """What the last run of the whole suite gave; None when there was none of exactly this source."""
    try:
        run = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return run["results"] if run["source"] == digest(root) else None


def digest(root: Path = ROOT) -> str:
    """Of all that the tests read, except the page that is made of their results."""
    hashed = hashlib.sha256()
    for path in _files(root):
        hashed.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for folder in _SOURCES:
        for path in sorted((root / folder).rglob("*")):
            made = "__pycache__" in path.parts or path.name == "dropin.cache"
            if path.is_file() and not made and path.relative_to(root) != REPORT.relative_to(ROOT):
                yield path

"""A run of all tests in as many processes as there are processors: each takes the next unit when it is free.

The units wait in a pipe that all of these processes read, an octet for each. The tests of real processes come first, a
module each: they take long, and mostly wait; the rest, a package each, fills what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from twisted.trial.reporter import Reporter
from twisted.trial.runner import TestLoader, TestSuite, TrialRunner

from tests.conformance.results import Recording

ROOT = Path(__file__).parents[1]
REAL = ("faults", "processes")  # packages of tests that start processes and wait for them
MAX_LANES = 4


@attrs.frozen
class Ran:
    """What became of the tests of one process, or of several; `skipped` are ids and reasons."""

    passed: int = 0
    failed: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    results: dict[str, str] = attrs.field(factory=dict)
    whole: bool = True  # nobody stopped it

    @classmethod
    def of(cls, result: Reporter) -> Ran:
        """From what trial has noted."""
        return cls(
            result.successes + len(result.expectedFailures),
            len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses),
            tuple((test.id(), str(reason)) for test, reason in result.skips),
            getattr(result, "results", {}),
            not result.shouldStop,
        )

    def __add__(self, other: Ran) -> Ran:
        return Ran(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            {**self.results, **other.results},
            self.whole and other.whole,
        )


def units(tests: Path = ROOT / "tests") -> list[str]:
    """The names that all tests are loaded by, in the order in which they are begun."""
    real = sorted(path for package in REAL for path in (tests / package).rglob("test_*.py"))
    packages = sorted(path.parent for path in tests.glob("*/__init__.py") if path.parent.name not in REAL)
    return [_dotted(path, tests) for path in (*real, *packages, *sorted(tests.glob("test_*.py")))]


def run_all(lanes: int) -> Ran:
    """Every test, by this process and `lanes` - 1 others; what they print comes behind what this one prints."""
    with ExitStack() as open_files:
        taking, putting = os.pipe()
        open_files.callback(os.close, taking)
        os.write(putting, bytes(range(len(units()))))
        os.close(putting)
        directory = Path(open_files.enter_context(TemporaryDirectory()))
        others = [_Lane(directory / str(number), taking) for number in range(1, lanes)]
        for lane in others:
            open_files.callback(lane.stop)
        ran = run(_Taken(_taken(taking)))
        return sum((lane.ran() for lane in others), start=ran)


def run(tests: TestSuite) -> Ran:
    """By trial, in this process."""
    return Ran.of(TrialRunner(Recording, stream=sys.stdout).run(tests))


class _Lane:
    """Another process that takes units; it prints into a file of its own."""

    def __init__(self, directory: Path, taking: int) -> None:
        directory.mkdir()
        self._printed, self._ran = directory / "printed.txt", directory / "ran.json"
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(taking), str(os.getpid()), str(self._ran)],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                pass_fds=(taking,),
            )

    def ran(self) -> Ran:
        """Once it has ended: prints what it had to say. A process that broke off counts as a test that failed."""
        code = self._process.wait()
        sys.stdout.write(self._printed.read_text("utf-8", "replace"))
        try:
            counts = json.loads(self._ran.read_bytes())
        except FileNotFoundError:
            sys.stdout.write(f"a process of tests broke off with {code}\n")
            return Ran(failed=1)
        return Ran(**{**counts, "skipped": tuple((name, reason) for name, reason in counts["skipped"])})

    def stop(self) -> None:
        """No error when it has ended."""
        self._process.terminate()
        self._process.wait()


class _Taken(TestSuite):
    """Tests that are loaded when their turn comes."""

    def __init__(self, names: Iterator[str]) -> None:
        super().__init__()
        self._names = names

    def run(self, result: Reporter) -> Reporter:
        for name in self._names:
            TestLoader().loadByName(name, recurse=True).run(result)
            if result.shouldStop:
                break
        return result


def _taken(taking: int) -> Iterator[str]:
    names = units()
    while octet := os.read(taking, 1):
        yield names[octet[0]]


def _while_it_lives(parent: int, names: Iterator[str]) -> Iterator[str]:
    while os.getppid() == parent and (name := next(names, "")):
        yield name


def _dotted(path: Path, tests: Path) -> str:
    return ".".join(path.relative_to(tests.parent).with_suffix("").parts)


def main(arguments: Sequence[str]) -> None:
    """The other processes: the descriptor of the pipe, who began this, and where the counts go."""
    taking, parent, counts = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    ran = run(_Taken(_while_it_lives(parent, _taken(taking))))
    counts.write_text(json.dumps(attrs.asdict(ran)))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(sys.argv[1:])

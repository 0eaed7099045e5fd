"""The line that every run of the tests ends with, which CI and people read first."""

from __future__ import annotations

from twisted.python.failure import Failure
from twisted.trial.reporter import Reporter
from twisted.trial.unittest import SynchronousTestCase

from tests.__main__ import closing_line
from tests.lanes import Ran


class ClosingLine(SynchronousTestCase):
    """A green run must mean that tests ran, all of them, and passed."""

    def result(self, passed: int = 0, skipped: int = 0, failed: int = 0, broken: int = 0) -> Ran:
        result = Reporter()
        for _ in range(passed):
            result.addSuccess(self)
        for _ in range(skipped):
            result.addSkip(self, "no kamailio")
        for _ in range(failed):
            result.addFailure(self, Failure(AssertionError()))
        for _ in range(broken):
            result.addError(self, Failure(ImportError()))
        return Ran.of(result)

    def test_success(self) -> None:
        """The usual line."""
        self.assertEqual(closing_line(self.result(passed=7), strict=True), ("7 passed, 0 failed", True))

    def test_errors_are_failures(self) -> None:
        """A module that cannot be imported has no tests that could fail."""
        result = self.result(passed=7, failed=1, broken=2)
        self.assertEqual(closing_line(result, strict=False), ("7 passed, 3 failed", False))

    def test_skipped_test_fails_where_nobody_looks(self) -> None:
        """On a developer's machine a peer may be missing; in CI it must not be."""
        result = self.result(passed=7, skipped=2)
        self.assertEqual(closing_line(result, strict=False), ("7 passed, 0 failed, 2 skipped", True))
        self.assertEqual(closing_line(result, strict=True), ("7 passed, 2 failed", False))

    def test_no_test_at_all_is_a_failure(self) -> None:
        """A wrong name must not look like success."""
        self.assertEqual(closing_line(self.result(), strict=False), ("0 passed, 0 failed", False))

"""What is made of pip-audit's answer: silence must not look like good news."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.supply.advisories import Verdict, judge

GOOD = {"name": "attrs", "version": "26.1.0", "vulns": []}
BAD = {"name": "evil", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}, {"id": "PYSEC-2"}]}
SKIPPED = {"name": "lost", "skip_reason": "Dependency not found"}


class Judging(SynchronousTestCase):
    """One line, and an exit code."""

    def judged(self, *dependencies: dict[str, Any]) -> Verdict:
        return judge(json.dumps({"dependencies": dependencies, "fixes": []}), "")

    def test_nothing_is_known(self) -> None:
        self.assertEqual(self.judged(GOOD), Verdict(("advisories: none known against 1 pinned packages",)))

    def test_something_is_known(self) -> None:
        """Named, each with the version that mends it, and a failure."""
        self.assertEqual(
            self.judged(GOOD, BAD, SKIPPED),
            Verdict(
                (
                    "evil 1.0: PYSEC-1, mended in 1.1",
                    "evil 1.0: PYSEC-2, mended in no version",
                    "advisories: 2 known against what is pinned in constraints.txt",
                ),
                True,
            ),
        )

    def test_some_were_not_asked_about(self) -> None:
        """They are named."""
        (line,) = self.judged(GOOD, SKIPPED).lines
        self.assertEqual(line, "advisories: none known against 1 pinned packages; NOT CHECKED: lost")

    def test_the_service_is_away(self) -> None:
        """pip-audit says "No known vulnerabilities found" when its service knows no package at all."""
        for verdict in (
            self.judged(SKIPPED),
            self.judged(),
            judge("", "Traceback\nrequests.exceptions.ConnectionError: no such name\n"),
            judge("", ""),
            judge("[]", ""),
        ):
            (line,) = verdict.lines
            self.assertTrue(line.startswith("advisories: NOT CHECKED: "), line)
            self.assertFalse(verdict.failed)

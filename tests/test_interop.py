"""docs/interop.md: every quirk of other stacks has its row, and every row tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
QUIRKS = 37


class Interop(SynchronousTestCase):
    """What integrators are promised."""

    def setUp(self) -> None:
        text = (ROOT / "docs" / "interop.md").read_text(encoding="utf-8")
        self.rows = re.findall(r"^\| (\d+) \|.*\| (`[^|]*) \|$", text, re.MULTILINE)

    def test_every_quirk_has_a_row(self) -> None:
        """In their order."""
        self.assertEqual([int(number) for number, _ in self.rows], list(range(1, QUIRKS + 1)))

    def test_every_test_exists(self) -> None:
        """As a function, or as a module."""
        paths = list((ROOT / "tests").rglob("test_*.py"))
        there = {path.stem for path in paths}
        for path in paths:
            there |= set(re.findall(r"^    def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        named = {name for _, tests in self.rows for name in re.findall(r"`(\w+)`", tests)}
        self.assertEqual(named - there, set())

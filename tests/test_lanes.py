"""A run in several processes: everything once, and nothing of it lost."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.lanes import ROOT, Ran, units

TESTS = ROOT / "tests"


class Units(SynchronousTestCase):
    def test_every_module_of_tests_is_in_exactly_one(self) -> None:
        """A module that is in none would never run, and nobody would miss it."""
        names = units()
        self.assertLessEqual(len(names), 256, "each is an octet in the pipe")
        for path in TESTS.rglob("test_*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            within = [name for name in names if f"{module}.".startswith(f"{name}.")]
            self.assertEqual(len(within), 1, (module, within))

    def test_each_is_there(self) -> None:
        for name in units():
            path = Path(ROOT, *name.split("."))
            self.assertTrue(path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name)


class Together(SynchronousTestCase):
    def test_counts_are_added(self) -> None:
        """One that was stopped makes the whole one that is not kept."""
        one = Ran(2, 1, (("a", "no kamailio"),), {"x": "passed"})
        other = Ran(3, 0, (("b", "no sipp"),), {"y": "skipped"}, whole=False)
        both = Ran(5, 1, (("a", "no kamailio"), ("b", "no sipp")), {"x": "passed", "y": "skipped"}, whole=False)
        self.assertEqual(one + other, both)

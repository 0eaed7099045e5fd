"""The column of results comes from tests that ran, and from no other source than this one."""

from __future__ import annotations

import io
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.conformance.results import Recording, digest, keep, kept, unproved, verdict


class Recorded(SynchronousTestCase):
    """A run of a few tests."""

    def test_each_test_is_kept_with_the_worst_that_became_of_it(self) -> None:
        """One that passes and cannot clean up has failed."""

        class Sample(SynchronousTestCase):
            def test_fine(self) -> None: ...

            def test_wrong(self) -> None:
                self.fail("wrong")

            def test_broken(self) -> None:
                raise ZeroDivisionError

            def test_skipped(self) -> None:
                raise SkipTest("no kamailio")

            def test_untidy(self) -> None:
                self.addCleanup(self.fail, "untidy")

        result = Recording(io.StringIO())
        for name in ("fine", "wrong", "broken", "skipped", "untidy"):
            Sample(f"test_{name}").run(result)
        self.assertEqual(
            {name.rpartition("test_")[2]: outcome for name, outcome in result.results.items()},
            {"fine": "passed", "wrong": "failed", "broken": "failed", "skipped": "skipped", "untidy": "failed"},
        )


class Verdicts(SynchronousTestCase):
    """Of the tests that claim one requirement."""

    results = {"t.A.test_a": "passed", "t.A.test_b": "skipped", "t.B.test_a": "passed", "t.BB.test_a": "failed"}

    def test_the_worst_counts(self) -> None:
        self.assertEqual(verdict(["t.A.test_a", "t.B.test_a"], self.results), "passed")
        self.assertEqual(verdict(["t.A.test_a", "t.A.test_b"], self.results), "skipped")
        self.assertEqual(verdict(["t.A.test_b", "t.BB.test_a"], self.results), "failed")

    def test_a_class_stands_for_its_tests_and_for_no_other_class(self) -> None:
        self.assertEqual(verdict(["t.A"], self.results), "skipped")
        self.assertEqual(verdict(["t.B"], self.results), "passed")

    def test_what_did_not_run_proves_nothing(self) -> None:
        """A base class that nobody inherits from, or a test that was never reached."""
        self.assertEqual(verdict(["t.B.test_a", "t.C"], self.results), "not run")

    def test_a_claim_is_proved_by_tests_that_passed_only(self) -> None:
        """A skipped test looks green and says nothing."""
        claimed = {"D-SIP-1": ["t.B"], "D-SIP-2": ["t.A"], "D-SIP-3": ["t.C"]}
        self.assertEqual(unproved(claimed, self.results), {"D-SIP-2": "skipped", "D-SIP-3": "not run"})


class Records(SynchronousTestCase):
    """On disk, between `make test` and `make docs`."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        for folder in ("pushsvc", "docs"):
            (self.root / folder).mkdir(parents=True)
        self.source = self.root / "pushsvc" / "machine.py"
        self.source.write_text("1")
        self.record = self.root / "build" / "results.json"
        self.assertIsNone(kept(self.record, self.root))
        keep({"t.A.test_a": "passed"}, digest(self.root), self.record)

    def test_a_run_of_this_source_is_found(self) -> None:
        """The page itself is no source: it is made of the results."""
        (self.root / "docs" / "conformance.md").write_text("a page")
        self.assertEqual(kept(self.record, self.root), {"t.A.test_a": "passed"})

    def test_a_run_of_another_source_is_not(self) -> None:
        self.source.write_text("2")
        self.assertIsNone(kept(self.record, self.root))
        self.source.write_text("1")
        self.source.rename(self.source.with_name("machines.py"))
        self.assertIsNone(kept(self.record, self.root))

    def test_a_record_that_was_cut_short_is_none(self) -> None:
        self.record.write_text('{"source": "')
        self.assertIsNone(kept(self.record, self.root))

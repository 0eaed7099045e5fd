"""The table of docs/conformance.md says what the tests say."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.report import CHAPTERS, PASSED, REPORT, Requirement, claims, gaps, report, requirements, unknown

TESTS = '''
class Folding:
    """[D-SIP-4] Old peers fold."""

    def test_is_accepted(self):
        """[D-SIP-4, R-PSA-EST-8a] Both at once. See [RFC 3261] and [E-9]."""

    def helper(self):
        """[F-01] Not a test."""

    async def test_waits(self):
        """Why. [R-FLOW-N]"""
'''


class Claims(SynchronousTestCase):
    """Whoever reads the table trusts that a named test is there and speaks of the requirement."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "tests"
        self.folder.mkdir(parents=True)

    def test_are_found_in_docstrings_of_tests_only(self) -> None:
        """An id in a comment or a helper proves nothing."""
        (self.folder / "test_codec.py").write_text(TESTS)
        (self.folder / "values.py").write_text(TESTS)
        folding = "tests.test_codec.Folding"
        self.assertEqual(
            claims(self.folder),
            {
                "D-SIP-4": [folding, f"{folding}.test_is_accepted"],
                "R-PSA-EST-8a": [f"{folding}.test_is_accepted"],
                "R-FLOW-N": [f"{folding}.test_waits"],
            },
        )

    def test_of_no_requirement_are_slips(self) -> None:
        """A typing error would silently leave a requirement without its proof."""
        required = [Requirement("D-SIP-1", "both", "Big requests use TCP.")]
        self.assertEqual(unknown(required, {"D-SIP-1": ["a"], "D-SIP-99": ["b"]}), {"D-SIP-99": ["b"]})

    def test_in_this_project_all_name_a_requirement(self) -> None:
        """The same, for the real tests."""
        self.assertEqual(unknown(requirements(), claims()), {})


class Report(SynchronousTestCase):
    """The page itself."""

    required = [
        Requirement("R-GEN-1", "S", "Big content by MSRP."),
        Requirement("R-GEN-2", "S", "Sessions close."),
        Requirement("R-INF-2", "S", "NOTIFY counts.", "it is out of scope"),
        Requirement("F-01", "S", "Push."),
    ]
    claimed = {"R-GEN-1": ["tests.a.A.test_b", "tests.a.A.test_c", "tests.d.D"]}

    def test_names_the_tests_and_what_became_of_them(self) -> None:
        """An honest table shows its holes, and what failed."""
        page = report(self.required, self.claimed, lambda tests: f"{len(tests)} failed")
        self.assertIn("- 3 statements of the text and of its RFCs: 0 passed, 1 3 failed, 1 not applicable, ", page)
        self.assertIn("- 1 features: 0 passed, 1 not built yet.", page)
        tests = "<details><summary>3 tests</summary>`a.A`<br>`.test_b`<br>`.test_c`<br>`d.D`</details>"
        self.assertIn(f"| R-GEN-1 | S | Big content by MSRP. | 3 failed | {tests} |", page)
        self.assertIn("| R-GEN-2 | S | Sessions close. | not built yet |  |", page)
        self.assertIn("| R-INF-2 | S | NOTIFY counts. | not applicable | it is out of scope |", page)

    def test_a_statement_without_a_test_or_a_reason_is_a_gap(self) -> None:
        """A feature that is not built yet is none."""
        self.assertEqual(gaps(self.required, self.claimed), ["R-GEN-2"])

    def test_has_a_place_for_every_requirement(self) -> None:
        """A requirement outside every chapter would vanish from the table."""
        required = requirements()
        identifiers = [requirement.id for requirement in required]
        self.assertEqual(len(set(identifiers)), len(identifiers))
        for requirement in required:
            homes = [prefix for prefix, _ in CHAPTERS if requirement.id.startswith(f"{prefix}-")]
            self.assertEqual(len(homes), 1, requirement.id)
            self.assertIn(requirement.who, ("S", "R", "both", "core"))


class TheCommittedPage(SynchronousTestCase):
    """What is claimed in docs/ is what the tests claim today."""

    def test_every_statement_has_a_test_or_a_reason(self) -> None:
        """R-… and D-… ids; features may come later."""
        self.assertEqual(gaps(requirements(), claims()), [])

    def test_it_is_the_one_that_make_docs_writes(self) -> None:
        """As it is when all tests that claim something pass: where one does not, this run fails anyway."""
        required, claimed = requirements(), claims()
        self.assertEqual(unknown(required, claimed), {})
        page = report(required, claimed, lambda tests: PASSED)
        self.assertEqual(REPORT.read_text("utf-8"), page, "run make docs, and commit what it writes")

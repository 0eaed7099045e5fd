"""The table of docs/conformance.md says what the tests say."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.report import CHAPTERS, REPORT, Requirement, claims, report, requirements, unknown

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

    def test_names_the_tests_or_says_that_there_are_none(self) -> None:
        """An honest table shows its holes."""
        required = [
            Requirement("R-GEN-1", "S", "Big content by MSRP."),
            Requirement("R-GEN-2", "S", "Sessions close."),
        ]
        page = report(required, {"R-GEN-1": ["tests.a.A.test_b", "tests.c.C.test_d"]})
        self.assertIn("1 of 2 requirements have a test.", page)
        self.assertIn("| R-GEN-1 | S | Big content by MSRP. | `a.A.test_b`<br>`c.C.test_d` |", page)
        self.assertIn("| R-GEN-2 | S | Sessions close. | no test yet |", page)

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

    def test_it_is_the_one_that_make_docs_writes(self) -> None:
        required, claimed = requirements(), claims()
        self.assertEqual(unknown(required, claimed), {})
        self.assertEqual(REPORT.read_text(), report(required, claimed), "run make docs, and commit what it writes")

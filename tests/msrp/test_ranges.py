"""Coverage against the obvious: a Python set of numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.ranges import Coverage

PIECES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12)


class CoverageOfContents(SynchronousTestCase):
    """A content with a hole must not count as complete, nor one without as incomplete."""

    def test_nothing_covers_nothing(self) -> None:
        """An empty content is whole from the start."""
        coverage = Coverage()
        coverage.add(3, 3)
        self.assertEqual((coverage.prefix, coverage.pieces, coverage.end), (0, 0, 0))

    def test_touching_ranges_become_one(self) -> None:
        """A file of a million chunks in order is one range, and costs no memory."""
        coverage = Coverage()
        for start in range(0, 1000, 10):
            coverage.add(start, start + 10)
        self.assertEqual((coverage.prefix, coverage.pieces, coverage.end), (1000, 1, 1000))

    def test_a_late_range_fills_the_gap(self) -> None:
        """Relays may reorder chunks."""
        coverage = Coverage()
        coverage.add(10, 20)
        coverage.add(30, 40)
        self.assertEqual((coverage.prefix, coverage.pieces, coverage.end), (0, 2, 40))
        coverage.add(0, 35)
        self.assertEqual((coverage.prefix, coverage.pieces, coverage.end), (40, 1, 40))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(PIECES)
    def test_it_agrees_with_a_set_of_numbers(self, pieces: list[tuple[int, int]]) -> None:
        """Whatever order, overlap and repetition a peer comes up with."""
        coverage, numbers = Coverage(), set[int]()
        for start, end in pieces:
            coverage.add(start, end)
            numbers |= set(range(start, end))
        prefix = next(number for number in range(32) if number not in numbers)
        runs = sum(1 for number in numbers if number - 1 not in numbers)
        self.assertEqual((coverage.prefix, coverage.pieces), (prefix, runs))
        self.assertEqual(coverage.end, max(numbers, default=-1) + 1)

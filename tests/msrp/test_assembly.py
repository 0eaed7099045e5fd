"""Putting one content together: limits, totals, and when it is whole."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.assembly import MAX_PIECES, Assembly, Fault
from pushsvc.msrp.chunk import ByteRange

TOO_LARGE = Fault(413, "larger than agreed")


class BecomingWhole(SynchronousTestCase):
    """[D-MSRP-1] A content is whole when its end is known and nothing before it is missing (E.9 rule 2)."""

    def test_a_total_makes_it_whole_without_a_last_chunk(self) -> None:
        """msrplib may lose the "$": contiguous octets up to a numeric total are enough."""
        assembly = Assembly(None)
        assembly.expect(ByteRange(1, None, 10))
        assembly.add(0, 9)
        self.assertFalse(assembly.whole)
        assembly.add(9, 10)
        self.assertTrue(assembly.whole)

    def test_the_last_chunk_sets_the_total(self) -> None:
        """Some peers never say a total."""
        assembly = Assembly(None)
        assembly.expect(ByteRange(1, None, None))
        assembly.add(0, 10)
        self.assertFalse(assembly.whole)
        self.assertIsNone(assembly.last_ended(10))
        self.assertTrue(assembly.whole)

    def test_a_gap_keeps_it_waiting(self) -> None:
        """The last chunk may arrive first."""
        assembly = Assembly(None)
        assembly.add(5, 10)
        assembly.last_ended(10)
        self.assertFalse(assembly.whole)
        assembly.add(0, 5)
        self.assertTrue(assembly.whole)
        self.assertEqual(assembly.received, 10)

    def test_nothing_can_be_whole(self) -> None:
        """An empty file is a file."""
        assembly = Assembly(0)
        self.assertIsNone(assembly.expect(ByteRange(1, 0, 0)))
        self.assertTrue(assembly.whole)


class NotBelieving(SynchronousTestCase):
    """[D-MSRP-5] What a peer claims is checked against what was agreed and what it claimed before."""

    def test_the_agreed_size_is_the_most(self) -> None:
        """Whether it is said at once, shown by an offset, or found out by counting."""
        self.assertIsNone(Assembly(10).expect(ByteRange(1, None, 10)))
        self.assertEqual(Assembly(10).expect(ByteRange(1, None, 11)), TOO_LARGE)
        self.assertEqual(Assembly(10).expect(ByteRange(12, None, None)), TOO_LARGE)
        self.assertIsNone(Assembly(10).add(0, 10))
        self.assertEqual(Assembly(10).add(0, 11), TOO_LARGE)

    def test_the_total_that_was_said_is_the_most_too(self) -> None:
        """A sender that says five and sends six is wrong about one of them."""
        assembly = Assembly(10)
        assembly.expect(ByteRange(1, None, 5))
        self.assertEqual(assembly.add(0, 6), Fault(413, "larger than said"))
        self.assertEqual(assembly.expect(ByteRange(7, None, None)), Fault(413, "larger than said"))

    def test_a_total_does_not_change(self) -> None:
        """Else nobody knows when it is whole; not saying it again is fine."""
        assembly = Assembly(None)
        assembly.expect(ByteRange(1, None, 5))
        self.assertIsNone(assembly.expect(ByteRange(2, None, None)))
        self.assertEqual(assembly.expect(ByteRange(2, None, 6)), Fault(400, "total size changed"))

    def test_a_total_below_what_came_is_wrong(self) -> None:
        """In a later range, or by the end of the last chunk."""
        assembly = Assembly(None)
        assembly.add(0, 6)
        self.assertEqual(assembly.expect(ByteRange(1, None, 5)), Fault(400, "total size is below what was sent"))
        self.assertEqual(assembly.last_ended(5), Fault(400, "size is not the total that was said"))

    def test_a_last_chunk_that_ends_elsewhere_is_wrong(self) -> None:
        """A cut content must not be published as a whole one."""
        assembly = Assembly(None)
        assembly.expect(ByteRange(1, None, 5))
        assembly.add(0, 4)
        self.assertEqual(assembly.last_ended(4), Fault(400, "size is not the total that was said"))

    def test_octets_are_counted_from_one(self) -> None:
        """There is nothing before the first octet."""
        for start in (0, -1):
            fault = Assembly(None).expect(ByteRange(start, None, None))
            self.assertEqual(fault, Fault(400, "range starts before the first octet"))

    def test_the_number_of_gaps_is_bounded(self) -> None:
        """Every second octet of a gigabyte must not become a table of half a billion."""
        assembly = Assembly(None)
        faults = [assembly.add(number * 2, number * 2 + 1) for number in range(MAX_PIECES + 1)]
        self.assertEqual(faults, [None] * MAX_PIECES + [Fault(413, "too many gaps")])

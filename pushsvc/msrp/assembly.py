"""One content being put together from chunks: which octets are there, how many there may be, when it is whole.

It sees numbers only. The octets themselves, and what to answer, are `incoming`'s.
"""

from __future__ import annotations

import attrs

from pushsvc.msrp.chunk import ByteRange
from pushsvc.msrp.ranges import Coverage

MAX_PIECES = 64  # separate ranges of one content; peers send in order, relays hardly reorder


@attrs.frozen
class Fault:
    """Why a content cannot be taken, and the status that says so."""

    status: int
    why: str


@attrs.define
class Assembly:
    """The octets of one content. `limit` is the most it may have; `total` what the sender says, once it does."""

    limit: int | None
    total: int | None = None
    _coverage: Coverage = attrs.field(factory=Coverage, init=False)

    @property
    def whole(self) -> bool:
        """All octets are there: up to a total that the sender gave, or that its "$" set (E.9 rule 2, PEERS 8)."""
        return self.total is not None and self._coverage.prefix >= self.total

    @property
    def received(self) -> int:
        """Octets from the first on, without a gap."""
        return self._coverage.prefix

    def expect(self, byte_range: ByteRange) -> Fault | None:
        """A chunk of this range begins. Its end is not looked at: it is often wrong (PEERS 12)."""
        if byte_range.start < 1:
            return Fault(400, "range starts before the first octet")
        if byte_range.total is not None:
            if self.total not in (None, byte_range.total):
                return Fault(400, "total size changed")
            if self._coverage.end > byte_range.total:
                return Fault(400, "total size is below what was sent")
            if self.limit is not None and byte_range.total > self.limit:
                return Fault(413, "larger than agreed")
            self.total = byte_range.total
        return self._beyond(byte_range.start - 1)

    def add(self, start: int, end: int) -> Fault | None:
        """Octets from `start` (counted from 0) to `end` (excluded) came."""
        fault = self._beyond(end)
        if fault is None:
            self._coverage.add(start, end)
            if self._coverage.pieces > MAX_PIECES:
                fault = Fault(413, "too many gaps")
        return fault

    def last_ended(self, end: int) -> Fault | None:
        """The chunk with "$" ended before octet `end`, which fixes the total."""
        if self.total not in (None, end) or self._coverage.end > end:
            return Fault(400, "size is not the total that was said")
        self.total = end
        return None

    def _beyond(self, end: int) -> Fault | None:
        """D-MSRP-5: the smallest of what was agreed and what was said counts, whatever else is claimed."""
        if self.limit is not None and end > self.limit:
            return Fault(413, "larger than agreed")
        if self.total is not None and end > self.total:
            return Fault(413, "larger than said")
        return None

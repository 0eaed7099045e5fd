"""Which octets of a content are there: half-open ranges, kept sorted and merged."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import attrs


@attrs.define
class Coverage:
    """A set of octets. Growing at its end, which is what nearly every transfer does, costs the same at any size."""

    _starts: list[int] = attrs.field(factory=list, init=False)
    _ends: list[int] = attrs.field(factory=list, init=False)

    def add(self, start: int, end: int) -> None:
        """Add the octets from `start` (included) to `end` (excluded); touching ranges become one."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)  # the first range that touches or overlaps the new one
        last = bisect_right(self._starts, end)  # one past the last such range
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    @property
    def prefix(self) -> int:
        """How many octets there are from the first on, without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    @property
    def pieces(self) -> int:
        """How many separate ranges there are."""
        return len(self._starts)

    @property
    def end(self) -> int:
        """One past the highest octet; 0 when there is none."""
        return self._ends[-1] if self._ends else 0

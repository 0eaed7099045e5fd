"""Who of very many wants to be woken when: what `machine.Timers` is for a few."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

import attrs

Name = TypeVar("Name")


@attrs.define
class Deadlines(Generic[Name]):
    """Who wants to be woken when. Setting costs O(log n), the next moment O(1) on average."""

    _at: dict[Name, float] = attrs.field(init=False, factory=dict)
    # Wishes in order; one that `_at` does not confirm is out of date and dropped when it comes up.
    _queue: list[tuple[float, int, Name]] = attrs.field(init=False, factory=list)
    _serial: int = attrs.field(init=False, default=0)

    def set(self, name: Name, at: float | None) -> None:
        """Let `name` be due at that moment, or never (None), whatever was wished before."""
        if at is None:
            self._at.pop(name, None)
        elif self._at.get(name) != at:
            self._at[name] = at
            self._serial += 1
            heapq.heappush(self._queue, (at, self._serial, name))
        if len(self._queue) > 2 * len(self._at) + 100:
            self._tidy()

    @property
    def deadline(self) -> float | None:
        queue = self._queue
        while queue and self._at.get(queue[0][2]) != queue[0][0]:
            heapq.heappop(queue)
        return queue[0][0] if queue else None

    def take_due(self, now: float) -> list[Name]:
        """Who is due, earliest first; they are forgotten by this."""
        due = []
        while (at := self.deadline) is not None and at <= now:
            name = heapq.heappop(self._queue)[2]
            del self._at[name]
            due.append(name)
        return due

    def _tidy(self) -> None:
        """Most of the queue is out of date: build it anew, so that it cannot outgrow the living."""
        self._queue = [entry for entry in self._queue if self._at.get(entry[2]) == entry[0]]
        heapq.heapify(self._queue)

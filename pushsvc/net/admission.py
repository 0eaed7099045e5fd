"""How many connections are let in, in all and from one source, so that one peer cannot keep out the others."""

from __future__ import annotations

from collections import Counter

MAX_CONNECTIONS = 2000
MAX_CONNECTIONS_PER_SOURCE = 64


class Admission:
    """Counts the connections of one listener by source address."""

    def __init__(self, most: int = MAX_CONNECTIONS, most_per_source: int = MAX_CONNECTIONS_PER_SOURCE) -> None:
        self._most = most
        self._most_per_source = most_per_source
        self._inside: Counter[str] = Counter()

    def admit(self, host: str) -> bool:
        """Whether one more from here may come in; it is counted if so."""
        if self._inside.total() >= self._most or self._inside[host] >= self._most_per_source:
            return False
        self._inside[host] += 1
        return True

    def left(self, host: str) -> None:
        """One from here is gone."""
        self._inside[host] -= 1
        if self._inside[host] <= 0:
            del self._inside[host]

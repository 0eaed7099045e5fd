"""How many connections are let in, in all and from one source, so that one peer cannot keep out the others."""

from __future__ import annotations

from collections import Counter

from pushsvc.sip.hop import network_of

MAX_CONNECTIONS = 2000
MAX_CONNECTIONS_PER_SOURCE = 64


class Admission:
    """Counts the connections of one listener by source: an IPv4 address, or an IPv6 network."""

    def __init__(self, most: int = MAX_CONNECTIONS, most_per_source: int = MAX_CONNECTIONS_PER_SOURCE) -> None:
        self._most = most
        self._most_per_source = most_per_source
        self._inside: Counter[str] = Counter()

    @property
    def inside(self) -> int:
        """How many are in."""
        return self._inside.total()

    def admit(self, host: str) -> bool:
        """Whether one more from this address may come in; it is counted if so."""
        source = network_of(host)
        if self.inside >= self._most or self._inside[source] >= self._most_per_source:
            return False
        self._inside[source] += 1
        return True

    def left(self, host: str) -> None:
        """One from this address is gone."""
        source = network_of(host)
        self._inside[source] -= 1
        if self._inside[source] <= 0:
            del self._inside[source]

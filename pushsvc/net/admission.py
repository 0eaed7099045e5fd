"""How many connections are let in, in all and from one source, so that one peer cannot keep out the others."""

from __future__ import annotations

from collections import Counter

from pushsvc.sip.hop import network_of

# What the system has accepted and we have not yet: who comes in a crowd that fills it waits a second, for its next SYN.
BACKLOG = 1024
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


class Guest:
    """One connection that was admitted. It does not count while it is known, and is one of the strangers else."""

    def __init__(self, admission: Admission, host: str) -> None:
        self._admission = admission
        self._host = host
        self._counted = True

    def is_known(self) -> None:
        """It has something to do here, which has limits of its own."""
        if self._counted:
            self._counted = False
            self._admission.left(self._host)

    def is_stranger(self) -> bool:
        """It has nothing to do here any more: whether it may stay all the same."""
        if not self._counted:
            self._counted = self._admission.admit(self._host)
        return self._counted

    def left(self) -> None:
        """It is gone."""
        self.is_known()

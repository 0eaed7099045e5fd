"""Addresses that did not answer lately: they are tried last (RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime

from pushsvc.sip.hop import Hop

REST = 60.0  # seconds for which an address that failed is tried after the others
LONGEST_REST = 600.0  # for those that say themselves for how long (Retry-After)
MAX_AILING = 1000  # addresses; the oldest go first


class Ailing:
    """Remembers failures for a while. An address is never left out: it may be the only one."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str, int], float] = {}

    def last(self, hops: Iterable[Hop]) -> list[Hop]:
        """The hops in their order, but those that failed lately behind the others."""
        now = self._clock.seconds()
        return sorted(hops, key=lambda hop: self._until.get(_address(hop), now) > now)

    def failed(self, hop: Hop, seconds: float | None = None) -> None:
        """It did not answer, or says that it is overloaded, for so long."""
        self.answered(hop)
        if len(self._until) >= MAX_AILING:
            del self._until[next(iter(self._until))]
        self._until[_address(hop)] = self._clock.seconds() + min(REST if seconds is None else seconds, LONGEST_REST)

    def answered(self, hop: Hop) -> None:
        """It is well."""
        self._until.pop(_address(hop), None)


def _address(hop: Hop) -> tuple[str, str, int]:
    return hop.transport, hop.host, hop.port

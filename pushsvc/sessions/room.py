"""How many sessions others may open here, in all and from one source, so that one caller cannot keep out the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pushsvc.sip.hop import Hop, network_of

SHARE = 2  # one source gets at most this part of the whole: a half


class Room:
    """Counts by source those that have limits (sip.shares); a trusted core speaks for many callers and has none."""

    def __init__(self, most: int, limits: Callable[[Hop], bool]) -> None:
        self._most = most
        self._limits = limits
        self._guests: Counter[str] = Counter()

    def has(self, source: Hop, alive: int) -> bool:
        """Whether one more may be opened from there; `alive` is how many there are."""
        if alive >= self._most:
            return False
        return not self._limits(source) or self._guests[network_of(source.host)] < max(1, self._most // SHARE)

    def entered(self, source: Hop) -> None:
        """One from there is open, or asked for."""
        self._guests[network_of(source.host)] += 1

    def left(self, source: Hop) -> None:
        """It is over."""
        who = network_of(source.host)
        self._guests[who] -= 1
        if not self._guests[who]:
            del self._guests[who]

    def __len__(self) -> int:
        """Of how many sources there are any."""
        return len(self._guests)

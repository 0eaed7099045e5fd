"""How many sessions others may open here, in all and from one source, so that one caller cannot keep out the rest.

Who calls by datagrams may do so in the name of any address. Until an ACK, which carries our tag, has proved that there
is somebody (`proved`), such callers share a part of the whole between all of them: a flood of calls from addresses
that nobody has keeps out none of those who have called here before.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

from pushsvc.sip.hop import Hop, network_of

SHARE = 2  # one source gets at most this part of the whole, a half, and so do all that prove nothing
MAX_PROVED = 10_000  # sources that are remembered; the one that proved itself longest ago goes first


class Room:
    """Counts by source those that have limits (sip.shares); a trusted core speaks for many callers and has none."""

    def __init__(self, most: int, limits: Callable[[Hop], bool]) -> None:
        self._most = most
        self._limits = limits
        self._guests: Counter[str] = Counter()
        self._proved: OrderedDict[str, None] = OrderedDict()
        self._unproved = 0  # guests of those that are not in there

    def has(self, source: Hop, alive: int) -> bool:
        """Whether one more may be opened from there; `alive` is how many there are."""
        if alive >= self._most:
            return False
        if not self._limits(source):
            return True
        share = max(1, self._most // SHARE)
        who = network_of(source.host)
        is_proved = source.reliable or who in self._proved
        return self._guests[who] < share and (is_proved or self._unproved < share)

    def entered(self, source: Hop) -> None:
        """One from there is open, or asked for."""
        who = network_of(source.host)
        if source.reliable:
            self._prove(who)
        self._guests[who] += 1
        self._unproved += who not in self._proved

    def proved(self, source: Hop) -> None:
        """Somebody there knows what only who got our answer knows."""
        self._prove(network_of(source.host))

    def left(self, source: Hop) -> None:
        """It is over."""
        who = network_of(source.host)
        self._unproved -= who not in self._proved
        self._guests[who] -= 1
        if not self._guests[who]:
            del self._guests[who]

    def __len__(self) -> int:
        """Of how many sources there are any."""
        return len(self._guests)

    def _prove(self, who: str) -> None:
        if who not in self._proved:
            self._unproved -= self._guests[who]
            self._proved[who] = None
        self._proved.move_to_end(who)
        if len(self._proved) > MAX_PROVED:
            forgotten, _ = self._proved.popitem(last=False)
            self._unproved += self._guests[forgotten]

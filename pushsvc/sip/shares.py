"""How much of our time each source gets for what comes to nothing, so that a flood from one costs the others nothing.

What is refused, cannot be read, or is asked of everybody (OPTIONS) puts its source into debt; time pays it back, and
so does what is accepted. Who asks for nothing but what it gets is never limited by this.

        debt:      0 ............ burst ................ 2 * burst
    standing:        WELCOME       |      SHORT          |   DEAF
                     looked at     | 503 without a look  | not even read
"""

from __future__ import annotations

import enum
from collections import OrderedDict

import attrs

from pushsvc.sip.hop import Hop, Networks, is_in, network_of
from pushsvc.sip.transaction import TurnedDeaf

# SECURITY part 5: rates per source.
RATE = 20.0  # a second
BURST = 100
ASKED = 0.1  # what it costs to be asked who one is: every push of a user begins with that, and many begin at once
OURS = 0.1  # of a refusal for a while, for reasons of ours: whoever has many pushes for us comes again with all of them
MAX_SOURCES = 10_000  # whose debts are remembered; the one that was charged longest ago goes first

Source = tuple[bool, str]


class Standing(enum.Enum):
    """How a source is met."""

    WELCOME = "welcome"
    SHORT = "short"
    DEAF = "deaf"


@attrs.frozen
class _Debt:
    """How much it was at that moment, and whether it was told that we are deaf since it last was welcome."""

    debt: float
    at: float
    told: bool = False


@attrs.define(eq=False)
class Shares:
    """Every source's debt. `rate` is what is forgiven in a second; 0 limits nobody, and `trusted` never are.

    Datagrams can be forged: what came by them is not held against the streams of the same address.
    """

    rate: float = RATE
    burst: int = BURST
    trusted: Networks = ()
    _debts: OrderedDict[Source, _Debt] = attrs.field(init=False, factory=OrderedDict)

    def limits(self, source: Hop) -> bool:
        """Whether this source has a limit at all."""
        return self.rate > 0 and not is_in(source.host, self.trusted)

    def standing(self, source: Hop, now: float) -> Standing:
        """How it is met now."""
        debt = self._debt(_source(source), now)
        if debt < self.burst or not self.limits(source):
            return Standing.WELCOME
        return Standing.SHORT if debt < 2 * self.burst else Standing.DEAF

    def charge(self, source: Hop, now: float, cost: float = 1.0) -> TurnedDeaf | None:
        """One thing more that came to nothing; tells if we are deaf to it by now."""
        if not self.limits(source):
            return None
        who = _source(source)
        # The debt ends one above DEAF: who goes on asking is heard `rate` times a second.
        debt = min(self._debt(who, now) + cost, 2 * self.burst + 1)
        told = who in self._debts and self._debts[who].told and debt > self.burst
        deaf = debt >= 2 * self.burst
        self._debts[who] = _Debt(debt, now, told or deaf)
        self._debts.move_to_end(who)
        if len(self._debts) > MAX_SOURCES:
            self._debts.popitem(last=False)
        return TurnedDeaf(source, again=told) if deaf else None

    def pay_back(self, source: Hop, now: float) -> None:
        """Something was accepted."""
        who = _source(source)
        debt = self._debt(who, now) - 1
        if debt > 0:
            self._debts[who] = _Debt(debt, now, self._debts[who].told and debt > self.burst)
        else:
            self._debts.pop(who, None)

    def _debt(self, who: Source, now: float) -> float:
        known = self._debts.get(who)
        return max(0.0, known.debt - (now - known.at) * self.rate) if known is not None else 0.0


def _source(source: Hop) -> Source:
    return source.reliable, network_of(source.host)

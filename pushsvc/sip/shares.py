"""How much of our time each source gets for what comes to nothing, so that a flood from one costs the others nothing.

What is refused, cannot be read, or is asked of everybody (OPTIONS) puts its source into debt; time pays it back, and
so does what is accepted. Who asks for nothing but what it gets is never limited by this.

          debt: 0 ....... burst              excess: 0 ....... burst
    standing:     WELCOME | SHORT: 503 without a look       SHORT | DEAF: not even read

The excess is what came while the debt was full. Both are paid back at the same rate, so that a flood is looked at
`rate` times a second and no more, and an honest source with very much to say as often: what it is granted meanwhile
pays back, too.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable

import attrs

from pushsvc.sip.hop import Hop, Networks, membership, network_of
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
    """How much it was at that moment, and whether it was told that we are deaf since there was an excess."""

    debt: float
    excess: float
    at: float
    told: bool = False


@attrs.define(eq=False)
class Shares:
    """Every source's debt. `rate` is what is forgiven in a second; 0 limits nobody, and `trusted` never are.

    Datagrams can be forged: what came by them is not held against the streams of the same address. Nor does a share
    keep anybody from being flooded with our answers in the name of ever more sources: `is_spared` does, for all of
    them together.
    """

    rate: float = RATE
    burst: int = BURST
    trusted: Networks = ()
    _is_trusted: Callable[[str], bool] = attrs.field(init=False)
    _debts: OrderedDict[Source, _Debt] = attrs.field(init=False, factory=OrderedDict)
    _told: _Debt = attrs.field(init=False, default=_Debt(0.0, 0.0, 0.0))

    def __attrs_post_init__(self) -> None:
        self._is_trusted = membership(self.trusted)

    def trusts(self, source: Hop) -> bool:
        """Whether who is there is one of ours, and no stranger."""
        return self._is_trusted(source.host)

    def limits(self, source: Hop) -> bool:
        """Whether this source has a limit at all."""
        return self.rate > 0 and not self.trusts(source)

    def standing(self, source: Hop, now: float) -> Standing:
        """How it is met now."""
        who = _source(source)
        if who not in self._debts:
            return Standing.WELCOME
        owes = self._owes(who, now)
        if owes.debt < self.burst or not self.limits(source):
            return Standing.WELCOME
        return Standing.SHORT if owes.excess < self.burst else Standing.DEAF

    def charge(self, source: Hop, now: float, cost: float = 1.0) -> TurnedDeaf | None:
        """One thing more that came to nothing; tells if we are deaf to it by now."""
        if not self.limits(source):
            return None
        who = _source(source)
        owes = self._owes(who, now)
        told = owes.told and owes.excess > 0
        if owes.debt < self.burst:
            self._debts[who] = _Debt(owes.debt + cost, owes.excess, now, told)
            deaf = False
        else:
            excess = min(owes.excess + cost, self.burst + 1)
            deaf = excess >= self.burst
            self._debts[who] = _Debt(owes.debt, excess, now, told or deaf)
        self._debts.move_to_end(who)
        if len(self._debts) > MAX_SOURCES:
            self._debts.popitem(last=False)
        return TurnedDeaf(source, again=told) if deaf else None

    def pay_back(self, source: Hop, now: float) -> None:
        """Something was accepted."""
        who = _source(source)
        if who not in self._debts:
            return
        owes = self._owes(who, now)
        if owes.debt > 1 or owes.excess > 0:
            self._debts[who] = attrs.evolve(owes, debt=max(0.0, owes.debt - 1))
        else:
            self._debts.pop(who, None)

    def is_spared(self, source: Hop, now: float) -> bool:
        """Whether whoever is there is told no more octets than it asked with.

        It may be somebody who asked for nothing, and strangers have had the long answers there are for all of them by
        now. If not, it is given one of these.
        """
        if source.reliable or not self.limits(source):
            return False
        owes = self._paid(self._told, now)
        if owes.debt >= self.burst:
            return True
        self._told = attrs.evolve(owes, debt=owes.debt + 1, at=now)
        return False

    def _owes(self, who: Source, now: float) -> _Debt:
        known = self._debts.get(who)
        return _Debt(0.0, 0.0, now) if known is None else self._paid(known, now)

    def _paid(self, known: _Debt, now: float) -> _Debt:
        paid = (now - known.at) * self.rate
        return _Debt(max(0.0, known.debt - paid), max(0.0, known.excess - paid), now, known.told)


def _source(source: Hop) -> Source:
    return source.reliable, network_of(source.host)

"""What a run of faults has to reach (SECURITY G6 to G9), and the table of what it reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from tests.faults.fault import FAULTS, Group

TWENTY_MINUTES = 1200.0
# G6, in 20 minutes; in fewer, so many fewer.
GOALS: Mapping[Group, int] = {Group.POINT: 600, Group.ERROR: 200, Group.RANDOM: 200}
ACKNOWLEDGED = 10_000


@attrs.define
class Count:
    """Of one kind of fault: how often it was tried, and how often it came about."""

    planned: int = 0
    tried: int = 0
    hit: int = 0

    def add(self, other: Count) -> None:
        self.planned += other.planned
        self.tried += other.tried
        self.hit += other.hit


@attrs.frozen
class Goal:
    """A number that has to be reached, or not to be passed."""

    what: str
    wanted: str
    reached: str
    is_met: bool

    def __str__(self) -> str:
        return f"  {self.what:58} {self.wanted:>12} {self.reached:>12}  {'met' if self.is_met else 'MISSED'}"


def at_least(what: str, least: int, reached: int) -> Goal:
    return Goal(what, f">= {least}", str(reached), reached >= least)


def at_most(what: str, most: float, reached: float, unit: str = "") -> Goal:
    return Goal(
        what,
        f"<= {most:g}{unit}",
        f"{reached:.2g}{unit}" if isinstance(reached, float) else str(reached),
        reached <= most,
    )


def fault_goals(counts: Mapping[str, Count], acknowledged: int, seconds: float) -> list[Goal]:
    """Those of G6 that say how much has to happen in so many seconds."""
    share = min(seconds / TWENTY_MINUTES, 1.0)
    hit: Counter[Group] = Counter()
    for fault in FAULTS:
        hit[fault.group] += counts[fault.name].hit
    return [
        at_least("faults", int(sum(GOALS.values()) * share), hit.total()),
        *(at_least(group.value, int(least * share), hit[group]) for group, least in GOALS.items()),
        at_least("acknowledged items", int(ACKNOWLEDGED * share), acknowledged),
    ]


def table(counts: Mapping[str, Count]) -> list[str]:
    """A line for each kind of fault."""
    lines = [f"  {'fault':38} {'planned':>8} {'tried':>8} {'hit':>8}"]
    for fault in FAULTS:
        count = counts[fault.name]
        lines.append(f"  {fault.name:38} {count.planned:8} {count.tried:8} {count.hit:8}")
    total = (sum(getattr(count, name) for count in counts.values()) for name in ("planned", "tried", "hit"))
    return [*lines, "  {:38} {:8} {:8} {:8}".format("all", *total)]


def no_counts() -> dict[str, Count]:
    return {fault.name: Count() for fault in FAULTS}

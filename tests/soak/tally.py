"""What many worlds were like, added up."""

from __future__ import annotations

import re
from collections import Counter

import attrs

from tests.soak.seen import Seen

REASONS = 25  # the most frequent ones are shown
_PLACE = re.compile(r"\b(?:udp|tcp|tls):[0-9.]+:[0-9]+")


@attrs.define
class Tally:
    """Counts of all worlds so far, and the seeds of those that were broken."""

    worlds: int = 0
    broken: list[int] = attrs.Factory(list)
    ends: Counter[str] = attrs.Factory(Counter)
    reasons: Counter[str] = attrs.Factory(Counter)
    events: Counter[str] = attrs.Factory(Counter)
    hours: float = 0.0

    def add(self, seen: Seen) -> None:
        """One more world."""
        self.worlds += 1
        self.ends.update(seen.ends)
        self.events.update(seen.events)
        for reason, count in seen.reasons.items():
            self.reasons[alike(reason)] += count
        self.hours += seen.seconds / 3600

    def add_broken(self, seed: int) -> None:
        """One more, that was not as it has to be."""
        self.worlds += 1
        self.broken.append(seed)

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"pushes: {_counts(self.ends)}",
            f"events: {_counts(self.events)}; {self.hours:.0f} hours of the worlds' time",
            *(f"  {count:6} {reason}" for reason, count in self.reasons.most_common(REASONS)),
            *([f"broken: {' '.join(map(str, sorted(self.broken)))}"] if self.broken else []),
        ]


def alike(reason: str) -> str:
    """The reason without what differs from push to push."""
    return _PLACE.sub("the peer", reason.partition(";")[0])


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common()) or "none"

"""How slowly a body may arrive: Twisted's own timeout never ends a client that trickles. Closing is in channel."""

from __future__ import annotations

import attrs

GRACE = 30.0  # seconds that any body may take, and the longest silence within one
RATE = 16 * 1024  # octets a second, on average, beyond that


@attrs.define
class BodyPace:
    """One body on its way: `deadline` is the moment at which it is too slow if nothing more arrives.

    What has arrived buys time: the whole body has max(30 s, size / 16 KiB/s), a part of it just as much. The time in
    which we do not read ourselves does not count.
    """

    started: float
    last: float
    octets: int = 0
    _paused_at: float | None = None

    @classmethod
    def starting(cls, now: float) -> BodyPace:
        """Nothing has arrived yet."""
        return cls(now, now)

    def received(self, octets: int, now: float) -> None:
        """So many octets have arrived."""
        self.octets += octets
        self.last = now

    def paused(self, now: float) -> None:
        """We have stopped reading."""
        self._paused_at = now

    def resumed(self, now: float) -> None:
        """We read again."""
        if self._paused_at is not None:
            self.started += now - self._paused_at
            self.last = now
            self._paused_at = None

    @property
    def deadline(self) -> float | None:
        """None while we do not read."""
        if self._paused_at is not None:
            return None
        return min(self.started + max(GRACE, self.octets / RATE), self.last + GRACE)

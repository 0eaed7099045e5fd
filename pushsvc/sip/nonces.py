"""Nonces of our own: signed, good for a while and for one source, and each count of one is good once (RFC 7616 §5.4).

Nothing is kept of a nonce until somebody has proved a password with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict

import attrs

LIFE = 300.0  # seconds (SECURITY part 5)
WINDOW = 64  # counts: how far requests may overtake each other on their way
MAX_USED = 10_000  # about 3 MB; with more than 33 pushes a second from direct peers nonces live shorter than LIFE

ROUNDED = 0.001  # seconds

_ALL = (1 << WINDOW) - 1
_nonce = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{1,12})\.([0-9a-f]{32})").fullmatch


@attrs.define
class _Counts:
    """Which counts of one nonce were used: the highest, and as bits those close below it."""

    first_used_at: float
    highest: int = 0
    used: int = 0

    def use(self, count: int) -> bool:
        """Whether this one was free; it is used from now on. One that has fallen out of the window was."""
        behind = self.highest - count
        if behind < 0:
            self.used = ((self.used << -behind) & _ALL) | 1 if -behind < WINDOW else 1
            self.highest = count
            return True
        if behind >= WINDOW or self.used >> behind & 1:
            return False
        self.used |= 1 << behind
        return True


class Nonces:
    """Makes nonces, and knows which of them are still good. `secret` is this process' own: a restart ends them all."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._serial = 0
        self._used: OrderedDict[int, _Counts] = OrderedDict()
        self._forgotten = 0  # nonces up to this serial number are good no more

    def make(self, source: str, now: float) -> str:
        """A nonce that nobody else has, for whoever asks from this source."""
        self._serial += 1
        head = f"{self._serial:x}.{int(now * 1000):x}"
        return f"{head}.{self._signature(head, source)}"

    def serial(self, nonce: str, source: str, now: float) -> int | None:
        """The number of a nonce that we made for this source and that is still good; None: it is neither."""
        found = _nonce(nonce)
        if found is None:
            return None
        serial, milliseconds, signature = found.groups()
        if not hmac.compare_digest(self._signature(f"{serial}.{milliseconds}", source), signature):
            return None
        number, age = int(serial, 16), now - int(milliseconds, 16) / 1000
        # Younger than now: the clock was set back, and they are asked for anew.
        return number if number > self._forgotten and -ROUNDED < age <= LIFE else None

    def use(self, serial: int, count: int, now: float) -> bool:
        """Whether this count of a nonce that is good was not used before. It is from now on."""
        counts = self._used.get(serial)
        if counts is None:
            self._tidy(now)
            counts = self._used[serial] = _Counts(now)
        return counts.use(count)

    def _tidy(self, now: float) -> None:
        """Forget what is over, and what is too much. No nonce from before that is good any more: nothing comes back."""
        while self._used:
            serial, counts = next(iter(self._used.items()))
            if len(self._used) < MAX_USED and now - counts.first_used_at <= LIFE:
                break
            del self._used[serial]
            self._forgotten = max(self._forgotten, serial)

    def _signature(self, head: str, source: str) -> str:
        return hmac.new(self._secret, f"{head} {source}".encode(), hashlib.sha256).hexdigest()[:32]

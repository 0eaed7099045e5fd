"""Who guesses passwords: five wrong ones in a minute for one user from one source, and a minute of silence.

Nobody is locked out elsewhere by that: the same user at another source goes on (SECURITY part 5).
"""

from __future__ import annotations

import math
from collections import OrderedDict

import attrs

MOST = 5  # failures of one user at one source within MINUTE
MINUTE = 60.0  # seconds: how long failures are counted together, and how long nothing is believed after the last
MAX_FAILING = 10_000  # pairs of user and source, about 4 MB; the oldest give way

Key = tuple[str, str]
"""User and source."""


@attrs.define
class _Failing:
    since: float
    last: str = ""
    count: int = 0
    locked_until: float = -math.inf


class Failures:
    """Counts them. A request that is repeated because its answer was lost is no second guess."""

    def __init__(self) -> None:
        self._failing: OrderedDict[Key, _Failing] = OrderedDict()

    def locked_for(self, key: Key, now: float) -> int:
        """For how many seconds (rounded up) nothing is believed of this user at this source; 0: it is."""
        failing = self._failing.get(key)
        left = 0.0 if failing is None else failing.locked_until - now
        return math.ceil(left) if 0 < left <= MINUTE else 0  # more than that: the clock was set back

    def failed(self, key: Key, response: str, now: float) -> bool:
        """It did not know the password. False: this `response` is the one that was counted last."""
        failing = self._failing.pop(key, None)
        if failing is None or now - failing.since > MINUTE:
            failing = _Failing(now)
        self._failing[key] = failing
        if len(self._failing) > MAX_FAILING:
            self._failing.popitem(last=False)
        if response == failing.last:
            return False
        failing.last = response
        failing.count += 1
        if failing.count >= MOST:
            failing.locked_until = now + MINUTE
        return True

    def succeeded(self, key: Key) -> None:
        """It does know the password."""
        self._failing.pop(key, None)

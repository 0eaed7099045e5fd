"""The contract that every pure machine keeps, its named timers, and where chance comes from.

A machine is told what happened and when; it answers with a list of frozen values that say what should
be done. It never calls out, so it cannot be re-entered and needs no stand-ins in tests.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

import attrs

Output = TypeVar("Output")
Name = TypeVar("Name", bound=Hashable)


class Machine(Protocol[Output]):
    """Told what happened and when; answers with what should be done."""

    @property
    def deadline(self) -> float | None:
        """The moment (seconds of the caller's clock) to be woken at; None: nothing to wait for."""

    def wake(self, now: float) -> list[Output]:
        """The deadline has come."""


class Tokens(Protocol):
    """Where identifiers and jitter come from: the system's randomness in life, a counter in tests."""

    def word(self, length: int) -> str:
        """A fresh word of letters and digits; every letter carries almost six bits."""

    def fraction(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""


@attrs.define
class Timers(Generic[Name]):
    """Named moments. A timer that is not in here cannot fire, so nothing ever has to be cancelled late."""

    _due: dict[Name, float] = attrs.field(factory=dict)

    def set(self, name: Name, at: float) -> None:
        """Let `name` come due at `at`, whether or not it was set before."""
        self._due[name] = at

    def clear(self, *names: Name) -> None:
        """Forget these timers; all of them when none is named."""
        if not names:
            self._due.clear()
        for name in names:
            self._due.pop(name, None)

    def take_due(self, now: float) -> list[Name]:
        """The timers that are due, earliest first; they are forgotten by this."""
        due = sorted((at, index, name) for index, (name, at) in enumerate(self._due.items()) if at <= now)
        for _, _, name in due:
            del self._due[name]
        return [name for _, _, name in due]

    @property
    def deadline(self) -> float | None:
        return min(self._due.values(), default=None)

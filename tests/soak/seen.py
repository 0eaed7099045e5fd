"""What is seen of a world while it happens: what both sides say, what is logged as a bug, and how pushes end."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

import attrs
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from pushsvc.net.observer import Direction
from pushsvc.sender.outbox_records import Push
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request
from tests.soak.plan import Plan

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


@attrs.define
class Seen:
    """What one world was like, for the tally."""

    ends: Counter[str] = attrs.Factory(Counter)
    reasons: Counter[str] = attrs.Factory(Counter)
    events: Counter[str] = attrs.Factory(Counter)
    seconds: float = 0.0

    def ended(self, push: Push, plan: Plan) -> None:
        """Count how this push ended."""
        (recipient,) = push.recipients
        self.ends[recipient.state.value] += 1
        if recipient.reason:
            self.reasons[f"{recipient.state.value}: {recipient.reason}"] += 1
        self.events["attempts"] += len(recipient.attempts)
        self.events["calm"] += plan.calm


@attrs.frozen
class Hears:
    """An observer of what one side says, in a few words into `ladder`."""

    _name: str
    _clock: Clock
    _ladder: list[str]
    _seen: Seen

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if direction is Direction.OUT:
            what = message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
            self._note(f"{what} ({hop.transport}, {message.cseq.number}, {message.call_id})")

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self._note(f"could not read: {reason}")

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if direction is Direction.OUT:
            self._note(summary)

    def _note(self, what: str) -> None:
        self._seen.events["messages"] += 1
        self._ladder.append(f"{self._clock.seconds():10.3f} {self._name:8} {what}")


@contextmanager
def bugs_logged() -> Iterator[list[str]]:
    """Collects what is logged as critical, and what Python can tell nobody about.

    The first is the word of our roots for a bug, and Twisted's for a failure that nobody has looked at.
    """
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level") is LogLevel.critical:
            failure = event.get("log_failure")
            text = failure.getTraceback() if isinstance(failure, Failure) else ""
            found.append(f"{event.get('log_format')}\n{text}")

    def unraisable(what: UnraisableHookArgs) -> None:
        found.append(f"{what.exc_value!r} in {what.object!r}")

    globalLogPublisher.addObserver(observe)
    try:
        with mock.patch.object(sys, "unraisablehook", unraisable):
            yield found
    finally:
        globalLogPublisher.removeObserver(observe)

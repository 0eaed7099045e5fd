"""Who is told what happens here: listeners of the API, and, once per stored content, a command and a webhook."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.api.events import EventLog
from pushsvc.receiver.decisions import Change, Pending
from pushsvc.receiver.http_values import decision_json
from pushsvc.receiver.inbox_entry import Entry, entry_json

AT_ONCE = 4  # of one hook; a small machine has to do the receiving as well
MOST_QUEUED = 1000  # contents that wait for one hook; beyond, the hook misses some, the inbox none


class Hook(Protocol):
    """Something outside that is told of each stored content."""

    @property
    def name(self) -> str: ...

    def run(self, entry: Entry, value: dict[str, Any]) -> Deferred[None]:
        """Tell it; `value` is the entry as the API shows it. Ends in bounded time; cancelling ends it now."""


class Events:
    """Tells everybody. `directory` is the inbox's absolute path."""

    def __init__(self, log: EventLog, directory: str, hooks: Sequence[Hook]) -> None:
        self._log = log
        self._directory = directory
        self._queues = [HookQueue(hook) for hook in hooks]

    def received(self, entry: Entry) -> None:
        """A content is in the inbox, with its file."""
        value = entry_json(entry, self._directory)
        self._log.publish("push.received", value)
        for queue in self._queues:
            queue.put(entry, value)

    def changed(self, entry_id: str, word: str) -> None:
        """Somebody has `opened` or `deleted` an entry."""
        self._log.publish(f"push.{word}", {"id": entry_id})

    def decision(self, change: Change, pending: Pending) -> None:
        """Somebody has to decide, or has, or it is too late."""
        self._log.publish(f"decision.{change.value}", decision_json(pending))

    def stop(self) -> None:
        """End what runs."""
        self._log.close()
        for queue in self._queues:
            queue.stop()


class HookQueue:
    """Runs one hook for one content after the other, a few at once."""

    _log = Logger()

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._waiting: deque[tuple[Entry, dict[str, Any]]] = deque()
        self._running: set[Deferred[None]] = set()
        self._stopped = False

    def put(self, entry: Entry, value: dict[str, Any]) -> None:
        """Run it for this content when its turn comes."""
        if self._stopped or len(self._waiting) >= MOST_QUEUED:
            why = "the service stops" if self._stopped else "too much to do"
            self._log.error("hook {hook} misses {id}: {reason}", hook=self._hook.name, id=entry.id, reason=why)
            return
        self._waiting.append((entry, value))
        self._next()

    def stop(self) -> None:
        """Start no more, end those that run."""
        self._stopped = True
        self._waiting.clear()
        for running in tuple(self._running):
            running.cancel()

    def _next(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            entry, value = self._waiting.popleft()
            running = maybeDeferred(self._hook.run, entry, value)
            self._running.add(running)
            running.addErrback(self._failed, entry).addBoth(self._ended, running)

    def _failed(self, failure: Failure, entry: Entry) -> None:
        if failure.check(CancelledError) is None:
            self._log.error(
                "hook {hook} failed for {id}: {reason}", hook=self._hook.name, id=entry.id, reason=str(failure.value)
            )

    def _ended(self, _: object, running: Deferred[None]) -> None:
        self._running.discard(running)
        self._next()

"""The one user of the index: jobs in a thread, one after another; publications that wait together share one commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pushsvc.receiver.inbox_entry import Entry, Kept
from pushsvc.receiver.inbox_publish import Outcome, Publication, Publisher

MAX_TOGETHER = 64  # publications in one commit: about a millisecond of it
SPREAD_AT_ONCE = 2  # so few small contents get their files before they are answered for; more would wait for each other
SPREAD_PIECE = 64  # contents given their files between two looks at the queue
MAX_WAITING = 20_000  # small contents without a file; beyond, files come before further contents

Result = TypeVar("Result")


class InThread(Protocol):
    """Runs a function in some thread; the Deferred fires in the reactor's."""

    def __call__(self, function: Callable[..., Result], /, *args: Any) -> Deferred[Result]: ...


@attrs.frozen
class _Turn:
    """What one turn of the thread did."""

    outcomes: list[Outcome] = attrs.field(factory=list)
    small: list[int] = attrs.field(factory=list)  # sequences of new entries whose content waits for its file
    arrived: list[Entry] = attrs.field(factory=list)  # new entries that have their files
    error: OSError | None = None  # why files could not be written; the outcomes hold all the same
    none_waits: bool = False  # also of those that were deleted meanwhile


class Writer:
    """Serves jobs first, then publications, then, when nobody waits, files for small contents.

    `arrived` is told once of each new entry, when its file is there. `broken` is told when nothing could be made
    durable; whoever waited for it hears the same OSError.
    """

    def __init__(
        self,
        publisher: Publisher,
        in_thread: InThread,
        *,
        arrived: Callable[[Entry], None],
        broken: Callable[[OSError], None],
    ) -> None:
        self._publisher = publisher
        self._in_thread = in_thread
        self._arrived = arrived
        self._broken = broken
        self._jobs: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._publications: deque[tuple[Publication, Deferred[Kept]]] = deque()
        self._waiting: set[int] = set()
        self._busy = False
        self._idle: list[Deferred[None]] = []

    def run(self, job: Callable[[], Result]) -> Deferred[Result]:
        """The job's result; nothing else uses the index meanwhile."""
        done: Deferred[Result] = Deferred()
        self._jobs.append((job, done))
        self._next()
        return done

    def give_out(self, job: Callable[[], list[Entry]]) -> Deferred[list[Entry]]:
        """As `run`, for a job that finds entries: their files are there when it fires."""

        def find() -> tuple[list[Entry], _Turn]:
            entries = job()
            fileless = [entry.sequence for entry in entries if entry.sequence in self._waiting]
            return entries, _Turn(arrived=self._publisher.spread(fileless, len(fileless)) if fileless else [])

        def tell(found: tuple[list[Entry], _Turn]) -> list[Entry]:
            self._after_turn(found[1])
            return found[0]

        return self.run(find).addCallback(tell)

    def publish(self, publication: Publication) -> Deferred[Kept]:
        """Fires when it is durable. Fails with OSError, or with Refused for other content under its key."""
        done: Deferred[Kept] = Deferred()
        self._publications.append((publication, done))
        self._next()
        return done

    def spread_some(self) -> None:
        """Nobody seems to wait: give some small contents their files."""
        if not self._busy and self._waiting:
            self._start(self._spread_piece, self._after_turn, self._fail_all)

    @property
    def waiting(self) -> int:
        """Small contents that have no file yet."""
        return len(self._waiting)

    def when_idle(self) -> Deferred[None]:
        """Fires when nothing is asked for any more and every content has its file, or cannot get it now."""
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        self._next()
        return done

    # --- turns ---

    def _next(self) -> None:
        if self._busy:
            return
        if self._jobs:
            job, done = self._jobs.popleft()
            self._start(job, done.callback, done.errback)
        elif self._publications and len(self._waiting) < MAX_WAITING:
            self._publish_some()
        elif self._waiting and (self._publications or self._idle):
            self.spread_some()
        else:
            self._tell_idle()

    def _start(
        self, job: Callable[[], Any], done: Callable[[Any], object], failed: Callable[[BaseException], object]
    ) -> None:
        self._busy = True

        def ended(result: Any) -> None:
            self._busy = False
            if not isinstance(result, Failure):
                done(result)
            elif result.value is not None:
                failed(result.value)
            self._next()

        self._in_thread(job).addBoth(ended)

    def _publish_some(self) -> None:
        taken = [self._publications.popleft() for _ in range(min(MAX_TOGETHER, len(self._publications)))]
        publications = [publication for publication, _ in taken]
        at_once = len(taken) <= SPREAD_AT_ONCE and not self._waiting

        def published(turn: _Turn) -> None:
            self._after_turn(turn)
            for (_, done), outcome in zip(taken, turn.outcomes, strict=True):
                done.callback(outcome) if isinstance(outcome, Kept) else done.errback(outcome)

        def failed(error: BaseException) -> None:
            self._publications.extendleft(reversed(taken))
            self._fail_all(error)

        self._start(lambda: self._publish(publications, at_once), published, failed)

    def _fail_all(self, error: BaseException) -> None:
        """Nothing is durable now: neither this nor what waits behind it is tried again."""
        failed, self._publications = self._publications, deque()
        if isinstance(error, OSError):
            self._broken(error)
        self._tell_idle()
        for _, done in failed:
            done.errback(error)

    def _after_turn(self, turn: _Turn) -> None:
        self._waiting.update(turn.small)
        self._waiting.difference_update(entry.sequence for entry in turn.arrived)
        if turn.none_waits:
            self._waiting.clear()
        if turn.error is not None:
            self._broken(turn.error)
        for entry in turn.arrived:
            self._arrived(entry)

    def _tell_idle(self) -> None:
        idle, self._idle = self._idle, []
        for done in idle:
            done.callback(None)

    # --- in the thread ---

    def _publish(self, publications: Sequence[Publication], at_once: bool) -> _Turn:
        outcomes = self._publisher.publish_all(publications)
        arrived: list[Entry] = []
        small: list[int] = []
        for publication, outcome in zip(publications, outcomes, strict=True):
            if isinstance(outcome, Kept) and outcome.fresh and outcome.entry is not None:
                if publication.content is None:
                    arrived.append(outcome.entry)
                else:
                    small.append(outcome.entry.sequence)
        error = None
        if small and at_once:
            try:
                arrived += self._publisher.spread(small, len(small))
            except OSError as why:
                error = why
        return _Turn(outcomes, small, arrived, error)

    def _spread_piece(self) -> _Turn:
        arrived = self._publisher.spread(None, SPREAD_PIECE)
        return _Turn(arrived=arrived, none_waits=len(arrived) < SPREAD_PIECE)

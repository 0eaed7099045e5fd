"""Many pieces of database work in one commit, on one thread. What the work is, the other outbox modules say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

import attrs
from sqlalchemy import Connection, Engine
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from pushsvc.errors import PushsvcError

Result = TypeVar("Result")
Item = TypeVar("Item")
Work = Callable[[Connection], Result]
WorkTogether = Callable[[Connection, Sequence[Item]], Sequence[Result | PushsvcError]]

MAX_GROUP = 64  # pieces of work in one commit: enough to make a sync cheap, few enough to answer within some 10 ms


class InThread(Protocol):
    """Runs a blocking callable on another thread; the Deferred fires on the reactor's."""

    def __call__(self, call: Callable[[], Result], /) -> Deferred[Result]: ...


@attrs.define
class _Piece(Generic[Item, Result]):
    work: WorkTogether[Item, Result]
    item: Item
    done: Deferred[Result] = attrs.field(factory=Deferred)


class Writer:
    """Runs work in transactions, in the order it came, and answers after the commit.

    While one group is being committed the next one gathers, so that an idle outbox commits at once and a busy one pays
    for one sync per `MAX_GROUP` pieces. Work that raises is taken out and does not disturb the others; work may be run
    twice for that reason, the first run being rolled back.
    """

    def __init__(self, engine: Engine, in_thread: InThread) -> None:
        self._engine = engine
        self._in_thread = in_thread
        self._waiting: deque[_Piece[Any, Any]] = deque()
        self._busy = False
        self._gathering = False
        self._idle: list[Deferred[None]] = []

    def run(self, work: Work[Result]) -> Deferred[Result]:
        """Fires with what `work` returned once that is durable; fails with what it raised, or the commit's error."""
        return self.run_together(lambda connection, _: [work(connection)], None)

    def run_together(self, work: WorkTogether[Item, Result], item: Item) -> Deferred[Result]:
        """The same for work that does several items in one go, when they come one after the other.

        `work` returns one result per item, or the PushsvcError that this item fails with.
        """
        piece = _Piece(work, item)
        self._waiting.append(piece)
        if not self._busy and not self._gathering:
            self._next_group()
        return piece.done

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked for within begins when it is left, and shares a commit as far as there is room in one."""
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            if not self._busy:
                self._next_group()

    def when_idle(self) -> Deferred[None]:
        """Fires when nothing is waiting and nothing is being written."""
        if not self._busy:
            return succeed(None)
        self._idle.append(Deferred())
        return self._idle[-1]

    def _next_group(self) -> None:
        if not self._waiting:
            self._busy = False
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)
            return
        self._busy = True
        group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
        self._in_thread(lambda: _commit(self._engine, group)).addBoth(self._committed, group)

    def _committed(self, results: list[Any] | Failure, group: list[_Piece[Any, Any]]) -> None:
        if isinstance(results, Failure):
            results = [results] * len(group)
        for piece, result in zip(group, results, strict=True):
            # A Failure goes down the errback chain.
            piece.done.callback(Failure(result) if isinstance(result, PushsvcError) else result)
        self._next_group()


def _commit(engine: Engine, group: list[_Piece[Any, Any]]) -> list[Any]:
    """The results of these pieces after one commit; a Failure where one did not happen. Blocks."""
    results: list[Any] = []
    try:
        with engine.begin() as connection:
            for work, pieces in groupby(group, lambda piece: piece.work):
                results += work(connection, [piece.item for piece in pieces])
    except Exception:  # whatever it is, it belongs to the one who asked for the work, and travels there as a Failure
        if len(results) == len(group) or len(group) == 1:
            # The commit itself failed. It is not tried again: after a failed sync the next one proves nothing.
            return [Failure()] * len(group)
        return [_commit(engine, [piece])[0] for piece in group]
    return results

"""Nothing that is asked for an examination is waited for longer than it may take."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from pushsvc.errors import TimedOut

Result = TypeVar("Result")


def in_time(
    work: Coroutine[Deferred[Any], Any, Result] | Deferred[Result], seconds: float, clock: IReactorTime, what: str
) -> Deferred[Result]:
    """The result, if it comes within so many seconds; else the work is cancelled. Fails with TimedOut(what) then."""

    def too_late(result: object, timeout: float) -> Result:
        raise TimedOut(what)

    begun = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    return begun.addTimeout(seconds, clock, onTimeoutCancel=too_late)


def side_by_side(works: Iterable[Coroutine[Deferred[Any], Any, Result]]) -> Deferred[list[Result]]:
    """What all of them give, in their order."""
    return gatherResults([Deferred.fromCoroutine(work) for work in works], consumeErrors=True)

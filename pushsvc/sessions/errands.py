"""What is under way on behalf of a session, and is called off when the session is over: nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import DeliveryError, Refused, TimedOut, Unreachable

DIALOG_IS_GONE = (408, 481)  # RFC 3261 §12.2.1.2

Result = TypeVar("Result")


class Errands:
    """Coroutines that wait for the peer; `end(why)` is told when one of them shows that the session is over."""

    def __init__(self, end: Callable[[str], None]) -> None:
        self._end = end
        self._running: list[Deferred[Any]] = []
        self._over: str | None = None

    async def ask(self, errand: Coroutine[Any, Any, Result]) -> Result:
        """The result of requests inside the dialog. The session ends when nobody answers, or does not know it any more.

        Raises Refused, TimedOut, Unreachable; the last, too, when the session ends meanwhile, or has ended.
        """
        try:
            return await self._run(errand)
        except DeliveryError as error:
            if _shows_the_end(error):
                self._end(error.reason)
            raise

    async def keep(self, errand: Coroutine[Any, Any, Result]) -> Result:
        """The result of what was agreed to: the session ends when it cannot be kept. Raises as `ask` does."""
        try:
            return await self._run(errand)
        except DeliveryError as error:
            self._end(error.reason)
            raise

    def call_off(self, why: str) -> None:
        """The session is over, for this reason. Those that wait for others go first, so that none gets its turn now."""
        self._over = why
        for errand in reversed(tuple(self._running)):
            errand.cancel()

    async def _run(self, errand: Coroutine[Any, Any, Result]) -> Result:
        if self._over is not None:
            errand.close()
            raise Unreachable(self._over)
        running = Deferred.fromCoroutine(errand)
        self._running.append(running)
        try:
            if self._over is not None:  # it ended by what the errand did first
                running.cancel()
            return await running
        except CancelledError:
            if self._over is None:
                raise
            raise Unreachable(self._over) from None
        finally:
            self._running.remove(running)


def _shows_the_end(error: DeliveryError) -> bool:
    match error:
        case Refused():
            return error.status in DIALOG_IS_GONE
        case TimedOut():
            return True
        case _:
            return not error.retry

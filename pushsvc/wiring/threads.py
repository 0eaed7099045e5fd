"""Worker threads for what blocks: syncs and databases. Nothing of that is done on the reactor's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

Result = TypeVar("Result")


class Threads:
    """A pool of its own: a slow disk does not hold up name resolution. With one thread, calls keep their order."""

    def __init__(self, reactor: Any, name: str, most: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=most, name=name)

    def __call__(self, function: Callable[..., Result], /, *args: Any) -> Deferred[Result]:
        """Run it in a thread; the Deferred fires in the reactor's."""
        return deferToThreadPool(self._reactor, self._pool, function, *args)

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Wait for what runs, then end the threads."""
        self._pool.stop()

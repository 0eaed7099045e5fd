"""Signals: HUP reloads, TERM and INT drain and then stop, a second one stops now, a third one kills.

running --TERM--> draining --drained--> stopping
                     |--TERM--> stopping now --TERM--> killed
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.ops.exits import stop
from pushsvc.ops.sd_notify import Notifier

Install = Callable[[signal.Signals, Any], object]


class IReactor(IReactorCore, IReactorFromThreads):
    """What is asked of the reactor here."""


class SignalService(Service):
    """Takes the signals over from the reactor once it runs.

    `drain` lets what runs come to its end; cancelling its Deferred ends the waiting.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactor,
        notifier: Notifier,
        reload: Callable[[], object],
        drain: Callable[[], Deferred[None]],
        install: Install = signal.signal,
    ) -> None:
        self._reactor = reactor
        self._notifier = notifier
        self._reload = reload
        self._drain = drain
        self._install = install
        self._draining: Deferred[None] | None = None
        self._hurried = False

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        # The reactor installs its own handlers when it starts to run; ours come after them.
        self._reactor.callWhenRunning(self._take_over)

    def _take_over(self) -> None:
        for number, heard in (
            (signal.SIGHUP, self.hang_up),
            (signal.SIGTERM, self.terminate),
            (signal.SIGINT, self.terminate),
        ):
            self._install(number, self._in_the_reactor(heard))

    def _in_the_reactor(self, heard: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
        """A handler that only wakes the reactor: it may interrupt any line of ours."""
        return lambda number, frame: self._reactor.callFromThread(heard)

    def hang_up(self) -> None:
        """HUP was received."""
        if self._draining is not None:
            return
        self.log.info("reload asked for")
        try:
            self._reload()
        except Exception:  # root: a reload that breaks must not cost what runs
            self.log.failure("reload failed, the old configuration stays")

    def terminate(self) -> None:
        """TERM or INT was received."""
        if self._draining is None:
            self._begin()
        elif not self._hurried:
            self._hurry(self._draining)

    def _begin(self) -> None:
        self.log.info("stopping when what runs has finished")
        self._notifier.stopping("finishing what runs")
        self._draining = maybeDeferred(self._drain)
        self._draining.addErrback(self._not_drained)
        self._draining.addBoth(lambda _: stop(self._reactor))

    def _not_drained(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("draining failed", failure)

    def _hurry(self, draining: Deferred[None]) -> None:
        self._hurried = True
        self.log.warn("stopping now")
        self._notifier.stopping("stopping now")
        for number in (signal.SIGTERM, signal.SIGINT):
            self._install(number, signal.SIG_DFL)
        draining.cancel()
        stop(self._reactor)

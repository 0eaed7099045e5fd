"""Signals are how a daemon is spoken to while it works."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.sd_notify import Notifier
from pushsvc.ops.signals import SignalService


class Reactor(MemoryReactorClock):
    """Hears of calls from threads, and of stops."""

    def callFromThread(self, call: Any, *args: Any) -> None:
        self.callLater(0, call, *args)


class Signals(SynchronousTestCase):
    """HUP, TERM, INT."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.handlers: dict[int, Any] = {}
        self.reloads = 0
        self.drained: Deferred[None] = Deferred()
        self.drains = 0
        self.service = SignalService(self.reactor, Notifier(), self.reload, self.drain, self.install)
        self.service.startService()

    def install(self, number: signal.Signals, handler: Any) -> None:
        self.handlers[number] = handler

    def reload(self) -> None:
        self.reloads += 1

    def drain(self) -> Deferred[None]:
        self.drains += 1
        return self.drained

    def run_reactor(self) -> None:
        for call, args, kwargs in self.reactor.whenRunningHooks:
            call(*args, **kwargs)

    def send(self, number: int) -> None:
        self.handlers[number](number, None)
        self.reactor.advance(0)

    def test_handlers_are_installed_after_the_reactors_own(self) -> None:
        """The reactor installs its own when it starts to run, over whatever is there."""
        self.assertEqual(self.handlers, {})
        self.run_reactor()
        self.assertEqual(set(self.handlers), {signal.SIGHUP, signal.SIGTERM, signal.SIGINT})

    def test_hup_reloads(self) -> None:
        """Again each time."""
        self.run_reactor()
        self.send(signal.SIGHUP)
        self.send(signal.SIGHUP)
        self.assertEqual((self.reloads, self.reactor.hasStopped), (2, False))

    def test_a_reload_that_fails_is_logged_and_no_more(self) -> None:
        """The old configuration goes on."""
        self.service._reload = lambda: 1 / 0
        self.run_reactor()
        self.send(signal.SIGHUP)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_term_drains_then_stops(self) -> None:
        """What runs may finish."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self.setUp()
            self.run_reactor()
            self.send(number)
            self.assertEqual((self.drains, self.reactor.hasStopped), (1, False))
            self.drained.callback(None)
            self.assertTrue(self.reactor.hasStopped)

    def test_a_second_term_stops_now(self) -> None:
        """And a third one would kill: the default action is back."""
        self.run_reactor()
        self.send(signal.SIGTERM)
        self.send(signal.SIGTERM)
        self.assertTrue(self.reactor.hasStopped)
        self.assertEqual(
            (self.handlers[signal.SIGTERM], self.handlers[signal.SIGINT]), (signal.SIG_DFL, signal.SIG_DFL)
        )

    def test_a_drain_that_does_not_listen_to_its_cancelling_is_not_waited_for(self) -> None:
        """Now means now."""
        self.drained = Deferred(lambda deferred: None)
        self.drained.cancel = lambda: None  # type: ignore[method-assign]
        self.run_reactor()
        self.send(signal.SIGTERM)
        self.send(signal.SIGTERM)
        self.assertTrue(self.reactor.hasStopped)

    def test_cancelling_is_no_failure(self) -> None:
        """Nothing to be found in the log."""
        self.run_reactor()
        self.send(signal.SIGTERM)
        self.send(signal.SIGTERM)
        self.assertEqual(self.flushLoggedErrors(CancelledError), [])

    def test_a_drain_that_fails_stops_all_the_same(self) -> None:
        """Whether it raises at once or later."""
        self.run_reactor()
        self.send(signal.SIGTERM)
        self.drained.errback(ZeroDivisionError())
        self.assertTrue(self.reactor.hasStopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_hup_while_draining_is_ignored(self) -> None:
        """There is nothing left to configure."""
        self.run_reactor()
        self.send(signal.SIGTERM)
        self.send(signal.SIGHUP)
        self.assertEqual(self.reloads, 0)

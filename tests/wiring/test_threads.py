from __future__ import annotations

import threading

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pushsvc.wiring.threads import Threads


class Pools(TestCase):
    """Blocking work off the reactor's thread."""

    def setUp(self) -> None:
        self.threads = Threads(reactor, "test", 1)
        self.threads.start()
        self.addCleanup(self.threads.stop)

    def test_work_is_done_elsewhere_and_answered_here(self) -> Deferred[None]:
        here = threading.get_ident()

        async def story() -> None:
            self.assertNotEqual(await self.threads(threading.get_ident), here)
            self.assertEqual(threading.get_ident(), here)

        return Deferred.fromCoroutine(story())

    def test_one_thread_keeps_the_order(self) -> Deferred[None]:
        """A database with one writer relies on it."""
        seen: list[int] = []

        async def story() -> None:
            for work in [self.threads(seen.append, number) for number in range(50)]:
                await work
            self.assertEqual(seen, list(range(50)))

        return Deferred.fromCoroutine(story())

    def test_what_fails_fails_here(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.assert_fails())

    async def assert_fails(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            await self.threads(lambda: 1 // 0)

"""The outbox as a whole: who is told, and what a crash at any moment leaves."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.sender.content_store import SMALL
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import NOW, OutboxCase, delivered

BIG = b"x" * (SMALL + 1)


class Died(Exception):
    """The process, at this very moment."""


class Waiting(OutboxCase):
    def test_who_waits_for_a_push_is_told_once_it_is_final(self) -> None:
        waiters = [self.outbox.when_final("psh_1") for _ in range(2)]
        other = self.outbox.when_final("psh_2")
        self.put()
        (claim,) = self.done(self.outbox.turn(NOW, 1)).claims
        self.done(self.outbox.settle(claim, Outcome(State.ACCEPTED), delivered(), claim.files, NOW))
        for waiter in waiters:
            self.successResultOf(waiter)
        self.assertNoResult(other)

    def test_who_does_not_wait_any_more_is_forgotten(self) -> None:
        first, second = self.outbox.when_final("psh_1"), self.outbox.when_final("psh_1")
        for waiter in (first, second):
            waiter.cancel()
            self.failureResultOf(waiter, CancelledError)
        self.put()
        self.done(self.outbox.cancel("psh_1"))

    def test_expiry_is_an_end_too(self) -> None:
        final = self.outbox.when_final("psh_1")
        self.put()
        self.done(self.outbox.turn(NOW + 3600, 0))
        self.successResultOf(final)

    def test_idle_is_when_all_is_on_the_disk(self) -> None:
        self.put()
        self.assertIsNone(self.successResultOf(self.outbox.when_idle()))


class Crashing(OutboxCase):
    """[promise 1] [G6] Killed at every system call that changes the disk: no push lost, none torn, none invented."""

    def test_a_submission_is_there_whole_or_not_at_all(self) -> None:
        ends = {self.crash_at(name, count) for name in ("open", "write", "fsync", "rename") for count in range(1, 4)}
        self.assertEqual(ends, {(True, True), (False, False)})

    def crash_at(self, name: str, count: int) -> tuple[bool, bool]:
        """Whether the client was told that its push is accepted, and whether the push is there."""
        original = getattr(os, name)
        calls = 0

        def call(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls >= count:
                raise Died(name)
            return original(*args, **options)

        push_id = f"psh_{name}_{count}"
        setattr(os, name, call)
        try:
            done = Deferred.fromCoroutine(self.tell(push_id))
            told: list[bool] = []
            done.addCallbacks(lambda _: told.append(True), lambda failure: failure.trap(Died) and None)
        finally:
            setattr(os, name, original)
        self.restart()
        found = self.done(self.outbox.push(push_id))
        if found is not None:
            (claim,) = self.done(self.outbox.turn(NOW, 1)).claims
            self.assertEqual([content.path.read_bytes() for content in claim.job.contents], [b"hello", BIG])
            self.done(self.outbox.settle(claim, Outcome(State.DELIVERED), delivered(), claim.files, NOW))
        self.assertFalse([entry for entry in os.listdir(self.state / "content") if "." in entry])
        return bool(told), found is not None

    async def tell(self, push_id: str) -> None:
        await self.outbox.put(self.submission(push_id, octets=(b"hello", BIG)), "{}")

    def test_a_claim_without_its_attempt_never_exists(self) -> None:
        """One commit for both: what is `sending` has an attempt that says since when."""
        self.put()
        self.patch(self.store, "lay_out", self.die)
        self.failed(self.outbox.turn(NOW, 1), Died)
        self.assertEqual((self.states(), self.push().recipients[0].attempts), (["queued"], ()))

    def die(self, *args: Any) -> None:
        raise Died

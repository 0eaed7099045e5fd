"""Every push that was accepted, and how far it came: durable before anybody is told.

    put ─> queued ──turn──> sending ──settle──> waiting ──turn──> sending …
                                    ──settle──> an end

The database decides whether a step is legal: each is an UPDATE that names the state before it. All of them run on the
one thread of `outbox_writer`, in the order they were asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pushsvc.sender import outbox_clock, outbox_end, outbox_read, outbox_sweep, outbox_turn, outbox_wishes
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.job import AttemptResult, FileResult
from pushsvc.sender.outbox_clock import Reading
from pushsvc.sender.outbox_database import Database
from pushsvc.sender.outbox_put import Putter, Putting
from pushsvc.sender.outbox_records import (
    Backlog,
    Cancelling,
    Claim,
    Finished,
    Page,
    Push,
    Query,
    Stored,
    Submission,
    Turn,
)
from pushsvc.sender.outbox_writer import InThread, Writer
from pushsvc.sender.outcome import Outcome


class Outbox:
    """The queue and the history.

    `in_thread` must run one call after the other. Whatever is awaited here comes after the commit. All moments are
    seconds since 1970.
    """

    log = Logger()

    def __init__(self, database: Database, store: ContentStore, in_thread: InThread) -> None:
        self._writer = Writer(database.engine, in_thread)
        self._store = store
        self._lanes = outbox_turn.Lanes()
        self._put = Putter(store).put
        self._waiters: defaultdict[str, list[Deferred[None]]] = defaultdict(list)
        self._jumped = 0.0, 0.0  # seconds by which the clock was set: in all, and forward

    def start(self, now: float, crashes: int = outbox_end.CRASHES) -> Deferred[int]:
        """Make whatever the last process was sending due again; how many recipients that were.

        Who was in its hand, and in those of the processes before it, at so many `crashes` in a row, is not tried again.
        """

        def requeued(found: tuple[int, tuple[Finished, ...]]) -> int:
            self._finished(found[1])
            return found[0]

        return self._writer.run(lambda connection: outbox_end.requeue(connection, now, crashes)).addCallback(requeued)

    async def put(self, submission: Submission, answer: str, queued: Callable[[], None] = lambda: None) -> Stored:
        """Keep a submission whose contents have arrived. `answer` is kept for who asks again with the same key.

        `queued` is called once it will be there for whatever is asked for after it; a `turn` that it asks for is in
        the same commit. Fails with KeyReused, NoRoom, StoreBroken; the contents are discarded then.
        """
        back_and_forth, forward = self._jumped
        try:
            for content in submission.contents:
                await content.upload.synced()
            # What is in the queue when the clock is set is moved there; this comes after it.
            moved = self._jumped[0] - back_and_forth, self._jumped[1] - forward
            submission = outbox_clock.moved(submission, *moved)
            with self._writer.together():
                stored = self._writer.run_together(self._put, Putting(submission, answer))
                queued()
            return await stored
        finally:
            for content in submission.contents:
                content.upload.discard()

    def push(self, push_id: str) -> Deferred[Push | None]:
        """The push with this id."""
        return self._writer.run(lambda connection: outbox_read.push(connection, push_id))

    def page(self, query: Query) -> Deferred[Page]:
        """Pushes, newest first."""
        return self._writer.run(lambda connection: outbox_read.page(connection, query))

    def backlog(self) -> Deferred[Backlog]:
        """What is not final, counted."""
        return self._writer.run(outbox_read.backlog)

    async def turn(self, now: float, limit: int) -> Turn:
        """End what has expired, and claim at most `limit` recipients that are due."""
        turn = await self._writer.run(
            lambda connection: outbox_turn.turn(connection, self._lanes, self._store, now, limit)
        )
        self._finished(turn.finished)
        return turn

    async def settle(
        self, claim: Claim, outcome: Outcome, result: AttemptResult, files: Sequence[FileResult | None], now: float
    ) -> Outcome:
        """End a claim. `files` are the results of all contents so far. Fails with Misuse if it ended before.

        Gives the outcome that holds: `outcome`, unless its owner has cancelled the push meanwhile.
        """
        settling = outbox_end.Settling(claim, outcome, result, files, now)
        settled = await self._writer.run_together(outbox_end.settle, settling)
        self._finished(settled.finished)
        return settled.outcome

    def release(self, claims: Sequence[Claim], now: float) -> Deferred[None]:
        """Give claims back that were not tried to the end because we stop; their `files` are how far they came."""
        return self._writer.run(lambda connection: outbox_end.release(connection, claims, now))

    async def cancel(self, push_id: str) -> Cancelling | None:
        """Cancel what is not final of a push; None when there is none. What is in flight is the caller's to stop."""
        cancelling = await self._writer.run(lambda connection: outbox_wishes.cancel(connection, push_id))
        if cancelling is not None:
            self._finished(cancelling.finished)
        return cancelling

    def retry(self, push_id: str, now: float, time_to_live: float) -> Deferred[int | None]:
        """Make failed recipients due again; how many, None when there is no such push. Fails with ContentGone."""
        return self._writer.run(lambda connection: outbox_wishes.retry(connection, push_id, now, time_to_live))

    async def sweep(self, now: float) -> None:
        """Remove what nobody needs any more; for a quiet moment after the start, and every hour."""
        released = await self._writer.run(lambda connection: outbox_sweep.release_old(connection, now))
        old = await self._store.in_thread(lambda: self._store.old_names(now))
        await self._writer.run(
            lambda connection: outbox_sweep.remove_unneeded(connection, self._store, [*released, *old])
        )

    def resume(self, reading: Reading, now: float) -> Deferred[float]:
        """Before anything is looked at: by how many seconds the clock was set since the last process looked."""
        return self._writer.run(lambda connection: outbox_clock.resume(connection, reading, now))

    def note_clock(self, reading: Reading) -> Deferred[None]:
        """What the clocks are now, when nobody has set one: they drift apart by themselves."""
        return self._writer.run(lambda connection: outbox_clock.note(connection, reading))

    def clock_jumped(self, seconds: float) -> Deferred[None]:
        """The clock was set forward (or back, then negative): let what waits wait as long as before."""
        self._jumped = self._jumped[0] + seconds, self._jumped[1] + max(seconds, 0.0)
        return self._writer.run(lambda connection: outbox_clock.jumped(connection, seconds))

    def when_final(self, push_id: str) -> Deferred[None]:
        """Fires when the push becomes final from now on. Cancelling it forgets the wish."""
        waiter: Deferred[None] = Deferred(lambda _: self._forget(push_id, waiter))
        self._waiters[push_id].append(waiter)
        return waiter

    def when_idle(self) -> Deferred[None]:
        """Fires when everything that was asked for is on the disk."""
        return self._writer.when_idle()

    def _forget(self, push_id: str, waiter: Deferred[None]) -> None:
        self._waiters[push_id].remove(waiter)
        if not self._waiters[push_id]:
            del self._waiters[push_id]

    def _finished(self, pushes: Iterable[Finished]) -> None:
        for push in pushes:
            self._writer.run_together(self._clear_away, push).addErrback(
                lambda failure: self.log.failure("contents that nobody needs were left behind", failure)
            )
            for waiter in self._waiters.pop(push.push_id, ()):
                waiter.callback(None)

    def _clear_away(self, connection: Connection, finished: Sequence[Finished]) -> Sequence[None]:
        outbox_sweep.clear_copies(connection, self._store, finished)
        outbox_sweep.remove_unneeded(connection, self._store, [one for push in finished for one in push.released])
        return [None] * len(finished)

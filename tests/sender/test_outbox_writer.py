"""Many pieces of work, few commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import StaticPool
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import PushsvcError
from pushsvc.sender.outbox_writer import MAX_GROUP, Writer


def memory() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE done (number INTEGER)"))
    return engine


class WriterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.engine = memory()
        self.commits = 0
        event.listen(self.engine, "commit", self._committed)
        self.calls: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.writer = Writer(self.engine, self._in_thread)

    def _committed(self, connection: Connection) -> None:
        self.commits += 1

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.calls.append((call, done))
        return done

    def turn(self) -> None:
        """The thread does what it was given."""
        call, done = self.calls.pop(0)
        maybeDeferred(call).chainDeferred(done)

    def insert(self, number: int) -> Callable[[Connection], int]:
        def work(connection: Connection) -> int:
            connection.execute(text("INSERT INTO done VALUES (:number)"), {"number": number})
            return number

        return work

    def stored(self) -> list[int]:
        with self.engine.connect() as connection:
            return list(connection.scalars(text("SELECT number FROM done ORDER BY rowid")))


class Grouping(WriterCase):
    def test_an_idle_writer_starts_at_once_and_a_busy_one_gathers(self) -> None:
        """One push is not made to wait, and a thousand share their syncs."""
        first = self.writer.run(self.insert(1))
        others = [self.writer.run(self.insert(number)) for number in (2, 3, 4)]
        self.assertEqual(len(self.calls), 1)
        self.turn()
        self.assertEqual(self.successResultOf(first), 1)
        for other in others:
            self.assertNoResult(other)
        self.turn()
        self.assertEqual([self.successResultOf(other) for other in others], [2, 3, 4])
        self.assertEqual((self.stored(), self.commits), ([1, 2, 3, 4], 2))

    def test_what_is_asked_for_together_shares_a_commit(self) -> None:
        with self.writer.together():
            done = [self.writer.run(self.insert(number)) for number in (1, 2)]
            self.assertEqual(self.calls, [])
        self.turn()
        self.assertEqual([self.successResultOf(each) for each in done], [1, 2])
        self.assertEqual(self.commits, 1)

    def test_together_is_nothing_special_while_it_is_busy(self) -> None:
        first = self.writer.run(self.insert(1))
        with self.writer.together():
            second = self.writer.run(self.insert(2))
        self.assertEqual(len(self.calls), 1)
        self.turn()
        self.turn()
        self.assertEqual([self.successResultOf(each) for each in (first, second)], [1, 2])
        with self.writer.together():
            pass
        self.assertEqual((self.calls, self.successResultOf(self.writer.when_idle())), ([], None))

    def test_a_group_is_bounded(self) -> None:
        done = [self.writer.run(self.insert(number)) for number in range(MAX_GROUP + 2)]
        for _ in range(3):
            self.turn()
        self.assertEqual([self.successResultOf(each) for each in done], list(range(MAX_GROUP + 2)))
        self.assertEqual((self.commits, self.calls), (3, []))

    def test_nobody_is_told_before_the_commit(self) -> None:
        """[promise 1] 202 means that a restart will not lose the push."""
        told: list[int] = []
        self.writer.run(self.insert(1)).addCallback(lambda _: told.append(self.commits))
        self.turn()
        self.assertEqual(told, [1])

    def test_idle_is_when_all_is_written(self) -> None:
        self.assertIsNone(self.successResultOf(self.writer.when_idle()))
        self.writer.run(self.insert(1))
        self.writer.run(self.insert(2))
        idle = self.writer.when_idle()
        self.turn()
        self.assertNoResult(idle)
        self.turn()
        self.successResultOf(idle)

    def test_like_work_is_done_in_one_go_and_in_its_order(self) -> None:
        seen: list[list[int]] = []

        def together(connection: Connection, items: Sequence[int]) -> Sequence[int]:
            seen.append(list(items))
            return [-item for item in items]

        self.writer.run(self.insert(0))
        done = [self.writer.run_together(together, number) for number in (1, 2)]
        done += [self.writer.run(self.insert(9)), self.writer.run_together(together, 3)]
        self.turn()
        self.turn()
        self.assertEqual([self.successResultOf(each) for each in done], [-1, -2, 9, -3])
        self.assertEqual(seen, [[1, 2], [3]])


class Failing(WriterCase):
    def broken(self, connection: Connection) -> None:
        connection.execute(text("INSERT INTO done VALUES (666)"))
        raise PushsvcError("not this one")

    def test_work_that_fails_disturbs_nobody(self) -> None:
        self.writer.run(self.insert(0))
        good, bad, later = (
            self.writer.run(self.insert(1)),
            self.writer.run(self.broken),
            self.writer.run(self.insert(2)),
        )
        self.turn()
        self.turn()
        self.failureResultOf(bad, PushsvcError)
        self.assertEqual([self.successResultOf(good), self.successResultOf(later), self.stored()], [1, 2, [0, 1, 2]])

    def test_one_of_several_items_may_fail_alone(self) -> None:
        def together(connection: Connection, items: Sequence[int]) -> Sequence[int | PushsvcError]:
            return [PushsvcError("odd") if item % 2 else item for item in items]

        even, odd = self.writer.run_together(together, 2), self.writer.run_together(together, 3)
        self.turn()
        self.turn()
        self.assertEqual(self.successResultOf(even), 2)
        self.failureResultOf(odd, PushsvcError)

    def test_a_commit_that_failed_is_not_tried_again(self) -> None:
        """After a failed sync a second one proves nothing: nobody of the group is told that it is safe."""
        runs: list[int] = []
        self.writer.run(self.insert(0))
        self.turn()
        event.listen(self.engine, "commit", self._fail)
        done = [self.writer.run(lambda connection: runs.append(1)) for _ in range(3)]
        self.turn()
        self.turn()
        for each in done:
            self.failureResultOf(each, OSError)
        self.assertEqual(len(runs), 3)

    def _fail(self, connection: Connection) -> None:
        raise OSError("disk I/O error")

    def test_a_thread_that_is_gone_fails_everybody(self) -> None:
        done = self.writer.run(self.insert(1))
        self.calls.pop()[1].errback(RuntimeError("no threads any more"))
        self.failureResultOf(done, RuntimeError)

    def test_work_asked_for_while_others_are_told_comes_next(self) -> None:
        done: list[Any] = []
        self.writer.run(self.insert(1)).addCallback(lambda _: self.writer.run(self.insert(2)).addCallback(done.append))
        self.turn()
        self.turn()
        self.assertEqual((done, self.stored()), ([2], [1, 2]))

"""Submissions going in: durable before anybody is told, and once for each idempotency key."""

from __future__ import annotations

import errno
import os
from typing import Any

from sqlalchemy import Connection, event
from twisted.internet.defer import Deferred, maybeDeferred

from pushsvc.sender.content_store import SMALL, StoreBroken
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_put import KEY_LIFE
from pushsvc.sender.outbox_records import KeyReused, Stored, untried
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase

BIG = b"x" * (SMALL + 1)


class Putting(OutboxCase):
    def test_a_submission_is_what_comes_out_again(self) -> None:
        submission = self.submission(
            to=(ALICE, BOB),
            octets=(b"hello", BIG),
            title="Gate 3",
            description="a picture",
            application="mms.ua",
            mode="msrp",
            disposition="render",
            priority="high",
            correlation={"alarm": [4711, None, "ü"]},
            labels=("gate", "north"),
        )
        expected = untried(submission)
        self.assertEqual(self.done(self.outbox.put(submission, "{}")), Stored("psh_1", "{}", replayed=False))
        push = self.push()
        for name in (
            "id",
            "state",
            "submitted_at",
            "not_after",
            "mode",
            "disposition",
            "priority",
            "title",
            "description",
        ):
            self.assertEqual(getattr(push, name), getattr(expected, name))
        self.assertEqual(push.application, "mms.ua")
        self.assertEqual(push.correlation, {"alarm": [4711, None, "ü"]})
        self.assertEqual((push.labels, push.contents), (("gate", "north"), expected.contents))
        self.assertEqual([recipient.to for recipient in push.recipients], [ALICE, BOB])
        self.assertEqual(push.recipients[0].files, (None, None))

    def test_202_means_that_a_restart_will_not_lose_the_push(self) -> None:
        """[promise 1] [F-21] Neither its rows nor its octets, small or big."""
        self.put(octets=(b"hello", BIG))
        self.restart()
        job = self.done(self.outbox.turn(NOW, 10)).claims[0].job
        self.assertEqual([content.path.read_bytes() for content in job.contents], [b"hello", BIG])

    def test_a_big_content_is_synced_then_named_then_its_row_written(self) -> None:
        """A row never points at nothing, whenever the power goes."""
        steps: list[str] = []
        for name in ("fsync", "rename"):
            original = getattr(os, name)

            def call(*args: Any, name: str = name, original: Any = original) -> Any:
                steps.append("fsync of directory" if name == "fsync" and _is_directory(args[0]) else name)
                return original(*args)

            self.patch(os, name, call)
        self.put(octets=(BIG,))
        self.assertEqual(steps, ["fsync", "rename", "fsync of directory"])

    def test_a_content_that_cannot_be_synced_is_not_accepted(self) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(errno.EIO, "I/O error")

        self.patch(os, "fsync", fail)
        self.failed(self.outbox.put(self.submission(octets=(BIG,)), "{}"), StoreBroken)
        self.assertIsNone(self.done(self.outbox.push("psh_1")))
        self.assertEqual(os.listdir(self.state / "content"), [])

    def test_pushes_are_numbered_in_their_order(self) -> None:
        for number in range(3):
            self.put(f"psh_{number}")
        self.assertEqual([self.push(f"psh_{number}").number for number in range(3)], [1, 2, 3])


def _is_directory(descriptor: int) -> bool:
    return os.fstat(descriptor).st_mode & 0o040000 != 0


class Keys(OutboxCase):
    def keyed(self, push_id: str, fingerprint: str = "same", **changes: Any) -> Any:
        values = {"idempotency": "key", "client": "ops", "fingerprint": fingerprint} | changes
        return self.submission(push_id, **values)

    def test_the_same_request_again_gets_the_first_answer(self) -> None:
        """A client whose connection broke may ask again without fear."""
        self.done(self.outbox.put(self.keyed("psh_1"), "first"))
        self.restart()
        self.assertEqual(
            self.done(self.outbox.put(self.keyed("psh_2"), "second")), Stored("psh_1", "first", replayed=True)
        )
        self.assertIsNone(self.done(self.outbox.push("psh_2")))

    def test_two_at_the_same_moment_become_one(self) -> None:
        held: list[Any] = []
        self.database.close()
        self.open(lambda call: _held(held, call))
        first = self.later(self.outbox.put(self.submission("psh_0"), ""))
        second = self.later(self.outbox.put(self.keyed("psh_1"), "first"))
        third = self.later(self.outbox.put(self.keyed("psh_2"), "second"))
        other = self.later(self.outbox.put(self.keyed("psh_3", "other"), "third"))
        for call, done in iter(lambda: held.pop(0) if held else None, None):
            done.callback(call())
        self.assertEqual(self.successResultOf(first).push_id, "psh_0")
        self.assertEqual(self.successResultOf(second), Stored("psh_1", "first", replayed=False))
        self.assertEqual(self.successResultOf(third), Stored("psh_1", "first", replayed=True))
        self.failureResultOf(other, KeyReused)

    def test_another_request_with_the_same_key_is_refused(self) -> None:
        self.done(self.outbox.put(self.keyed("psh_1"), "first"))
        self.failed(self.outbox.put(self.keyed("psh_2", "other"), "second"), KeyReused)
        self.assertEqual(self.push().recipients[0].files, (None,))

    def test_every_client_has_keys_of_its_own(self) -> None:
        for client in ("ops", "billing"):
            stored = self.done(self.outbox.put(self.keyed(f"psh_{client}", client, client=client), ""))
            self.assertFalse(stored.replayed)

    def test_a_key_is_forgotten_after_seven_days(self) -> None:
        self.done(self.outbox.put(self.keyed("psh_1"), "first"))
        for moment, replayed in ((NOW + KEY_LIFE, True), (NOW + KEY_LIFE + 1, False)):
            stored = self.done(self.outbox.put(self.keyed("psh_2", submitted_at=moment), "second"))
            self.assertEqual(stored.replayed, replayed)

    def test_a_replay_keeps_no_content(self) -> None:
        self.done(self.outbox.put(self.keyed("psh_1", octets=(BIG,)), ""))
        self.done(self.outbox.put(self.keyed("psh_2", octets=(BIG + b"y",)), ""))
        self.assertEqual(len(os.listdir(self.state / "content")), 1)


def _held(held: list[Any], call: Any) -> Deferred[Any]:
    done: Deferred[Any] = Deferred()
    held.append((call, done))
    return done


class Failing(OutboxCase):
    """A commit fails, and with it a push that nobody was told of."""

    def test_the_next_push_is_sent_with_its_own_octets(self) -> None:
        """It gets the number of the one before, of which a copy was laid out already: found by tests/faults."""
        event.listen(self.database.engine, "commit", self.fail_once)
        calls: list[tuple[Any, Deferred[Any]]] = []

        def later(call: Any) -> Deferred[Any]:
            calls.append((call, Deferred()))
            return calls[-1][1]

        outbox = Outbox(self.database, self.store, later)
        outbox.backlog()
        first = Deferred.fromCoroutine(outbox.put(self.submission("psh_1", octets=[b"first"]), "{}"))
        turn = Deferred.fromCoroutine(outbox.turn(NOW, 1))
        for call, done in calls:  # grows meanwhile: what came while one commit was made is in the next
            self.failing = len(calls) > 1
            maybeDeferred(call).chainDeferred(done)
        self.failureResultOf(first, OSError)
        self.failureResultOf(turn, OSError)
        self.put("psh_2", octets=[b"second"])
        (claim,) = self.done(self.outbox.turn(NOW, 1)).claims
        self.assertEqual(claim.job.contents[0].path.read_bytes(), b"second")

    failing = False

    def fail_once(self, connection: Connection) -> None:
        if self.failing:
            self.failing = False
            raise OSError("disk I/O error")

"""Nothing that nobody needs stays for ever; nothing that somebody needs goes."""

from __future__ import annotations

import os

from pushsvc.sender.content_store import ORPHAN_AGE, SMALL
from pushsvc.sender.outbox_put import KEY_LIFE
from pushsvc.sender.outbox_sweep import CONTENT_LIFE
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import NOW, OutboxCase, delivered

BIG = b"x" * (SMALL + 1)


class Sweeping(OutboxCase):
    def fail_one(self, push_id: str) -> None:
        (claim,) = self.done(self.outbox.turn(NOW, 1)).claims
        self.assertEqual(claim.job.push_id, push_id)
        self.done(self.outbox.settle(claim, Outcome(State.REJECTED), delivered(), claim.files, NOW))

    def age(self, name: str, modified: float) -> None:
        os.utime(self.state / "content" / name, (modified, modified))

    def files(self) -> list[str]:
        return os.listdir(self.state / "content")

    def test_the_contents_of_failures_go_after_a_week(self) -> None:
        self.put("psh_1", octets=(BIG,))
        self.put("psh_2", octets=(BIG + b"y",), not_after=NOW + 30 * 86400)
        self.fail_one("psh_1")
        self.done(self.outbox.sweep(NOW + CONTENT_LIFE))
        self.assertEqual(len(self.files()), 2)
        self.done(self.outbox.sweep(NOW + CONTENT_LIFE + 1))
        (left,) = self.files()
        self.assertEqual(left, self.push("psh_2").contents[0].sha256)

    def test_a_file_that_a_crash_left_behind_goes_after_an_hour(self) -> None:
        """It was named, and its row was never written."""
        self.put(octets=(BIG,))
        upload = self.store.receive()
        upload.write(BIG + b"orphan")
        upload.publish()
        for name in self.files():
            self.age(name, NOW)
        self.done(self.outbox.sweep(NOW + ORPHAN_AGE))
        self.assertEqual(len(self.files()), 2)
        self.done(self.outbox.sweep(NOW + ORPHAN_AGE + 1))
        self.assertEqual(self.files(), [self.push().contents[0].sha256])

    def test_keys_go_when_their_time_is_over(self) -> None:
        self.done(self.outbox.put(self.submission(idempotency="key"), ""))
        self.done(self.outbox.sweep(NOW + KEY_LIFE + 1))
        with self.database.engine.connect() as connection:
            self.assertEqual(connection.exec_driver_sql("SELECT count(*) FROM idempotency").scalar(), 0)

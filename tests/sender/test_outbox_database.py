"""Opening the outbox's database: one process, the newest schema, and commits that last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender import migrations, schema
from pushsvc.sender.outbox_database import Database, StoreUnusable
from pushsvc.sender.outbox_records import Claim
from pushsvc.sender.outcome import Outcome, State
from pushsvc.sessions import Icon
from tests.sender.outbox_case import ALICE, NOW, OutboxCase, at_once, delivered


class Opening(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "queue.db"

    def open(self) -> Database:
        database = Database.open(self.path)
        self.addCleanup(database.close)
        return database

    def test_commits_survive_a_power_cut(self) -> None:
        """With synchronous=NORMAL a push that was answered 202 may be gone after one."""
        with self.open().engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")
            }
        self.assertEqual(pragmas, {"synchronous": 2, "journal_mode": "wal"})

    def test_the_migrations_make_the_schema_that_the_code_knows(self) -> None:
        wanted = create_engine("sqlite://")
        schema.metadata.create_all(wanted)
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        with self.open().engine.connect() as made, wanted.connect() as meant:
            self.assertEqual(compare_metadata(MigrationContext.configure(made), schema.metadata), [])
            made_sql, meant_sql = (
                [(row[0], " ".join(row[1].split())) for row in connection.execute(text(indexes))]
                for connection in (made, meant)
            )
        self.assertEqual(made_sql, meant_sql)
        self.assertTrue(made_sql)

    def test_a_second_process_is_refused(self) -> None:
        """Two senders on one queue would send everything twice."""
        self.open()
        self.assertRaises(StoreUnusable, Database.open, self.path)

    def test_after_a_clean_stop_it_opens_again(self) -> None:
        Database.open(self.path).close()
        self.assertEqual([name for name in os.listdir(self.path.parent) if name.endswith("-wal")], [])
        self.open()

    def test_what_is_no_database_is_refused_in_words(self) -> None:
        self.path.parent.mkdir()
        self.path.write_bytes(b"this is a text file, a long one, not a database" * 100)
        self.assertRaises(StoreUnusable, Database.open, self.path)
        os.unlink(self.path)
        self.open()

    def test_a_database_of_a_newer_version_is_refused_in_words(self) -> None:
        """Going back to an older version must not write into what it does not know."""
        database = Database.open(self.path)
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        database.close()
        error = self.assertRaises(StoreUnusable, Database.open, self.path)
        self.assertIn("9999", str(error))

    def test_a_damaged_database_is_noticed_after_a_crash(self) -> None:
        database = Database.open(self.path)
        database.close()
        octets = bytearray(self.path.read_bytes())
        octets[4096:12288] = b"\xff" * 8192
        self.path.write_bytes(bytes(octets))
        self.path.with_name("queue.db-wal").write_bytes(b"")
        self.assertRaises(StoreUnusable, Database.open, self.path)

    def test_the_files_are_for_us_alone(self) -> None:
        self.open()
        self.assertEqual(self.path.parent.stat().st_mode & 0o077, 0)


class Upgrading(OutboxCase):
    """What an older version left behind is brought up to date, and goes."""

    def open(self, in_thread: Any = at_once) -> None:
        path = self.state / "queue.db"
        if not path.exists():
            path.parent.mkdir(parents=True)
            self._leave(path)
        super().open(in_thread)

    def _leave(self, path: Path) -> None:
        """A queue of the first schema, with a push that was not sent yet, and one that was being sent."""
        engine = create_engine(f"sqlite:///{path}")
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            for row in (*OLD_PUSH, *RUNNING_PUSH):
                connection.exec_driver_sql(row)
        engine.dispose()

    def claims(self) -> dict[str, Claim]:
        """What there is to do, by push."""
        return {claim.job.push_id: claim for claim in self.done(self.outbox.turn(NOW, 10)).claims}

    def test_a_push_of_the_first_schema_is_sent(self) -> None:
        """It was answered 202, which holds for the next version, too."""
        claim = self.claims()["psh_old"]
        (content,) = claim.job.contents
        self.assertEqual((claim.job.to, content.name, content.path.read_bytes()), (ALICE, "old.txt", b"hello"))
        self.assertIsNone(content.icon)
        self.done(self.outbox.settle(claim, Outcome(State.DELIVERED), delivered("old.txt"), (), NOW))
        self.assertEqual(self.states("psh_old"), ["delivered"])

    def test_a_push_that_was_being_sent_goes_on(self) -> None:
        """The old process was killed in the middle of its second file; results were shorter then."""
        self.restart()
        running = self.claims()["psh_running"]
        self.assertEqual([(content.name, content.resume_at) for content in running.job.contents], [("2.txt", 0)])
        self.assertEqual((running.tries, running.job.attempt), (1, 2))
        (attempt,) = self.push("psh_running").recipients[0].attempts[:-1]
        self.assertEqual(attempt.outcome, "interrupted")

    def test_new_pushes_go_beside_it(self) -> None:
        """[F-13]"""
        icon = Icon("image/png", b"x")
        self.put("psh_new", contents=(attrs.evolve(self.content(), icon=icon),))
        self.restart()
        icons = {push_id: claim.job.contents[0].icon for push_id, claim in self.claims().items()}
        self.assertEqual(icons, {"psh_old": None, "psh_running": None, "psh_new": icon})


OLD_PUSH = (
    "INSERT INTO pushes VALUES (1, 'psh_old', 'queued', 1800000000.0, 1800003600.0, 'auto', 'attachment', 'normal',"
    " NULL, NULL, NULL, NULL, '[]', 1)",
    "INSERT INTO contents VALUES (1, 0, 'old.txt', 'text/plain', 5, 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',"
    " '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', 1, X'68656c6c6f')",
    "INSERT INTO recipients VALUES (1, 1, 0, 'sip:alice@example.com', 'queued', NULL, 1, 1800000000.0, 1800003600.0,"
    " 0, 0, 0, 0, '[]')",
)

RUNNING_PUSH = (
    "INSERT INTO pushes VALUES (2, 'psh_running', 'sending', 1800000000.0, 1800003600.0, 'auto', 'attachment',"
    " 'normal', NULL, NULL, NULL, NULL, '[]', 1)",
    "INSERT INTO contents SELECT 2, 0, '1.txt', type, size, sha1, sha256, kept, octets FROM contents WHERE push = 1",
    "INSERT INTO contents SELECT 2, 1, '2.txt', type, size, sha1, sha256, kept, octets FROM contents WHERE push = 1",
    "INSERT INTO recipients VALUES (2, 2, 0, 'sip:bob@example.com', 'sending', NULL, 1, 1800000000.0, 1800003600.0,"
    """ 1, 1, 0, 5, '[["1.txt", "delivered", 200], ["2.txt", "failed", null]]')""",
    "INSERT INTO attempts (recipient, number, started_at) VALUES (2, 1, 1800000000.0)",
)

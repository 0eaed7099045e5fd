"""Opening the outbox's database: one process, the newest schema, and commits that last."""

from __future__ import annotations

import os
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender import schema
from pushsvc.sender.outbox_database import Database, StoreUnusable


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

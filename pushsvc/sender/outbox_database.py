"""The outbox's database file: one process at a time, the newest schema, and a commit that survives a power cut.

What is written into it is in the other outbox modules; when it is written is in outbox_writer.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from pushsvc.errors import PushsvcError
from pushsvc.ops.state import make_private

_MIGRATIONS = Path(__file__).parent / "migrations"
# synchronous=FULL: with NORMAL, WAL may forget the last commits in a power cut, and those were answered with 202.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "wal_autocheckpoint=1000", "cache_size=-16384")


class StoreUnusable(PushsvcError):
    """The outbox cannot be opened as it is: used by another process, damaged, or made by a newer version."""


class Database:
    """The opened database: `engine` is for one thread at a time. `close` lets another process have it."""

    def __init__(self, engine: Engine, lock: int) -> None:
        self.engine = engine
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open or make the database at `path` and bring its schema up to date. Blocks.

        Raises StoreUnusable, and OSError when the directory cannot be written.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(path.with_name(path.name + ".lock"))
        try:
            # A clean stop leaves no log behind.
            unclean = path.with_name(path.name + "-wal").exists()
            make_private(path)
            engine = _engine(path)
            with engine.begin() as connection:
                if unclean:
                    _check(connection, path)
                _migrate(connection)
        except (DatabaseError, CommandError) as error:
            os.close(lock)
            raise StoreUnusable(f"{path}: {error}") from error
        except BaseException:
            os.close(lock)
            raise
        return cls(engine, lock)

    def close(self) -> None:
        """Write the log back and let go. Blocks."""
        self.engine.dispose()
        os.close(self._lock)


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreUnusable(f"{path}: another process uses this outbox") from None
    return descriptor


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # The driver shall not guess where a transaction begins: it leaves schema changes out of them.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _check(connection: Connection, path: Path) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise StoreUnusable(f"{path}: damaged: {found}")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

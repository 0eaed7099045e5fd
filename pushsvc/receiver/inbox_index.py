"""The index of the inbox: which entries there are, which keys were ever seen. Sqlite; one thread at a time, one user.

Errors of sqlite come out as OSError: to the rest, a database that cannot write is a disk that cannot.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from pushsvc.ops.state import make_private
from pushsvc.receiver.inbox_entry import Arriving, Entry, icon_in, kept_icon

_encode = json.JSONEncoder(ensure_ascii=False).encode
KEYS_KEPT = 7 * 86400.0  # seconds; longer than any sender tries again
KEYS_AT_LEAST = 100_000

# Step n makes a database of user_version n out of one of n - 1. Never change a step that was released.
_STEPS = (
    """
    CREATE TABLE entry (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        file TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        change INTEGER NOT NULL,
        facts TEXT NOT NULL
    );
    CREATE INDEX entry_state ON entry (state, sequence);
    CREATE TABLE key (
        sender TEXT NOT NULL,
        key TEXT NOT NULL,
        entry TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        stored_at REAL NOT NULL,
        PRIMARY KEY (sender, key)
    ) WITHOUT ROWID;
    CREATE INDEX key_entry ON key (entry);
    CREATE INDEX key_stored_at ON key (stored_at);
    -- Contents that are durable here and not yet in a file of their own.
    CREATE TABLE waiting (sequence INTEGER PRIMARY KEY REFERENCES entry, content BLOB NOT NULL);
    -- The number of the last change; an entry with this number came with it.
    CREATE TABLE change (number INTEGER NOT NULL);
    INSERT INTO change VALUES (0);
    """,
)


@attrs.frozen
class Seen:
    """What came under a key: which entry (None: deleted since), and the hash of its octets."""

    entry: Entry | None
    sha256: str


class DamagedIndex(OSError):
    """The file is no database of ours; it can be made again from the sidecars."""


def _os_error(error: sqlite3.Error) -> OSError:
    return OSError(errno.ENOSPC if "full" in str(error) else errno.EIO, f"index: {error}")


class Index:
    """The database, open. What changes it is within `change`; every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self.new = False  # whether it was made, empty, when it was opened

    def open(self) -> None:
        """Open it, make it if it is not there, bring it up to date, check it. Raises DamagedIndex, OSError."""
        try:
            self._open()
        except sqlite3.OperationalError as error:
            raise _os_error(error) from error
        except sqlite3.Error as error:
            self.close()
            raise DamagedIndex(errno.EIO, f"index: {error}") from error

    def _open(self) -> None:
        make_private(self._path)
        db = self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        # FULL: a commit is on the disk when it returns; NORMAL would lose the last ones with the power.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
            db.execute(f"PRAGMA {pragma}")
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        self.new = version == 0
        if version > len(_STEPS):
            raise OSError(errno.EINVAL, f"the index is of a later version of pushsvc ({version})")
        for number, step in enumerate(_STEPS[version:], version + 1):
            db.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        """Let go of it; what was committed stays."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """What is within is one change: durable when it is left, or, after an exception, never made."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException:
            with contextlib.suppress(OSError):
                self.rollback()
            raise

    def begin(self) -> None:
        """What follows is one change."""
        self._do("BEGIN IMMEDIATE")
        self._do("UPDATE change SET number = number + 1")

    def commit(self) -> None:
        """The change is durable."""
        self._do("COMMIT")

    def rollback(self) -> None:
        """The change never was."""
        if self._db is not None and self._db.in_transaction:
            self._do("ROLLBACK")

    # --- entries ---

    def add(self, entry: Entry, stored_at: float) -> Entry:
        """One more entry, and its key when it has one."""
        facts = _encode(_facts(entry))
        cursor = self._do(
            "INSERT INTO entry (id, file, state, facts, change) SELECT ?, ?, ?, ?, number FROM change",
            entry.id, entry.file, entry.state, facts,
        )  # fmt: skip
        if entry.about.key:
            self._do(
                "INSERT OR REPLACE INTO key VALUES (?, ?, ?, ?, ?)",
                entry.about.sender, entry.about.key, entry.id, entry.sha256, stored_at,
            )  # fmt: skip
        return entry.numbered(cursor.lastrowid or 0)

    def remove(self, entry_id: str, *, with_key: bool = False) -> None:
        """One entry less. Its key stays, so that it does not come again, unless it is said that it may."""
        self._do("DELETE FROM waiting WHERE sequence = (SELECT sequence FROM entry WHERE id = ?)", entry_id)
        self._do("DELETE FROM entry WHERE id = ?", entry_id)
        if with_key:
            self._do("DELETE FROM key WHERE entry = ?", entry_id)

    def set_state(self, entry_id: str, state: str) -> bool:
        """Whether there is such an entry; it has this state now."""
        return self._do("UPDATE entry SET state = ? WHERE id = ?", state, entry_id).rowcount > 0

    def entry(self, entry_id: str) -> Entry | None:
        return next(iter(self._entries("WHERE id = ?", entry_id)), None)

    def page(self, state: str | None, below: int, limit: int) -> list[Entry]:
        """The newest entries with a sequence lower than `below`."""
        if state is None:
            return self._entries("WHERE sequence < ? ORDER BY sequence DESC LIMIT ?", below, limit)
        where = "WHERE state = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
        return self._entries(where, state, below, limit)

    def files(self) -> dict[str, str]:
        """The id of each entry by its file."""
        return dict(self._rows("SELECT file, id FROM entry"))

    def unproved(self) -> set[str]:
        """The ids of entries that came with the very last change.

        When a commit fails at its sync, its pages may still be found at the next start, although the peer was told that
        it failed. Only the last change can be such a one: a later commit would have written over it.
        """
        return {row[0] for row in self._rows("SELECT id FROM entry WHERE change = (SELECT number FROM change)")}

    # --- contents that wait for their file ---

    def add_waiting(self, sequence: int, content: bytes) -> None:
        self._do("INSERT INTO waiting VALUES (?, ?)", sequence, content)

    def waiting(self, sequences: Sequence[int] | None = None, limit: int = 1000) -> list[tuple[Entry, bytes]]:
        """The oldest entries whose content waits for its file; only those among `sequences` when given."""
        if sequences is None:
            rows = self._rows("SELECT sequence, content FROM waiting ORDER BY sequence LIMIT ?", limit)
        else:
            marks = ", ".join("?" * len(sequences))
            rows = self._rows(f"SELECT sequence, content FROM waiting WHERE sequence IN ({marks})", *sequences)
        return [(entry, content) for number, content in rows for entry in self._entries("WHERE sequence = ?", number)]

    def remove_waiting(self, sequence: int) -> None:
        self._do("DELETE FROM waiting WHERE sequence = ?", sequence)

    # --- keys ---

    def seen(self, sender: str, key: str) -> Seen | None:
        """What came from this sender under this key, ever since keys are kept."""
        rows = self._rows("SELECT entry, sha256 FROM key WHERE sender = ? AND key = ?", sender, key)
        return Seen(self.entry(rows[0][0]), rows[0][1]) if rows else None

    def forget_keys(self, now: float) -> None:
        """Drop keys that are old, as long as very many are left."""
        self._do(
            "DELETE FROM key WHERE stored_at < ? AND stored_at <"
            " (SELECT stored_at FROM key ORDER BY stored_at DESC LIMIT 1 OFFSET ?)",
            now - KEYS_KEPT, KEYS_AT_LEAST,
        )  # fmt: skip

    def probe(self) -> None:
        """Write something and make it durable."""
        with self.change():
            pass

    # --- inside ---

    def _entries(self, where: str, *values: object) -> list[Entry]:
        rows = self._rows(f"SELECT sequence, file, state, facts FROM entry {where}", *values)
        return [_entry(*row) for row in rows]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        cursor = self._do(statement, *values)
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise _os_error(error) from error

    def _do(self, statement: str, *values: object) -> sqlite3.Cursor:
        if self._db is None:
            raise OSError(errno.EIO, "index: closed")
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise _os_error(error) from error


def _entry(sequence: int, file: str, state: str, facts: str) -> Entry:
    value = json.loads(facts)
    about = value.pop("about")
    about = Arriving(**(about | {"icon": icon_in(about)}))
    return Entry(sequence=sequence, file=file, state=state, about=about, **value)


def _facts(entry: Entry) -> dict[str, Any]:
    about = {name: getattr(entry.about, name) for name in _ABOUT}
    facts = {name: getattr(entry, name) for name in ("id", "received_at", "size", "sha1", "sha256")}
    return {**facts, "about": about | kept_icon(entry.about.icon)}


_ABOUT = tuple(field.name for field in attrs.fields(Arriving) if field.name not in ("sha1", "size", "icon"))

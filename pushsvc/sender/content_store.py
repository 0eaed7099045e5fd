"""Contents as files named by their SHA-256, written so that a power cut leaves a whole file or none.

    receive() ─> write … ─> synced() ─> publish()          <directory>/<random>.part ─> <directory>/<sha256>

Small ones are kept in the outbox's rows instead, and laid out as files only to be sent. Which of them are still needed
is the outbox's knowledge, not this module's.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.logger import Logger

from pushsvc.errors import PushsvcError
from pushsvc.machine import Tokens
from pushsvc.sender.outbox_writer import InThread

SMALL = 16 * 1024  # octets that a row of the database takes better than the file system: no sync of its own
SYNC_EVERY = 32 * 1024 * 1024  # octets: so that the sync at the end of a big upload is short
MIN_FREE = 256 * 1024 * 1024  # octets: the database and the deliveries under way need room too
MAX_FREE = 4 * 1024 * 1024 * 1024  # octets: the database and the deliveries never need more than that
ORPHAN_AGE = 3600.0  # seconds: an older file that no push needs was left behind by a crash
_PART = ".part"
_COPY = ".copy"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NoRoom(PushsvcError):
    """The disk is full, or would have less than its floor left."""


class StoreBroken(PushsvcError):
    """Writing failed. Nothing is taken until a new file could be written and synced (`ContentStore.probe`)."""


class Upload:
    """One content that is arriving. `size`, `sha256` and `sha1` (lower-case hex) are those of what has arrived."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._held = bytearray()
        self._path: Path | None = None
        self._descriptor = -1
        self._unsynced = 0
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._one_at_a_time = DeferredLock()
        self._failure: PushsvcError | None = None
        self._over = False
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def sha1(self) -> str:
        return self._sha1.hexdigest()

    def write(self, octets: bytes) -> Deferred[None] | None:
        """Take the next octets; a Deferred means that the next ones must wait for it. Raises NoRoom, StoreBroken."""
        self._sha256.update(octets)
        self._sha1.update(octets)
        self.size += len(octets)
        if self.size <= SMALL:
            self._held += octets
            return None
        self._guarded(lambda: self._append(octets))
        return self._sync_early() if self._unsynced >= SYNC_EVERY else None

    def small(self) -> bytes | None:
        """The octets when they are at most `SMALL`; such a content has no file and is not published."""
        return bytes(self._held) if self._path is None else None

    def _sync_early(self) -> Deferred[None]:
        if not self._store.has_room(0):
            raise NoRoom("the disk's floor is reached")
        return self.synced()

    def synced(self) -> Deferred[None]:
        """Fires when what is in the file is on the disk. Fails with NoRoom, StoreBroken."""
        if self._path is None:
            return succeed(None)
        return self._one_at_a_time.run(self._store.in_thread, lambda: self._guarded(self._sync))

    def publish(self) -> None:
        """Sync the content and give it its name; the name is durable after `ContentStore.sync_names`. Blocks.

        May be called again: then it does nothing, or raises the same NoRoom or StoreBroken. A failed sync is not tried
        again, because the next one may succeed with the octets gone.
        """
        if not self._over:
            self._guarded(self._name)

    def discard(self) -> None:
        """Forget a content that was not published; nothing happens when it was."""
        if self._over:
            return
        self._over = True
        self._held.clear()
        if self._path is not None:
            # In the thread: a file system takes a while to free a gigabyte.
            removed = self._one_at_a_time.run(self._store.in_thread, self._remove)
            removed.addErrback(lambda failure: self._store.log.failure("a part file was left behind", failure))

    def _append(self, octets: bytes) -> None:
        if self._path is None:
            path = self._store.new_part()
            self._descriptor = os.open(path, _NEW_FILE, 0o600)
            self._path = path
            octets = bytes(self._held) + octets
            self._held.clear()
        view = memoryview(octets)
        self._unsynced += len(view)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _sync(self) -> None:
        if self._unsynced:
            os.fdatasync(self._descriptor)
            self._unsynced = 0

    def _name(self) -> None:
        os.fsync(self._descriptor)
        assert self._path is not None
        final = self._store.path(self.sha256)
        if final.exists():
            os.unlink(self._path)
        else:
            os.rename(self._path, final)
        self._over = True
        os.close(self._descriptor)

    def _remove(self) -> None:
        assert self._path is not None
        os.close(self._descriptor)
        os.unlink(self._path)

    def _guarded(self, call: Callable[[], None]) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            call()
        except OSError as error:
            self._failure = self._store.failed(error)
            raise self._failure from error


class ContentStore:
    """The directory of contents. One process writes it; `in_thread` is where blocking calls run."""

    log = Logger()

    def __init__(self, directory: Path, in_thread: InThread, tokens: Tokens, floor: int | None = None) -> None:
        self._directory = directory
        self._tokens = tokens
        self._floor = floor
        self._broken = False
        self.in_thread = in_thread

    def start(self) -> None:
        """Make the directory, remove what never became a content. Blocks. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._floor is None:
            status = os.statvfs(self._directory)
            self._floor = max(MIN_FREE, min(status.f_blocks * status.f_frsize // 20, MAX_FREE))
        for entry in os.scandir(self._directory):
            if entry.name.endswith((_PART, _COPY)):
                os.unlink(entry.path)

    def receive(self) -> Upload:
        """A new content, empty so far."""
        return Upload(self)

    def path(self, sha256: str) -> Path:
        """Where the content with this hash (lower-case hex) is."""
        return self._directory / sha256

    def has_room(self, size: int) -> bool:
        """Whether the disk's floor stays untouched when `size` more octets come."""
        status = os.statvfs(self._directory)
        return status.f_bavail * status.f_frsize - size >= (self._floor or 0)

    @property
    def is_broken(self) -> bool:
        """Whether a write failed and no probe has succeeded since: nothing can be published."""
        return self._broken

    def probe(self) -> Deferred[bool]:
        """See whether a new file can be written and synced; nothing is broken any more if so."""
        return self.in_thread(self._probe)

    def sync_names(self) -> None:
        """Make the names of what was published durable. Blocks. Raises StoreBroken, until the store is usable again."""
        if self._broken:
            raise StoreBroken("an earlier write failed")
        try:
            _sync_directory(self._directory)
        except OSError as error:
            self._break(error)
            raise StoreBroken(str(error.strerror)) from error

    def remove(self, sha256: str) -> None:
        """Remove a content that nobody needs. Blocks."""
        self.path(sha256).unlink(missing_ok=True)

    def lay_out(self, name: str, octets: bytes) -> Path:
        """A file with these octets that lasts until `clear_away`, or the next start at most. Blocks. Raises NoRoom."""
        path = self._directory / (name + _COPY)
        if not path.exists():
            try:
                path.write_bytes(octets)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise self.failed(error) from error
        return path

    def clear_away(self, name: str) -> None:
        """Remove what was laid out under this name, if it was. Blocks."""
        (self._directory / (name + _COPY)).unlink(missing_ok=True)

    def old_names(self, now: float) -> list[str]:
        """The contents that came more than `ORPHAN_AGE` before `now` (seconds since 1970). Blocks."""
        with os.scandir(self._directory) as entries:
            return [
                entry.name
                for entry in entries
                if not entry.name.endswith((_PART, _COPY))
                and entry.stat(follow_symlinks=False).st_mtime < now - ORPHAN_AGE
            ]

    def new_part(self) -> Path:
        """A fresh name for a content that is arriving."""
        return self._directory / (self._tokens.word(22) + _PART)

    def failed(self, error: OSError) -> PushsvcError:
        """What this error means for whoever waits for a content to be kept."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return NoRoom(str(error.strerror))
        self._break(error)
        return StoreBroken(str(error.strerror))

    def _break(self, error: OSError) -> None:
        self._broken = True
        self.log.error("cannot keep contents: {error}", error=str(error))

    def _probe(self) -> bool:
        path = self.new_part()
        try:
            descriptor = os.open(path, _NEW_FILE, 0o600)
            try:
                os.write(descriptor, b"probe")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                os.unlink(path)
            _sync_directory(self._directory)
        except OSError:
            return False
        self._broken = False
        self.log.info("contents are kept again")
        return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

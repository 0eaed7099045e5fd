"""One content on its way in: octets into a file, hashed and durable in steps. What follows is in inbox."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.python.failure import Failure

from pushsvc.errors import Refused
from pushsvc.receiver.hashes import Hashes
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import Arriving, Kept, harmless
from pushsvc.receiver.inbox_publish import SMALL
from pushsvc.receiver.inbox_writer import InThread
from pushsvc.receiver.partials import FileId
from pushsvc.receiver.wrapped import Wrapping

NEVER = 1 << 63  # as a count of octets: more than any content will have
SYNC_EVERY = 32 * 1024 * 1024  # octets written between two syncs in the background, so that the last one is short
HASH_EVERY = 8 * 1024 * 1024  # octets written before they are hashed in the background


@attrs.frozen
class Sealed:
    """A content that is complete, checked, and durable in tmp, or small and in `content`."""

    size: int
    sha1: str
    sha256: str
    content: bytes | None


class Keeper(Protocol):
    """What a part asks of the inbox."""

    def keep(self, part: Part, sealed: Sealed) -> Deferred[Kept]:
        """Make an entry of it."""

    def broken(self, error: OSError) -> None:
        """The disk does not take what it should."""

    def set_aside(self, part: Part, file_id: FileId) -> None:
        """The part is no more, and its file stays: the rest may come."""

    def left(self, part: Part) -> None:
        """The part is no more, and its file neither, unless it is an entry."""


class Part:
    """A content that is not complete. Octets may come in any order; if they come in theirs, they are hashed meanwhile.

    `limit` is the most octets it may have. Its file is gone when it fails or is discarded, and when it is cut, too,
    unless a `file_id` says what its rest could be found by. `start`: so many octets are in the file already, those that
    come are the rest. `wrapping` is taken off once every octet is there, as until then chunks may change any of it; the
    size and hashes are those of what is inside.
    """

    def __init__(
        self,
        about: Arriving,
        file: str,
        limit: int,
        disk: Disk,
        in_thread: InThread,
        keeper: Keeper,
        wrapping: Wrapping | None = None,
        file_id: FileId | None = None,
        start: int = 0,
    ) -> None:
        self.about = about
        self.file = file
        self.file_id = file_id
        self._limit = limit
        self._disk = disk
        self._in_thread = in_thread
        self._keeper = keeper
        self._wrapping = wrapping
        self._fd = disk.reopen(file, start) if start else disk.create(file)
        self._start = start
        self._size = self._in_a_row = start
        self._hashes = Hashes()
        self._hashed = 0  # octets from the first on that the hashes have seen, or are about to see
        self._unsynced = 0
        self._syncing: Deferred[None] | None = None
        self._hashing: Deferred[None] | None = None
        self._over = False
        self._error: OSError | None = None

    @property
    def size(self) -> int:
        """Octets up to the last one that has come."""
        return self._size

    @property
    def in_a_row(self) -> int:
        """Octets from the first on, as far as they came in their order."""
        return self._in_a_row

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes in: it is on its way into the inbox, or out of the world."""
        return self._over

    def write(self, offset: int, octets: memoryview) -> None:
        """Keep these octets; they are only lent. Raises OSError, Refused 413 for too many; the part is no more then."""
        offset += self._start
        end = offset + len(octets)
        if self._over:
            raise OSError(errno.EBADF, "the content was given up")
        if end > self._limit:
            self._fail(Refused(413, "longer than agreed", protocol="msrp"))
        try:
            self._disk.write(self._fd, octets, offset)
        except OSError as error:
            self._keeper.broken(error)
            self._fail(error)
        if offset < self._hashed:
            self._hashed = NEVER  # what was hashed has changed
        if offset <= self._in_a_row:
            self._in_a_row = max(self._in_a_row, end)
        self._size = max(self._size, end)
        self._unsynced += len(octets)
        if self._unsynced >= SYNC_EVERY and self._syncing is None:
            self._sync_behind()
        if self._in_a_row - self._hashed >= HASH_EVERY and self._hashing is None and self._wrapping is None:
            self._hash_behind()

    def finish(self) -> Deferred[Kept]:
        """Every octet is there. Fires when it is an entry.

        Fails with Refused 400 when size or hash are not what was announced (D-MSRP-4), with Refused 413 for other
        content under a known key, with what `Wrapping` says of a wrapper, with OSError when it cannot be kept.
        Cancelling changes nothing.
        """
        if self._over:
            return fail(OSError(errno.EBADF, "the content was given up"))
        self._over = True
        # Of its own, so that cancelling it closes no file under the thread's hands.
        done: Deferred[Kept] = Deferred()
        Deferred.fromCoroutine(self._finish()).chainDeferred(done)
        return done

    def discard(self, why: str = "") -> None:
        """It will not be completed."""
        self._end(self._drop)

    def cut(self, why: str = "") -> None:
        """Its session is over; the rest may come by another."""
        self._end(self._set_aside)

    # --- inside ---

    def _end(self, leave: Callable[[], None]) -> None:
        """Not under the hands of a thread: after closing the file it would work on another one, opened meanwhile."""
        if not self._over:
            self._over = True
            if self._behind:
                DeferredList(self._behind).addCallback(lambda _: leave())
            else:
                leave()

    @property
    def _behind(self) -> list[Deferred[None]]:
        """What threads do with the file now."""
        return [each for each in (self._syncing, self._hashing) if each is not None]

    def _fail(self, error: OSError | Refused) -> None:
        self.discard()
        raise error

    def _sync_behind(self) -> None:
        self._unsynced = 0

        def synced(result: object) -> None:
            self._syncing = None
            if isinstance(result, Failure) and isinstance(result.value, OSError):
                # A later sync would report success and the octets be gone all the same.
                self._error = result.value
                self._keeper.broken(result.value)
                self.discard()

        self._syncing = Deferred()
        syncing = self._syncing
        # What is hashed is not read again here: a large content takes no memory from what others have in files.
        done = self._in_thread(self._disk.sync_octets, self._fd, self._hashes.size).addBoth(synced)
        done.addBoth(lambda _: syncing.callback(None))

    def _hash_behind(self) -> None:
        self._hashed = self._in_a_row

        def hashed(result: object) -> None:
            self._hashing = None
            if isinstance(result, Failure):
                self._hashed = NEVER  # should it be more than a moment's, it fails again at the end

        self._hashing = Deferred()
        hashing = self._hashing
        done = self._in_thread(self._hashes.go_on, self._fd, self._hashed).addBoth(hashed)
        done.addBoth(lambda _: hashing.callback(None))

    async def _finish(self) -> Kept:
        try:
            for behind in self._behind:
                await behind
            if self._error is not None:
                raise self._error
            sealed = await self._in_thread(self._seal)
        except BaseException as error:
            if isinstance(error, OSError):
                self._keeper.broken(error)
            self._drop()
            raise
        os.close(self._fd)
        try:
            return await self._keeper.keep(self, sealed)
        finally:
            self._keeper.left(self)

    def _seal(self) -> Sealed:
        hashes = Hashes() if self._hashed == NEVER else self._hashes
        if self._wrapping is not None:
            about, self._size = self._wrapping.taken_off_file(self._fd, self._size, self._disk)
            self.about = harmless(about)
        if self.about.size not in (None, self._size):
            raise Refused(400, "Size mismatch", protocol="msrp")
        hashes.go_on(self._fd, self._size)
        if self.about.sha1 not in (None, hashes.sha1):
            raise Refused(400, "Hash mismatch", protocol="msrp")
        content = None
        if self._size <= SMALL:
            content = os.pread(self._fd, self._size, 0)
            self._disk.drop(self.file)
        else:
            self._disk.sync(self._fd)
        return Sealed(self._size, hashes.sha1.hex(), hashes.sha256.hex(), content)

    def _set_aside(self) -> None:
        if self.file_id is None or not self._in_a_row or self._error is not None:
            self._drop()
            return
        os.close(self._fd)
        self._keeper.set_aside(self, self.file_id)

    def _drop(self) -> None:
        """No file, no part."""
        os.close(self._fd)
        try:
            self._disk.drop(self.file)
        except OSError as error:
            self._keeper.broken(error)
        self._keeper.left(self)

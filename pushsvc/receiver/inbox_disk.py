"""The inbox's directory: every system call that changes it, one method each, so that a test can make each of them fail.

    inbox/                       content files and their sidecars, all complete
    inbox/tmp/                   what is not complete; emptied at start, but for what `partials` keeps
    inbox/.index.db              what is here, what was here (sqlite)
    inbox/.lock                  held by the process that uses the inbox

Names are ours and relative to directories that were opened once, so no name and no link leads elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

INDEX = ".index.db"
MAX_NOTE = 64 * 1024  # octets; ours are a few hundred
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk:
    """The directory, open. Every method may raise OSError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._inbox = self._tmp = self._lock = -1

    def open(self) -> None:
        """Make what is missing, and make sure that nobody else uses it (EBUSY)."""
        for directory in (self.directory, self.directory / "tmp"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._inbox = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._tmp = os.open("tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._inbox)
        self._lock = os.open(".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._inbox)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise OSError(errno.EBUSY, "another process uses this inbox", str(self.directory)) from None

    def close(self) -> None:
        """Let go of it."""
        for fd in (self._lock, self._tmp, self._inbox):
            if fd >= 0:
                os.close(fd)
        self._inbox = self._tmp = self._lock = -1

    # --- what is not complete ---

    def create(self, name: str) -> int:
        """A new file below tmp, open for writing and reading."""
        return os.open(name, _NEW, 0o600, dir_fd=self._tmp)

    def reopen(self, name: str, size: int) -> int:
        """A file below tmp, open for writing and reading, of which only the first `size` octets stay."""
        fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._tmp)
        try:
            self.cut(fd, size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def write(self, fd: int, octets: bytes | memoryview, offset: int) -> None:
        """All of these octets, there."""
        written = os.pwrite(fd, octets, offset)
        while written < len(octets):
            octets = memoryview(octets)[written:]
            offset += written
            written = os.pwrite(fd, octets, offset)

    def cut(self, fd: int, size: int) -> None:
        """Only the first octets are left."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Everything about this file is durable. After an error it never is, whatever is tried."""
        os.fsync(fd)

    def sync_octets(self, fd: int, done_with: int = 0) -> None:
        """The octets written so far are durable, and the first so many of them need not stay in memory."""
        os.fdatasync(fd)
        if done_with:
            os.posix_fadvise(fd, 0, done_with, os.POSIX_FADV_DONTNEED)

    def write_new(self, files: Mapping[str, bytes]) -> None:
        """Whole durable files below tmp, by name."""
        fds: list[int] = []
        try:
            for name, octets in files.items():
                fds.append(self.create(name))
                self.write(fds[-1], octets, 0)
            for fd in fds[1:]:
                # All are on their way to the disk before the first sync waits: a quarter of the time for many.
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            for fd in fds:
                self.sync(fd)
        finally:
            for fd in fds:
                os.close(fd)

    def note(self, name: str, octets: bytes) -> None:
        """A small file below tmp that a power cut may take away."""
        fd = self.create(name)
        try:
            self.write(fd, octets, 0)
        finally:
            os.close(fd)

    def drop(self, name: str) -> None:
        """No such file below tmp (any longer)."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._tmp)

    # --- what is ---

    def publish(self, name: str) -> None:
        """Move a durable file from tmp into the inbox. Raises FileExistsError rather than replace one."""
        os.link(name, name, src_dir_fd=self._tmp, dst_dir_fd=self._inbox, follow_symlinks=False)
        os.unlink(name, dir_fd=self._tmp)

    def replace(self, name: str) -> None:
        """Move a durable file from tmp into the inbox, in the place of an older copy of itself."""
        os.rename(name, name, src_dir_fd=self._tmp, dst_dir_fd=self._inbox)

    def remove(self, name: str) -> None:
        """No such file in the inbox (any longer)."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._inbox)

    def sync_directory(self) -> None:
        """The names in the inbox are durable."""
        os.fsync(self._inbox)

    # --- looking ---

    def open_content(self, name: str) -> int:
        """A file of the inbox, open for reading."""
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._inbox)

    def names(self) -> list[str]:
        """Every name in the inbox."""
        return os.listdir(self._inbox)

    def leftovers(self) -> list[str]:
        """Every name below tmp."""
        return os.listdir(self._tmp)

    def read_note(self, name: str) -> bytes:
        """What a note below tmp says."""
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._tmp)
        try:
            return os.read(fd, MAX_NOTE)
        finally:
            os.close(fd)

    def written(self, name: str) -> tuple[int, float]:
        """How many octets of a file below tmp are there before the first hole, and when it was last written.

        None of one that has another name as well: it was on its way into the inbox, and is there already.
        """
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._tmp)
        try:
            status = os.fstat(fd)
            ours = status.st_size > 0 and status.st_nlink == 1
            return os.lseek(fd, 0, os.SEEK_HOLE) if ours else 0, status.st_mtime
        finally:
            os.close(fd)

    def free(self) -> int:
        """Octets that may still be written."""
        status = os.fstatvfs(self._inbox)
        return status.f_bavail * status.f_frsize

    def set_aside(self, name: str) -> None:
        """Give a damaged index a name under which it is not used any longer; what belongs to it goes."""
        os.rename(name, f"{name}.damaged", src_dir_fd=self._inbox, dst_dir_fd=self._inbox)
        for suffix in ("-wal", "-shm"):
            self.remove(name + suffix)

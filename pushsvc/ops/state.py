"""The state directory: made when it is not there, and held by one process at a time; databases that only we read."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pushsvc.ops.exits import Exit, refuse

_held: list[int] = []  # descriptors whose locks end with the process


def hold_state_dir(directory: Path) -> None:
    """Make the directory (mode 0700) and lock it until the process ends; SystemExit when either fails.

    The lock is the kernel's: it lasts over twistd's fork into the background, and none is left behind by a crash.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        refuse(Exit.CANNOT_CREATE, f"{directory}: the state directory cannot be made: {error.strerror}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        refuse(Exit.UNAVAILABLE, f"{directory}: another process works in this state directory")
    _held.append(descriptor)


def make_private(path: Path) -> None:
    """Make the file if it is not there, and see that nobody else can read it: SQLite leaves that to the umask.

    What SQLite puts beside a database has the database's mode. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)

"""A file of TLS session keys, with which Wireshark reads what was captured (draft-ietf-tls-keylogfile).

For whoever looks for a fault, and for nobody else: who has this file reads every push.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import attrs
from twisted.logger import Logger


@attrs.define(eq=False)
class KeyLog:
    """Appends a line for each secret; several processes may share the file, since a line is one write."""

    path: Path
    _descriptor: int
    _failed: bool = False
    log = Logger()

    @classmethod
    def open(cls, path: Path) -> KeyLog:
        """Made with mode 0600 where it is not there. Raises OSError, also for one that others can read."""
        # O_NONBLOCK: a named pipe that nobody reads is an error, and not a service that hangs.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            os.close(descriptor)
            what = "others can read it: chmod 600" if stat.S_ISREG(mode) else "is no regular file"
            raise PermissionError(errno.EACCES, what, str(path))
        return cls(path, descriptor)

    def write(self, connection: object, line: bytes) -> None:
        """What OpenSSL calls for each secret. A full disk costs the file its lines, and no connection its handshake."""
        try:
            os.write(self._descriptor, line + b"\n")
        except OSError as error:
            if not self._failed:
                self.log.warn("TLS keys are missing in {file}: {why}", file=str(self.path), why=error)
            self._failed = True

    def close(self) -> None:
        """No connection may follow."""
        os.close(self._descriptor)

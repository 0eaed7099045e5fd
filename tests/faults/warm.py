"""A Python that has imported all of a daemon and waits: each daemon is a fork of it, up in a fifth of the time.

The imports are most of what a start costs, and the same each time. What a start does with its state is the child's.
`python -m tests.faults.warm DESCRIPTOR` is the waiting end; it is told by the socket what to become.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import attrs

# Everything but the reactor, which belongs to one process.
IMPORTED = ("pushsvc.sender.service", "pushsvc.receiver.service", "twisted.scripts.twistd", "twisted.names.client")
NOT_IMPORTED = "twisted.internet.reactor"
BIGGEST = 1 << 20  # octets of one message


class Warm:
    """The Python that waits, with `environment`. `spawn` is for `Daemon.spawn`; one child at a time. Close it last."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],  # these tests, whatever else is installed under their name
                env={**os.environ, **environment},
            )

    def spawn(
        self, arguments: Sequence[str], *, stdin: int, stdout: IO[bytes], stderr: int, cwd: Path, env: Mapping[str, str]
    ) -> Forked:
        """As `subprocess.Popen`, for what a daemon wants of it."""
        what = json.dumps({"arguments": arguments[1:], "directory": str(cwd), "environment": dict(env)})
        socket.send_fds(self._here, [what.encode()], [stdout.fileno()])
        octets, descriptors, _, _ = socket.recv_fds(self._here, BIGGEST, 1)
        if not octets:
            raise EOFError("the Python that waits has ended")
        return Forked(int(octets), descriptors[0], self._here)

    def close(self) -> None:
        """The last child is gone by now."""
        self._here.close()
        self._process.wait()


@attrs.define(eq=False)
class Forked:
    """A child, as `subprocess.Popen` shows one."""

    pid: int
    _descriptor: int  # becomes readable when it ends, and is never another process
    _told: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["a fork"], timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, within: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], within)[0]:
            self.returncode = int(self._told.recv(BIGGEST))
            os.close(self._descriptor)
        return self.returncode


def main(descriptor: int) -> None:
    """Import, then fork and tell how each ended, until nobody is at the other end."""
    for name in IMPORTED:
        importlib.import_module(name)
    if NOT_IMPORTED in sys.modules:
        raise SystemExit(f"{NOT_IMPORTED} was imported before the fork")
    with socket.socket(fileno=descriptor) as told:
        while True:
            octets, descriptors, _, _ = socket.recv_fds(told, BIGGEST, 1)
            if not octets:
                return
            pid = os.fork()
            if pid == 0:
                told.close()
                _become(**json.loads(octets), output=descriptors[0])
            child = os.pidfd_open(pid)
            socket.send_fds(told, [b"%d" % pid], [child])
            os.close(child)
            os.close(descriptors[0])
            _, status = os.waitpid(pid, 0)
            with suppress(BrokenPipeError):
                told.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(arguments: Sequence[str], directory: str, environment: Mapping[str, str], output: int) -> None:
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(arguments)
    runpy.run_path(arguments[0], run_name="__main__")
    raise SystemExit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))

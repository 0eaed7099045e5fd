"""A Kamailio beside the lab's core, with a configuration of the tests."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pushsvc.pushctl.core import kamailio
from pushsvc.pushctl.exits import CommandFailed
from tests.processes.pushing import until

HOST = "127.0.0.1"  # without a name: Kamailio looks none up in the list of hosts


def program() -> str:
    """The program. Without it the test is skipped."""
    try:
        return kamailio()
    except CommandFailed as missing:
        raise SkipTest(str(missing)) from None


def started(
    case: SynchronousTestCase, configuration: str, directory: Path, transport: str, defines: Mapping[str, str]
) -> int:
    """Run it for as long as the test; gives its port on loopback. `configuration` is a file beside this one."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    with (directory / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program(), "-f", str(Path(__file__).with_name(configuration)), "-DD", "-E", "--debug=0"),
                *("-Y", str(directory), "-w", str(directory), "-m", "64", "-M", "8"),
                *(word for name, value in defines.items() for word in ("-A", f'{name}="{value}"')),
                *("-l", f"{transport}:{HOST}:{port}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    case.addCleanup(process.wait)
    case.addCleanup(process.terminate)
    until(lambda: _is_there(port), "Kamailio listens")
    return port


def _is_there(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1.0).close()
    except OSError:
        return False
    return True

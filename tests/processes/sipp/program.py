"""One SIPp process: started, waited for, and what it has to say when it was not content."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import attrs
from twisted.trial.unittest import SkipTest

from tests.processes.sipp.scenario import Scenario

HOST = "127.0.0.1"
WITHIN = 60.0  # seconds for one call; SIPp itself gives up before
TRANSPORTS = {"udp": "u1", "tcp": "t1"}  # one socket for all


def sipp() -> str:
    """The program. Raises SkipTest when it is not installed."""
    found = shutil.which("sipp")
    if found is None:
        raise SkipTest("sipp is not installed (Debian: sip-tester)")
    return found


@attrs.define(eq=False)
class Sipp:
    """One call by a scenario. It calls `remote` ("host:port"), or with "" waits at its `port` to be called."""

    directory: Path
    scenario: Scenario
    transport: str
    port: int
    remote: str = ""
    _process: subprocess.Popen[bytes] = attrs.field(init=False)

    def start(self) -> Sipp:
        """Until it listens, if it is to be called."""
        self.directory.mkdir(parents=True)
        scenario = self.directory / "scenario.xml"
        scenario.write_text(self.scenario.xml)
        with (self.directory / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(
                [
                    *(sipp(), "-sf", scenario.name, "-i", HOST, "-p", str(self.port), "-t", TRANSPORTS[self.transport]),
                    *("-m", "1", "-l", "1", "-r", "1", "-nostdin", "-timeout", "50s", "-timeout_error"),
                    *("-recv_timeout", "40000", "-trace_err", "-error_file", "errors.log"),
                    *("-trace_msg", "-message_file", "messages.log", *([self.remote] if self.remote else [])),
                ],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TERM": "dumb"},
            )
        end = time.monotonic() + WITHIN
        while not self.remote and self._process.poll() is None and time.monotonic() < end:
            if is_taken(self.port, self.transport):
                break
            time.sleep(0.02)
        return self

    def complaint(self) -> str:
        """Wait until it has ended; "" when all went as the scenario says."""
        try:
            code = self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self.stop()
            return f"{self.scenario.name}: not over within {WITHIN:.0f} s"
        if code == 0:
            return ""
        with suppress(FileNotFoundError):
            return f"{self.scenario.name}: {(self.directory / 'errors.log').read_text('utf-8', 'replace')[:2000]}"
        return f"{self.scenario.name}: exited with {code}; see {self.directory}"

    def has_got(self, start: str) -> bool:
        """Whether a message that begins so has come."""
        try:
            return f"\n\n{start}" in (self.directory / "messages.log").read_text("utf-8", "replace")
        except FileNotFoundError:
            return False

    def stop(self) -> None:
        """End it; no error when it has ended."""
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    """One that is free for UDP and TCP. SIPp's own choice would be told to nobody."""
    while True:
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            stream.bind((HOST, 0))
            port = int(stream.getsockname()[1])
            with suppress(OSError):
                datagrams.bind((HOST, port))
                return port


def is_taken(port: int, transport: str) -> bool:
    """Whether somebody listens there; asked of the kernel, since trying it would be in SIPp's way."""
    state = "0A" if transport == "tcp" else "07"
    rows = [row.split() for row in Path("/proc/net", transport).read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)

"""Processes under measurement: what they cost, and bare TLS between two of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from pushsvc.pushctl.certificates import Authority

TICK = os.sysconf("SC_CLK_TCK")
BARE = [sys.executable, "-m", "benchmarks.bare_tls"]
ROOT = Path(__file__).parent.parent


def cpu_seconds(*pids: int) -> float:
    """User and system time that these processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def reset_peak(pid: int) -> None:
    """Let the peak of the resident size begin at what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory(pid: int, field: str) -> float:
    """MiB of `VmRSS` (now) or `VmHWM` (peak)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


@attrs.frozen
class Spent:
    """What a piece of work took: seconds of the clock, and of the processors in all its processes."""

    seconds: float
    cpu: float


@attrs.frozen
class BareTls:
    """A receiver process of bare Twisted TLS, ready for senders."""

    pid: int
    port: int
    ca: Path

    def send(self, size: int, count: int = 1, at_once: int = 1) -> Spent:
        """`count` connections of `size` octets each."""
        before = cpu_seconds(self.pid)
        numbers = map(str, (self.port, self.ca, size, count, at_once))
        sender = subprocess.run([*BARE, "send", *numbers], cwd=ROOT, capture_output=True, check=True)
        spent = json.loads(sender.stdout)
        return Spent(spent["seconds"], spent["cpu"] + cpu_seconds(self.pid) - before)


@contextlib.contextmanager
def bare_tls(folder: Path) -> Iterator[BareTls]:
    """The receiver, with a certificate of its own in `folder`, for as long as the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.fresh()
    ca, certificate, key = authority.write(folder / "ca.pem"), folder / "certificate.pem", folder / "key.pem"
    authority.issue("bare", certificate, key)
    with subprocess.Popen(
        [*BARE, "receive", str(certificate), str(key)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            yield BareTls(process.pid, int(process.stdout.readline()), ca)
        finally:
            process.stdin.close()
            process.wait(10)

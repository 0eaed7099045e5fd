"""Processes under measurement: what they cost, and bare TLS between two of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from pushsvc.pushctl.certificates import Authority

TICK = os.sysconf("SC_CLK_TCK")
BARE = [sys.executable, "-m", "benchmarks.bare_tls"]
UPLOAD = [sys.executable, "-m", "benchmarks.https_upload"]
ECHO = [sys.executable, "-m", "benchmarks.udp_echo"]
SENT_AT_ONCE = 256 * 1024  # octets that the uploading client writes together
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
    receiver_cpu: float = 0.0  # the receiving process's part of it


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
    with _serving(folder, [*BARE, "receive"]) as (process, port, ca):
        yield BareTls(process.pid, port, ca)


@attrs.frozen
class HttpsUpload:
    """A process of Twisted Web that stores what is put there, ready for clients."""

    pid: int
    port: int
    ca: Path

    def put(self, file: Path) -> Spent:
        """The whole file by a blocking client in this process, until it is durable over there."""
        before, own = cpu_seconds(self.pid), time.process_time()
        start = time.perf_counter()
        trusting = ssl.create_default_context(cafile=str(self.ca))
        trusting.check_hostname = False  # the certificate is for a name
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=trusting, timeout=300, blocksize=SENT_AT_ONCE
        )
        with file.open("rb") as content:
            connection.request("PUT", "/file", content, {"Content-Length": str(file.stat().st_size)})
            status = connection.getresponse().status
        connection.close()
        seconds = time.perf_counter() - start
        if status != 201:
            raise AssertionError(f"the upload was answered {status}")
        received = cpu_seconds(self.pid) - before
        return Spent(seconds, received + time.process_time() - own, received)


@contextlib.contextmanager
def https_upload(folder: Path) -> Iterator[HttpsUpload]:
    """The server, with a certificate of its own in `folder`, where it stores what comes, too."""
    with _serving(folder, UPLOAD, str(folder)) as (process, port, ca):
        yield HttpsUpload(process.pid, port, ca)


@contextlib.contextmanager
def udp_echo() -> Iterator[int]:
    """The port of a process that sends back every datagram."""
    with subprocess.Popen(ECHO, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


@contextlib.contextmanager
def _serving(folder: Path, command: list[str], *more: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A server of ours that is told certificate and key and `more`, its port, and the authority to trust."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.fresh()
    ca, certificate, key = authority.write(folder / "ca.pem"), folder / "certificate.pem", folder / "key.pem"
    authority.issue("bare", certificate, key)
    with subprocess.Popen(
        [*command, str(certificate), str(key), *more], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            yield process, int(process.stdout.readline()), ca
        finally:
            process.stdin.close()
            process.wait(10)

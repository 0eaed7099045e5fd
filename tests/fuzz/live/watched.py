"""What a daemon shows while it is under attack: memory, file descriptors, and every line of its log."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import attrs

from pushsvc.pushctl.daemon import Daemon

ERROR_MARKS = ("Traceback", "Unhandled", "a bug", "RecursionError", "MemoryError", " critical ")
_line = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z (debug|info|warn|error|critical) .*").fullmatch
_number = re.compile(r"[0-9]+").sub


@attrs.frozen
class Standing:
    """Now: octets of memory, and open files."""

    rss: int
    files: int


def standing(daemon: Daemon) -> Standing:
    """As the system says."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+([0-9]+) kB", status)
    return Standing(int(found[1]) * 1024 if found else 0, len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())))


def faults_in(log: Path) -> list[str]:
    """Every line that should not be there: marks of a bug, what is no line of ours, and what could steer a terminal."""
    faults: Counter[str] = Counter()
    for line in log.read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        if not line:
            continue
        if any(mark in line for mark in ERROR_MARKS):
            faults[f"an error: {_number('0', line[25:160])}"] += 1
        if not line.isprintable():
            faults[f"not printable: {line[:100]!r}"] += 1
        if _line(line) is None:
            faults[f"not a line of ours: {line[:100]!r}"] += 1
    return [f"{count} x {what}" for what, count in faults.most_common(20)]

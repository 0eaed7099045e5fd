"""Pushes a second while so many others wait in the queue."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from benchmarks.daemons import PUSHES, many_pushes, running
from benchmarks.measure import Figure, Ratio, Result, seconds

LENGTHS = (100, 10_000, 1_000_000)
HOUR = 3600.0

FILL = """
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last) INSERT INTO
"""
PUSH = """
pushes (number, id, state, submitted_at, not_after, mode, disposition, priority, labels, recipient_count)
SELECT i, 'waiting-' || i, 'waiting', :now, :now + 86400, 'msrp', 'attachment', 'normal', '[]', 1 FROM n
"""
CONTENT = """
contents (push, position, name, type, size, sha1, sha256, kept, octets)
SELECT i, 0, 'a.txt', 'text/plain', 200, :sha1, :sha256, 1, zeroblob(200) FROM n
"""
RECIPIENT = """
recipients (push, position, target, state, lane, due_at, expires_at, tries, attempts, cancel_asked, acknowledged, files)
SELECT i, 0, 'sip:nobody@example.com', 'waiting', 1, :due, :now + 86400, 1, 1, 0, 0, '[]' FROM n
"""


def queue(rounds: int) -> Result:
    """The same pushes as ever, with more and more others that wait for their next attempt."""
    figures = []
    waiting = 0
    with running() as lab:
        many_pushes(lab)
        for length in LENGTHS:
            lab.sender.stop()
            _fill(lab.sender.state / "queue.db", length - waiting)
            waiting = length
            lab.sender.start()
            lab.sender.wait_until_ready()
            many_pushes(lab)
            samples = tuple(PUSHES / seconds(lambda: many_pushes(lab)) for _ in range(rounds))
            figures.append(Figure(f"{length:,} wait", "/s", samples))
    shortest = figures[0]
    ratios = [Ratio(f"{each.name}, to {shortest.name}", each, shortest, "≥ 0.75") for each in figures[1:]]
    return Result("Small pushes beside a long queue", figures, ratios)


def _fill(database: Path, count: int) -> None:
    """Pushes that were tried once and are due in an hour; behind those that are there."""
    with sqlite3.connect(database) as connection:
        (before,) = connection.execute("SELECT coalesce(max(number), 0) FROM pushes").fetchone()
        now = time.time()
        facts = {
            "first": before + 1, "last": before + count, "now": now, "due": now + HOUR,
            "sha1": "0" * 40, "sha256": "0" * 64,
        }  # fmt: skip
        for rows in (PUSH, CONTENT, RECIPIENT):
            connection.execute(FILL + rows, facts)
    connection.close()

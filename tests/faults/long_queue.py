"""How long a sender takes from its start until it serves, with a long queue: `python -m tests.faults.long_queue`.

The queue is full of small pushes to somebody who is not there, and the process before was killed while it sent them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from pushsvc.net.tokens import RandomTokens
from pushsvc.pushctl.client import Body
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_database import Database
from pushsvc.sender.outbox_put import Putter, Putting
from pushsvc.sender.outbox_records import Submission, Wanted

NOBODY = "sip:nobody@127.0.0.1:1;transport=tcp"
TOGETHER = 1000  # pushes in one commit
WORKS_FOR = 3.0  # seconds before it is killed
GOAL = 5.0  # seconds (G9)


def fill(state: Path, count: int) -> None:
    """Put so many pushes into the outbox of a sender that does not run."""
    store = ContentStore(state / "content", _at_once, RandomTokens())
    store.start()
    database = Database.open(state / "queue.db")
    put, now = Putter(store).put, time.time()
    try:
        for first in range(0, count, TOGETHER):
            numbers = range(first, min(first + TOGETHER, count))
            with database.engine.begin() as connection:
                put(connection, [Putting(_submission(store, number, now), "{}") for number in numbers])
    finally:
        database.close()


def restarted(sender: Daemon) -> float:
    """Seconds from spawning it until it is ready and has taken a push."""
    began = time.monotonic()
    sender.start()
    sender.wait_until_ready()
    sender.api.request("POST", "/v1/pushes", Body([b"x"], 1, "text/plain"), {"Push-To": NOBODY})
    return time.monotonic() - began


def main(arguments: list[str]) -> int:
    """Measure it a few times, each time after a kill; 0 when the goal is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long_queue", description="A start with a long queue.")
    parser.add_argument("--items", type=int, default=100_000, help="pushes in the queue (100000)")
    parser.add_argument("--times", type=int, default=5, help="how often it is killed and started (5)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pushsvc-queue-") as scratch, Lab(Path(scratch) / "lab") as lab:
        fill(lab.sender.state, options.items)
        seconds = []
        for _ in range(options.times):
            seconds.append(restarted(lab.sender))
            time.sleep(WORKS_FOR)
            lab.sender.kill()
    print(f"{options.items} in the queue: serving after {', '.join(f'{each:.2f}' for each in seconds)} s")
    return 0 if max(seconds) <= GOAL else 1


def _submission(store: ContentStore, number: int, now: float) -> Submission:
    upload = store.receive()
    upload.write(b"%d" % number)
    wanted = Wanted(f"{number}.txt", "text/plain", upload)
    return Submission(
        id=f"psh_{number:022d}", to=(NOBODY,), contents=(wanted,), submitted_at=now, not_after=now + 86400
    )


def _at_once(call: Callable[[], Any]) -> Deferred[Any]:
    return maybeDeferred(call)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

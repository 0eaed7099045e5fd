"""What has to be true when everything has settled: each acknowledged push is in the inbox, once, octet by octet."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from pushsvc.pushctl.client import Api
from pushsvc.pushctl.daemon import Daemon
from tests.faults.traffic import Item
from tests.processes.pushing import FINAL

PAGE = 500
LOOK_EVERY = 0.5
_AGAIN = re.compile(r" push came again .*\bid=(\S+)")
_STARTS = " starting up."
ERROR_MARKS = ("a bug:", "Unhandled", "RecursionError", "MemoryError")


@attrs.define
class Verdict:
    """Names of items by what is wrong with them; all empty is good."""

    lost: list[str] = attrs.Factory(list)
    torn: list[str] = attrs.Factory(list)
    duplicated: list[str] = attrs.Factory(list)
    stuck: list[str] = attrs.Factory(list)
    failed: list[str] = attrs.Factory(list)
    left: list[str] = attrs.Factory(list)
    errors: list[str] = attrs.Factory(list)
    states: Counter[str] = attrs.Factory(Counter)

    def complaints(self) -> list[str]:
        """For people, a line each."""
        wrong = attrs.asdict(self, filter=lambda attribute, value: isinstance(value, list))
        return [f"{what}: {name}" for what, names in wrong.items() for name in names]


def wait_until_settled(sender: Daemon, patience: float) -> None:
    """Until every push is final, or nothing has moved for so many seconds: a backlog is not stuck while it shrinks."""
    fewest, end = _unfinished(sender.api), time.monotonic() + patience
    while (left := _unfinished(sender.api)) and time.monotonic() < end:
        if left < fewest:
            fewest, end = left, time.monotonic() + patience
        time.sleep(LOOK_EVERY)


def judged(sender: Daemon, receiver: Daemon, acknowledged: Mapping[Item, str]) -> Verdict:
    """What became of everything. Both daemons run, and nothing moves any more."""
    verdict = Verdict()
    _judge_outbox(verdict, sender.api, acknowledged)
    _judge_inbox(verdict, receiver, {item.name: item for item in acknowledged})
    for daemon in (sender, receiver):
        verdict.errors += [f"{daemon.role}: {line}" for line in error_marks(daemon.log)]
    return verdict


def _judge_outbox(verdict: Verdict, api: Api, acknowledged: Mapping[Item, str]) -> None:
    pushes = {push["id"]: push for push in pages(api, "v1", "pushes")}
    verdict.states.update(push["state"] for push in pushes.values())
    names = Counter(push["contents"][0]["name"] for push in pushes.values())
    verdict.duplicated += [f"{name}, submitted {count} times" for name, count in names.items() if count > 1]
    for item, push_id in acknowledged.items():
        push = pushes.get(push_id)
        if push is None:
            verdict.lost.append(f"{item.name}, {push_id} is not known")
        elif push["state"] not in FINAL:
            verdict.stuck.append(f"{item.name}, {push_id} is {push['state']}: {push['recipients'][0]['reason']}")
        elif push["state"] != "delivered":
            verdict.failed.append(f"{item.name}, {push_id} is {push['state']}: {push['recipients'][0]['reason']}")


def _judge_inbox(verdict: Verdict, receiver: Daemon, items: Mapping[str, Item]) -> None:
    inbox = receiver.state / "inbox"
    entries = list(pages(receiver.api, "v1", "inbox"))
    names = Counter(entry["name"] for entry in entries)
    verdict.duplicated += [f"{name}, {count} times in the inbox" for name, count in names.items() if count > 1]
    failed = {line.partition(",")[0] for line in (*verdict.failed, *verdict.stuck)}
    verdict.lost += [f"{name}, not in the inbox" for name in items if name not in names and name not in failed]
    for entry in entries:
        if entry["name"] in items:
            wanted = items[entry["name"]].sha256()
            found = hashlib.sha256(Path(entry["path"]).read_bytes()).hexdigest()
            if not wanted == found == entry["sha256"]:
                verdict.torn.append(f"{entry['name']}, {entry['path']}")
    files = {Path(entry["path"]).name for entry in entries}
    here = {name for name in os.listdir(inbox) if not name.startswith(".") and name != "tmp"}
    strangers = here - files - {f"{name}.json" for name in files}
    verdict.left += [f"{name} in the inbox, without an entry" for name in sorted(strangers)]
    verdict.left += [f"tmp/{name}" for name in sorted(os.listdir(inbox / "tmp"))]


def pages(api: Api, *path: str) -> Iterator[dict[str, Any]]:
    """All items of a list."""
    cursor = None
    while True:
        page = api.get(*path, limit=PAGE, cursor=cursor)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def error_marks(log: Path) -> list[str]:
    """The lines of a log that only a bug writes."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        return [line.strip()[:300] for line in lines if any(mark in line for mark in ERROR_MARKS)]


@attrs.frozen
class Repeats:
    """What came over the wire once more although the receiver had it: `all` of it, and what no kill of it explains.

    Who is killed between keeping something and saying so is sent it again, once. What comes again twice to the same
    process had another reason: the sender was killed, or did not hear the answer.
    """

    all: int
    unexplained: int


def repeats(log: Path) -> Repeats:
    """By the receiver's log."""
    seen: Counter[str] = Counter()
    found = unexplained = 0
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _STARTS in line:
                seen.clear()
            elif again := _AGAIN.search(line):
                found += 1
                unexplained += seen[again[1]] > 0
                seen[again[1]] += 1
    return Repeats(found, unexplained)


def _unfinished(api: Api) -> int:
    """How many recipients are not final."""
    counts = re.findall(r'^pushsvc_queue_items\{state="\w+"\} (\S+)$', api.text("metrics"), re.MULTILINE)
    return sum(int(float(count)) for count in counts)

"""Inboxes on real files for tests: threads that run at once, disks that fail or are watched, contents to put in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.receiver.inbox import NOTHING_KEPT, Inbox
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import Arriving, Entry

CHANGES = (
    "create", "reopen", "note", "write", "cut", "sync", "sync_octets", "drop", "publish", "replace", "remove",
    "sync_directory",
)  # fmt: skip
NOW = 1_790_000_000.0


class Counted:
    """Tokens that count."""

    def __init__(self) -> None:
        self.number = 0

    def word(self, length: int) -> str:
        self.number += 1
        return f"{self.number:0{length}}"

    def fraction(self) -> float:
        return 0.5


class Threads:
    """Runs functions at once, or, while `held`, when `release` is called."""

    def __init__(self) -> None:
        self.held = False
        self._jobs: list[Callable[[], None]] = []

    def __call__(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if not self.held:
            return maybeDeferred(function, *args)
        done: Deferred[Any] = Deferred()
        self._jobs.append(lambda: maybeDeferred(function, *args).chainDeferred(done))
        return done

    def release(self) -> int:
        """Run what was held; how many there were."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job()
        return len(jobs)


class FailingDisk(Disk):
    """A disk on which a call fails: `fail("sync", error)` the next one of that name, or every one."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: list[str] = []
        self.errors: dict[str, OSError] = {}
        self.always = False
        self.before: Callable[[str], None] = lambda name: None

    def fail(self, name: str, error: OSError, *, always: bool = False) -> None:
        self.errors[name] = error
        self.always = always

    def heal(self) -> None:
        self.errors.clear()

    def hit(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)
        if name in self.errors:
            raise self.errors[name] if self.always else self.errors.pop(name)


def _watched(name: str) -> Callable[..., Any]:
    def call(self: FailingDisk, *args: Any) -> Any:
        self.hit(name)
        return getattr(Disk, name)(self, *args)

    return call


for _name in CHANGES:
    setattr(FailingDisk, _name, _watched(_name))


class InboxCase(SynchronousTestCase):
    """A test with an inbox in a directory of its own, started."""

    limits = NOTHING_KEPT

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.clock.advance(NOW)
        self.threads = Threads()
        self.tokens = Counted()
        self.arrived: list[Entry] = []
        self.disk = FailingDisk(self.path.absolute())
        self.inbox = self.new_inbox(self.disk)
        self.repaired = self.successResultOf(self.inbox.start())
        self.addCleanup(lambda: self.successResultOf(self.inbox.stop()))

    def new_inbox(self, disk: Disk | None = None, path: Path | None = None) -> Inbox:
        return Inbox(
            path or self.path,
            self.clock,
            self.tokens,
            self.threads,
            arrived=self.arrived.append,
            disk=disk,
            limits=self.limits,
        )

    def restart(self) -> None:
        """Stop, and start on the same directory."""
        self.successResultOf(self.inbox.stop())
        self.disk = FailingDisk(self.path.absolute())
        self.inbox = self.new_inbox(self.disk)
        self.repaired = self.successResultOf(self.inbox.start())

    def entries(self, **query: Any) -> list[Entry]:
        return self.successResultOf(self.inbox.entries(**query))

    def put(self, content: bytes, **facts: Any) -> Entry:
        """A content that came in by MSRP, now an entry."""
        part = self.inbox.part(arriving(**facts), 1 << 40)
        part.write(0, memoryview(content))
        entry = self.successResultOf(part.finish()).entry
        assert entry is not None
        return entry

    def files(self, below: str = "") -> set[str]:
        """Names in the directory, without those of the index."""
        return {path.name for path in (self.path / below).iterdir() if not path.name.startswith(".")} - {"tmp"}

    def assert_in_order(self, inbox: Inbox, path: Path, expected: dict[str, bytes]) -> None:
        """Exactly these contents, by name, each an entry with its file and sidecar, and nothing else."""
        entries = self.successResultOf(inbox.entries(limit=1000))
        found = {}
        names = {"tmp"}
        for entry in entries:
            content = (path / entry.file).read_bytes()
            sidecar = json.loads((path / (entry.file + ".json")).read_text())
            self.assertEqual(sidecar["id"], entry.id)
            self.assertEqual(entry.sha256, hashlib.sha256(content).hexdigest())
            found[entry.about.name] = content
            names |= {entry.file, entry.file + ".json"}
        self.assertEqual(found, expected)
        self.assertEqual(len(entries), len(expected))
        self.assertEqual({name.name for name in path.iterdir() if not name.name.startswith(".")}, names)
        self.assertEqual(list((path / "tmp").iterdir()), [])


def arriving(**facts: Any) -> Arriving:
    """The shortest description that a content can have; override what the test is about."""
    return Arriving(
        **{
            "sender": "sip:push@example.com",
            "asserted": False,
            "to": "sip:alice@example.com",
            "name": "gate.jpg",
            "type": "image/jpeg",
            "mode": "msrp",
            "call_id": "8c1d@push1",
            **facts,
        }
    )

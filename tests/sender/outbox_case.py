"""What the outbox's tests are made of: a thread that is none, an outbox in a temporary directory, the shortest push."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.job import AttemptResult, FileResult, FileState
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_database import Database
from pushsvc.sender.outbox_end import CRASHES
from pushsvc.sender.outbox_records import Push, Submission, Wanted

NOW = 1_800_000_000.0
ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"


def at_once(call: Callable[[], Any]) -> Deferred[Any]:
    """The thread of tests: it is this one."""
    return maybeDeferred(call)


@cache
def _empty() -> bytes:
    """An outbox's database file as it is after its migrations, which take longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "queue.db"
        Database.open(path).close()
        return path.read_bytes()


def opened(path: Path) -> Database:
    """The database at `path`, an empty one when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty())
    return Database.open(path)


class CountingTokens:
    """Words that count up; the fraction is the middle, so that jitter is nothing."""

    def __init__(self) -> None:
        self._count = 0

    def word(self, length: int) -> str:
        self._count += 1
        return f"{self._count:0{length}d}"

    def fraction(self) -> float:
        return 0.5


class OutboxCase(SynchronousTestCase):
    """Has an outbox, and can take it away and bring it back as a crash does; `crashes` is how many in a row park."""

    crashes = CRASHES

    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.open()
        self.addCleanup(self._close)

    def open(self, in_thread: Any = at_once) -> None:
        self.tokens = CountingTokens()
        self.store = ContentStore(self.state / "content", in_thread, self.tokens, floor=0)
        self.store.start()
        self.database = opened(self.state / "queue.db")
        self.outbox = Outbox(self.database, self.store, in_thread)

    def _close(self) -> None:
        """The one that is open then."""
        self.database.close()

    def restart(self, now: float = NOW) -> int:
        """The process dies and another one starts on what is on the disk; how many recipients it had in hand."""
        self.addCleanup(self.database.close)
        left = Path(self.mktemp())
        shutil.copytree(self.state, left)
        self.state = left
        self.open()
        count = self.done(self.outbox.start(now, self.crashes))
        assert isinstance(count, int)
        return count

    def done(self, wanted: Any) -> Any:
        """What this coroutine or Deferred has come to."""
        return self.successResultOf(self.later(wanted))

    def failed(self, wanted: Any, *kinds: type[BaseException]) -> Any:
        """What this coroutine or Deferred has failed with."""
        return self.failureResultOf(self.later(wanted), *kinds).value

    def later(self, wanted: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(wanted) if hasattr(wanted, "send") else wanted

    def content(self, octets: bytes = b"hello", name: str = "note.txt", type: str = "text/plain") -> Wanted:
        upload = self.store.receive()
        upload.write(octets)
        return Wanted(name, type, upload)

    def submission(self, push_id: str = "psh_1", octets: Sequence[bytes] = (b"hello",), **changes: Any) -> Submission:
        values: dict[str, Any] = {
            "id": push_id,
            "to": (ALICE,),
            "contents": tuple(self.content(each, f"{index}.txt") for index, each in enumerate(octets)),
            "submitted_at": NOW,
            "not_after": NOW + 3600,
        }
        return Submission(**(values | changes))

    def put(self, push_id: str = "psh_1", answer: str = "{}", **changes: Any) -> Any:
        return self.done(self.outbox.put(self.submission(push_id, **changes), answer))

    def push(self, push_id: str = "psh_1") -> Push:
        found = self.done(self.outbox.push(push_id))
        assert isinstance(found, Push)
        return found

    def states(self, push_id: str = "psh_1") -> list[str]:
        return [recipient.state.value for recipient in self.push(push_id).recipients]


def delivered(*names: str, **changes: Any) -> AttemptResult:
    """The result of an attempt that delivered these files."""
    files = tuple(FileResult(name, FileState.DELIVERED, 200) for name in names)
    values: dict[str, Any] = {"files": files, "mode": "msrp", "sip_status": 200}
    return AttemptResult(**(values | changes))

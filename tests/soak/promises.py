"""What has to be true when a world has come to its end: promises 1 to 5 of docs/architecture.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pushsvc.receiver.inbox_entry import Entry
from pushsvc.sender.job import FileState
from pushsvc.sender.outbox_records import Push
from pushsvc.sender.outcome import OPEN, SUCCESS, State
from tests.soak.plan import SHORT, SMALL, Plan


def check_nothing_left(where: str, leftovers: Mapping[str, int]) -> None:
    """Promise 5."""
    left = {what: count for what, count in leftovers.items() if count}
    assert not left, f"left at {where}: {left}"


def check_end(push: Push, plan: Plan) -> None:
    """Promise 4. A refusal is one that was planned, and in a calm world nothing fails."""
    (recipient,) = push.recipients
    state, reason = recipient.state, recipient.reason or ""
    what = f"{push.id} is {state.value}: {reason}"
    assert state not in OPEN, what
    assert reason or state in SUCCESS, f"{what}: nobody knows why"
    refusals = {"603": plan.rules, "488": plan.max_size == SMALL, "413": plan.disk_trouble}
    if state is State.REJECTED:
        assert any(status in reason and planned for status, planned in refusals.items()), what
    if plan.calm:
        assert state is not State.UNDELIVERABLE, what
        assert state is not State.EXPIRED or SHORT in (push.time_to_live for push in plan.pushes), what


class Kept:
    """Promises 2 and 3: what is in the inbox, each content once and as it was, and nothing else."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._contents = Counter((entry.about.name, entry.sha256) for entry in entries)
        self._names = Counter(entry.about.name for entry in entries)

    def check(self, push: Push, names: Sequence[str]) -> None:
        """The contents of this push, which have these names."""
        (recipient,) = push.recipients
        for content, name, file in zip(push.contents, names, recipient.files, strict=True):
            times = self._contents.pop((name, content.sha256), 0)
            assert self._names.pop(name, 0) == times, f"{name} has other octets"
            assert times <= 1, f"{name} was received {times} times"
            delivered = file is not None and file.result is FileState.DELIVERED
            assert times == 1 or not delivered, f"{name} is said to be delivered, and is not there"

    def check_no_more(self) -> None:
        """All pushes have been checked."""
        assert not self._contents, f"nobody has pushed {self._contents}"

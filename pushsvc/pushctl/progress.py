"""How a push is doing while somebody waits for it: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import attrs
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pushsvc.pushctl.client import Api, Json
from pushsvc.pushctl.output import printable, size_words

FINAL = frozenset({"delivered", "accepted", "rejected", "undeliverable", "expired", "cancelled"})
LINE_EVERY = 2.0  # seconds between two lines that say only that more octets went


class Watcher(Protocol):
    """Is shown how far things are."""

    def uploaded(self, octets: int, size: int) -> None:
        """So many octets of the content have reached the sender's daemon."""

    def saw(self, push: Json) -> None:
        """The push as the API tells it now."""


class Quiet:
    """Shows nothing."""

    def uploaded(self, octets: int, size: int) -> None:
        """Nothing to show."""

    def saw(self, push: Json) -> None:
        """Nothing to show."""


@attrs.define
class Bars:
    """A bar for the upload and one for each recipient."""

    _progress: Progress
    _bars: dict[str, TaskID] = attrs.field(factory=dict)

    def uploaded(self, octets: int, size: int) -> None:
        self._show("upload", "to push-sender", octets, size)

    def saw(self, push: Json) -> None:
        for recipient in push["recipients"]:
            sent, size = octets_of(recipient, push)
            self._show(recipient["to"], state_words(recipient), sent, size)

    def _show(self, name: str, state: str, octets: int, size: int) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(printable(name), state="")
        self._progress.update(self._bars[name], completed=octets, total=max(size, 1), state=state)


@attrs.define
class Lines:
    """A line whenever a recipient's state changes, and now and then while octets go."""

    _say: Callable[[str], None]
    _clock: Callable[[], float] = time.monotonic
    _last: dict[str, tuple[str, float]] = attrs.field(factory=dict)

    def uploaded(self, octets: int, size: int) -> None:
        self._tell("upload", "done" if octets >= size else "sending", octets, size)

    def saw(self, push: Json) -> None:
        for recipient in push["recipients"]:
            self._tell(recipient["to"], state_words(recipient), *octets_of(recipient, push))

    def _tell(self, name: str, state: str, octets: int, size: int) -> None:
        said, at = self._last.get(name, ("", 0.0))
        now = self._clock()
        if state == said and (state != "sending" or now < at + LINE_EVERY):
            return
        self._last[name] = (state, now)
        self._say(printable(f"{name}: {state}, {size_words(octets)} of {size_words(size)}"))


def octets_of(recipient: Json, push: Json) -> tuple[int, int]:
    """How many octets the recipient has acknowledged, of how many."""
    whole = sum(content["size"] for content in push["contents"])
    progress = recipient.get("progress") or {}
    done = whole if recipient["state"] == "delivered" else progress.get("acknowledged", 0)
    return done, progress.get("size") or whole


def state_words(recipient: Json) -> str:
    """`waiting (486 Busy Here)`."""
    reason = recipient.get("reason")
    return printable(f"{recipient['state']} ({reason})" if reason else recipient["state"])


def watcher(console: Console, say: Callable[[str], None]) -> AbstractContextManager[Watcher]:
    """The watcher that suits where stderr goes."""
    return _bars(console) if console.is_terminal else _lines(say)


@contextmanager
def _bars(console: Console) -> Iterator[Watcher]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)


@contextmanager
def _lines(say: Callable[[str], None]) -> Iterator[Watcher]:
    yield Lines(say)


def follow(api: Api, push: Json, watch: Watcher, within: float) -> Json:
    """Ask for the push until all its recipients are final, or `within` seconds are over; the last answer."""
    end = time.monotonic() + within
    pause = 0.05
    while True:
        watch.saw(push)
        now = time.monotonic()
        if is_final(push) or now >= end:
            return push
        time.sleep(min(pause, end - now))
        pause = min(pause * 1.5, 1.0)
        push = api.get("v1", "pushes", push["id"])


def is_final(push: Json) -> bool:
    """Whether nothing more will happen to this push."""
    return all(recipient["state"] in FINAL for recipient in push["recipients"])

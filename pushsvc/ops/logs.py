"""The daemon's log: which events, how many of them, in which form, and where to. One line is made in `log_lines`."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
from twisted.logger import ILogObserver, LogEvent, LogLevel
from twisted.python.components import Componentized
from zope.interface import implementer

from pushsvc.config import Log, LogFormat
from pushsvc.ops.log_lines import Writer, json_line, text_line

PER_SECOND = 10  # of one kind of event; a peer decides how often many of them happen
STDOUT = 1

Kind = tuple[str, str, str]  # logger, level, format


@attrs.define
class Output:
    """Where lines go: a descriptor, or a file that is opened again by `reopen` after somebody has moved it."""

    path: Path | None = None
    _descriptor: int = STDOUT

    def __attrs_post_init__(self) -> None:
        self.reopen()

    def write(self, line: bytes) -> None:
        """One call and no buffer: a line is never half there, and it is there when the process is killed."""
        try:
            os.write(self._descriptor, line)
        except OSError:
            return  # the log's disk is full, or its reader is gone: the service goes on

    def reopen(self) -> None:
        """OSError: the file cannot be opened; the old one stays in use."""
        if self.path is None:
            return
        opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if self._descriptor != STDOUT:
            os.close(self._descriptor)
        self._descriptor = opened

    def on_terminal(self) -> bool:
        return os.isatty(self._descriptor)


@attrs.define
class Rate:
    """Lets so many events of each kind through in each second, and counts the others."""

    limit: int = PER_SECOND
    _second: int = 0
    _seen: Counter[Kind] = attrs.field(factory=Counter)

    def admits(self, kind: Kind) -> bool:
        self._seen[kind] += 1
        return self._seen[kind] <= self.limit

    def keeps_back(self, kind: Kind, now: float) -> bool:
        """Whether an event of this kind would be one too many; it need not be made then, and is counted already."""
        if self._seen[kind] < self.limit or int(now) != self._second:
            return False
        self._seen[kind] += 1
        return True

    def turn(self, now: float) -> list[tuple[Kind, int]]:
        """What was kept back in the second that is over; nothing while it is not."""
        if int(now) == self._second:
            return []
        # A copy: worker threads log, too.
        kept_back = [(kind, count - self.limit) for kind, count in list(self._seen.items()) if count > self.limit]
        self._second = int(now)
        self._seen.clear()
        return kept_back


@implementer(ILogObserver)
class LogObserver:
    """Writes events as lines. An event with `log_unlimited=True` is never kept back."""

    def __init__(self, output: Output, settings: Log) -> None:
        self._output = output
        self._rate = Rate()
        self.configure(settings)

    def configure(self, settings: Log) -> None:
        """Take over the level and the form."""
        self._threshold = LogLevel.levelWithName(settings.level.value)
        text = settings.format is LogFormat.TEXT
        if settings.format is LogFormat.AUTO:
            text = self._output.on_terminal()
        self._line: Writer = text_line if text else json_line

    def wants(self, level: Any, kind: Kind, now: float, *, unlimited: bool) -> bool:
        """Whether an event of this kind would become a line now; one that is not wanted counts as kept back."""
        return level >= self._threshold and (unlimited or not self._rate.keeps_back(kind, now))

    def reopen(self) -> None:
        self._output.reopen()

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level") or LogLevel.info
        if level < self._threshold:
            return
        kind = (event.get("log_namespace") or "", level.name, event.get("log_format") or "")
        for (namespace, name, words), count in self._rate.turn(event.get("log_time", 0.0)):
            self._write(_kept_back(event, namespace, name, words, count))
        if event.get("log_unlimited") or self._rate.admits(kind):
            self._write(event)

    def _write(self, event: LogEvent) -> None:
        self._output.write(self._line(event))


_installed: list[LogObserver] = []  # as global as Twisted's own log publisher; at most one item


def install(application: Componentized, observer: LogObserver) -> None:
    """Let twistd write its log through this observer, from its very first line on."""
    application.setComponent(ILogObserver, observer)
    _installed[:] = [observer]


def reconfigure(settings: Log) -> None:
    """Change level and form of the installed observer, and open its file again."""
    for observer in _installed:
        observer.configure(settings)
        observer.reopen()


def is_wanted(namespace: str, level: Any, words: str, *, unlimited: bool = False) -> bool:
    """Whether an event is worth the making. Where no observer is installed, anybody may listen."""
    if not _installed:
        return True
    return _installed[0].wants(level, (namespace, level.name, words), time.time(), unlimited=unlimited)


def _kept_back(event: LogEvent, namespace: str, level: str, words: str, count: int) -> LogEvent:
    """The event that stands for the ones that were not written."""
    return {
        "log_time": event.get("log_time", 0.0),
        "log_level": LogLevel.levelWithName(level),
        "log_namespace": namespace,
        "log_format": "more of these were not logged",
        "what": words,
        "count": count,
    }

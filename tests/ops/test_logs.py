"""Which events become lines, and where the lines go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.application.service import Application
from twisted.logger import ILogObserver, LogLevel
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pushsvc.config import Level, Log, LogFormat
from pushsvc.ops import logs
from pushsvc.ops.logs import LogObserver, Output, install, reconfigure


class Lines(Output):
    """Keeps what would be written."""

    def __init__(self, terminal: bool = False) -> None:
        self.path = None
        self.lines: list[str] = []
        self.terminal = terminal

    def write(self, line: bytes) -> None:
        self.lines.append(line.decode())

    def on_terminal(self) -> bool:
        return self.terminal


def event(words: str, at: float = 1000.0, level: Any = LogLevel.info, **fields: Any) -> dict[str, Any]:
    return {
        **fields,
        "log_time": at,
        "log_level": level,
        "log_format": words,
        "log_namespace": "pushsvc.x",
    }


class Observer(SynchronousTestCase):
    """Level, form, rate."""

    def setUp(self) -> None:
        self.output = Lines()
        self.observer = LogObserver(self.output, Log(format=LogFormat.TEXT))

    def words(self) -> list[str]:
        """The lines without their times."""
        return [line.partition(" ")[2].rstrip("\n") for line in self.output.lines]

    def test_twistd_takes_it_for_an_observer(self) -> None:
        """One that does not say so is called for ever."""
        self.assertTrue(verifyObject(ILogObserver, self.observer))

    def test_events_below_the_level_are_not_written(self) -> None:
        """And the level can be changed while it runs."""
        self.observer(event("a", level=LogLevel.debug))
        self.observer.configure(Log(level=Level.DEBUG, format=LogFormat.TEXT))
        self.observer(event("b", level=LogLevel.debug))
        self.observer.configure(Log(level=Level.ERROR, format=LogFormat.TEXT))
        for level in (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical):
            self.observer(event("c", level=level))
        self.assertEqual(self.words(), ["debug b", "error c", "critical c"])

    def test_auto_is_text_on_a_terminal_and_json_elsewhere(self) -> None:
        """People look at terminals."""
        for terminal, first in ((True, "1970"), (False, '{"time": "1970')):
            output = Lines(terminal)
            LogObserver(output, Log())(event("a"))
            self.assertTrue(output.lines[0].startswith(first), output.lines)

    def test_json_can_be_asked_for_on_a_terminal(self) -> None:
        """And is what it says."""
        self.observer.configure(Log(format=LogFormat.JSON))
        self.observer(event("a", code=1))
        self.assertEqual(json.loads(self.output.lines[0])["code"], 1)

    def test_a_kind_of_event_is_written_ten_times_a_second_and_then_counted(self) -> None:
        """A peer that sends garbage cannot fill the disk. Other kinds are not concerned."""
        for index in range(25):
            self.observer(event("garbage {n}", at=1000.01 * 1, n=index))
        self.observer(event("other", at=1000.9))
        self.observer(event("other", at=1001.1))
        self.assertEqual(
            self.words(),
            [f"info garbage {n} n={n}" for n in range(10)]
            + ["info other", 'info more of these were not logged what="garbage {n}" count=15', "info other"],
        )

    def test_the_next_second_starts_anew(self) -> None:
        """Ten more, and no count where nothing was kept back."""
        for second in (1000, 1001, 1002):
            for _ in range(10):
                self.observer(event("a", at=second + 0.5))
        self.assertEqual(self.words(), ["info a"] * 30)

    def test_who_asks_first_need_not_make_what_would_be_kept_back(self) -> None:
        """It is counted all the same; a new second begins with a line."""
        kind = ("pushsvc.x", "info", "a")

        def happened(at: float) -> None:
            if self.observer.wants(LogLevel.info, kind, at, unlimited=False):
                self.observer(event("a", at, log_namespace="pushsvc.x"))

        for _ in range(30):
            happened(1000.5)
        happened(1001.0)
        expected = ["info a"] * 10 + ["info more of these were not logged what=a count=20", "info a"]
        self.assertEqual(self.words(), expected)
        self.assertTrue(self.observer.wants(LogLevel.info, kind, 1001.0, unlimited=True))

    def test_an_event_can_ask_to_be_written_always(self) -> None:
        """The account of what was delivered must have no holes."""
        for _ in range(30):
            self.observer(event("a", log_unlimited=True))
        self.assertEqual(self.words(), ["info a"] * 30)

    def test_an_event_without_level_or_format_is_written_too(self) -> None:
        """twisted.python.log still makes them."""
        self.observer({"log_time": 1000.0, "log_namespace": "log_legacy"})
        self.assertEqual(len(self.output.lines), 1)


class Outputs(SynchronousTestCase):
    """Where lines go."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_a_file_is_appended_to_line_by_line(self) -> None:
        """Nothing waits in a buffer when the process is killed."""
        self.path.write_text("old\n")
        output = Output(self.path)
        output.write(b"new\n")
        self.assertEqual(self.path.read_text(), "old\nnew\n")
        self.assertFalse(output.on_terminal())

    def test_a_file_that_was_moved_away_is_opened_again(self) -> None:
        """logrotate, then HUP. No descriptor is left behind."""
        output = Output(self.path)
        output.write(b"1\n")
        self.path.rename(f"{self.path}.1")
        before = len(os.listdir("/proc/self/fd"))
        output.reopen()
        output.write(b"2\n")
        self.assertEqual((self.path.read_text(), len(os.listdir("/proc/self/fd"))), ("2\n", before))

    def test_a_full_disk_does_not_stop_the_service(self) -> None:
        """Lines are lost then, and nothing else."""
        output = Output(Path("/dev/full"))
        output.write(b"lost\n")

    def test_without_a_file_it_is_standard_output(self) -> None:
        """And there is nothing to open again."""
        reader, writer = os.pipe()
        output = Output(None, writer)
        output.reopen()
        output.write(b"line\n")
        self.assertEqual(os.read(reader, 100), b"line\n")
        os.close(reader)
        output.write(b"nobody reads\n")
        os.close(writer)


class Installed(SynchronousTestCase):
    """The observer of the process."""

    def setUp(self) -> None:
        self.patch(logs, "_installed", [])
        self.output = Lines()
        self.observer = LogObserver(self.output, Log(format=LogFormat.TEXT))

    def test_twistd_finds_it_in_the_application(self) -> None:
        """So that the first lines have our form already."""
        application = Application("x")
        install(application, self.observer)
        self.assertIs(application.getComponent(ILogObserver), self.observer)

    def test_a_reload_reaches_it(self) -> None:
        """Wherever the reload comes from."""
        install(Application("x"), self.observer)
        reconfigure(Log(level=Level.ERROR, format=LogFormat.TEXT))
        self.observer(event("a"))
        self.assertEqual(self.output.lines, [])

    def test_it_says_whether_an_event_is_worth_the_making(self) -> None:
        """By its level, also after a reload. Where it is not the observer, somebody else may want all."""
        self.assertTrue(logs.is_wanted("pushsvc.x", LogLevel.debug, "a"))
        install(Application("x"), self.observer)
        self.assertFalse(logs.is_wanted("pushsvc.x", LogLevel.debug, "a", unlimited=True))
        reconfigure(Log(level=Level.DEBUG, format=LogFormat.TEXT))
        self.assertTrue(logs.is_wanted("pushsvc.x", LogLevel.debug, "a"))

    def test_without_one_a_reload_has_nothing_to_do(self) -> None:
        """twistd was told to use another observer."""
        reconfigure(Log())

"""systemd restarts what does not talk to it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.sd_notify import Notifier, WatchdogService, watchdog_interval


class Systemd:
    """systemd's end of the socket."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(address)

    def heard(self) -> list[str]:
        heard = []
        while True:
            try:
                heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return heard


class NotifyCase(SynchronousTestCase):
    def setUp(self) -> None:
        # A name of its own in the abstract name space: no path that could be too long.
        name = f"pushsvc-test-{os.getpid()}-{id(self)}"
        self.systemd = Systemd(f"\0{name}")
        self.addCleanup(self.systemd.socket.close)
        self.notifier = Notifier.from_environment({"NOTIFY_SOCKET": f"@{name}"})


class Words(NotifyCase):
    """What is said."""

    def test_each_word_is_one_datagram(self) -> None:
        """sd_notify(3)"""
        self.notifier.ready("serving")
        self.notifier.status("3 pushes\nwait")
        self.notifier.stopping()
        self.notifier.watchdog()
        self.assertEqual(
            self.systemd.heard(), ["READY=1\nSTATUS=serving", "STATUS=3 pushes wait", "STOPPING=1", "WATCHDOG=1"]
        )

    def test_reloading_carries_the_monotonic_time(self) -> None:
        """systemd matches it with the READY that follows."""
        self.notifier.reloading()
        (heard,) = self.systemd.heard()
        self.assertRegex(heard, r"\ARELOADING=1\nMONOTONIC_USEC=[0-9]+\Z")

    def test_a_path_works_as_well_as_an_abstract_name(self) -> None:
        """Containers have paths."""
        directory = Path(self.mktemp())
        directory.mkdir()
        here = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, here)
        self.addCleanup(os.fchdir, here)
        os.chdir(directory)  # a socket's path must be short
        systemd = Systemd("notify")
        self.addCleanup(systemd.socket.close)
        Notifier("notify").ready()
        self.assertEqual(systemd.heard(), ["READY=1"])

    def test_without_systemd_nothing_is_said(self) -> None:
        """On a terminal."""
        Notifier.from_environment({}).ready()
        self.assertEqual(self.systemd.heard(), [])

    def test_a_systemd_that_is_gone_harms_nobody(self) -> None:
        """The service goes on, and says so once."""
        self.systemd.socket.close()
        with capturedLogs() as events:
            self.notifier.ready()
        self.assertEqual([event["log_format"] for event in events], ["systemd cannot be told"])


class Watchdog(NotifyCase):
    """Signs of life."""

    def test_it_says_so_until_it_is_stopped(self) -> None:
        """Once at start, then every interval; and no timer stays."""
        clock = Clock()
        service = WatchdogService(clock, self.notifier, 15.0)
        service.startService()
        clock.pump([15.0, 15.0])
        self.assertEqual(self.systemd.heard(), ["WATCHDOG=1"] * 3)
        service.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_without_an_interval_it_is_silent(self) -> None:
        """No WatchdogSec= in the unit."""
        clock = Clock()
        service = WatchdogService(clock, self.notifier, 0.0)
        service.startService()
        service.stopService()
        self.assertEqual((self.systemd.heard(), clock.getDelayedCalls()), ([], []))

    def test_the_interval_is_half_of_what_systemd_waits(self) -> None:
        """sd_watchdog_enabled(3); and only when it is our own watchdog."""
        for environ, seconds in (
            ({"WATCHDOG_USEC": "30000000"}, 15.0),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0.0),
            ({"WATCHDOG_USEC": "x"}, 0.0),
            ({}, 0.0),
        ):
            self.assertEqual(watchdog_interval(environ, 7), seconds)

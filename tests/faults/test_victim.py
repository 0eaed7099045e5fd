"""tests.faults.victim: what is seen of a process that is about to end, and of one that has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.daemon import Daemon
from tests.faults.shim import _STRUCK, Action, Kind
from tests.faults.victim import Victim


@attrs.define
class _Daemon:
    """As much of a daemon as a victim asks for; `done` is what it was told."""

    directory: Path
    pid: int = 0
    alive: bool = True
    environment: dict[str, str] = attrs.Factory(dict)
    done: list[str] = attrs.Factory(list)

    @property
    def state(self) -> Path:
        return self.directory

    @property
    def is_ready(self) -> bool:
        return self.alive

    @property
    def exit_code(self) -> int | None:
        return None if self.alive else -9

    def kill(self) -> None:
        self.done.append("kill")
        self.alive = False

    def start(self) -> None:
        self.done.append("start")
        self.alive = True

    def wait_until_ready(self) -> None:
        self.done.append("ready")


class Seeing(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.daemon = _Daemon(directory)
        self.victim = Victim(cast(Daemon, self.daemon), directory / "shim.so")

    def strike(self, action: Action) -> None:
        self.victim.shim.arm(1, [Kind.WRITE], action)
        self.victim.shim._put("I", _STRUCK, 1)

    def test_who_was_struck_dead_is_not_taken_for_alive(self) -> None:
        """It is marked before it dies: in between it is alive, and ready, and nobody would start it again."""
        for action in (Action.KILL, Action.TEAR):
            self.strike(action)
            self.victim.revive()
            self.assertEqual(self.daemon.done, ["kill", "start", "ready"])
            self.victim.revive()
            self.assertEqual(self.daemon.done, ["kill", "start", "ready"])
            self.daemon.done.clear()

    def test_who_survives_a_fault_goes_on(self) -> None:
        self.strike(Action.FAIL)
        self.victim.revive()
        self.assertEqual(self.daemon.done, [])

    def test_a_process_that_ended_has_no_footprint(self) -> None:
        """Not one of 0 octets, from which everything later has grown."""
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            self.daemon.pid = process.pid
            self.victim.look()
        self.assertEqual(self.victim.footprints, [])
        self.daemon.pid = os.getpid()
        self.victim.look()
        self.assertEqual(len(self.victim.footprints), 1)

"""The systemd units: they fit what the daemons do, and let them do nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import pushsvc

UNITS = Path(pushsvc.__file__).parent.parent / "etc" / "systemd"
NAMES = ("push-sender", "push-receiver")


def settings(name: str) -> dict[str, str]:
    """Key and last value of each line of a unit."""
    lines = (UNITS / f"{name}.service").read_text("utf-8").splitlines()
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines if line[:1].isalpha()}


class Units(SynchronousTestCase):
    """etc/systemd/*.service"""

    def test_they_start_what_the_plugin_offers(self) -> None:
        """In the foreground: systemd is the one that watches."""
        for name in NAMES:
            self.assertEqual(
                settings(name)["ExecStart"],
                f"/usr/bin/env twistd --nodaemon --pidfile= {name} --config /etc/pushsvc/{name[5:]}.toml",
            )

    def test_they_rely_on_what_the_daemons_promise(self) -> None:
        """Readiness, signs of life, reload by HUP, exit codes, a state directory."""
        for name in NAMES:
            unit = settings(name)
            self.assertEqual(
                [unit[key] for key in ("Type", "WatchdogSec", "ExecReload", "Restart", "StateDirectory")],
                ["notify", "30s", "/bin/kill -HUP $MAINPID", "on-failure", name],
            )
            self.assertEqual(unit["RestartPreventExitStatus"], "64 73 77 78")

    def test_memory_may_be_made_executable(self) -> None:
        """pyOpenSSL's callbacks are made at run time: with `yes`, TLS crashes."""
        for name in NAMES:
            self.assertEqual(settings(name)["MemoryDenyWriteExecute"], "no")

    def test_systemd_finds_no_fault(self) -> None:
        """No unknown key, no bad value; and an exposure of 2.0 at most."""
        if not shutil.which("systemd-analyze"):
            raise SkipTest("systemd-analyze is not on this machine")
        for name in NAMES:
            path = str(UNITS / f"{name}.service")
            for command in (
                ["verify", "--man=no", "--recursive-errors=yes"],
                ["security", "--offline=true", "--no-pager", "--threshold=20"],
            ):
                done = subprocess.run(
                    ["systemd-analyze", *command, path], capture_output=True, encoding="utf-8", timeout=60, check=False
                )
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)

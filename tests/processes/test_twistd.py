"""The command line of the daemons, through real twistd processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.daemon import twistd

FIVE_MISTAKES = """\
[sip]
identity = "not a uri"
listen = ["udp:127.0.0.1:99999"]
colour = "red"
[msrp]
chunk = "64 parsecs"
[delivery]
mode = "pigeon"
"""


def run(*arguments: str, cwd: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(twistd()), "--nodaemon", "--pidfile=", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


class CommandLine(SynchronousTestCase):
    """What an operator sees before anything runs."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_help_names_every_option(self) -> None:
        for role in ("push-sender", "push-receiver"):
            shown = run(role, "--help", cwd=str(self.folder))
            self.assertEqual(shown.returncode, 0, shown.stderr)
            for option in (
                "--config",
                "--set",
                "--state-dir",
                "--check",
                "--print-config",
                "--ready-file",
                "--version",
            ):
                self.assertIn(option, shown.stdout)

    def test_check_shows_all_five_mistakes_at_once(self) -> None:
        """Nobody likes to mend a file one error at a time."""
        path = self.folder / "sender.toml"
        path.write_text(FIVE_MISTAKES)
        shown = run("push-sender", "--config", "sender.toml", "--check", cwd=str(self.folder))
        lines = shown.stderr.splitlines()
        self.assertEqual((shown.returncode, len(lines)), (78, 5), shown.stderr)
        for line, number in zip(lines, (2, 3, 4, 6, 8), strict=True):
            self.assertTrue(line.startswith(f"sender.toml:{number}: "), line)
        self.assertEqual(shown.stdout, "")

    def test_check_of_the_shipped_files_finds_nothing(self) -> None:
        etc = Path(__file__).resolve().parents[2] / "etc"
        for role in ("sender", "receiver"):
            shown = run(f"push-{role}", "--config", str(etc / f"{role}.toml"), "--check", cwd=str(self.folder))
            self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_an_address_in_use_is_said_and_exits_69(self) -> None:
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            shown = run(
                "push-receiver", "--config", "/dev/null", f'--set=sip.listen=["tcp:127.0.0.1:{port}"]',
                "--set=msrp.listen=tls:127.0.0.1:0", "--set=api.listen=", "--state-dir", "state",
                cwd=str(self.folder),
            )  # fmt: skip
        self.assertEqual(shown.returncode, 69, shown.stdout + shown.stderr)

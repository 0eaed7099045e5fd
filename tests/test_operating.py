"""docs/operating.md: what operators and programs touch is on it, all of it, by its name."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.exits import Exit as DaemonExit
from pushsvc.ops.metrics import ReceiverMetrics, SenderMetrics
from pushsvc.pushctl.exits import Exit

ROOT = Path(__file__).parent.parent


class Operating(SynchronousTestCase):
    """Nobody should have to read the code to run the service."""

    def setUp(self) -> None:
        self.page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

    def test_every_metric(self) -> None:
        """And none that is not there."""
        exposed = SenderMetrics().exposition() + ReceiverMetrics().exposition()
        names = set(re.findall(r"^# TYPE (pushsvc_\w+)", exposed.decode(), re.MULTILINE))
        self.assertEqual(set(re.findall(r"`(pushsvc_\w+)`", self.page)), names)

    def test_every_path(self) -> None:
        """As the resources name themselves; and none that is not there."""
        files = ("sender/http_api.py", "receiver/http_api.py", "api/doctor.py")
        sources = [(ROOT / "pushsvc" / file).read_text("utf-8") for file in files]
        paths = {found.partition("?")[0] for source in sources for found in re.findall(r'"""(/v1/[^\s":]+)', source)}
        told = {path.partition("?")[0] for path in re.findall(r"`[A-Z]+ (/v1/[^`]+)`", self.page)}
        self.assertEqual(told, paths | {"/v1/events"})

    def test_every_exit_code(self) -> None:
        """Of the daemons, and of pushctl."""
        daemons, _, pushctl = self.page.partition("## pushctl")
        for part, codes in ((daemons, set(DaemonExit)), (pushctl, set(Exit) - {Exit.INTERRUPTED})):
            rows = re.findall(r"^\| ([\d, ]+) \|", part, re.MULTILINE)
            told = {int(code) for row in rows for code in row.split(", ")}
            self.assertEqual({int(code) for code in codes} - told, set())

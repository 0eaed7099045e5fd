"""HUP: the new configuration is in force as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config import SenderConfig, load_sender
from pushsvc.ops import reload
from pushsvc.ops.reload import Reload


class Told:
    """A notifier that remembers."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def reloading(self) -> None:
        self.words.append("reloading")

    def ready(self) -> None:
        self.words.append("ready")


class Reloading(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()
        self.file.write_text("[sip]\nt1 = 1\n")
        self.applied: list[SenderConfig] = []
        self.logs: list[object] = []
        self.patch(reload.logs, "reconfigure", self.logs.append)
        self.notifier = Told()
        self.reload = Reload(load_sender(self.file), self.notifier, self.applied.append)  # type: ignore[arg-type]

    def test_a_good_file_is_applied_and_is_the_one_in_use(self) -> None:
        """Product and log both; systemd hears of begin and end."""
        self.file.write_text("[sip]\nt1 = 2\n")
        self.reload()
        self.assertEqual([config.sip.t1 for config in self.applied], [2.0])
        self.assertEqual(self.logs, [self.reload.config.log])
        self.assertEqual(self.reload.config.sip.t1, 2.0)
        self.assertEqual(self.notifier.words, ["reloading", "ready"])

    def test_a_bad_file_changes_nothing_and_every_mistake_is_logged(self) -> None:
        """systemd is told that we are ready: we are."""
        self.file.write_text("foo = 1\n[sip]\nt1 = 'x'\n")
        with capturedLogs() as events:
            self.reload()
        self.assertEqual(
            [str(event.get("mistake", event.get("mistakes"))).replace(str(self.file), "f")[:12] for event in events],
            ["f:1: foo: un", "f:3: sip.t1:", "2"],
        )
        self.assertEqual((self.applied, self.logs, self.reload.config.sip.t1), ([], [], 1.0))
        self.assertEqual(self.notifier.words, ["reloading", "ready"])

    def test_what_the_product_refuses_is_not_in_use(self) -> None:
        """A port that cannot be had, say."""

        def refuse(config: SenderConfig) -> None:
            raise OSError("no")

        self.reload._apply = refuse
        self.file.write_text("[sip]\nt1 = 2\n")
        self.assertRaises(OSError, self.reload)
        self.assertEqual((self.logs, self.reload.config.sip.t1), ([], 1.0))
        self.assertEqual(self.notifier.words, ["reloading", "ready"])

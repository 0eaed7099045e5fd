"""What daemons do about a state directory that is not as they left it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import attrs

from pushsvc.pushctl.daemon import DaemonFailed
from tests.processes.pushing import LabCase, made_up

FOREIGN = "notes of the operator.txt"


class State(LabCase):
    """[G9] No fault of it needs a hand where one can be done without, and where not it is said."""

    def test_a_second_process_is_refused_and_the_first_notices_nothing(self) -> None:
        lab = self.lab()
        for daemon in (lab.sender, lab.receiver):
            second = attrs.evolve(
                daemon, settings={**daemon.settings, "sip.listen": '["udp:127.0.0.1:0"]', "api.listen": '""'}
            )
            second.ready_file.unlink()
            second.start()
            self.addCleanup(second.kill)
            failed = self.assertRaises(DaemonFailed, second.wait_until_ready)
            self.assertEqual(second.exit_code, 69, failed)
            self.assertIn("another process works in this state directory", second.log_tail())
            self.assertTrue(daemon.alive)
        octets = made_up(50_000)
        self.assertEqual(self.final(lab, self.submit(lab, octets))["state"], "delivered")
        self.assert_in_inbox(lab, octets)

    def test_foreign_files_and_a_cut_index(self) -> None:
        """The receiver makes its index again from what is there; what is not ours stays where it is."""
        lab = self.lab()
        before, after = made_up(50_000), made_up(500)
        self.assertEqual(self.final(lab, self.submit(lab, before))["state"], "delivered")
        self.assertIn(lab.receiver.stop(), (0, -signal.SIGTERM))
        self.assertIn(lab.sender.stop(), (0, -signal.SIGTERM))
        folders = [lab.sender.state, lab.sender.state / "content", lab.receiver.state, lab.receiver.state / "inbox"]
        for folder in folders:
            (folder / FOREIGN).write_text("not yours")
        _halve(lab.receiver.state / "inbox" / ".index.db")
        lab.start()
        self.assert_in_inbox(lab, before)
        self.assertEqual(self.final(lab, self.submit(lab, after))["state"], "delivered")
        self.assert_in_inbox(lab, before, after)
        self.assertEqual([(folder / FOREIGN).read_text() for folder in folders], ["not yours"] * len(folders))

    def test_a_cut_queue_is_told_and_not_replaced(self) -> None:
        """What was accepted is in it: who throws that away has to be a person."""
        lab = self.lab()
        self.assertEqual(self.final(lab, self.submit(lab, b"here"))["state"], "delivered")
        self.assertIn(lab.sender.stop(), (0, -signal.SIGTERM))
        _halve(lab.sender.state / "queue.db")
        size = (lab.sender.state / "queue.db").stat().st_size
        lab.sender.start()
        self.assertRaises(DaemonFailed, lab.sender.wait_until_ready)
        self.assertEqual(lab.sender.exit_code, 74)
        self.assertIn("queue.db", lab.sender.log_tail())
        self.assertEqual((lab.sender.state / "queue.db").stat().st_size, size)


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)

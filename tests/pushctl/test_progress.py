"""What somebody sees who waits."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.progress import LINE_EVERY, Lines, is_final, octets_of, watcher
from tests.pushctl.scripted import a_push


class PlainLines(SynchronousTestCase):
    """A log file must not fill with progress."""

    def test_same_state_is_told_again_only_now_and_then(self) -> None:
        """Octets move all the time; a line every two seconds is enough."""
        said: list[str] = []
        clock = Clock()
        lines = Lines(said.append, clock.seconds)
        for seconds in (0.0, 0.5, LINE_EVERY - 0.6, 0.1, 0.1):
            clock.advance(seconds)
            lines.uploaded(1024, 4096)
        lines.uploaded(4096, 4096)
        self.assertEqual(said, ["upload: sending, 1.0 KiB of 4.0 KiB"] * 2 + ["upload: done, 4.0 KiB of 4.0 KiB"])

    def test_waiting_is_told_once(self) -> None:
        """A push may wait for hours."""
        said: list[str] = []
        clock = Clock()
        lines = Lines(said.append, clock.seconds)
        for _ in range(3):
            clock.advance(100.0)
            lines.saw(a_push("waiting"))
        self.assertEqual(said, ["sip:alice@example.com: waiting, 0 B of 1000 B"])


class TerminalBars(SynchronousTestCase):
    """On a terminal there is a bar for each recipient."""

    def test_show_every_recipient(self) -> None:
        """Who has it, and who has not."""
        stream = StringIO()
        console = Console(file=stream, force_terminal=True, width=120)
        with watcher(console, lambda words: None) as watch:
            watch.uploaded(1000, 1000)
            watch.saw(a_push("sending", "delivered"))
        for words in (
            "upload",
            "sip:alice@example.com",
            "sip:bob@example.com",
            "sending",
            "delivered",
            "400/1,000 bytes",
        ):
            self.assertIn(words, stream.getvalue())


class Counting(SynchronousTestCase):
    """How far is far."""

    def test_delivered_means_every_octet(self) -> None:
        """Also when the daemon no longer tells progress."""
        push = a_push("delivered", "sending", "queued")
        self.assertEqual([octets_of(each, push) for each in push["recipients"]], [(1000, 1000), (400, 1000), (0, 1000)])

    def test_final_needs_every_recipient(self) -> None:
        """One that still waits is reason enough to wait."""
        self.assertTrue(is_final(a_push("delivered", "expired", "cancelled")))
        self.assertFalse(is_final(a_push("delivered", "waiting")))

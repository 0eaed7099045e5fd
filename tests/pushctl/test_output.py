"""How results look."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.output import cell, columns, printable, size_words


class Words(SynchronousTestCase):
    """Text for people."""

    def test_sizes_are_short(self) -> None:
        """Nobody counts nine digits."""
        self.assertEqual(
            [size_words(size) for size in (0, 1023, 1024, 1536, 64 << 20, 1 << 30, 5 << 50)],
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "64.0 MiB", "1.0 GiB", "5120.0 TiB"],
        )

    def test_foreign_text_cannot_command_the_terminal(self) -> None:
        """Escape sequences, bells, line breaks and text that runs backwards."""
        self.assertEqual(printable("a\x1b[2J\x07\r\nb\u202ec"), "a\ufffd[2J\ufffd\ufffd\ufffdb\ufffdc")
        self.assertEqual(printable("Tür 3 🚪"), "Tür 3 🚪")

    def test_cells_are_never_empty_of_meaning(self) -> None:
        """Absent is told apart from empty."""
        item = {"size": 2048, "labels": ["a", "b"], "counts": {"queued": 1}, "title": None, "name": "x"}
        self.assertEqual(
            [cell(item, name) for name in ("size", "labels", "counts", "title", "name", "absent")],
            ["2.0 KiB", "a,b", "queued=1", "-", "x", "-"],
        )

    def test_columns_line_up_and_end_without_blanks(self) -> None:
        """Tables survive copy and paste."""
        self.assertEqual(columns([("ID", "NAME"), ("1", "long"), ("200", "x")]), ["ID   NAME", "1    long", "200  x"])

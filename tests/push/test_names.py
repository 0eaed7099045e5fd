"""File names and ids."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.push import push_id, safe_name, transfer_id


class Counting:
    """Tokens that can be foreseen."""

    def word(self, length: int) -> str:
        return "x" * length

    def fraction(self) -> float:
        return 0.0


class SafeNames(SynchronousTestCase):
    """A name is shown to people and stands beside other files; it never says where."""

    def test_good_names_stay_as_they_are(self) -> None:
        """In any language."""
        for name in (
            "gate.jpg",
            "Grüße 2026.txt",
            "報告.pdf",
            "a-b_c (1).tar.gz",
            "क्\u200dष.txt",
            "👩\u200d🚒.png",
        ):
            self.assertEqual(safe_name(name), name)

    def test_hostile_names_become_plain_ones(self) -> None:
        """[D-MSRP-5] No path, no control, no hidden turn of direction, no hidden file."""
        for hostile, expected in (
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..\\..\\boot.ini", "_.._boot.ini"),
            ("/etc/shadow", "_etc_shadow"),
            (".bashrc", "bashrc"),
            ("..", "unnamed"),
            (" . ", "unnamed"),
            ("", "unnamed"),
            ("a\0b\r\n\x1b[31mc", "ab[31mc"),
            ("photo\u202egpj.exe", "photogpj.exe"),
            ("\ufeff\u200bx\u2066y\u2069", "xy"),
            ("a\u2028b\u3000c\xa0d", "a b c d"),
            ("x\ud800y", "xy"),
            ("cafe\u0301", "café"),
            ("trailing. . ", "trailing"),
        ):
            self.assertEqual(safe_name(hostile), expected)
        self.assertEqual(safe_name("\0", default="push"), "push")

    def test_what_is_left_out_does_not_come_between_a_letter_and_its_accent(self) -> None:
        """Or two names that look the same would be two."""
        self.assertEqual(safe_name("caf\u202ee\u202e\u0301.jpg"), "caf\u00e9.jpg")

    def test_long_names_are_cut_before_their_extension(self) -> None:
        """255 octets; a picture remains a picture."""
        self.assertEqual(safe_name("x" * 300 + ".jpg"), "x" * 251 + ".jpg")
        self.assertEqual(safe_name("ü" * 300), "ü" * 127)
        self.assertEqual(safe_name("a." + "y" * 300), ("a." + "y" * 300)[:255])

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.text(max_size=400))
    def test_every_name_is_one_visible_line_of_limited_length(self, text: str) -> None:
        """Whatever the peer wrote."""
        name = safe_name(text)
        self.assertTrue(0 < len(name.encode()) <= 255)
        self.assertFalse(set(name) & set("/\\\0\r\n"))
        self.assertNotIn(name[0], " .")
        self.assertEqual(name, unicodedata.normalize("NFC", name))
        self.assertEqual(safe_name(name), name)


class Ids(SynchronousTestCase):
    """Told apart at sight, and never guessed."""

    def test_ids_carry_enough_chance(self) -> None:
        """Almost six bits a letter: 128 bits and more."""
        self.assertEqual(push_id(Counting()), "psh_" + "x" * 22)
        self.assertEqual(transfer_id(Counting()), "x" * 32)

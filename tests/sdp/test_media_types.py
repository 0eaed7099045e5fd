"""Comparing media types as accept lists do."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sdp import bare_type, media_type_matches, types_meet


class MediaTypes(SynchronousTestCase):
    """An operator writes `image/*` and means it."""

    def test_patterns_match_what_they_stand_for(self) -> None:
        """[R-PRA-INV-1] Case and parameters do not count; part of a word is not a match."""
        for pattern, type, expected in (
            ("*", "application/x-anything", True),
            ("*/*", "text/plain", True),
            ("text/*", "TEXT/Plain", True),
            ("text/plain", "Text/Plain; charset=UTF-8", True),
            ("text/plain;format=flowed", "text/plain", True),
            ("text/*", "image/png", False),
            ("text/plain", "text/plainer", False),
            ("text/*", "textual/plain", False),
            ("text/plain", "text/*", False),
            ("text", "text/plain", False),
            ("", "text/plain", False),
        ):
            self.assertEqual(media_type_matches(pattern, type), expected, (pattern, type))

    def test_two_patterns_meet_when_one_type_is_in_both(self) -> None:
        """An offer may say `*` as well as we may."""
        self.assertTrue(types_meet("text/plain", "*"))
        self.assertTrue(types_meet("*", "image/*"))
        self.assertTrue(types_meet("image/*", "image/png"))
        self.assertFalse(types_meet("image/*", "text/*"))

    def test_a_bare_type_has_neither_case_nor_parameters(self) -> None:
        """What is stored and compared."""
        self.assertEqual(bare_type(" Image/PNG ; x=1"), "image/png")

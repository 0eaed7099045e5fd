"""RFC 5322 dates, there and back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sdp import format_date, parse_date


class Dates(SynchronousTestCase):
    """A file keeps the time at which it was made."""

    def test_a_date_is_written_in_universal_time(self) -> None:
        """The same on every machine, whatever its locale and time zone."""
        self.assertEqual(format_date(1772357400.9), "Sun, 01 Mar 2026 09:30:00 +0000")
        self.assertEqual(format_date(1772357400, "GMT"), "Sun, 01 Mar 2026 09:30:00 GMT")

    def test_usual_forms_are_read(self) -> None:
        """Zone by number or name, day of the week and seconds may be missing."""
        for text in (
            "Sun, 01 Mar 2026 09:30:00 +0000",
            "Sun,1 mar 2026 09:30 GMT",
            "1 MAR 2026 10:00:00 +0030",
            " Sat, 28 Feb 2026 23:30:00 -1000 ",
        ):
            self.assertEqual(parse_date(text), 1772357400.0, text)

    def test_a_leap_second_is_the_second_before(self) -> None:
        """It exists, and must not cost the date."""
        self.assertEqual(parse_date("Sat, 31 Dec 2016 23:59:60 GMT"), parse_date("Sat, 31 Dec 2016 23:59:59 GMT"))

    def test_anything_else_is_no_date(self) -> None:
        """It only decorates, so a transfer never fails for it."""
        for text in (
            "",
            "yesterday",
            "Sun, 31 Feb 2026 09:30:00 +0000",
            "Sun, 01 Foo 2026 09:30:00 +0000",
            "Sun, 01 Mar 2026 24:30:00 +0000",
            "Sun, 01 Mar 2026 09:30:00 +9999",
            "Sun, 01 Mar 2026 09:30:00 EST",
            "Sun, 01 Mar 0000 09:30:00 +0000",
            "Sun, \u0661 Mar 2026 09:30:00 +0000",
            "2026-03-01T09:30:00Z",
        ):
            self.assertIsNone(parse_date(text), text)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.integers(-(10**9), 10**11))
    def test_every_second_comes_back(self, second: int) -> None:
        """Months, leap years and weekdays are ours to get right."""
        self.assertEqual(parse_date(format_date(second)), float(second))

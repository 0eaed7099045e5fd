"""RFC 5322 dates and seconds since 1970, independent of locale and time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE = re.compile(
    r"(?:[A-Za-z]{3}, ?)?([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}) ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r" (?:([+-])([0-9]{2})([0-9]{2})|UTC|UT|GMT)"
)


def format_date(at: float, zone: str = "+0000") -> str:
    """`at` in seconds since 1970 as `Sun, 01 Mar 2026 09:30:00 +0000`; SIP's Date wants the zone `GMT`."""
    moment = _EPOCH + timedelta(seconds=int(at))
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} {zone}"


def parse_date(text: str) -> float | None:
    """Seconds since 1970; None for what is not a date (it only ever decorates a file, so nobody is told)."""
    found = _DATE.fullmatch(text.strip(" \t"))
    if found is None or found[2].title() not in _MONTHS:
        return None
    day, month, year = int(found[1]), _MONTHS.index(found[2].title()) + 1, int(found[3])
    hour, minute, second = int(found[4]), int(found[5]), int(found[6] or 0)
    offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
    try:
        zone = timezone(-offset if found[7] == "-" else offset)
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None
    return (moment - _EPOCH).total_seconds()

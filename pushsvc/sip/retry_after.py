"""Retry-After (RFC 3261 §20.33): when whoever could not serve us thinks that it can."""

from __future__ import annotations

import re

from pushsvc.sip.message import Response

_SECONDS = re.compile(r"[ \t]*([0-9]{1,9})")


def retry_after_of(response: Response) -> float | None:
    """Seconds; parameters and comments do not count."""
    found = _SECONDS.match(response.headers.get("retry-after") or "")
    return float(found[1]) if found else None

"""What a final answer of 300 or more means for another attempt (INTERFACES §4, outcomes)."""

from __future__ import annotations

import re

from pushsvc.errors import Refused
from pushsvc.sip.message import Response

# 482: one INVITE of ours arrived by two ways, after its connection broke; the next one has a Call-ID of its own.
WORTH_ANOTHER_TRY = (408, 480, 482, 486, 491, 500, 502, 503, 504)

_SECONDS = re.compile(r"[ \t]*([0-9]{1,9})")


def refusal(response: Response) -> Refused:
    """The answer as the error that it is for whoever asked."""
    retry = response.status in WORTH_ANOTHER_TRY
    return Refused(response.status, response.reason, retry=retry, retry_after=_retry_after(response))


def _retry_after(response: Response) -> float | None:
    """Seconds; parameters and comments do not count (RFC 3261 §20.33)."""
    found = _SECONDS.match(response.headers.get("retry-after") or "")
    return float(found[1]) if found else None

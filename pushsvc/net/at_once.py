"""How many octets Twisted moves at once between a stream and the system: more where a peer keeps up with it.

`bufferSize` and `SEND_LIMIT` are what a transport of Twisted reads and sends at most in one call.
"""

from __future__ import annotations

from typing import Any

MOST = 512 * 1024  # octets: more in a piece leave the processor's cache before the last one who wants them has come
SEND_AT_ONCE = 1024 * 1024  # octets: each call goes through the whole reactor


def write_widely(transport: Any) -> None:
    """Send all that was written together by one call."""
    if hasattr(transport, "SEND_LIMIT"):
        transport.SEND_LIMIT = SEND_AT_ONCE


def fit_reads(transport: Any, octets: int) -> None:
    """So many octets were read from a transport at once. If it could not give more, the next read may be longer.

    `bufferSize` is also what it holds before it calls itself full, so this is not for strangers.
    """
    if octets == getattr(transport, "bufferSize", None) and octets < MOST:
        transport.bufferSize = min(2 * octets, MOST)

"""What a final answer of 300 or more means for another attempt (INTERFACES §4, outcomes)."""

from __future__ import annotations

import re

from pushsvc.errors import Refused
from pushsvc.net.reaching import Exchange
from pushsvc.quoting import unquoted
from pushsvc.sip.message import Response
from pushsvc.sip.retry_after import retry_after_of

# 482: one INVITE of ours arrived by two ways, after its connection broke; the next one has a Call-ID of its own.
WORTH_ANOTHER_TRY = (408, 480, 482, 486, 491, 500, 502, 503, 504)

_WARNING = re.compile(r'[ \t]*[0-9]{3}[ \t]+[^ \t"]+[ \t]+("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)


def refusal(exchange: Exchange) -> Refused:
    """The answer as the error that it is for whoever asked, with what is known about the cause."""
    response = exchange.response
    retry = response.status in WORTH_ANOTHER_TRY
    after, why = retry_after_of(response), exchange.why or _warning(response)
    peer = str(exchange.hop)
    return Refused(response.status, response.reason, retry=retry, retry_after=after, why=why, peer=peer)


def _warning(response: Response) -> str:
    """What the peer says about a 488, for people (RFC 3261 §20.43); "" when it says nothing."""
    found = _WARNING.match(response.headers.get("warning") or "")
    return unquoted(found[1]) if found else ""

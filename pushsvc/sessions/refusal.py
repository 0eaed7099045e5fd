"""What a final answer of 300 or more means for another attempt (INTERFACES §4, outcomes)."""

from __future__ import annotations

from pushsvc.errors import Refused
from pushsvc.net.user_agent import Exchange
from pushsvc.sip.retry_after import retry_after_of

# 482: one INVITE of ours arrived by two ways, after its connection broke; the next one has a Call-ID of its own.
WORTH_ANOTHER_TRY = (408, 480, 482, 486, 491, 500, 502, 503, 504)


def refusal(exchange: Exchange) -> Refused:
    """The answer as the error that it is for whoever asked."""
    response = exchange.response
    retry = response.status in WORTH_ANOTHER_TRY
    after = retry_after_of(response)
    return Refused(response.status, response.reason, retry=retry, retry_after=after, why=exchange.why)

"""The digest challenges of a response. What is in one, and the answer to it, is in `pushsvc.digest`."""

from __future__ import annotations

from pushsvc.digest import Challenge, challenges_in
from pushsvc.sip.message import Response

MAX_CHALLENGES = 16  # of one response: a chain of proxies, each with every algorithm there is

ANSWERED_BY = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
"""Which header a challenge comes in, and which one its answer goes out in (RFC 3261 §22.2, §22.3)."""


def challenges_of(response: Response) -> list[Challenge]:
    """Every Digest challenge of a response that can be read, in its order. Other schemes are passed over."""
    found = [
        challenge
        for name, answer in ANSWERED_BY.items()
        for challenge in challenges_in(response.headers.all(name), answer)
    ]
    return found[:MAX_CHALLENGES]

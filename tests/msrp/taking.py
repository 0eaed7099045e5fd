"""A session that takes contents, chunks for it, and what it says about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pushsvc.msrp.chunk import Flag, Reply, Send
from pushsvc.msrp.incoming import Incoming, Output, Store

from .values import RECEIVER, CountedTokens, make_reply

OK = make_reply()


def make_incoming(accepts: Callable[[str], bool] = lambda content_type: True, **limits: Any) -> Incoming:
    """A session that takes one content of any type, unless said otherwise."""
    return Incoming(RECEIVER, accepts, CountedTokens(), **limits)


def give(incoming: Incoming, send: Send, *bodies: bytes, flag: Flag = Flag.COMPLETE) -> list[Output]:
    """A whole chunk, its content in these pieces."""
    outputs = incoming.begun(send, 0.0)
    for body in bodies:
        outputs += incoming.data(memoryview(body), 0.0)
    return outputs + incoming.ended(flag, 0.0)


def store(offset: int, octets: bytes, message_id: str = "mid1") -> Store:
    return Store(offset, memoryview(octets), message_id)


def refusal(status: int, comment: str, transaction_id: str = "tid1") -> Reply:
    return make_reply(transaction_id, status, comment)

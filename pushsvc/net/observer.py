"""Who is told what goes over the wire: the log, the metrics and the trace of a push.

An observer hears of traffic after it was read or handed to a transport; it changes nothing and must not fail.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import attrs

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message


class Direction(Enum):
    """Seen from us."""

    IN = "in"
    OUT = "out"


class Observer(Protocol):
    """Told of every SIP message and of every MSRP frame."""

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        """A SIP message was read from `hop`, or is on its way there."""

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        """Octets from `hop` were no SIP message; they were answered if they could be, else dropped."""

    def sip_retransmissions(self, count: int) -> None:
        """So many SIP messages were sent again because nobody answered them."""

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        """An MSRP frame, in a few words, with `size` octets of content; `call_id` is "" while no session is known."""


@attrs.frozen
class Observers:
    """Several observers as one."""

    each: tuple[Observer, ...] = ()

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        for observer in self.each:
            observer.sip(direction, message, hop)

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        for observer in self.each:
            observer.sip_unreadable(hop, reason)

    def sip_retransmissions(self, count: int) -> None:
        for observer in self.each:
            observer.sip_retransmissions(count)

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        for observer in self.each:
            observer.msrp(direction, summary, size, call_id, peer)

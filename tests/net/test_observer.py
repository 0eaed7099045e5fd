"""Who hears of the traffic."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.observer import Direction, Observers
from tests.sip.values import UDP_PEER, make_invite


class Several(SynchronousTestCase):
    """Log, metrics and traces at once."""

    def test_every_observer_hears_everything(self) -> None:
        """The ladder of a push, its counters and its log must not differ."""
        first, second = Notes(), Notes()
        both = Observers((first, second))
        invite = make_invite()
        both.sip(Direction.IN, invite, UDP_PEER)
        both.sip_unreadable(UDP_PEER, "why")
        both.sip_retransmissions(1)
        both.msrp(Direction.OUT, "200 OK", 0, "call1", "tls:192.0.2.1:2855")
        self.assertEqual(
            first.heard,
            [
                (Direction.IN, invite, UDP_PEER),
                (UDP_PEER, "why"),
                (1,),
                (Direction.OUT, "200 OK", 0, "call1", "tls:192.0.2.1:2855"),
            ],
        )
        self.assertEqual(first.heard, second.heard)


class Notes:
    """Keeps everything that it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def sip(self, *facts: Any) -> None:
        self.heard.append(facts)

    sip_unreadable = sip_retransmissions = msrp = sip

"""Traffic into metrics: the observer between the wire and Prometheus."""

from __future__ import annotations

from pushsvc.net.observer import Direction
from pushsvc.ops.metrics import Metrics
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request


class Counting:
    """Counts what goes over the wire."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if isinstance(message, Request):
            self._metrics.sip_request(direction.value, message.method)
        else:
            self._metrics.sip_response(direction.value, message.status)

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self._metrics.sip_parse_error(hop.transport)

    def sip_retransmissions(self, count: int) -> None:
        self._metrics.sip_retransmissions(count)

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if size or summary.startswith("SEND"):
            self._metrics.msrp_chunk(direction.value)
            self._metrics.msrp_octets(direction.value, size)

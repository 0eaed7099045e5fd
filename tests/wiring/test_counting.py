from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.observer import Direction
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import reply_to
from pushsvc.wiring.counting import Counting
from tests.sip.values import make_invite


class CountingTraffic(SynchronousTestCase):
    """What the dashboards draw."""

    def setUp(self) -> None:
        self.metrics = ReceiverMetrics()
        self.counting = Counting(self.metrics)
        self.hop = Hop("udp", "192.0.2.10", 5060)

    def assert_exposed(self, *lines: str) -> None:
        exposed = self.metrics.exposition().decode().splitlines()
        for line in lines:
            self.assertIn(line, exposed)

    def test_sip_is_counted_by_method_and_code(self) -> None:
        invite = make_invite()
        self.counting.sip(Direction.IN, invite, self.hop)
        self.counting.sip(Direction.OUT, reply_to(invite, 486), self.hop)
        self.counting.sip_unreadable(self.hop, "no SIP")
        self.counting.sip_retransmissions(3)
        self.assert_exposed(
            'pushsvc_sip_requests_total{direction="in",method="INVITE"} 1.0',
            'pushsvc_sip_responses_total{code="486",direction="out"} 1.0',
            'pushsvc_sip_parse_errors_total{transport="udp"} 1.0',
            "pushsvc_sip_retransmissions_total 3.0",
        )

    def test_msrp_counts_content_not_replies(self) -> None:
        self.counting.msrp(Direction.IN, "SEND 1-10/10", 10, "c", "tls:192.0.2.10:2855")
        self.counting.msrp(Direction.OUT, "200 OK", 0, "c", "tls:192.0.2.10:2855")
        self.assert_exposed(
            'pushsvc_msrp_chunks_total{direction="in"} 1.0',
            'pushsvc_msrp_bytes_total{direction="in"} 10.0',
            'pushsvc_msrp_chunks_total{direction="out"} 0.0',
        )

from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.traces import MAX_EVENTS, MAX_PUSHES, Trace, Traces
from pushsvc.sessions import Direction
from pushsvc.sip.headers import Headers
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import reply_to
from tests.sender.values import job
from tests.sip.values import make_invite

PEER = "tls:192.0.2.20:2855"


class Tracing(SynchronousTestCase):
    """An operator reads what went over the wire without a packet dump, which TLS would hide anyway."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.traces = Traces(self.clock)
        self.invite = make_invite()
        self.traces.began(self.invite.call_id, job())
        self.hop = Hop("tcp", "192.0.2.20", 5060)

    def trace(self) -> Trace:
        trace = self.traces.of(job().push_id)
        assert trace is not None
        return trace

    def test_arrows_are_drawn_in_order_and_direction(self) -> None:
        self.traces.sip(Direction.OUT, self.invite, self.hop)
        self.clock.advance(0.25)
        self.traces.sip(Direction.IN, reply_to(self.invite, 486), self.hop)
        lines = self.trace().ladder().splitlines()
        self.assertRegex(lines[3], r"^ +0\.000 s \|-+ SIP INVITE .*->\|$")
        self.assertRegex(lines[4], r"^ +0\.250 s \|<-+ SIP 486 Busy Here \(INVITE\) -+\|$")
        self.assertEqual(len({len(line) for line in lines[2:]}), 1, "the rails are straight")

    def test_chunks_of_a_transfer_are_one_arrow(self) -> None:
        """A gigabyte is 16,384 chunks: nobody reads that, and nobody should pay for it."""
        for start in range(1, 300_001, 65536):
            end = min(start + 65535, 300_000)
            self.traces.msrp(Direction.OUT, f"SEND {start}-{end}/300000", end - start + 1, self.invite.call_id, PEER)
            self.traces.msrp(Direction.IN, "200 OK", 0, self.invite.call_id, PEER)
        sent, answered = self.trace().events
        self.assertEqual((sent.text, sent.count, sent.octets), ("SEND 1-300000/300000", 5, 300_000))
        self.assertEqual((answered.text, answered.count), ("200 OK", 5))
        self.assertIn("SEND 1-300000/300000 x5", self.trace().ladder())

    def test_what_a_peer_says_is_one_line_of_text(self) -> None:
        """It is shown on terminals: nothing there may be obeyed, turn direction, or look like another arrow."""
        hostile = reply_to(self.invite, 486)
        hostile = attrs.evolve(hostile, reason="No\x9b31m\u202e\u2028   0.000 s |--- SIP 200 OK")
        self.traces.sip(Direction.IN, hostile, self.hop)
        self.assertEqual([event.text for event in self.trace().events], ["486 No 31m 0.000 s |--- SIP 200 OK (INVITE)"])
        self.assertTrue(all(line.isprintable() for line in self.trace().ladder().splitlines()))
        self.assertEqual(len(self.trace().ladder().splitlines()), 4)

    def test_neither_content_nor_credentials_are_kept(self) -> None:
        """Whoever may read the API may read traces."""
        headers = Headers([*self.invite.headers, ("Authorization", 'Digest username="a", response="opensesame"')])
        self.traces.sip(Direction.OUT, self.invite.evolve(headers=headers, body=b"opensesame"), self.hop)
        self.assertEqual(len(self.trace().events), 1)
        self.assertNotIn("opensesame", str(self.trace()) + self.trace().ladder() + str(self.trace().to_json()))

    def test_traffic_of_nobody_is_not_kept(self) -> None:
        self.traces.msrp(Direction.IN, "200 OK", 0, "another call", PEER)
        self.assertEqual(self.trace().events, [])
        self.assertIsNone(self.traces.of("psh_unknown"))

    def test_memory_is_bounded(self) -> None:
        for _ in range(MAX_EVENTS + 7):
            self.traces.sip(Direction.OUT, self.invite, self.hop)
        self.assertEqual((len(self.trace().events), self.trace().dropped), (MAX_EVENTS, 7))
        self.assertIn("7 further arrows were not kept", self.trace().ladder())
        for number in range(MAX_PUSHES):
            self.traces.began(f"call {number}", job(push_id=f"other_{number}"))
        self.assertIsNone(self.traces.of(job().push_id), "the oldest goes")

    def test_programs_get_the_same(self) -> None:
        self.traces.sip(Direction.OUT, self.invite, self.hop)
        value = self.trace().to_json()
        self.assertEqual((value["push"], value["dropped"], len(value["events"])), (job().push_id, 0, 1))
        self.assertEqual(value["events"][0]["direction"], "out")
        self.assertEqual(value["events"][0]["peer"], "tcp:192.0.2.20:5060")

"""A sender and a receiver talk: Outgoing, octets, Framer, Incoming and back, in any order and with losses."""

from __future__ import annotations

from random import Random
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import FailureReport, Reply, Report, Send, encode
from pushsvc.msrp.framer import Begun, Data, Ended, Framer
from pushsvc.msrp.incoming import Completed, Incoming, Store
from pushsvc.msrp.incoming import Output as Heard
from pushsvc.msrp.outgoing import Acknowledged, ConfirmedBy, Delivered, Outgoing, Output, Receipt, Refused, Unconfirmed

from .values import RECEIVER, SENDER, CountedTokens

RANDOM = st.randoms(use_true_random=False)
PIECES = (b"\r\n", b"-------", b"-------0000000000000002", b"\r\n-------0000000000000003$\r\n", b"abc", b"x")
CONTENTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
WISHES = st.fixed_dictionaries(
    {
        "chunk": st.sampled_from([1, 7, 64, 3000]),
        "window": st.sampled_from([1, 20, 10_000]),
        "success_report": st.booleans(),
        "failure_report": st.sampled_from(FailureReport),
    }
)


@attrs.define
class Exchange:
    """Both ends, and what is on its way between them; chance decides what happens next."""

    content: bytes
    random: Random
    wishes: dict[str, Any]
    reordered: bool = False
    lossy: bool = False
    now: float = 0.0
    outgoing: Outgoing = attrs.field(init=False)
    incoming: Incoming = attrs.field(init=False)
    framers: tuple[Framer, Framer] = attrs.field(init=False)
    forth: list[bytes] = attrs.field(factory=list, init=False)
    back: list[bytes] = attrs.field(factory=list, init=False)
    received: bytearray = attrs.field(init=False)
    completed: int = attrs.field(default=0, init=False)
    durable: bool = attrs.field(default=False, init=False)
    said: list[Output] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        size = len(self.content)
        if self.reordered:  # a receiver bears a number of gaps only
            self.wishes["chunk"] = max(self.wishes["chunk"], size // 32)
        self.outgoing = Outgoing(size, (RECEIVER,), (SENDER,), CountedTokens(), "text/plain", **self.wishes)
        self.incoming = Incoming(RECEIVER, lambda content_type: True, CountedTokens(), expected_size=size)
        self.framers = (Framer(), Framer())
        self.received = bytearray(size)

    def run(self) -> None:
        """Until the sender knows how it ended and nothing is on its way any more."""
        while not self.outgoing.over or self.forth or self.back or self.unsafe:
            possible = [
                *([self.send] if self.outgoing.next_piece() is not None else []),
                *([self.arrive] if self.forth else []),
                *([self.answer] if self.back else []),
                *([self.make_durable] if self.unsafe else []),
            ]
            self.random.choice(possible or [self.wait])()

    @property
    def unsafe(self) -> bool:
        """All octets are there and not yet durable."""
        return self.completed > 0 and not self.durable

    def send(self) -> None:
        piece = self.outgoing.next_piece()
        assert piece is not None
        body = self.content[piece.offset : piece.offset + piece.size]
        self.forth.append(b"".join(self.outgoing.chunk(piece, body, self.now)))

    def arrive(self) -> None:
        """A frame reaches the receiver, in two reads; it may have overtaken others at a relay."""
        frame = self.forth.pop(self.random.randrange(len(self.forth)) if self.reordered else 0)
        cut = self.random.randrange(len(frame))
        for event in [*self.framers[0].feed(frame[:cut]), *self.framers[0].feed(frame[cut:])]:
            match event:
                case Begun(head=Send() as send):
                    self.hear(self.incoming.begun(send, self.now))
                case Data():
                    self.hear(self.incoming.data(event.octets, self.now))
                case Ended():
                    self.hear(self.incoming.ended(event.flag, self.now))

    def hear(self, outputs: list[Heard]) -> None:
        for output in outputs:
            match output:
                case Store():
                    self.received[output.offset : output.offset + len(output.octets)] = output.octets
                case Completed():
                    self.completed += 1
                case Reply() | Report():
                    self.back.append(encode(output))

    def make_durable(self) -> None:
        self.durable = True
        self.hear(self.incoming.stored(self.now))

    def answer(self) -> None:
        """A reply or report reaches the sender, or gets lost."""
        frame = self.back.pop(self.random.randrange(len(self.back)) if self.reordered else 0)
        if self.lossy and self.random.random() < 0.1:
            return
        for event in self.framers[1].feed(frame):
            match event:
                case Begun(head=Reply() as reply):
                    self.said += self.outgoing.replied(reply, self.now)
                case Begun(head=Report() as report):
                    self.said += self.outgoing.reported(report, self.now)

    def wait(self) -> None:
        deadline = self.outgoing.deadline
        assert deadline is not None, "nothing left to happen"
        self.now = max(self.now, deadline)
        self.said += self.outgoing.wake(self.now)


class Exchanges(SynchronousTestCase):
    """What one side writes, the other understands; what is reported delivered is there, octet for octet."""

    def check(self, exchange: Exchange) -> Output:
        """Run it; returns what the sender said at the end."""
        exchange.run()
        progress = [output.octets for output in exchange.said if isinstance(output, Acknowledged)]
        self.assertEqual(progress, sorted(set(progress)))
        *_, final = exchange.said
        self.assertEqual(exchange.said, [*(Acknowledged(octets) for octets in progress), final])
        self.assertEqual((exchange.outgoing.deadline, exchange.incoming.deadline), (None, None))
        self.assertLessEqual(exchange.completed, 1)
        return final

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(CONTENTS, RANDOM, WISHES, st.booleans())
    def test_everything_arrives_in_any_order(
        self, content: bytes, random: Random, wishes: dict[str, Any], reordered: bool
    ) -> None:
        """[D-MSRP-1, D-MSRP-2, R-UP-3] Any size, chunk, window and wish; relays may reorder chunks and answers."""
        exchange = Exchange(content, random, wishes, reordered)
        final = self.check(exchange)
        self.assertEqual((bytes(exchange.received), exchange.durable), (content, True))
        if wishes["success_report"]:
            confirmed_by = ConfirmedBy.REPORT
        elif wishes["failure_report"] is FailureReport.YES:
            confirmed_by = ConfirmedBy.REPLIES
        else:
            confirmed_by = ConfirmedBy.NONE
        receipt = Receipt(exchange.outgoing.message_id, len(content), confirmed_by)
        expected = Unconfirmed(receipt) if confirmed_by is ConfirmedBy.NONE else Delivered(receipt)
        self.assertEqual(final, expected)

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(CONTENTS, RANDOM, WISHES, st.booleans())
    def test_lost_answers_end_it_and_never_as_delivered_wrongly(
        self, content: bytes, random: Random, wishes: dict[str, Any], reordered: bool
    ) -> None:
        """[R-UP-3] A sender that is told "delivered" forgets its copy; one that waits, waits for a bounded time."""
        exchange = Exchange(content, random, wishes, reordered, lossy=True)
        final = self.check(exchange)
        if isinstance(final, Delivered):
            self.assertEqual((bytes(exchange.received), exchange.durable), (content, True))
        elif isinstance(final, Refused):
            self.assertEqual((final.status, wishes["failure_report"]), (408, FailureReport.YES))
        else:
            self.assertIsInstance(final, Unconfirmed)

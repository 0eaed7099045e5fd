"""Whose frame it is, and what is said to frames that are nobody's."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import FailureReport, OtherRequest, Reply, Report, Send, encode
from pushsvc.msrp.framer import Framer
from pushsvc.net.msrp_hearing import MAX_ERRORS, Hearing, summary
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from tests.msrp.values import RECEIVER, SENDER, make_reply, make_report, make_send, wire
from tests.net.msrp_sides import Notes, Octets, Shelf
from tests.net.test_msrp_sending import head_of
from tests.net.test_msrp_session import Wire
from tests.tokens import CountedTokens


class Carrier:
    """A connection that binds every SEND to one session, or answers with a status."""

    peer = "tls:192.0.2.1:2855"

    def __init__(self, bound: MsrpSession | int) -> None:
        self.bound = bound
        self.answers: list[Reply] = []
        self.dropped = 0

    def bind(self, send: Send) -> MsrpSession | int:
        return self.bound

    def reported(self, session_id: str) -> MsrpSession | None:
        known = isinstance(self.bound, MsrpSession) and self.bound.id == session_id
        return self.bound if known else None  # type: ignore[return-value]

    def owner(self, transaction_id: str) -> MsrpSession | None:
        owns = isinstance(self.bound, MsrpSession) and self.bound.owns(transaction_id)
        return self.bound if owns else None  # type: ignore[return-value]

    def answer(self, reply: Reply) -> None:
        self.answers.append(reply)

    def drop(self) -> None:
        self.dropped += 1


class HearingTest(SynchronousTestCase):
    """Frames as octets, through the framer."""

    def begin(self, bound: MsrpSession | int | None = None) -> None:
        self.clock, self.link, self.shelf, self.notes = Clock(), Wire(), Shelf(), Notes()
        self.session = MsrpSession(
            RECEIVER,
            "call1",
            self.clock,  # type: ignore[arg-type]
            CountedTokens("s"),
            Transfer(),
        )
        self.session.peer_path = (SENDER,)
        self.session.receive(self.shelf.wanted())
        self.session.bound(self.link)
        self.carrier = Carrier(self.session if bound is None else bound)
        self.hearing = Hearing(self.carrier, self.notes)
        self.framer = Framer()

    def hear(self, *frames: bytes) -> None:
        for frame in frames:
            for event in self.framer.feed(frame):
                self.hearing.heard(event)

    def statuses(self) -> list[int]:
        return [reply.status for reply in self.carrier.answers]


class Ours(HearingTest):
    """Frames of a session."""

    def test_a_send_goes_to_its_session(self) -> None:
        """With its octets and its end; the observer hears of it once it is whole."""
        self.begin()
        self.hear(wire(b"hello"))
        self.assertEqual(bytes(self.shelf.kept[0].octets), b"hello")
        self.assertEqual([head.status for head in self.link.heads if isinstance(head, Reply)], [200])
        self.assertEqual(self.notes.frames, [("in", "SEND 1-*/*", 5, "call1")])

    def test_a_reply_goes_to_whoever_waits_for_it(self) -> None:
        """By its transaction id alone: peers write any path (PEERS 15)."""
        self.begin()
        sent = self.session.send(Octets(b"hello"))
        frame = self.session.next_chunk()
        assert frame is not None
        transaction_id = head_of(frame.octets).transaction_id
        self.hear(encode(make_reply("stranger")))
        self.assertNoResult(sent)
        self.hear(encode(make_reply(transaction_id)))
        self.successResultOf(sent)
        self.assertEqual(self.notes.frames, [("in", "200 OK", 0, "call1")])

    def test_a_report_goes_to_the_session_of_its_to_path(self) -> None:
        """And one for nobody is passed over: a report is never answered (RFC 4975 §7.1.2)."""
        self.begin()
        self.session.send(Octets(b"hello"))
        ours = Report("rep1", (RECEIVER,), (SENDER,), "mid9", None, 200, "OK")
        self.hear(encode(ours), encode(make_report()))
        self.assertEqual([frame[3] for frame in self.notes.frames], ["call1"])
        self.assertEqual((self.link.heads, self.carrier.answers), ([], []))

    def test_octets_after_the_end_of_their_session_are_passed_over(self) -> None:
        """A BYE in the middle of a chunk."""
        self.begin()
        whole = wire(b"hello world")
        cut = whole.index(b"world")
        self.hear(whole[:cut])
        self.session.close()
        self.hearing.forget(self.session)
        self.hear(whole[cut:])
        self.assertEqual(bytes(self.shelf.kept[0].octets), b"hello ")
        self.assertEqual(self.link.heads, [])

    def test_it_knows_whether_a_frame_is_open(self) -> None:
        """Content may take its time, a head may not."""
        self.begin()
        whole = wire(b"hello world")
        cuts = [0, 10, whole.index(b"hello"), whole.index(b"world"), len(whole)]
        states = []
        for begin, end in itertools.pairwise(cuts):
            self.hear(whole[begin:end])
            states.append(self.hearing.in_frame)
        self.assertEqual(states, [False, True, True, False])


class Nobodys(HearingTest):
    """Frames that are refused."""

    def test_unknown_sessions_and_those_bound_elsewhere(self) -> None:
        """[D-MSRP-3] 481 and 506, at once, whatever comes behind the head."""
        for status in (481, 506):
            self.begin(status)
            whole = wire(b"hello")
            self.hear(whole[: whole.index(b"hello")])
            self.assertEqual(self.statuses(), [status])
            self.hear(whole[whole.index(b"hello") :])
            (reply,) = self.carrier.answers
            self.assertEqual((reply.to_path, reply.from_path), ((SENDER,), (RECEIVER,)))
            self.assertEqual(self.notes.frames, [("in", "SEND 1-*/*", 5, "")])

    def test_unknown_methods(self) -> None:
        """[D-MSRP-3] 501, with the path turned round."""
        self.begin()
        self.hear(encode(OtherRequest("tid1", "NICKNAME", (RECEIVER,), (SENDER,), ())))
        self.hear(
            b"MSRP tid2 AUTH\r\nTo-Path: %s\r\nFrom-Path: %s\r\nContent-Type: a/b\r\n\r\nx\r\n-------tid2$\r\n"
            % (RECEIVER.text.encode(), SENDER.text.encode())
        )
        self.hear(wire(b"hello"))
        self.assertEqual(self.statuses(), [501, 501])
        self.assertEqual(bytes(self.shelf.kept[0].octets), b"hello")

    def test_what_wants_no_answer_gets_none(self) -> None:
        """[D-MSRP-3] Failure-Report: no."""
        for wish, answered in ((FailureReport.NO, []), (FailureReport.PARTIAL, [481])):
            self.begin(481)
            self.hear(encode(make_send(failure_report=wish), b"hello"))
            self.assertEqual(self.statuses(), answered)

    def test_a_peer_that_asks_for_nothing_but_what_we_do_not_have_is_dropped(self) -> None:
        """SECURITY part 5: 100 errors; also where it wants no answers, so that nobody can hide in that."""
        for wish in FailureReport:
            self.begin(481)
            for number in range(MAX_ERRORS):
                self.hear(encode(make_send(f"tid{number}", failure_report=wish), b"hello"))
            self.assertEqual(self.carrier.dropped, 0)
            self.hear(encode(make_send("last", failure_report=wish), b"hello"))
            self.assertEqual(self.carrier.dropped, 1, wish)


class Words(SynchronousTestCase):
    """Frames in a few words."""

    def test_table(self) -> None:
        """As the ladder of a push shows them."""
        cases: list[tuple[Any, str]] = [
            (make_send(byte_range=(1, 5, 5)), "SEND 1-5/5"),
            (make_send(byte_range=None), "SEND"),
            (make_report(), "REPORT 1-5/5 200"),
            (make_reply(), "200 OK"),
            (make_reply(comment=""), "200"),
        ]
        for head, words in cases:
            self.assertEqual(summary(head), words)

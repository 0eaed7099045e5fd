"""One MSRP session between its owner and the connection that carries it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse, TimedOut, Unreachable
from pushsvc.msrp.chunk import ByteRange, Flag, Reply, Report, Send, encode
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from tests.msrp.values import RECEIVER, SENDER, make_reply, make_report, make_send
from tests.net.msrp_sides import Octets, Shelf
from tests.net.test_msrp_sending import head_of
from tests.tokens import CountedTokens


class Wire:
    """A connection that keeps what it is asked for."""

    peer = "tls:192.0.2.1:2855"
    heard_at = 0.0

    def __init__(self) -> None:
        self.heads: list[Send | Reply | Report] = []
        self.aborted: list[bytes] = []
        self.with_content = 0

    def transmit(self, head: Send | Reply | Report, session: MsrpSession) -> None:
        self.heads.append(head)

    def abort(self, octets: bytes, session: MsrpSession) -> None:
        self.aborted.append(octets)

    def has_content(self, session: MsrpSession) -> None:
        self.with_content += 1


class SessionTest(SynchronousTestCase):
    """A session at RECEIVER, whose peer is SENDER."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = Wire()
        self.failures: list[Exception] = []
        self.bound = 0
        self.session = MsrpSession(
            RECEIVER,
            "call1",
            self.clock,  # type: ignore[arg-type]
            CountedTokens("s"),
            Transfer(chunk=4, window=4),
        )
        self.session.peer_path = (SENDER,)
        self.session.on_bound = self._count_bound
        self.session.on_failed = self.failures.append

    def _count_bound(self) -> None:
        self.bound += 1

    def bind(self) -> None:
        self.session.bound(self.wire)

    def comes_in(self, octets: bytes, flag: Flag = Flag.MORE) -> None:
        self.session.begun(make_send(byte_range=(1, len(octets), 100)))
        self.session.data(memoryview(octets))
        self.session.ended(flag)

    def assert_dead(self) -> None:
        """Nothing is left, and nothing that still comes does anything."""
        self.assertTrue(self.session.is_over)
        self.assertEqual((self.session.link, self.clock.getDelayedCalls()), (None, []))
        before = len(self.wire.heads)
        self.comes_in(b"late")
        self.session.replied(make_reply())
        self.session.reported(make_report())
        self.assertEqual((self.session.next_chunk(), len(self.wire.heads)), (None, before))


class Carried(SessionTest):
    """With a connection."""

    def test_its_owner_hears_that_it_is_carried(self) -> None:
        """Now content can be sent."""
        self.bind()
        self.assertEqual((self.bound, self.session.link), (1, self.wire))

    def test_content_goes_to_the_path_of_the_session_description(self) -> None:
        """[R-UP-G1] Nothing is guessed: SEND only to the URIs that SDP gave."""
        self.bind()
        self.session.send(Octets(b"hello"))
        self.assertEqual(self.wire.with_content, 1)
        frame = self.session.next_chunk()
        assert frame is not None
        head = head_of(frame.octets)
        self.assertEqual((head.to_path, head.from_path), ((SENDER,), (RECEIVER,)))

    def test_a_content_goes_on_by_another_path(self) -> None:
        """E.13: relays may come to lead elsewhere; whoever is at the end stays who it was."""
        self.bind()
        self.session.send(Octets(b"hello"))
        self.session.next_chunk()
        relay = MsrpUri.parse("msrps://relay.example.com:2855/r;tcp")
        self.session.reroute((relay, RECEIVER))
        self.session.reroute(())
        self.assertEqual(self.session.peer_path, (SENDER,))
        self.session.reroute((relay, SENDER))
        self.session.replied(make_reply("s000000000000002"))
        frame = self.session.next_chunk()
        assert frame is not None
        self.assertEqual(head_of(frame.octets).to_path, (relay, SENDER))

    def test_through_a_relay_a_report_is_asked_for(self) -> None:
        """Its replies are not the peer's (E.13), and not every relay takes large chunks."""
        self.bind()
        relay = MsrpUri.parse("msrps://relay.example.com:2855/r;tcp")
        self.session.agreed((relay, SENDER))
        self.session.send(Octets(b"hello"))
        frame = self.session.next_chunk()
        assert frame is not None
        self.assertTrue(head_of(frame.octets).success_report)
        self.assertEqual(Transfer(chunk=65536).through_relays(), Transfer(chunk=10240, success_report=True))
        self.assertEqual(Transfer(chunk=100).through_relays().chunk, 100)

    def test_a_reply_makes_room_for_the_next_chunk(self) -> None:
        """The connection is told that there may be more to take."""
        self.bind()
        sent = self.session.send(Octets(b"hello"))
        for _ in range(2):
            frame = self.session.next_chunk()
            assert frame is not None
            self.assertEqual(self.session.next_chunk(), None)
            transaction_id = head_of(frame.octets).transaction_id
            self.assertTrue(self.session.owns(transaction_id))
            self.session.replied(make_reply(transaction_id))
        self.assertEqual(self.successResultOf(sent).size, 5)
        self.assertEqual(self.wire.with_content, 2)

    def test_a_report_is_heard(self) -> None:
        """A relay's failure report ends the content."""
        self.bind()
        sent = self.session.send(Octets(b"hello"))
        frame = self.session.next_chunk()
        assert frame is not None
        self.session.reported(make_report(head_of(frame.octets).message_id or "", (1, 5, 5), 400))
        self.failureResultOf(sent)

    def test_content_comes_in_and_is_answered(self) -> None:
        """Replies go out over the connection that carries the session."""
        shelf = Shelf()
        self.session.receive(shelf.wanted())
        self.bind()
        self.comes_in(b"hello", Flag.MORE)
        self.assertEqual([head.status for head in self.wire.heads if isinstance(head, Reply)], [200])
        self.assertEqual(bytes(shelf.kept[0].octets), b"hello")

    def test_it_greets_its_peer_without_content(self) -> None:
        """As active side that only receives: an empty SEND says which session the connection is for (E.11)."""
        self.session.greet()
        self.bind()
        self.session.greet()
        (head,) = self.wire.heads
        assert isinstance(head, Send)
        self.assertEqual((head.to_path, head.byte_range, head.content_type), ((SENDER,), ByteRange(1, 0, 0), None))
        self.assertNotIn(b"\r\n\r\n", encode(head))

    def test_its_peer_is_known_by_the_session_id_of_its_path(self) -> None:
        """[D-MSRP-3] The port of an active peer means nothing (PEERS 10); another id is somebody else."""
        for text, wanted in (
            ("msrps://s.example.com:2855/sss;tcp", True),
            ("msrps://other.example.com:9/sss;tcp", True),
            ("msrps://s.example.com:2855/SSS;tcp", False),
            ("msrps://s.example.com:2855;tcp", False),
        ):
            self.assertEqual(self.session.is_with((MsrpUri.parse(text),)), wanted, text)
        self.session.peer_path = ()
        self.assertFalse(self.session.is_with((SENDER,)))

    def test_one_content_at_a_time(self) -> None:
        """The second one would make the first one's replies nobody's: a bug of ours, and loud."""
        self.bind()
        first = self.session.send(Octets(b"hello"))
        with self.assertRaises(Misuse):
            self.session.send(Octets(b"world"))
        first.cancel()
        self.failureResultOf(first)
        self.session.send(Octets(b"world"))

    def test_it_is_done_when_its_content_has_gone_or_come(self) -> None:
        """A service that drains waits for it, and for no longer."""
        done: list[bool] = []
        self.session.on_done = lambda: done.append(self.session.is_done)
        self.session.receive(Shelf().wanted(one_content=False))
        self.bind()
        self.assertFalse(self.session.is_done)
        self.comes_in(b"half")
        self.assertEqual((done, self.session.is_done), ([], False))
        self.comes_in(b"half", Flag.ABORTED)
        self.session.begun(make_send(message_id="mid2", byte_range=(1, 5, 5)))
        self.session.data(memoryview(b"hello"))
        self.session.ended(Flag.COMPLETE)
        self.assertEqual(done, [True, True])
        sent = self.session.send(Octets(b"hello"))
        self.assertFalse(self.session.is_done)
        sent.cancel()
        self.failureResultOf(sent)
        self.assertTrue(self.session.is_done)


class Uncarried(SessionTest):
    """Without a connection, before it or after it."""

    def test_nothing_can_be_sent_before(self) -> None:
        """[R-UP-G1] No traffic before the answer."""
        self.failureResultOf(self.session.send(Octets(b"hello")), Unreachable)

    def test_when_the_connection_is_lost_all_of_it_ends(self) -> None:
        """E.11: no silent reconnect. The content fails and may be tried again, what came in is discarded."""
        shelf = Shelf()
        self.session.receive(shelf.wanted())
        self.bind()
        sent = self.session.send(Octets(b"hello"))
        self.session.next_chunk()
        self.comes_in(b"half")
        self.session.connection_lost("reset by peer")
        self.assertTrue(self.failureResultOf(sent, Unreachable).value.retry)
        self.assertEqual(shelf.kept[0].discarded, "reset by peer")
        self.assertEqual([str(error) for error in self.failures], ["reset by peer"])
        self.assert_dead()

    def test_closing_abandons_what_is_under_way(self) -> None:
        """The dialog is over: `#` for what was begun, no news for the owner, who knows."""
        shelf = Shelf()
        self.session.receive(shelf.wanted())
        self.bind()
        sent = self.session.send(Octets(b"hello"))
        self.session.next_chunk()
        self.comes_in(b"half")
        self.session.close()
        self.failureResultOf(sent, Unreachable)
        self.assertEqual((len(self.wire.aborted), self.failures), (1, []))
        self.assertNotEqual(shelf.kept[0].discarded, None)
        self.assert_dead()

    def test_closing_twice_is_closing_once(self) -> None:
        """Both ends may hang up."""
        self.session.close()
        self.session.close()
        self.assert_dead()

    def test_cancelling_after_the_connection_is_gone_writes_nothing(self) -> None:
        """The link may be on its way to carry others."""
        self.bind()
        sent = self.session.send(Octets(b"hello"))
        self.session.next_chunk()
        self.session.close()
        self.failureResultOf(sent)
        sent.cancel()
        self.assertEqual(len(self.wire.aborted), 1)

    def test_a_reply_that_is_due_when_the_connection_is_gone_is_not_written(self) -> None:
        """fsync takes longer than the connection lives."""
        durable: Deferred[None] = Deferred()
        shelf = Shelf(durable=durable)
        self.session.receive(shelf.wanted())
        self.bind()
        self.session.begun(make_send(byte_range=(1, 5, 5)))
        self.session.data(memoryview(b"hello"))
        self.session.ended(Flag.COMPLETE)
        self.session.connection_lost("reset by peer")
        durable.callback(None)
        self.assertEqual((self.wire.heads, shelf.kept[0].discarded), ([], None))
        self.assert_dead()

    def test_a_silent_peer_is_told_to_the_owner(self) -> None:
        """Who ends the session, or offers the line again."""
        shelf = Shelf()
        self.session.receive(shelf.wanted())
        self.bind()
        self.comes_in(b"half")
        self.clock.advance(60)
        (error,) = self.failures
        self.assertIsInstance(error, TimedOut)
        self.assertFalse(self.session.is_over)

    def test_receiving_anew_lets_go_of_what_was_before(self) -> None:
        """A line that is offered again for another file."""
        shelf = Shelf()
        self.session.receive(shelf.wanted())
        self.bind()
        self.comes_in(b"half")
        self.session.receive(Shelf().wanted())
        self.assertNotEqual(shelf.kept[0].discarded, None)
        self.assertEqual(self.clock.getDelayedCalls(), [])

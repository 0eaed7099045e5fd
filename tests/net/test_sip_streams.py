"""Streams that come in, streams that we open, and messages that must not get lost between the two."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, Unreachable
from pushsvc.net.sip_streams import CONNECT_SECONDS, SipStreams
from pushsvc.net.sip_transport import IDLE_SECONDS, PING, PING_SECONDS, SILENT_SECONDS, StreamFactory
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response
from tests.sim import Network
from tests.sip.values import make_request, make_response
from tests.wires import Calling, Wire, listening

PORT = 5060
HERE, THERE = "192.0.2.2", "192.0.2.1"
THERE_6 = "2001:db8::1"


def options(number: int = 1) -> Request:
    return make_request("OPTIONS", via=f"SIP/2.0/TCP {HERE};branch=z9hG4bK{number}", cseq=number)


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[tuple[Message, Hop]] = []
        self.deaf_to: list[str] = []
        self.unsent_messages: list[Message] = []

    def received(self, message: Message, source: Hop) -> None:
        self.messages.append((message, source))

    def hears(self, source: Hop) -> bool:
        return source.host not in self.deaf_to

    def trusts(self, source: Hop) -> bool:
        return False

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None: ...

    def unsent(self, message: Message, why: Unreachable) -> None:
        self.unsent_messages.append(message)


class StreamsTest(SynchronousTestCase):
    """The streams of a user agent at HERE."""

    def setUp(self) -> None:
        self.network = Network()
        self.owner = Owner()
        self.host = self.network.host(HERE)
        self.streams = SipStreams(self.host, self.owner)
        self.hop = Hop("tcp", THERE, PORT, name="bob.example.com")

    def send(self, message: Message, hop: Hop | None = None, seconds: float = 1.0) -> None:
        self.streams.transmit(encode(message), message, hop or self.hop)
        self.network.settle(seconds)

    def peer(self, host: str = THERE) -> Wire:
        return listening(self.network.host(host), PORT)

    def stop(self) -> None:
        self.network.run(self.streams.stop())
        self.network.settle(0.1)  # the other end's news
        self.assertEqual(len(self.streams), 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class Opening(StreamsTest):
    """Connections of ours."""

    def test_messages_wait_for_the_connection_and_share_it(self) -> None:
        """[D-SIP-1] One connection to one address, however many pushes go there (RFC 3261 §18.1.1)."""
        peer = self.peer()
        for number in range(3):
            self.send(options(number), seconds=0)
        self.network.settle(1)
        self.send(options(3))
        self.assertEqual(peer.octets, b"".join(encode(options(number)) for number in range(4)))
        self.assertEqual(len(self.streams), 1)
        self.stop()

    def test_what_comes_back_is_heard_with_the_name_that_was_called(self) -> None:
        """A certificate would have to carry it."""
        peer = self.peer()
        self.send(options())
        peer.transport.write(encode(make_response(options())))
        self.network.settle(1)
        ((_, source),) = self.owner.messages
        self.assertEqual(source, Hop("tcp", THERE, PORT, connection=1, name="bob.example.com"))
        self.stop()

    def test_ipv6(self) -> None:
        """The same over the other family."""
        peer = self.peer(THERE_6)
        self.send(options(), Hop("tcp", THERE_6, PORT))
        self.assertEqual(peer.octets, encode(options()))
        self.stop()

    def test_whoever_waits_for_a_connection_that_is_refused_hears_of_it(self) -> None:
        """[D-SIP-1] So a big INVITE is tried over UDP then."""
        for number in range(3):
            self.send(options(number), seconds=0)
        self.network.settle(1)
        self.assertEqual(self.owner.unsent_messages, [options(number) for number in range(3)])
        self.assertEqual((len(self.streams), self.network.clock.getDelayedCalls()), (0, []))

    def test_an_address_that_does_not_answer(self) -> None:
        """A firewall that drops: 10 s, and not the minutes of TCP."""
        self.network.unplug(THERE)
        self.send(options(), seconds=CONNECT_SECONDS - 0.1)
        self.assertEqual(self.owner.unsent_messages, [])
        self.network.settle(0.2)
        self.assertEqual(self.owner.unsent_messages, [options()])

    def test_after_a_failure_it_is_tried_anew(self) -> None:
        """The receiver was just restarting."""
        self.send(options(1))
        peer = self.peer()
        self.send(options(2))
        self.assertEqual(peer.octets, encode(options(2)))


class Losing(StreamsTest):
    """Connections that are gone, or about to go."""

    def test_a_request_that_was_not_answered_is_reported(self) -> None:
        """A proxy that dies with 50 INVITEs must not cost each of them 32 s."""
        peer = self.peer()
        for number in range(3):
            self.send(options(number))
        peer.transport.abortConnection()
        self.network.settle(1)
        self.assertEqual(self.owner.unsent_messages, [options(number) for number in range(3)])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_a_request_that_was_answered_is_not(self) -> None:
        """It is over; nothing is remembered of it."""
        peer = self.peer()
        self.send(options())
        self.streams.settled(options())
        self.streams.settled(options())
        peer.transport.abortConnection()
        self.network.settle(1)
        self.assertEqual(self.owner.unsent_messages, [])

    def test_neither_responses_nor_acks_nor_cancels_are(self) -> None:
        """Nobody waits for an answer to them; what waits for their effect has its own timers."""
        peer = self.peer()
        for method in ("ACK", "CANCEL"):
            self.send(make_request(method))
        self.send(make_response(options()))
        peer.transport.abortConnection()
        self.network.settle(1)
        self.assertEqual(self.owner.unsent_messages, [])

    def test_a_message_after_the_loss_opens_a_new_connection(self) -> None:
        """A dead stream must not swallow anything."""
        for host in (THERE, THERE_6):
            network = self.network = Network()
            streams = SipStreams(network.host(HERE), self.owner)
            first = self.peer(host)
            streams.transmit(b"one", options(1), Hop("tcp", host, PORT))
            network.settle(1)
            first.transport.abortConnection()
            network.settle(1)
            network.listeners.clear()
            second = self.peer(host)
            streams.transmit(b"two", options(2), Hop("tcp", host, PORT))
            network.settle(1)
            self.assertEqual((first.octets, second.octets), (b"one", b"two"))

    def test_a_message_while_the_old_connection_closes_goes_over_a_new_one(self) -> None:
        """Between deciding to close and being closed there is time for a message to get lost."""
        self.network.weather.window = 100
        first = self.peer()
        self.send(options(1), seconds=0.015)
        first.transport.pauseProducing()
        first.transport.write(b"garbage\r\n\r\n")  # makes us close, but not before our octets are out
        self.network.settle(1)
        self.assertEqual(len(self.streams), 1)
        self.network.listeners.clear()
        second = self.peer()
        self.send(options(2))
        self.assertEqual((len(self.streams), second.octets), (2, encode(options(2))))
        first.transport.resumeProducing()
        self.network.settle(1)
        self.assertEqual((len(self.streams), self.owner.unsent_messages), (1, [options(1)]))


class Holding(StreamsTest):
    """Connections that somebody needs for a while."""

    def test_a_connection_is_held_until_the_last_has_let_go(self) -> None:
        """By pings; then it is idle for its time, and closed."""
        peer, hop = self.peer(), Hop("tcp", THERE, PORT)
        self.send(options())
        self.streams.settled(options())
        releases = [self.streams.hold(hop) for _ in range(2)]
        for release in releases:
            self.network.settle(3 * PING_SECONDS)
            self.assertTrue(peer.octets.endswith(2 * PING))
            release()
        self.network.settle(IDLE_SECONDS + 1)
        self.assertEqual(len(self.streams), 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_a_connection_that_is_lost_meanwhile(self) -> None:
        """Whoever held it notices by other means; letting go does nothing more."""
        peer, hop = self.peer(), Hop("tcp", THERE, PORT)
        self.send(options())
        release = self.streams.hold(hop)
        peer.transport.abortConnection()
        self.network.settle(1)
        release()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_where_there_is_none(self) -> None:
        """Datagrams have none."""
        self.streams.hold(Hop("tcp", THERE, PORT))()
        self.assertEqual(len(self.streams), 0)


class Answering(StreamsTest):
    """Connections of others."""

    def setUp(self) -> None:
        super().setUp()
        factory = self.streams.factory("tcp")
        assert isinstance(factory, StreamFactory)
        assert factory.admission is not None
        self.admission = factory.admission
        self.host.listenTCP(PORT, factory)

    def ask(self) -> tuple[Wire, Hop]:
        calling = Calling()
        self.network.host(THERE).connectTCP(HERE, PORT, calling)
        self.network.settle(1)
        calling.wire.transport.write(encode(options()))
        self.network.settle(1)
        return calling.wire, self.owner.messages[-1][1]

    def test_a_response_goes_back_over_the_connection_of_its_request(self) -> None:
        """RFC 3261 §18.2.2; two peers behind one address are not mixed up."""
        wires = [self.ask() for _ in range(2)]
        for wire, source in wires:
            response = make_response(options(source.connection or 0))
            self.send(response, source)
            self.assertEqual(wire.octets, encode(response))
        self.stop()

    def test_a_response_whose_connection_is_gone_goes_over_a_new_one(self) -> None:
        """RFC 3261 §18.2.2: to the address of the request, at the port of sent-by."""
        wire, source = self.ask()
        wire.transport.abortConnection()
        self.network.settle(1)
        peer = self.peer()
        self.send(make_response(options()), Hop("tcp", THERE, PORT, connection=source.connection))
        self.assertEqual(peer.octets, encode(make_response(options())))

    def test_a_response_that_nobody_takes_is_reported_and_forgotten(self) -> None:
        """Its sender is gone for good."""
        self.ask()
        self.send(make_response(options()), Hop("tcp", "192.0.2.9", PORT, connection=99))
        self.assertEqual(self.owner.unsent_messages, [make_response(options())])
        self.stop()

    def test_a_request_to_a_peer_that_is_connected_uses_that_connection(self) -> None:
        """A receiver behind a NAT can be reached in no other way."""
        wire, source = self.ask()
        self.send(options(2), Hop("tcp", source.host, source.port))
        self.assertEqual(wire.octets, encode(options(2)))

    def test_a_connection_of_others_is_not_held(self) -> None:
        """Only who opened it pings (RFC 5626 §3.5.1)."""
        wire, source = self.ask()
        self.streams.hold(source)
        self.network.settle(IDLE_SECONDS + 1)
        self.assertEqual((wire.octets, len(self.streams)), (b"", 0))

    def test_who_said_nothing_for_a_while_goes_when_descriptors_are_short(self) -> None:
        """[G6] Nobody who is just talking to us, and nobody who has to answer."""
        self.ask()
        self.network.settle(SILENT_SECONDS)
        _, busy = self.ask()
        self.streams.close_idle()
        self.network.settle(1)
        self.assertEqual(len(self.streams), 1)
        self.send(options(2), busy, SILENT_SECONDS + 1)
        self.streams.close_idle()
        self.network.settle(1)
        self.assertEqual(len(self.streams), 1)

    def test_the_count_goes_down_for_every_way_to_end(self) -> None:
        """Else the listener is full some day, with nobody in it."""
        ends = [lambda wire: wire.transport.loseConnection(), lambda wire: wire.transport.abortConnection()]
        for end in ends:
            wire, _ = self.ask()
            self.assertEqual(self.admission.inside, 1)
            end(wire)
            self.network.settle(1)
            self.assertEqual(self.admission.inside, 0)
        wire, _ = self.ask()
        wire.transport.write(b"garbage\r\n\r\n")
        self.network.settle(1)
        self.assertEqual(self.admission.inside, 0)
        self.ask()
        self.network.settle(IDLE_SECONDS + 1)
        self.assertEqual((self.admission.inside, len(self.streams)), (0, 0))


class Stopping(StreamsTest):
    """The service stops."""

    def test_every_stream_is_closed(self) -> None:
        """Politely: what was written still arrives."""
        peer = self.peer()
        self.send(options(), seconds=0.015)
        self.stop()
        self.assertEqual((peer.octets, peer.lost), (encode(options()), ConnectionDone))

    def test_a_connection_under_way_is_given_up(self) -> None:
        """And does not come up after the service has stopped."""
        peer = self.peer()
        self.send(options(), seconds=0)
        self.stop()
        self.assertEqual((peer.octets, self.owner.unsent_messages), (b"", [options()]))

    def test_a_caller_that_comes_in_at_that_moment_is_closed_too(self) -> None:
        """The listener's factory outlives its port by a turn."""
        self.host.listenTCP(PORT, self.streams.factory("tcp"))
        calling = Calling()
        self.network.host(THERE).connectTCP(HERE, PORT, calling)
        self.stop()
        self.network.settle(1)
        self.assertIs(calling.wire.lost, ConnectionDone)
        self.assertEqual(len(self.streams), 0)

    def test_nothing_is_opened_any_more(self) -> None:
        """Somebody's last words."""
        peer = self.peer()
        self.stop()
        self.send(options())
        self.assertEqual((peer.octets, self.network.clock.getDelayedCalls()), (b"", []))

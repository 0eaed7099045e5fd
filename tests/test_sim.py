"""The simulated network behaves as a bad network does, and the same way again for the same seed."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    CannotListenError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    InvalidAddressError,
    MessageLengthError,
    TimeoutError,
)
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.sim import BIGGEST_DATAGRAM, Network, Weather
from tests.wires import Calling, Collecting, Wire, listening

PORT = 5060


class Closed(Factory):
    """Turns everybody away."""

    def buildProtocol(self, addr: object) -> None:
        return None


def connected(network: Network) -> tuple[Wire, Wire]:
    """Two ends of a stream: who called, and who was called."""
    called = listening(network.host("192.0.2.2"), PORT)
    calling = Calling()
    network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, calling)
    network.settle(1)
    return calling.wire, called


def datagrams(weather: Weather, seed: int = 0, count: int = 200) -> list[int]:
    """Which of so many numbered datagrams arrive, in their order."""
    network = Network(seed, weather)
    there = Collecting()
    network.host("192.0.2.2").listenUDP(PORT, there)
    socket = network.host("192.0.2.1").listenUDP(PORT, Collecting())
    for number in range(count):
        socket.write(b"%d" % number, ("192.0.2.2", PORT))
    network.settle(10)
    return [int(datagram) for datagram in there.came]


class Datagrams(SynchronousTestCase):
    """What happens to datagrams."""

    def test_good_weather_carries_all_in_order(self) -> None:
        """A test about something else must not meet losses."""
        self.assertEqual(datagrams(Weather()), list(range(200)))

    def test_loss_takes_about_its_share(self) -> None:
        """A conversation at 30% loss shall really meet it."""
        self.assertTrue(120 < len(datagrams(Weather(loss=0.3))) < 160)

    def test_duplication_repeats_about_its_share(self) -> None:
        """Absorbing repeats is half of what transactions do."""
        came = datagrams(Weather(duplicate=0.2))
        self.assertTrue(220 < len(came) < 260)
        self.assertEqual(set(came), set(range(200)))

    def test_jitter_reorders(self) -> None:
        """Datagrams overtake each other in life."""
        came = datagrams(Weather(jitter=0.1))
        self.assertEqual(sorted(came), list(range(200)))
        self.assertNotEqual(came, sorted(came))

    def test_the_same_seed_gives_the_same_weather(self) -> None:
        """A failure is reproduced by its seed."""
        bad = Weather(loss=0.3, duplicate=0.1, jitter=0.5)
        self.assertEqual(datagrams(bad, seed=7), datagrams(bad, seed=7))
        self.assertNotEqual(datagrams(bad, seed=7), datagrams(bad, seed=8))

    def test_nothing_that_was_sent_is_missing_in_the_transcript(self) -> None:
        """Whoever reads a failure wants to see what was lost, too."""
        network = Network(0, Weather(loss=1.0))
        network.host("192.0.2.1").listenUDP(PORT, Collecting()).write(b"hello", ("192.0.2.2", PORT))
        self.assertEqual(len(network.transcript), 1)
        self.assertIn("(lost)", network.transcript[0])

    def test_a_machine_that_is_unplugged_hears_nothing_until_it_is_plugged_in(self) -> None:
        """A peer that vanishes does not say so."""
        network = Network()
        there = Collecting()
        network.host("192.0.2.2").listenUDP(PORT, there)
        socket = network.host("192.0.2.1").listenUDP(PORT, Collecting())
        network.unplug("192.0.2.2")
        socket.write(b"one", ("192.0.2.2", PORT))
        network.settle(1)
        network.plug_in("192.0.2.2")
        socket.write(b"two", ("192.0.2.2", PORT))
        network.settle(1)
        self.assertEqual(there.came, [b"two"])

    def test_what_a_real_socket_refuses_is_refused(self) -> None:
        """Our code has to cope with these errors, so the simulation must raise them."""
        socket = Network().host("192.0.2.1").listenUDP(PORT, Collecting())
        with self.assertRaises(InvalidAddressError):
            socket.write(b"", ("2001:db8::2", PORT))
        with self.assertRaises(MessageLengthError):
            socket.write(bytes(BIGGEST_DATAGRAM + 1), ("192.0.2.2", PORT))

    def test_an_address_is_bound_once(self) -> None:
        """Two daemons on one port is a mistake that must show."""
        host = Network().host("192.0.2.1")
        host.listenUDP(PORT, Collecting()).stopListening()
        host.listenUDP(PORT, Collecting())
        with self.assertRaises(CannotListenError):
            host.listenUDP(PORT, Collecting())


class Streams(SynchronousTestCase):
    """What happens to streams."""

    def setUp(self) -> None:
        self.network = Network()

    def test_octets_arrive_in_order_and_in_pieces(self) -> None:
        """No parser may rely on where a read ends."""
        near, far = connected(self.network)
        octets = bytes(range(256)) * 400
        near.transport.write(octets)
        self.network.settle(60)
        self.assertEqual(far.octets, octets)
        self.assertTrue(len(set(far.pieces)) > 50)

    def test_both_directions_are_independent(self) -> None:
        """Requests go both ways on one connection."""
        near, far = connected(self.network)
        near.transport.write(b"question")
        far.transport.write(b"answer")
        self.network.settle(1)
        self.assertEqual((near.octets, far.octets), (b"answer", b"question"))

    def test_addresses_of_both_families(self) -> None:
        """A peer is named by its address wherever it is answered or logged."""
        for there, here in (("192.0.2.2", "192.0.2.1"), ("2001:db8::2", "2001:db8::1")):
            network = Network()
            far = listening(network.host(there), PORT)
            network.host(here).connectTCP(there, PORT, Calling())
            network.settle(1)
            self.assertEqual((far.transport.getHost().host, far.transport.getPeer().host), (there, here))

    def test_a_closed_port_refuses(self) -> None:
        """An INVITE over TCP falls back to UDP then."""
        calling = Calling()
        self.network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, calling)
        self.network.settle(1)
        self.assertIs(calling.failed, ConnectionRefusedError)

    def test_a_listener_that_takes_nobody_accepts_and_closes(self) -> None:
        """So a real port behaves whose factory builds no protocol."""
        self.network.host("192.0.2.2").listenTCP(PORT, Closed())
        calling = Calling()
        self.network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, calling)
        self.network.settle(1)
        self.assertIs(calling.failed, None)
        self.assertIs(calling.wire.lost, ConnectionDone)

    def test_a_machine_that_is_unplugged_lets_callers_wait(self) -> None:
        """A firewall that drops is not a port that refuses."""
        self.network.unplug("192.0.2.2")
        calling = Calling()
        self.network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, calling, timeout=10)
        self.network.settle(9)
        self.assertIs(calling.failed, None)
        self.network.settle(2)
        self.assertIs(calling.failed, TimeoutError)

    def test_a_call_that_is_given_up_leaves_no_timer(self) -> None:
        """Tests end by asking for an empty clock."""
        self.network.unplug("192.0.2.2")
        for unplugged in (True, False):
            connector = self.network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, Calling())
            connector.stopConnecting()
            self.assertEqual(self.network.clock.getDelayedCalls(), [], unplugged)
            self.network.plug_in("192.0.2.2")

    def test_closing_lets_everything_arrive_first(self) -> None:
        """The reply before the close is read."""
        near, far = connected(self.network)
        near.transport.write(b"last words" * 10000)
        near.transport.loseConnection()
        near.transport.write(b"too late")
        self.network.settle(60)
        self.assertEqual(far.octets, b"last words" * 10000)
        self.assertEqual((near.lost, far.lost), (ConnectionDone, ConnectionDone))

    def test_who_closes_reads_no_more(self) -> None:
        """As a real transport stops reading at once."""
        near, far = connected(self.network)
        far.transport.write(b"unheard")
        near.transport.loseConnection()
        self.network.settle(1)
        self.assertEqual((near.octets, near.lost), (b"", ConnectionDone))

    def test_aborting_loses_what_is_under_way(self) -> None:
        """A connection can die at any octet."""
        near, far = connected(self.network)
        near.transport.write(b"lost")
        near.transport.abortConnection()
        near.transport.write(b"lost as well")
        self.network.settle(1)
        self.assertEqual(far.octets, b"")
        self.assertEqual((near.lost, far.lost), (ConnectionAborted, ConnectionLost))

    def test_writing_to_who_has_closed_breaks_the_connection(self) -> None:
        """A half that is paused does not see the end; its next write does."""
        near, far = connected(self.network)
        near.transport.pauseProducing()
        far.transport.loseConnection()
        self.network.settle(1)
        self.assertIs(near.lost, None)
        near.transport.write(b"hello?")
        self.network.settle(1)
        self.assertIs(near.lost, ConnectionLost)

    def test_bad_weather_cuts_streams(self) -> None:
        """Every transfer must survive it, or say that it did not."""
        network = Network(1, Weather(cut=0.2))
        near, far = connected(network)
        near.transport.write(bytes(100_000))
        network.settle(60)
        self.assertTrue(0 < len(far.octets) < 100_000)
        self.assertEqual((near.lost, far.lost), (ConnectionLost, ConnectionAborted))

    def test_an_unplugged_stream_is_silent_and_goes_on_when_plugged_in(self) -> None:
        """TCP waits out a cable that is pulled for a minute."""
        near, far = connected(self.network)
        self.network.unplug("192.0.2.2")
        near.transport.write(b"hello")
        self.network.settle(60)
        self.assertEqual((far.octets, far.lost), (b"", None))
        self.network.plug_in("192.0.2.2")
        self.network.settle(1)
        self.assertEqual(far.octets, b"hello")


class FlowControl(SynchronousTestCase):
    """Pausing, in both directions."""

    def setUp(self) -> None:
        self.network = Network(0, Weather(window=1000))

    def test_a_paused_reader_gets_nothing_and_all_of_it_later(self) -> None:
        """A receiver whose disk is slow stops reading."""
        near, far = connected(self.network)
        far.transport.pauseProducing()
        near.transport.write(b"x" * 5000)
        self.network.settle(10)
        self.assertEqual(far.octets, b"")
        far.transport.resumeProducing()
        self.network.settle(10)
        self.assertEqual(len(far.octets), 5000)

    def test_a_producer_is_paused_while_the_window_is_full(self) -> None:
        """Without it a sender reads a whole file into memory."""
        near, far = connected(self.network)
        far.transport.pauseProducing()
        near.transport.registerProducer(near, True)
        near.transport.write(b"x" * 1000)
        self.assertEqual(near.signals, [])
        near.transport.write(b"x")
        near.transport.write(b"x")
        self.assertEqual(near.signals, ["pause", "pause"])
        far.transport.resumeProducing()
        self.network.settle(10)
        self.assertEqual(near.signals, ["pause", "pause", "resume"])

    def test_a_connection_is_not_closed_while_its_producer_is_paused(self) -> None:
        """Twisted's transports work like that; forgetting to unregister leaks the connection."""
        near, far = connected(self.network)
        near.transport.registerProducer(near, True)
        near.transport.write(b"x" * 2000)
        near.transport.loseConnection()
        self.network.settle(10)
        self.assertEqual((near.signals, near.lost), (["pause", "resume"], None))
        near.transport.unregisterProducer()
        self.network.settle(10)
        self.assertEqual((near.lost, far.lost), (ConnectionDone, ConnectionDone))

    def test_a_producer_hears_of_the_loss(self) -> None:
        """It must not go on producing."""
        near, far = connected(self.network)
        near.transport.registerProducer(near, True)
        far.transport.abortConnection()
        self.network.settle(1)
        self.assertEqual((near.signals, near.lost), (["stop"], ConnectionLost))


class Time(SynchronousTestCase):
    """Time passes from event to event."""

    def test_running_ends_with_the_result(self) -> None:
        """No test waits for longer than it has to."""
        network = Network()
        waiting: Deferred[str] = Deferred()
        network.clock.callLater(32, waiting.callback, "done")
        self.assertEqual(network.run(waiting), "done")
        self.assertEqual(network.clock.seconds(), 32)

    def test_running_raises_the_failure(self) -> None:
        """A test that expects a failure writes assertRaises."""
        network = Network()
        waiting: Deferred[str] = Deferred()
        network.clock.callLater(1, waiting.errback, ValueError("no"))
        with self.assertRaises(ValueError):
            network.run(waiting)

    def test_a_deadlock_says_so(self) -> None:
        """Nothing is left to happen, and still no result: the test must not hang."""
        with self.assertRaisesRegex(AssertionError, "nothing left to happen at 0.000"):
            Network().run(Deferred())

    def test_settling_passes_exactly_the_time_that_was_asked_for(self) -> None:
        """What is due later has not happened."""
        network = Network()
        rung: list[float] = []
        for at in (1.0, 2.0, 2.5):
            network.clock.callLater(at, lambda: rung.append(network.clock.seconds()))
        network.settle(2)
        self.assertEqual((rung, network.clock.seconds()), ([1.0, 2.0], 2.0))

"""TLS in whole buffers: what goes up, what goes down, and every way to end."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pushsvc.net.tls import Tls
from pushsvc.net.tls_transport import RECORD, Side, TlsFactory, TlsTransport
from tests.identities import identity_of
from tests.sim import Network, Weather
from tests.wires import Calling, Wire

PORT = 2855
BIG = bytes(range(256)) * 1000  # 256,000 octets: sixteen records


@implementer(IHandshakeListener)
class End(Wire):
    """One end, above TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = 0
        self.reason: Failure | None = None
        self.first_words = b""

    def connectionMade(self) -> None:
        if self.first_words:
            self.transport.write(self.first_words)

    def handshakeCompleted(self) -> None:
        self.ready += 1

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self.reason = reason


class Once(Factory):
    """Builds this one."""

    noisy = False

    def __init__(self, end: End) -> None:
        self.end = end

    def buildProtocol(self, addr: object) -> End:
        return self.end


class TlsTest(SynchronousTestCase):
    """A client and a server over a simulated wire."""

    weather = Weather()

    def setUp(self) -> None:
        self.network = Network(0, self.weather)
        self.client, self.server = End(), End()
        self.calling, self.called = Tls(identity_of("alice")), Tls(identity_of("bob"))

    def connect(self, seconds: float = 1.0) -> None:
        self.network.host("192.0.2.2").listenTCP(PORT, self.called.server(Once(self.server)))
        self.connecting = TCP4ClientEndpoint(self.network.host("192.0.2.1"), "192.0.2.2", PORT).connect(
            self.calling.client(Once(self.client), "192.0.2.2")
        )
        self.network.settle(seconds)

    def assert_lost(self, *reasons: type[BaseException]) -> None:
        self.network.settle(1)
        self.assertEqual((self.client.lost, self.server.lost), reasons)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])


class Open(TlsTest):
    """Octets in both directions."""

    def test_the_handshake_is_told_once_on_both_sides(self) -> None:
        """From then on the peer's certificate is known."""
        self.connect()
        self.assertEqual((self.client.ready, self.server.ready), (1, 1))
        certificate = self.client.transport.getPeerCertificate()
        self.assertEqual(certificate.get_subject().CN, "bob")

    def test_octets_arrive_whole_in_any_pieces(self) -> None:
        """Both ways at once, cut anywhere by the network."""
        for seed in range(5):
            self.network = Network(seed, Weather(jitter=0.01))
            self.client, self.server = End(), End()
            self.connect()
            for end in (self.client, self.server):
                end.transport.write(BIG)
                end.transport.writeSequence([b"and ", b"more"])
            self.network.settle(30)
            for end in (self.client, self.server):
                self.assertEqual(end.octets, BIG + b"and more", seed)

    def test_what_is_written_before_the_handshake_is_sent_after_it(self) -> None:
        """By either side; nothing of it goes out in clear text."""
        self.client.first_words, self.server.first_words = b"hello", b"welcome"
        self.connect()
        self.assertEqual((self.client.octets, self.server.octets), (b"welcome", b"hello"))

    def test_nothing_is_in_clear_text(self) -> None:
        """The wire below is what it is all about."""
        self.connect()
        self.client.transport.write(b"Maintenance tonight. " * 100)
        for stream in self.network.streams:
            self.assertNotIn(b"Maintenance", bytes(stream._inbox))
        self.assertGreater(self.network.streams[1].unread, 2000)

    def test_addresses_are_those_of_the_wire(self) -> None:
        """Logs and admission go by them."""
        self.connect()
        transport = self.client.transport
        self.assertEqual((transport.getPeer().host, transport.getHost().host), ("192.0.2.2", "192.0.2.1"))
        transport.setTcpNoDelay(True)


class WholeBuffers(SynchronousTestCase):
    """One write is one write, one read is one read: that is what makes it quick."""

    def setUp(self) -> None:
        self.ends = End(), End()
        self.wires = CountingTransport(), CountingTransport()
        alice, bob = Tls(identity_of("alice")), Tls(identity_of("bob"))
        for factory, wire in (
            (alice.client(Once(self.ends[0]), "192.0.2.2"), self.wires[0]),
            (bob.server(Once(self.ends[1])), self.wires[1]),
        ):
            protocol = factory.buildProtocol(None)
            assert protocol is not None
            wire.protocol = protocol
        for wire in (self.wires[1], self.wires[0]):
            wire.protocol.makeConnection(wire)
        self.pass_on()

    def pass_on(self) -> None:
        """Carry everything across, whole."""
        while any(wire.value() for wire in self.wires):
            for wire, other in (self.wires, self.wires[::-1]):
                octets = wire.value()
                wire.clear()
                if octets:
                    other.protocol.dataReceived(octets)

    def test_a_chunk_is_one_write_below_and_one_read_above(self) -> None:
        """Five records; Twisted makes five of each."""
        self.wires[0].writes = 0
        self.ends[0].transport.write(BIG[:66000])
        self.assertEqual((self.wires[0].writes, len(self.wires[0].value()) // RECORD), (1, 4))
        self.pass_on()
        self.assertEqual(self.ends[1].pieces, [66000])

    def test_reads_grow_for_a_peer_that_is_known(self) -> None:
        """What is held for one that reads no answers grows with them."""
        for is_known, size in ((False, 65536), (True, 131072)):
            self.setUp()
            vars(self.wires[1])["bufferSize"] = 65536
            self.wires[1].protocol.reads_widely = is_known
            self.ends[0].transport.write(BIG)
            self.wires[1].protocol.dataReceived(self.wires[0].value()[:65536])
            self.assertEqual(vars(self.wires[1])["bufferSize"], size)

    def test_more_than_openssl_shall_hold_goes_in_several(self) -> None:
        """It keeps the memory that it needed once for as long as the connection lasts."""
        self.wires[0].writes = 0
        self.ends[0].transport.write(BIG * 5)
        self.assertEqual(self.wires[0].writes, 5)
        self.pass_on()
        self.assertEqual(self.ends[1].octets, BIG * 5)

    def test_a_producer_is_that_of_the_wire(self) -> None:
        """OpenSSL takes whatever we write: the wire alone is full or not."""
        self.ends[0].transport.registerProducer(self.ends[0], True)
        self.assertIs(self.wires[0].producer, self.ends[0])
        self.ends[0].transport.unregisterProducer()
        self.assertIs(self.wires[0].producer, None)
        self.ends[0].transport.pauseProducing()
        self.assertEqual(self.wires[0].producerState, "paused")
        self.ends[0].transport.resumeProducing()
        self.assertEqual(self.wires[0].producerState, "producing")

    def test_what_comes_after_the_end_is_not_heard(self) -> None:
        """A transport may still have it in its hands."""
        self.ends[0].transport.write(b"too late")
        octets = self.wires[0].value()
        self.ends[1].transport.abortConnection()
        self.wires[1].protocol.dataReceived(octets)
        self.assertEqual(self.ends[1].octets, b"")

    def test_a_write_that_openssl_refuses_is_the_end(self) -> None:
        """It does so when the stream was closed behind our back."""
        self.wires[0].protocol._tls.shutdown()
        self.ends[0].transport.write(b"x")
        self.assertTrue(self.wires[0].disconnecting)
        self.ends[0].transport.write(b"y")
        self.ends[1].transport.stopProducing()
        self.assertTrue(self.ends[1].transport.disconnecting)


class CountingTransport(StringTransport):
    """Counts writes."""

    protocol: TlsTransport
    writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None: ...


class Ending(TlsTest):
    """By either side, politely or not."""

    def test_goodbye_is_said_by_both(self) -> None:
        """[D-TLS-1] E.10 rule 9. What was written before it arrives."""
        for closing in ("client", "server"):
            self.setUp()
            self.connect()
            end, other = (getattr(self, name) for name in (closing, "server" if closing == "client" else "client"))
            end.transport.write(BIG)
            end.transport.loseConnection()
            end.transport.loseConnection()
            end.transport.write(b"too late")
            self.network.settle(10)
            self.assertEqual(other.octets, BIG)
            self.assert_lost(ConnectionDone, ConnectionDone)

    def test_the_other_side_may_be_in_the_middle_of_a_sentence(self) -> None:
        """It is read to its end, and not answered by a reset that would destroy our last words on their way."""
        self.connect()
        self.server.transport.write(BIG)
        self.client.transport.write(b"last words")
        self.client.transport.loseConnection()
        self.network.settle(10)
        self.assertEqual((self.server.octets, self.client.octets), (b"last words", BIG))
        self.assert_lost(ConnectionDone, ConnectionDone)

    def test_a_producer_that_is_paused_does_not_keep_the_dead_alive(self) -> None:
        """The peer says goodbye while our write is stuck: we hear of the end as soon as the rest is out."""
        self.network.weather.window = 1000
        self.connect()
        self.client.transport.registerProducer(self.client, True)
        self.client.transport.write(BIG)
        self.assertEqual(set(self.client.signals), {"pause"})
        self.server.transport.loseConnection()
        self.network.settle(10)
        self.assertEqual(self.client.signals[-1], "stop")
        self.assert_lost(ConnectionDone, ConnectionDone)

    def test_aborting_is_for_both_and_at_once(self) -> None:
        """Nothing is said, nothing more is heard."""
        self.connect()
        self.server.transport.write(BIG)
        self.network.settle(0.1)
        before = self.client.octets
        self.client.transport.abortConnection()
        self.client.transport.write(b"too late")
        self.network.settle(1)
        self.assertEqual(self.client.octets, before)
        self.assert_lost(ConnectionAborted, ConnectionLost)
        self.client.transport.abortConnection()
        self.client.transport.loseConnection()
        self.assertEqual(self.client.transport.getPeerCertificate(), None)

    def test_aborting_while_something_is_heard(self) -> None:
        """The rest of what has come is not handed up any more, and no answer is lost by an exception."""
        self.connect()
        self.server.dataReceived = lambda data: self.server.transport.abortConnection()  # type: ignore[method-assign]
        self.client.transport.write(b"x")
        self.client.transport.loseConnection()
        self.assert_lost(ConnectionLost, ConnectionAborted)

    def test_aborting_before_or_when_the_handshake_is_done(self) -> None:
        """What comes with the last words of the handshake is not heard."""
        for moment in ("connectionMade", "handshakeCompleted"):
            self.setUp()
            self.client.first_words = b"hello"
            setattr(self.server, moment, self.abort)
            self.connect()
            self.assertEqual(self.server.octets, b"", moment)
            self.assert_lost(ConnectionLost, ConnectionAborted)

    def abort(self) -> None:
        self.server.transport.abortConnection()

    def test_a_wire_that_is_cut(self) -> None:
        """[D-TLS-1] No goodbye: whoever was in the middle of something knows that it is not complete."""
        self.connect()
        self.server.transport.write(b"half")
        self.network.settle(0.1)
        self.network.streams[0].loseConnection()
        self.assertEqual(self.client.octets, b"half")
        self.assert_lost(ConnectionDone, ConnectionDone)

    def test_closing_in_the_middle_of_the_handshake(self) -> None:
        """There is nothing to say goodbye to."""
        self.connect(0.015)
        self.assertEqual(self.client.ready, 0)
        self.client.transport.loseConnection()
        self.assert_lost(ConnectionAborted, ConnectionLost)


class Broken(TlsTest):
    """Octets that are no TLS, and peers that are not who they should be."""

    def test_octets_that_are_no_tls(self) -> None:
        """HTTP to our port: an alert, and the end, and no word above but that."""
        calling = Calling()
        self.network.host("192.0.2.2").listenTCP(PORT, self.called.server(Once(self.server)))
        self.network.host("192.0.2.1").connectTCP("192.0.2.2", PORT, calling)
        self.network.settle(0.1)
        calling.wire.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.settle(1)
        self.assertEqual((self.server.ready, self.server.octets, calling.wire.lost), (0, b"", ConnectionDone))
        assert self.server.reason is not None
        self.assertTrue(self.server.reason.check(SSL.Error))

    def test_octets_that_were_changed_on_the_way(self) -> None:
        """Nothing of them is handed up."""
        self.connect()
        self.client.transport.write(b"x" * 100)
        self.network.streams[1]._inbox[-1] ^= 1
        self.network.settle(1)
        self.assertEqual(self.server.octets, b"")
        assert self.server.reason is not None
        self.assertTrue(self.server.reason.check(SSL.Error))
        self.assertIsNot(self.client.lost, None)

    def test_a_peer_that_is_not_accepted(self) -> None:
        """Nobody above hears that there was a connection at all, and nothing is sent."""

        def reject(connection: SSL.Connection) -> None:
            raise VerificationError(errors=[])

        self.client.first_words = b"secret"
        self.network.host("192.0.2.2").listenTCP(PORT, self.called.server(Once(self.server)))
        side = Side(client_connection, reject)
        TCP4ClientEndpoint(self.network.host("192.0.2.1"), "192.0.2.2", PORT).connect(
            TlsFactory(side, Once(self.client))
        )
        self.network.settle(1)
        assert self.client.reason is not None
        self.assertTrue(self.client.reason.check(VerificationError))
        self.assertEqual((self.client.ready, self.server.octets), (0, b""))
        self.assertIsNot(self.server.lost, None)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_any_octets_at_any_moment_end_in_a_loss_and_never_in_an_exception(self) -> None:
        """Fuzz, before and after the handshake."""
        for seed in range(40):
            self.network = Network(seed)
            self.client, self.server = End(), End()
            self.connect(seconds=0.015 + seed % 5 * 0.01)
            garbage = self.network.chance.randbytes(10 + seed * 3)
            self.network.streams[1]._inbox += garbage
            self.network.streams[1].schedule()
            self.network.settle(1)
            self.client.transport.abortConnection()
            self.network.settle(1)
            self.assertNotEqual(self.server.lost, None, seed)
            self.assertEqual(self.server.octets, b"", seed)


def client_connection() -> SSL.Connection:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    return connection

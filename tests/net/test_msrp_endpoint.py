"""Our paths, and how sessions, connections and the service end. Whose session is whose: test_msrp_binding."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.msrp.uri import UNUSED_PORT, MsrpUri
from pushsvc.net.admission import MAX_CONNECTIONS_PER_SOURCE
from pushsvc.net.msrp_endpoint import SILENT_SECONDS, MsrpEndpoint, MsrpSettings
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.tls import fingerprint
from tests.identities import identity_of
from tests.net.msrp_sides import ALICE, ALICE_6, BOB, CAROL, PORT, MsrpTest, Notes, Octets, Shelf, Side
from tests.sim import Network
from tests.tokens import CountedTokens
from tests.wires import Calling, Wire

NOTE = Octets(b"Maintenance tonight.")
PLAIN = PORT + 1
PEER = MsrpUri.parse("msrp://192.0.2.1:9/peer;tcp")


class Opening(SynchronousTestCase):
    """Our paths."""

    def setUp(self) -> None:
        self.network = Network()

    def test_a_path_says_where_we_listen_and_nobody_can_guess_it(self) -> None:
        """[R-PRA-INV-8] The session is registered before the answer leaves."""
        side = Side(self.network, ALICE, "alice")
        one, other = side.open(), side.open()
        self.assertEqual((one.own.scheme, one.own.host, one.own.port), ("msrps", ALICE, PORT))
        self.assertEqual((len(one.id), one.id != other.id, side.endpoint.sessions), (24, True, 2))
        self.assertEqual(side.open(secure=False).own.port, PLAIN)

    def test_ipv6_in_brackets(self) -> None:
        """As in any URI."""
        self.assertEqual(Side(self.network, ALICE_6, "alice").open().own.host, f"[{ALICE_6}]")

    def test_who_listens_nowhere_names_port_9(self) -> None:
        """Who only connects (requirements E.1)."""
        endpoint = Side(self.network, ALICE, "alice").endpoint
        endpoint.addresses.clear()
        self.assertEqual(endpoint.host_and_port(True), ("127.0.0.1", UNUSED_PORT))
        endpoint.addresses["tcp"] = (ALICE, PLAIN)
        self.assertEqual(endpoint.host_and_port(True), (ALICE, UNUSED_PORT))

    def test_who_says_that_it_only_connects_names_port_9(self) -> None:
        """Whether it listens or not (requirements E.11)."""
        self.assertEqual(Side(self.network, ALICE, "alice").open(active=True).own.port, UNUSED_PORT)

    def test_names_are_hosts_by_their_addresses(self) -> None:
        """E.11: resolved before they are compared; one that cannot be is not taken for another host."""
        endpoint = Side(self.network, ALICE, "alice").endpoint
        for one, other, differ in (
            (BOB, BOB, False),
            (BOB, CAROL, True),
            ("bob.example.com", BOB, False),
            ("bob.example.com", "moved.example.com", False),
            ("bob.example.com", CAROL, True),
            ("bob.example.com", "six.example.com", True),
            ("nobody.example.com", CAROL, False),
        ):
            compared = Deferred.fromCoroutine(endpoint.are_two_hosts(one, other))
            self.assertIs(self.successResultOf(compared), differ, (one, other))

    def test_our_fingerprint_is_that_of_the_certificate_we_present(self) -> None:
        """Also after it was renewed."""
        side = Side(self.network, ALICE, "alice")
        self.assertEqual(side.endpoint.fingerprint, fingerprint(identity_of("alice").der))
        side.tls.renew(identity_of("carol"))
        self.assertEqual(side.endpoint.fingerprint, fingerprint(identity_of("carol").der))


class Ending(MsrpTest):
    """Sessions and services that end at any moment."""

    def test_a_session_that_is_closed_while_its_connection_is_being_opened(self) -> None:
        """The peer hung up meanwhile: a connection must not carry the dead."""
        near, far = self.agreed(Shelf())
        connecting = self.alice.connect(near)
        self.network.settle(0.005)
        self.close(near)
        with self.assertRaises(Unreachable):
            self.network.run(connecting)
        self.assertEqual(self.alice.bound, [])
        self.assert_nothing_left(far)

    def test_connecting_that_is_cancelled(self) -> None:
        """At any moment of it."""
        for after in (0.0, 0.015, 0.025, 0.035):
            near, far = self.agreed(Shelf())
            connecting = self.alice.connect(near)
            self.network.settle(after)
            connecting.cancel()
            self.failureResultOf(connecting)
            self.assert_nothing_left(near, far)

    def test_a_connection_that_nobody_uses_any_more_is_closed_with_close_notify(self) -> None:
        """[D-TLS-1] E.10 rule 9: an orderly end after 60 s without sessions."""
        near, far = self.connected(Shelf())
        self.delivered(near.send(NOTE))
        self.close(near, far)
        self.network.settle(59)
        self.assertEqual(len(self.wires()), 2)
        self.network.settle(2)
        self.assertEqual(self.wires(), [])

    def test_stopping_closes_everything_and_says_when(self) -> None:
        """What was written still arrives: the 200 to a last chunk must not be lost at shutdown."""
        durable: Deferred[None] = Deferred()
        near, far = self.connected(Shelf(durable=durable))
        sent = near.send(NOTE)
        self.network.settle(1)
        durable.callback(None)
        self.network.run(self.bob.endpoint.stop())
        self.successResultOf(sent)
        self.assertEqual(self.network.run(self.alice.endpoint.stop()), None)
        self.assert_nothing_left(near, far)

    def test_stopping_gives_up_connections_under_way(self) -> None:
        """And begins none."""
        near, far = self.agreed(Shelf())
        connecting = self.alice.connect(near)
        self.successResultOf(self.alice.endpoint.stop())
        self.failureResultOf(connecting, Unreachable)
        self.failureResultOf(self.alice.connect(near), Withdrawn)
        self.assert_nothing_left(near, far)

    def test_stopping_does_not_depend_on_the_peer(self) -> None:
        """It does not read, and does not answer close_notify: 30 s."""
        self.connected(Shelf())
        self.network.unplug(BOB)
        stopped = self.alice.endpoint.stop()
        self.network.settle(29)
        self.assertNoResult(stopped)
        self.network.settle(2)
        self.successResultOf(stopped)
        self.assertEqual(self.alice.endpoint.connections, 0)

    def test_listeners_are_closed(self) -> None:
        """Nobody new comes in."""
        for side in (self.alice, self.bob):
            self.assertEqual(side.endpoint.stop_listening(), [])
        self.assertEqual(self.network.listeners, {})


class Admitted(MsrpTest):
    """How many may come in."""

    def flood(self, port: int, count: int) -> list[Wire]:
        wires = []
        for _ in range(count):
            calling = Calling()
            self.network.host(CAROL).connectTCP(BOB, port, calling)
            wires.append(calling.wire)
        self.network.settle(0.1)
        return wires

    def test_one_source_gets_its_share_over_tls_as_without(self) -> None:
        """SECURITY part 5: 64. The one too many is closed, without a traceback and without a leak."""
        for port in (PORT, PLAIN):
            wires = self.flood(port, MAX_CONNECTIONS_PER_SOURCE + 1)
            self.assertEqual([wire.lost is None for wire in wires].count(True), MAX_CONNECTIONS_PER_SOURCE)
            for wire in wires:
                wire.transport.abortConnection()
            self.network.settle(1)
            self.assertEqual(self.bob.endpoint.connections, 0)

    def carrying(self, count: int) -> list[tuple[MsrpSession, MsrpSession]]:
        """Sessions with Bob, each over a connection of its own from Alice's address."""
        pairs = []
        for number in range(count):
            host = self.network.host(ALICE)
            tokens = CountedTokens(f"alice{number}")
            other = MsrpEndpoint(host, self.alice.tls, tokens, Notes(), lambda _: succeed([BOB]), MsrpSettings())
            near, far = other.open("call", active=True), self.bob.open()
            near.peer_path, far.peer_path = (far.own,), (near.own,)
            near.fingerprints, far.fingerprints = self.bob.prints(), self.alice.prints()
            far.receive(Shelf().wanted())
            self.network.run(Deferred.fromCoroutine(other.connect(near)))
            self.network.run(near.send(NOTE))
            pairs.append((near, far))
        return pairs

    def test_who_carries_nothing_goes_when_descriptors_are_short(self) -> None:
        """[G6] But not who has just come, and not who carries a session."""
        self.carrying(1)
        idle = self.flood(PORT, 1)
        self.network.settle(SILENT_SECONDS)
        fresh = self.flood(PORT, 1)
        for close in self.bob.endpoint._descriptors.close_idle:
            close()
        self.network.settle(0.1)
        self.assertEqual([wire.lost is None for wire in (*idle, *fresh)], [False, True])
        self.assertEqual(self.bob.endpoint.connections, 2)

    def test_who_carries_a_session_is_no_stranger(self) -> None:
        """A core, or a sender with hundreds of pushes at once, is one address: sessions have a limit of their own."""
        self.carrying(MAX_CONNECTIONS_PER_SOURCE + 1)
        self.assertEqual(self.bob.endpoint.connections, MAX_CONNECTIONS_PER_SOURCE + 1)

    def test_without_its_session_it_is_one_again(self) -> None:
        """It may stay for a while, in case there is more, but only as many as may come in."""
        pairs = self.carrying(MAX_CONNECTIONS_PER_SOURCE + 2)
        for _, far in pairs:
            self.bob.endpoint.close(far)
        self.network.settle(1)
        self.assertEqual(self.bob.endpoint.connections, MAX_CONNECTIONS_PER_SOURCE)

    def test_the_count_goes_down_for_every_way_to_end(self) -> None:
        """By the peer, by its timers, by ours, by octets that are no TLS or no MSRP: ten times the share come in."""
        ends: list[Callable[[list[Wire]], object]] = [
            lambda wires: [wire.transport.abortConnection() for wire in wires],
            lambda wires: [wire.transport.loseConnection() for wire in wires],
            lambda wires: [wire.transport.write(b"GET / HTTP/1.1\r\n\r\n") for wire in wires],
            lambda wires: self.network.settle(31),
        ]
        for port in (PORT, PLAIN):
            for end in ends:
                wires = self.flood(port, MAX_CONNECTIONS_PER_SOURCE)
                self.assertEqual([wire.lost for wire in wires], [None] * len(wires))
                end(wires)
                self.network.settle(1)
                self.assertEqual(self.bob.endpoint.connections, 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

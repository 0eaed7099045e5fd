"""Connections that we open: to which address, for how long, and shared by whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Unreachable
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.identity import Identity
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_outward import Outward, Way
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.tls import Tls
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.net.msrp_sides import ALICE, ALICE_6, BOB, BOB_6, CAROL, NAMES, PORT, Notes
from tests.sim import Network
from tests.tokens import CountedTokens
from tests.wires import Wire, listening

TIMEOUT = 30.0


class Endpoint:
    """What a connection asks of its endpoint."""

    bind_timeout = 30.0
    idle_timeout = 60.0

    def __init__(self) -> None:
        self.leave: dict[MsrpConnection, Callable[[], None]] = {}

    def bind(self, send: Any, connection: MsrpConnection) -> int:
        return 481

    def is_used(self, connection: MsrpConnection) -> None: ...

    def may_idle(self, connection: MsrpConnection) -> bool:
        return True

    def connection_lost(self, connection: MsrpConnection) -> None:
        self.leave.pop(connection)()


class OutwardTest(SynchronousTestCase):
    """Alice connects; a session is only pretended."""

    def setUp(self) -> None:
        self.network = Network()
        self.host = self.network.host(ALICE)
        self.endpoint = Endpoint()
        self.tls = Tls(identity_of("alice"))
        self.resolve: Callable[[str], Deferred[list[str]]] = lambda host: succeed(NAMES.get(host, []))
        self.outward = Outward(self.host, self.tls, self.resolve, TIMEOUT, self.make)

    def make(self, secure: bool, leave: Callable[[], None]) -> MsrpConnection:
        connection = MsrpConnection(self.endpoint, self.host, Notes(), secure=secure)
        self.endpoint.leave[connection] = leave
        return connection

    def connect(self, way: Way | None = None) -> Deferred[MsrpConnection]:
        """A connection that carries a session from the first moment: one that carries none is closed at once."""
        return self.outward.connect(way or self.way()).addCallback(self.use)

    def use(self, connection: MsrpConnection) -> MsrpConnection:
        tokens = CountedTokens("s")
        own = MsrpUri.parse(f"msrp://{ALICE}:9/a{id(connection)};tcp")
        connection.attach(MsrpSession(own, "call", self.network.clock, tokens, Transfer()))  # type: ignore[arg-type]
        return connection

    def way(self, uri: str = f"msrp://{BOB}:{PORT}/b;tcp", announced: bool = True) -> Way:
        return self.outward.way(MsrpUri.parse(uri), announced)

    def peer(self, address: str = BOB) -> Wire:
        return listening(self.network.host(address), PORT)

    def assert_nothing_left(self, seconds: float = 100.0) -> None:
        for connection in list(self.endpoint.leave):
            connection.drop()
        self.network.settle(seconds)
        self.assertEqual((self.endpoint.leave, self.network.clock.getDelayedCalls()), ({}, []))
        self.assertEqual((self.outward._open, self.outward._opening), ({}, {}))


class Opening(OutwardTest):
    """One connection."""

    def test_it_is_ready_when_octets_can_be_sent(self) -> None:
        """Over plain TCP: at once."""
        self.peer()
        connection = self.network.run(self.connect())
        self.assertEqual(connection.peer, f"tcp:{BOB}:{PORT}")
        self.assertIs(self.outward.shared(self.way()), connection)
        self.assert_nothing_left()

    def test_over_tls_after_the_handshake(self) -> None:
        """With the certificate of who is there, whoever that is: it is compared with what was announced."""
        self.serve(identity_of("bob"))
        connection = self.network.run(self.connect(self.way(f"msrps://{BOB}:{PORT}/b;tcp")))
        self.assertEqual(connection.certificate, identity_of("bob").der)
        self.assert_nothing_left()

    def test_without_a_fingerprint_chain_and_name_decide(self) -> None:
        """[D-TLS-1] Requirements E.10 rule 3: our authority does not know Bob's certificate."""
        self.serve(identity_of("bob"))
        way = self.way(f"msrps://{BOB}:{PORT}/b;tcp", announced=False)
        with self.assertRaises(Unreachable) as raised:
            self.network.run(self.connect(way))
        self.assertFalse(raised.exception.retry)
        self.assert_nothing_left()

    def test_the_name_is_that_of_the_uri(self) -> None:
        """[D-TLS-1] And not the address that it was resolved to."""
        file = authority().write(Path(self.mktemp()))
        self.tls = Tls(identity_of("alice"), authority=file)
        self.outward = Outward(self.host, self.tls, self.resolve, TIMEOUT, self.make)
        self.serve(authority().issue("bob.example.com"))
        self.network.run(self.connect(self.way(f"msrps://BOB.example.com:{PORT}/b;tcp", announced=False)))
        self.assert_nothing_left()

    def test_by_another_address_the_name_is_still_that_of_the_uri(self) -> None:
        """[D-TLS-1] RFC 6714: a middlebox that anchors media has no certificate; who is behind it has."""
        file = authority().write(Path(self.mktemp()))
        self.tls = Tls(identity_of("alice"), authority=file)
        self.outward = Outward(self.host, self.tls, self.resolve, TIMEOUT, self.make)
        uri = MsrpUri.parse(f"msrps://bob.example.com:{PORT}/b;tcp")
        way = self.outward.way(uri, announced=False, anchor=(CAROL, PORT))
        self.serve(authority().issue("bob.example.com"), CAROL)
        connection = self.network.run(self.connect(way))
        self.assertEqual(connection.peer, f"tls:{CAROL}:{PORT}")
        self.assertIs(self.outward.shared(self.outward.way(uri, announced=False)), None)
        self.assert_nothing_left()

    def test_nobody_outside_names_a_place_inside(self) -> None:
        """SECURITY 2: not as an address, not by c= and m= (RFC 6714), not by a name; who is inside may."""
        self.resolve = lambda host: succeed(["127.0.0.1", "::1"] if host == "bob.example.com" else [])
        self.outward = Outward(self.host, self.tls, self.resolve, TIMEOUT, self.make)
        plain = MsrpUri.parse(f"msrp://{BOB}:{PORT}/b;tcp")
        ways = [
            (MsrpUri.parse(f"msrp://{host}:{PORT}/b;tcp"), None)
            for host in ("127.0.0.1", "[::1]", "169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]", "bob.example.com")
        ]
        for uri, anchor in [*ways, (plain, ("127.0.0.1", PORT))]:
            way = self.outward.way(uri, False, anchor, foreign=True)
            with self.assertRaisesRegex(Unreachable, "is inside of this machine, and was named from outside") as raised:
                self.network.run(self.connect(way))
            self.assertFalse(raised.exception.retry)
        self.peer("127.0.0.1")
        connection = self.network.run(self.connect(self.outward.way(ways[0][0], announced=False)))
        self.assertIs(self.outward.shared(self.outward.way(ways[0][0], announced=False, foreign=True)), None)
        self.assertEqual(connection.peer, f"tcp:127.0.0.1:{PORT}")
        self.assert_nothing_left()

    def serve(self, identity: Identity, address: str = BOB) -> None:
        host = self.network.host(address)
        host.listenTCP(PORT, Tls(identity).server(Factory.forProtocol(Protocol)))

    def test_ipv6(self) -> None:
        """A literal in brackets, and a name."""
        self.host = self.network.host(ALICE_6)
        self.outward = Outward(self.host, self.tls, self.resolve, TIMEOUT, self.make)
        self.peer(BOB_6)
        for host in (f"[{BOB_6}]", "six.example.com"):
            connection = self.network.run(self.connect(self.way(f"msrp://{host}:{PORT}/b;tcp")))
            self.assertEqual(connection.peer, f"tcp:[{BOB_6}]:{PORT}")
        self.assert_nothing_left()

    def test_every_address_of_a_name_is_tried(self) -> None:
        """One that refuses, and one that does not answer, are not the end."""
        self.peer()
        for unplugged in (False, True):
            if unplugged:
                self.network.unplug(CAROL)
            connection = self.network.run(self.connect(self.way(f"msrp://moved.example.com:{PORT}/b;tcp")))
            self.assertEqual(connection.peer, f"tcp:{BOB}:{PORT}")
        self.assertTrue(self.network.clock.seconds() < TIMEOUT)
        self.assert_nothing_left()


class NotOpening(OutwardTest):
    """No connection."""

    def failed(self, uri: str) -> Unreachable:
        connecting = Deferred.fromCoroutine(self.reach(uri))
        with self.assertRaises(Unreachable) as raised:
            self.network.run(connecting)
        return raised.exception

    async def reach(self, uri: str) -> MsrpConnection:
        return await self.connect(self.way(uri))

    def test_nobody_listens(self) -> None:
        """The push is tried again: the receiver may be starting."""
        error = self.failed(f"msrp://{BOB}:{PORT}/b;tcp")
        self.assertTrue(error.retry)
        self.assertIn(f"{BOB}:{PORT} cannot be reached over MSRP", str(error))
        self.assert_nothing_left(0)

    def test_nobody_answers(self) -> None:
        """connect_timeout: 30 s for all of it."""
        self.network.unplug(BOB)
        self.assertTrue(self.failed(f"msrp://{BOB}:{PORT}/b;tcp").retry)
        self.assertEqual(self.network.clock.seconds(), TIMEOUT)
        self.assert_nothing_left(0)

    def test_somebody_answers_who_speaks_no_tls(self) -> None:
        """The handshake has 10 s."""
        peer = self.peer()
        error = self.failed(f"msrps://{BOB}:{PORT}/b;tcp")
        self.assertTrue(error.retry)
        self.assertTrue(self.network.clock.seconds() < 11)
        self.network.settle(0.1)
        self.assertNotEqual(peer.lost, None)
        self.assert_nothing_left(0)

    def test_the_time_is_over_in_the_middle_of_the_handshake(self) -> None:
        """A short connect_timeout: the half-open connection does not stay."""
        peer = self.peer()
        self.outward = Outward(self.host, self.tls, self.resolve, 5.0, self.make)
        self.assertIn("within 5 s", str(self.failed(f"msrps://{BOB}:{PORT}/b;tcp")))
        self.network.settle(0.1)
        self.assertNotEqual(peer.lost, None)
        self.assert_nothing_left(0)

    def test_paths_that_lead_nowhere(self) -> None:
        """What the peer's description says will not change by itself."""
        for uri, retry in (
            (f"msrp://{BOB}/b;tcp", False),
            (f"msrp://{BOB}:0/b;tcp", False),
            (f"msrp://{'a' * 64}.example.com:2855/b;tcp", False),
            ("msrp://nowhere.example.com:2855/b;tcp", True),
        ):
            self.assertEqual(self.failed(uri).retry, retry, uri)
        self.assert_nothing_left(0)

    def test_a_host_that_no_certificate_can_be_for(self) -> None:
        """A host that an MSRP URI allows, and a certificate does not."""
        NAMES["a%b.example.com"] = [BOB]
        self.addCleanup(NAMES.pop, "a%b.example.com")
        connecting = self.connect(self.way(f"msrps://a%b.example.com:{PORT}/b;tcp", announced=False))
        self.assertFalse(self.failureResultOf(connecting, Unreachable).value.retry)
        self.assert_nothing_left(0)

    def test_our_own_bug_is_loud(self) -> None:
        """It must not look like a network that is down."""

        def stumble(host: str) -> Deferred[list[str]]:
            raise ZeroDivisionError

        self.outward = Outward(self.host, self.tls, stumble, TIMEOUT, self.make)
        self.assertTrue(self.failed(f"msrp://bob.example.com:{PORT}/b;tcp").retry)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Sharing(OutwardTest):
    """Who may use it."""

    def test_whoever_wants_the_same_waits_for_the_same(self) -> None:
        """Three files to one receiver at once: one connection, one handshake (E.16 trap 18)."""
        self.peer()
        waiting = [self.connect() for _ in range(3)]
        self.network.settle(1)
        self.assertEqual(len({id(self.successResultOf(each)) for each in waiting}), 1)
        self.assertEqual(len(self.network.streams), 2)
        self.assert_nothing_left()

    def test_ways_that_differ(self) -> None:
        """Another port or scheme, another proof of who is there, another certificate of ours: not the same."""
        ways = {
            self.way(),
            self.way(f"MSRP://{BOB}:{PORT}/other;tcp"),
            self.way(f"msrp://{BOB}:9999/b;tcp"),
            self.way(f"msrps://{BOB}:{PORT}/b;tcp"),
            self.way(f"msrps://{BOB}:{PORT}/b;tcp", announced=False),
        }
        self.assertEqual(len(ways), 4)
        self.tls.renew(identity_of("carol"))
        self.assertNotIn(self.way(f"msrps://{BOB}:{PORT}/b;tcp"), ways)
        self.assertIn(self.way(), ways)

    def test_one_that_is_gone_or_going_is_not_shared(self) -> None:
        """A session on it would be lost with it."""
        self.peer()
        for end in (MsrpConnection.close, MsrpConnection.drop):
            connection = self.network.run(self.connect())
            end(connection)
            self.assertIs(self.outward.shared(self.way()), None)
            self.network.settle(1)
            self.assertIs(self.outward.shared(self.way()), None)
        self.assert_nothing_left()

    def test_a_newer_connection_takes_the_place_of_an_older_one(self) -> None:
        """And keeps it when the older one goes."""
        self.peer()
        older = self.network.run(self.connect())
        newer = self.network.run(self.connect())
        older.drop()
        self.network.settle(1)
        self.assertIs(self.outward.shared(self.way()), newer)
        self.assert_nothing_left()

    def test_one_that_nobody_used_is_closed(self) -> None:
        """Whoever waited found that the peer is not who it should be."""
        peer = self.peer()
        self.outward.connect(self.way())
        self.network.settle(1)
        self.assertNotEqual(peer.lost, None)
        self.assert_nothing_left(0)


class GivingUp(OutwardTest):
    """Whoever waits goes away."""

    def test_the_last_one_takes_the_attempt_along(self) -> None:
        """No connection for a push that was withdrawn."""
        peer = self.peer()
        first, second = (self.connect() for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNotEqual(self.outward._opening, {})
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.network.settle(1)
        self.assertEqual(peer.transport, None)
        self.assert_nothing_left(0)

    def test_in_the_middle_of_the_handshake(self) -> None:
        """The half-open connection is dropped."""
        peer = self.peer()
        connecting = self.connect(self.way(f"msrps://{BOB}:{PORT}/b;tcp"))
        self.network.settle(1)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.network.settle(1)
        self.assertNotEqual(peer.lost, None)
        self.assert_nothing_left(0)

    def test_while_another_is_told(self) -> None:
        """The end of one push may be the end of another."""
        self.peer()
        first, second = (self.connect() for _ in range(2))
        first.addCallback(lambda _: second.cancel())
        self.network.settle(1)
        self.failureResultOf(second, CancelledError)
        self.assert_nothing_left()

    def test_stopping_gives_up_everything(self) -> None:
        """The service stops."""
        self.network.unplug(BOB)
        waiting = [self.connect(), self.connect(self.way(f"msrp://{BOB}:9999/b;tcp"))]
        self.outward.stop()
        for each in waiting:
            self.assertIn("given up", str(self.failureResultOf(each, Unreachable).value))
        self.assert_nothing_left(0)

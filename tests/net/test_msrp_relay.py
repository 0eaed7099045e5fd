"""Sessions at our relay: one connection each, for as long as they live, and nothing after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Unreachable
from pushsvc.msrp.chunk import ByteRange, Send
from pushsvc.msrp.uri import MsrpUri, parse_path
from pushsvc.net.msrp_endpoint import BOUND_ELSEWHERE, MsrpEndpoint, MsrpSettings
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.tls import Tls
from pushsvc.sip.service_records import Srv
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.net.msrp_sides import ALICE, Notes
from tests.relays import Habits, RelayServer
from tests.sim import Network
from tests.tokens import CountedTokens

RELAY = "192.0.2.50"
PEER = MsrpUri.parse("msrps://192.0.2.2:2855/peer;tcp")


class RelayClientCase(SynchronousTestCase):
    """Alice has a relay."""

    uri = f"msrps://{RELAY}:2855;tcp"
    certified = RELAY
    lookup: Any = None

    def begin(self, **habits: Any) -> None:
        self.network = Network()
        directory = Path(self.mktemp())
        directory.mkdir()
        self.relay = RelayServer(self.network, RELAY, authority().issue(self.certified), Habits(**habits))
        self.endpoint = MsrpEndpoint(
            self.network.host(ALICE),
            Tls(identity_of("alice"), authority=authority().write(directory / "ca.pem")),
            CountedTokens("alice"),
            Notes(),
            lambda host: succeed([RELAY] if host == "a.example.com" else []),
            MsrpSettings(relay=attrs.evolve(self.relay.ours, uri=MsrpUri.parse(self.uri))),
            ALICE,
            self.lookup,
        )
        self.failed: list[Exception] = []
        self.moved: list[MsrpSession] = []

    def session(self, *, secure: bool = True) -> MsrpSession:
        session = self.endpoint.open("call", secure=secure)
        session.on_failed = self.failed.append
        session.on_moved = lambda: self.moved.append(session)
        return session

    def asking(self, *sessions: MsrpSession) -> Deferred[None]:
        return Deferred.fromCoroutine(self.endpoint.reserve(sessions))

    def reserved(self) -> MsrpSession:
        session = self.session()
        self.network.run(self.asking(session))
        session.agreed((PEER,))
        return session

    def assert_nothing_left(self) -> None:
        self.network.settle(100.0)
        self.assertEqual((self.endpoint.sessions, self.endpoint.connections, self.relay.connections), (0, 0, []))
        self.assertEqual([str(call) for call in self.network.clock.getDelayedCalls()], [])


class Reserving(RelayClientCase):
    """Before a session has a peer."""

    def test_paths_lead_through_the_relay(self) -> None:
        """RFC 4976: Use-Path reversed and ourselves for others; Use-Path as it is, and the peer, for us (E.13)."""
        self.begin()
        session = self.reserved()
        relay = MsrpUri.parse(f"msrps://{RELAY}:2855/r1+/=;tcp")
        self.assertEqual((session.path, session.to_path), ((relay, session.own), (relay, PEER)))
        self.assertEqual(self.endpoint.host_and_port(secure=True), (RELAY, 2855))
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_several_relays_in_a_row(self) -> None:
        """Own relays B C, peer path D E: path C B A, To-Path B C D E."""
        self.begin()
        session = self.reserved()
        assert session.relay is not None
        session.relay.use_path = parse_path("msrps://b:1/b;tcp msrps://c:1/c;tcp")
        session.agreed(parse_path("msrps://d:1/d;tcp msrps://e:1/e;tcp"))
        self.assertEqual([uri.host for uri in session.path], ["c", "b", ALICE])
        self.assertEqual([uri.host for uri in session.to_path], ["b", "c", "d", "e"])
        self.endpoint.close(session)

    def test_each_session_has_a_connection_of_its_own(self) -> None:
        """One use per session: msrprelay knows no other."""
        self.begin()
        first, second = self.session(), self.session()
        self.network.run(self.asking(first, second))
        self.assertEqual(self.endpoint.connections, 2)
        self.assertNotEqual(first.path[0], second.path[0])
        self.endpoint.close(first)
        self.network.settle(1.0)
        self.assertEqual(self.endpoint.connections, 1)
        self.endpoint.close(second)
        self.assert_nothing_left()

    def test_what_is_in_clear_text_goes_past_it(self) -> None:
        """A relay is spoken to over TLS, and a path that begins so is not what a plain line promises."""
        self.begin()
        session = self.session(secure=False)
        self.network.run(self.asking(session))
        self.assertEqual((session.path, self.relay.auths), ((session.own,), []))
        self.assertEqual(self.endpoint.host_and_port(secure=False)[0], ALICE)
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_it_waits_for_as_long_as_the_peer_is_being_asked(self) -> None:
        """Longer than a connection may be idle."""
        self.begin(expires=3600)
        session = self.reserved()
        self.network.settle(200.0)
        self.assertFalse(session.is_over)
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_a_session_that_is_closed_meanwhile(self) -> None:
        """At any moment: nobody waits on, and nothing stays open."""
        for seconds in (0.005, 0.015, 0.035, 1.0, 20.0):
            self.begin(deaf=True)
            session = self.session()
            asking = self.asking(session)
            self.network.settle(seconds)
            self.endpoint.close(session)
            self.network.settle(40.0)
            self.assertEqual(self.failureResultOf(asking, Unreachable).value.retry, True)
            self.assert_nothing_left()

    def test_asking_can_be_called_off(self) -> None:
        self.begin(deaf=True)
        session = self.session()
        asking = self.asking(session)
        self.network.settle(1.0)
        asking.cancel()
        self.failureResultOf(asking)
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_a_relay_that_hangs_up_instead_of_answering(self) -> None:
        self.begin(deaf=True)
        session = self.session()
        asking = self.asking(session)
        self.network.settle(1.0)
        self.relay.stop()
        self.network.settle(1.0)
        self.assertIn(f"no path from our MSRP relay {RELAY}:2855: ", self.failureResultOf(asking).getErrorMessage())
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_a_relay_that_is_gone_when_the_peer_has_answered(self) -> None:
        """The session cannot be begun any more, and says why."""
        self.begin()
        session = self.reserved()
        self.relay.stop()
        self.network.settle(1.0)
        with self.assertRaises(Unreachable) as caught:
            self.network.run(Deferred.fromCoroutine(self.endpoint.connect(session)))
        self.assertIn(f"the connection to tls:{RELAY}:2855 was lost", caught.exception.reason)
        self.endpoint.close(session)
        self.assert_nothing_left()


class Finding(RelayClientCase):
    """Where the relay is (RFC 4976 §5.1)."""

    uri = "msrps://relay.example.com;tcp"
    certified = "relay.example.com"

    def setUp(self) -> None:
        self.asked: list[str] = []
        self.records: list[Srv] = []
        self.lookup = self

    async def srv(self, name: str) -> list[Srv]:
        self.asked.append(name)
        return self.records

    def test_by_srv_records(self) -> None:
        """One after the other; whatever they name, the certificate is for the name that is configured."""
        self.begin()
        self.records = [Srv(2, 0, 2855, "a.example.com"), Srv(1, 0, 2855, "nowhere.example.com")]
        session = self.reserved()
        self.assertEqual(self.asked, ["_msrps._tcp.relay.example.com"])
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_a_service_that_is_not_there(self) -> None:
        """Or whose hosts are not: said with the name that is configured."""
        unknown = [Srv(1, 0, 1, f"no{index}.example.com") for index in range(9)]
        for records, words in (
            ([Srv(0, 0, 0, ".")], "DNS says that there is none"),
            ([], "the name relay.example.com has no address"),
            (unknown, "the name no2.example.com has no address"),
        ):
            self.begin()
            self.records = records
            session = self.session()
            asking = self.asking(session)
            self.network.settle(40.0)
            reason = self.failureResultOf(asking, Unreachable).getErrorMessage()
            self.assertEqual(reason, f"no path from our MSRP relay relay.example.com: {words}")
            self.endpoint.close(session)
            self.assert_nothing_left()


class Binding(RelayClientCase):
    """When it begins."""

    def send(self, session: MsrpSession) -> Send:
        return Send("tid1", (session.own,), (PEER,), "mid1", ByteRange(1, 0, 0))

    def test_we_begin_it(self) -> None:
        """Over the connection that it has."""
        self.begin()
        session = self.reserved()
        self.network.run(Deferred.fromCoroutine(self.endpoint.connect(session)))
        assert session.link is not None
        self.assertEqual((session.link.peer, self.endpoint.connections), (f"tls:{RELAY}:2855", 1))
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_only_the_relay_may_come_for_it(self) -> None:
        """506 for whoever connects to us past it (RFC 4975 §10)."""
        self.begin()
        session, other = self.reserved(), self.reserved()
        assert session.relay is not None
        assert other.relay is not None
        elsewhere: Any = other.relay.link
        self.assertEqual(self.endpoint.bind(self.send(session), elsewhere), BOUND_ELSEWHERE)
        self.assertIsNone(session.link)
        rightly: Any = session.relay.link
        self.assertIs(self.endpoint.bind(self.send(session), rightly), session)
        self.assertIs(session.link, rightly)
        for each in (session, other):
            self.endpoint.close(each)
        self.assert_nothing_left()


class Lasting(RelayClientCase):
    """For as long as the relay allows."""

    def test_another_path_is_told(self) -> None:
        """And the same one is not."""
        for same_path, moves in ((True, 0), (False, 1)):
            self.begin(expires=100, same_path=same_path)
            session = self.reserved()
            before = session.path
            self.network.settle(80.0)
            self.assertEqual(len(self.moved), moves)
            self.assertEqual(session.path == before, same_path)
            self.endpoint.close(session)
            self.assert_nothing_left()

    def test_its_end_is_the_session_s(self) -> None:
        self.begin(expires=100)
        session = self.reserved()
        self.relay.habits.denies = 403
        self.network.settle(101.0)
        self.assertTrue(session.is_over)
        self.assertEqual(
            [str(error) for error in self.failed], ["what the relay allowed is over: the relay said 403 words"]
        )
        self.endpoint.close(session)
        self.assert_nothing_left()

    def test_reports_from_elsewhere_are_for_peers_behind_a_relay(self) -> None:
        """Kamailio connects to us to say one; a peer without a relay has no reason to."""
        self.begin()
        session = self.reserved()
        self.assertIsNone(self.endpoint.relayed(session.id))
        session.agreed((MsrpUri.parse("msrps://192.0.2.60:2855/r;tcp"), PEER))
        self.assertIs(self.endpoint.relayed(session.id), session)
        self.endpoint.close(session)
        self.assertIsNone(self.endpoint.relayed(session.id))
        self.assert_nothing_left()

"""NAPTR and SRV from real DNS servers, on the simulated network and once on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import client, dns, server
from twisted.names.error import DomainError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from pushsvc.errors import Unreachable
from pushsvc.net.locate import MAX_ADDRESSES, Locator
from pushsvc.net.service_lookup import LONGEST_TTL, MAX_REMEMBERED, NOTHING_TTL, PATIENCE, DnsLookup
from pushsvc.sip.service_records import Naptr, Srv
from pushsvc.sip.uri import SipUri
from tests.sim import Network

HERE, SERVER = "192.0.2.1", "192.0.2.53"
TTL = 300
ADDRESSES = {
    "one.example.com": ["192.0.2.11"],
    "two.example.com": ["192.0.2.12", "2001:db8::12"],
    "plain.example.com": ["192.0.2.13"],
    "example.com": ["192.0.2.14"],
    "many.example.com": [f"192.0.2.{number}" for number in range(20, 50)],
}


class Zone:
    """example.com speaks TLS and TCP; the others have no NAPTR, and shut.example.com says that it has no SIP."""

    def __init__(self, ttl: int = TTL) -> None:
        self.asked: list[tuple[str, int]] = []
        self.records = {
            "example.com": [
                dns.Record_NAPTR(50, 50, b"s", b"SIPS+D2T", b"", b"_sips._tcp.example.com", ttl=ttl),
                dns.Record_NAPTR(90, 50, b"s", b"SIP+D2T", b"", b"_sip._tcp.example.com", ttl=ttl),
            ],
            "_sips._tcp.example.com": [dns.Record_SRV(10, 0, 5061, b"one.example.com", ttl=ttl)],
            "_sip._tcp.example.com": [
                dns.Record_SRV(20, 0, 5070, b"two.example.com", ttl=ttl),
                dns.Record_SRV(10, 0, 5080, b"one.example.com", ttl=ttl),
            ],
            "_sip._udp.other.example.com": [dns.Record_SRV(0, 0, 5090, b"two.example.com", ttl=ttl)],
            "_sip._udp.gone.example.com": [dns.Record_SRV(0, 0, 5090, b"nobody.example.com", ttl=ttl)],
            "_sip._udp.half.example.com": [
                dns.Record_SRV(0, 0, 5090, b"nobody.example.com", ttl=ttl),
                dns.Record_SRV(1, 0, 5090, b"one.example.com", ttl=ttl),
            ],
            "_sip._udp.large.example.com": [dns.Record_SRV(0, 0, 5090, b"many.example.com", ttl=ttl)],
            "_sip._udp.shut.example.com": [dns.Record_SRV(0, 0, 0, b"", ttl=ttl)],
        }

    def query(self, query: dns.Query, timeout: Sequence[int] | None = None) -> Deferred[Any]:
        name = query.name.name.decode().lower()
        self.asked.append((name, query.type))
        records = [each for each in self.records.get(name, []) if query.type == each.TYPE]
        if not records:
            return fail(DomainError(name))
        return succeed(([dns.RRHeader(name, each.TYPE, ttl=each.ttl, payload=each) for each in records], [], []))


class Broken:
    """A name server that has trouble of its own."""

    def query(self, query: dns.Query, timeout: Sequence[int] | None = None) -> Deferred[Any]:
        return fail(RuntimeError("trouble"))


class LookupTest(SynchronousTestCase):
    """We are at HERE, the name server at SERVER."""

    def setUp(self) -> None:
        self.network = Network()
        self.made = 0
        self.lookup = DnsLookup(self._resolver, self.network.clock)
        self.locator = Locator(lambda host: succeed(ADDRESSES.get(host, [])), self.lookup)

    def serve(self, zone: Zone | Broken) -> None:
        serve(zone, self.network.host(SERVER))

    def locate(self, uri: str) -> list[str]:
        located = Deferred.fromCoroutine(self.locator.locate(SipUri.parse(uri)))
        return [str(hop) for hop in self.network.run(located)]

    def unreachable(self, uri: str, reason: str) -> None:
        with self.assertRaisesRegex(Unreachable, reason) as caught:
            self.locate(uri)
        self.assertTrue(caught.exception.retry)

    def _resolver(self) -> client.Resolver:
        self.made += 1
        return client.Resolver(servers=[(SERVER, 53)], timeout=PATIENCE, reactor=self.network.host(HERE))


def serve(zone: Zone | Broken, reactor: Any, interface: str = SERVER, port: int = 53) -> Any:
    protocol = dns.DNSDatagramProtocol(server.DNSServerFactory(clients=[zone]), reactor=reactor)
    return reactor.listenUDP(port, protocol, interface=interface)


class Services(LookupTest):
    """What a domain's records make of a URI."""

    def setUp(self) -> None:
        super().setUp()
        self.zone = Zone()
        self.serve(self.zone)

    def test_the_domain_chooses_transport_and_server(self) -> None:
        """NAPTR, then SRV by priority, then every address; the certificate must still be for the domain."""
        self.assertEqual(
            self.locate("sip:bob@example.com"),
            ["tls:192.0.2.11:5061", "tcp:192.0.2.11:5080", "tcp:192.0.2.12:5070", "tcp:[2001:db8::12]:5070"],
        )
        hops = self.network.run(Deferred.fromCoroutine(self.locator.locate(SipUri.parse("sip:bob@example.com"))))
        self.assertEqual({hop.name for hop in hops}, {"example.com"})

    def test_the_uri_may_choose_the_transport(self) -> None:
        """Then only its own SRV records count; for sips: that is TLS."""
        self.assertEqual(self.locate("sip:example.com;transport=tls"), ["tls:192.0.2.11:5061"])
        self.assertEqual(self.locate("sips:bob@example.com"), ["tls:192.0.2.11:5061"])
        self.assertEqual(self.locate("sip:example.com;transport=tcp")[0], "tcp:192.0.2.11:5080")
        self.assertEqual(self.locate("sip:example.com;transport=udp"), ["udp:192.0.2.14:5060"])

    def test_what_cannot_be_a_name(self) -> None:
        """Whoever sends us a Contact chooses it. RFC 1035: a label has 1 to 63 octets."""
        for host in ("a..example.com", "a" * 64 + ".example.com") * 2:
            with self.assertRaisesRegex(Unreachable, "is no host name") as caught:
                self.locate(f"sip:bob@{host}")
            self.assertFalse(caught.exception.retry)

    def test_a_port_is_the_end_of_it(self) -> None:
        """RFC 3263 §4.2: a URI with a port has said where. No name server is asked."""
        self.assertEqual(self.locate("sip:bob@example.com:5062"), ["udp:192.0.2.14:5062"])
        self.assertEqual(self.locate("sip:bob@192.0.2.9"), ["udp:192.0.2.9:5060"])
        self.assertEqual(self.made, 0)

    def test_without_naptr_each_transport_is_asked_for(self) -> None:
        self.assertEqual(self.locate("sip:bob@other.example.com"), ["udp:192.0.2.12:5090", "udp:[2001:db8::12]:5090"])

    def test_without_any_records_it_is_an_address(self) -> None:
        self.assertEqual(self.locate("sip:bob@plain.example.com"), ["udp:192.0.2.13:5060"])

    def test_a_server_without_address_is_passed_over(self) -> None:
        """But a domain of such servers is not looked for elsewhere: its own address is another service's."""
        self.assertEqual(self.locate("sip:bob@half.example.com"), ["udp:192.0.2.11:5090"])
        self.unreachable("sip:bob@gone.example.com", "the name nobody.example.com has no address")

    def test_a_domain_that_has_no_sip_service(self) -> None:
        """RFC 2782: a target of "." says so."""
        self.unreachable("sip:bob@shut.example.com", "shut.example.com says that it has no SIP service")

    def test_a_service_of_very_many_addresses(self) -> None:
        """More than ten would outlast the patience of whoever waits."""
        self.assertEqual(len(self.locate("sip:bob@large.example.com")), MAX_ADDRESSES)


class Remembering(LookupTest):
    """Answers hold for as long as they say."""

    def naptr(self, name: str = "example.com") -> list[Naptr]:
        records: list[Naptr] = self.network.run(Deferred.fromCoroutine(self.lookup.naptr(name)))
        return records

    def test_for_their_time_to_live(self) -> None:
        """A hundred pushes at once ask once."""
        zone = Zone()
        self.serve(zone)
        for after, questions in ((0, 1), (TTL - 1, 1), (2, 2)):
            self.network.clock.advance(after)
            self.assertEqual(len(self.naptr("EXAMPLE.com")), 2)
            self.assertEqual(len(zone.asked), questions, after)

    def test_who_gives_up_takes_no_answer_from_others(self) -> None:
        """One push is cancelled while another one waits for the same domain: the resolver asks once for both."""
        zone = Zone()
        self.serve(zone)
        first, second = (Deferred.fromCoroutine(self.lookup.naptr("example.com")) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.network.run(second)), 2)
        self.assertEqual(len(zone.asked), 1)

    def test_when_all_give_up_nothing_is_left(self) -> None:
        """The question has an end of its own."""
        asking = Deferred.fromCoroutine(self.lookup.naptr("example.com"))
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.network.settle(sum(PATIENCE) + 1.0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_not_for_ever(self) -> None:
        """A time to live of a week must not outlive a move by days."""
        zone = Zone(ttl=7 * 86400)
        self.serve(zone)
        self.naptr()
        self.network.clock.advance(LONGEST_TTL + 1)
        self.naptr()
        self.assertEqual(len(zone.asked), 2)

    def test_that_there_is_nothing(self) -> None:
        """Briefly: a domain may get its records any minute."""
        zone = Zone()
        self.serve(zone)
        for after, questions in ((0, 1), (NOTHING_TTL - 1, 1), (2, 2)):
            self.network.clock.advance(after)
            self.assertEqual(self.naptr("plain.example.com"), [])
            self.assertEqual(len(zone.asked), questions, after)

    def test_of_so_many_names(self) -> None:
        """Names come from whoever submits pushes; the oldest is forgotten."""
        zone = Zone()
        self.serve(zone)
        for number in range(MAX_REMEMBERED + 1):
            self.naptr(f"{number}.example.com")
        self.naptr(f"{MAX_REMEMBERED}.example.com")
        self.assertEqual(len(zone.asked), MAX_REMEMBERED + 1)
        self.naptr("0.example.com")
        self.assertEqual(len(zone.asked), MAX_REMEMBERED + 2)


class Trouble(LookupTest):
    """DNS that does not answer says nothing about the domain: the push waits for it."""

    def test_a_server_that_has_trouble(self) -> None:
        self.serve(Broken())
        self.unreachable("sip:bob@example.com", "DNS does not say how example.com is reached: DNSServerError")
        self.flushLoggedErrors(RuntimeError)  # the server's own

    def test_no_server(self) -> None:
        """Three questions, seven seconds."""
        self.unreachable("sip:bob@example.com", "DNS does not say how example.com is reached: no answer in time")
        self.assertAlmostEqual(self.network.clock.seconds(), sum(PATIENCE))

    def test_it_is_asked_again(self) -> None:
        """Trouble is not remembered."""
        self.unreachable("sip:bob@example.com", "no answer in time")
        self.serve(Zone())
        self.assertEqual(self.locate("sip:bob@example.com")[0], "tls:192.0.2.11:5061")


class OnLoopback(TestCase):
    """The same over real sockets, once."""

    async def test_a_real_name_server(self) -> None:
        listening = serve(Zone(), reactor, "127.0.0.1", 0)
        self.addCleanup(listening.stopListening)
        place = ("127.0.0.1", listening.getHost().port)
        lookup = DnsLookup(lambda: client.Resolver(servers=[place], reactor=reactor), Clock())
        self.assertEqual(
            await lookup.srv("_sip._tcp.example.com"),
            [Srv(20, 0, 5070, "two.example.com"), Srv(10, 0, 5080, "one.example.com")],
        )

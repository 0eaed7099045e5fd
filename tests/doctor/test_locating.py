"""The steps from a name to addresses, as the locator of all requests takes them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DomainError
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.doctor.judgement.way import Step
from pushsvc.doctor.locating import MAX_STEPS, SECONDS, Located, located
from pushsvc.net.service_lookup import DnsLookup
from pushsvc.sip.uri import SipUri

TTL = 300


class Zone:
    """A resolver of `twisted.names`. `silent`: it does not answer."""

    def __init__(self, srv: dict[str, list[tuple[str, int]]], *, silent: bool = False) -> None:
        self._srv = srv
        self._silent = silent

    def lookupNamingAuthorityPointer(self, name: str, timeout: object) -> Deferred[Any]:
        return self._answer(name, dns.NAPTR, [dns.Record_NAPTR(1, 1, b"s", b"SIP+D2T", b"", b"_sip._tcp.example.com")])

    def lookupService(self, name: str, timeout: object) -> Deferred[Any]:
        records = [dns.Record_SRV(1, 1, port, target.encode()) for target, port in self._srv.get(name, [])]
        return self._answer(name, dns.SRV, records)

    def _answer(self, name: str, kind: int, records: list[Any]) -> Deferred[Any]:
        if self._silent:
            return Deferred()
        headers = [dns.RRHeader(name, kind, ttl=TTL, payload=record) for record in records]
        if not headers:
            raise DomainError(name)
        return succeed((headers, [], []))


class Locating(SynchronousTestCase):
    """One name each."""

    def located(self, uri: str, zone: Zone, **names: list[str]) -> Located:
        clock = Clock()
        known = {name.replace("_", "."): found for name, found in names.items()}
        finding = Deferred.fromCoroutine(
            located(
                SipUri.parse(uri),
                lambda host: succeed(known.get(host, [])),
                DnsLookup(lambda: zone, clock),  # type: ignore[arg-type,return-value]
                clock,
            )
        )
        clock.advance(SECONDS)
        found: Located = self.successResultOf(finding)
        self.assertEqual(clock.getDelayedCalls(), [])
        return found

    def test_each_step_is_told_with_its_time_to_live(self) -> None:
        """NAPTR, SRV, addresses: where it breaks is what people need to know."""
        zone = Zone({"_sip._tcp.example.com": [("one.example.com", 5070)]})
        found = self.located("sip:example.com", zone, one_example_com=["192.0.2.11"])
        self.assertEqual(
            found.steps,
            (
                Step("NAPTR", "example.com", ("SIP+D2T _sip._tcp.example.com",), TTL),
                Step("SRV", "_sip._tcp.example.com", ("one.example.com:5070",), TTL),
                Step("address", "one.example.com", ("192.0.2.11",)),
            ),
        )
        self.assertEqual([str(hop) for hop in found.hops], ["tcp:192.0.2.11:5070"])

    def test_an_address_takes_no_step(self) -> None:
        found = self.located("sip:192.0.2.11:5070;transport=tcp", Zone({}))
        self.assertEqual((found.steps, [str(hop) for hop in found.hops]), ((), ["tcp:192.0.2.11:5070"]))

    def test_a_target_without_an_address(self) -> None:
        zone = Zone({"_sip._tcp.example.com": [("gone.example.com", 5060)]})
        found = self.located("sip:example.com", zone)
        self.assertEqual((found.hops, found.steps[-1]), ((), Step("address", "gone.example.com")))
        self.assertIn("gone.example.com has no address", found.failure)

    def test_name_servers_that_do_not_answer(self) -> None:
        """It is given up in time."""
        found = self.located("sip:example.com", Zone({}, silent=True))
        self.assertEqual((found.hops, found.steps), ((), ()))
        self.assertIn("DNS did not answer", found.failure)

    def test_no_more_steps_than_people_read(self) -> None:
        targets = [(f"t{number}.example.com", 5060) for number in range(20)]
        found = self.located("sip:example.com", Zone({"_sip._tcp.example.com": targets}))
        self.assertEqual(len(found.steps), MAX_STEPS)

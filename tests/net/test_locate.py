"""From URIs to hops."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pushsvc.errors import Unreachable
from pushsvc.net.locate import MAX_ADDRESSES, RESOLVE_SECONDS, Locator, is_address, resolve_with
from pushsvc.sip.hop import Hop
from pushsvc.sip.uri import SipUri

NAMES = {
    "two.example.com": ["192.0.2.1", "2001:DB8::1"],
    "many.example.com": [f"192.0.2.{number}" for number in range(1, 30)],
}


class Locating(SynchronousTestCase):
    """Which hops a URI leads to."""

    def locate(self, uri: str) -> list[Hop]:
        locator = Locator(lambda host: succeed(NAMES.get(host, [])))
        return self.successResultOf(Deferred.fromCoroutine(locator.locate(SipUri.parse(uri))))

    def refused(self, uri: str) -> Unreachable:
        locator = Locator(lambda host: succeed(NAMES.get(host, [])))
        located = Deferred.fromCoroutine(locator.locate(SipUri.parse(uri)))
        error = self.failureResultOf(located, Unreachable).value
        assert isinstance(error, Unreachable)
        return error

    def test_a_literal_address_is_itself(self) -> None:
        """No resolver is asked; the name is what a certificate would have to carry."""
        self.assertEqual(self.locate("sip:bob@192.0.2.1"), [Hop("udp", "192.0.2.1", 5060, name="192.0.2.1")])

    def test_port_and_transport_are_what_the_uri_says(self) -> None:
        """A receiver's contact names both."""
        self.assertEqual(
            self.locate("sip:bob@192.0.2.1:5070;transport=TCP"), [Hop("tcp", "192.0.2.1", 5070, name="192.0.2.1")]
        )

    def test_an_ipv6_address_has_one_form(self) -> None:
        """Connections are found again by it, and brackets belong to URIs only."""
        (hop,) = self.locate("sip:bob@[2001:DB8:0:0::1]")
        self.assertEqual((hop.host, str(hop)), ("2001:db8::1", "udp:[2001:db8::1]:5060"))

    def test_every_address_of_a_name_is_a_hop(self) -> None:
        """If the first does not answer, the next may."""
        hops = self.locate("sip:bob@two.example.com:5070")
        self.assertEqual([hop.host for hop in hops], ["192.0.2.1", "2001:db8::1"])
        self.assertEqual({(hop.port, hop.name) for hop in hops}, {(5070, "two.example.com")})

    def test_a_name_with_very_many_addresses(self) -> None:
        """Somebody else's zone must not decide how long we try."""
        self.assertEqual(len(self.locate("sip:bob@many.example.com")), MAX_ADDRESSES)

    def test_maddr_goes_before_the_host(self) -> None:
        """RFC 3263 §4."""
        self.assertEqual([hop.host for hop in self.locate("sip:bob@example.com;maddr=192.0.2.9")], ["192.0.2.9"])

    def test_a_name_without_addresses_may_have_some_later(self) -> None:
        """DNS fails for a while; a push is tried again."""
        self.assertTrue(self.refused("sip:bob@nowhere.example.com").retry)

    def test_what_cannot_be_a_name_is_not_asked_for(self) -> None:
        """Twisted's resolver would never come back with an answer, and the push would hang."""
        for host in ("a" * 64 + ".example.com", "a..example.com"):
            self.assertFalse(self.refused(f"sip:bob@{host}").retry, host)

    def test_what_we_do_not_speak_is_not_tried_in_clear_text(self) -> None:
        """Trying again changes nothing."""
        self.assertFalse(self.refused("sip:bob@192.0.2.1;transport=ws").retry)

    def test_secure_addresses_are_reached_over_tls(self) -> None:
        """sips: must never become plain TCP; the port is TLS's own, and the certificate must carry the name."""
        for uri in ("sips:bob@192.0.2.1", "sip:bob@192.0.2.1;transport=tls", "sips:bob@192.0.2.1;transport=tcp"):
            (hop,) = self.locate(uri)
            self.assertEqual((str(hop), hop.name), ("tls:192.0.2.1:5061", "192.0.2.1"), uri)


class Addresses(SynchronousTestCase):
    """What is an address."""

    def test_table(self) -> None:
        """A name must not be taken for one, nor the other way round."""
        for text in ("192.0.2.1", "2001:db8::1", "::1", "fe80::1%eth0"):
            self.assertTrue(is_address(text), text)
        for text in ("example.com", "192.0.2.256", "1", "", "[::1]"):
            self.assertFalse(is_address(text), text)


@implementer(IHostnameResolver)
class Scripted:
    """A resolver that has found these already, or says so when told."""

    def __init__(self, *addresses: IPv4Address | IPv6Address) -> None:
        self.addresses = addresses
        self.receiver: Any = None

    def resolveHostName(self, resolutionReceiver: Any, hostName: str, *args: Any, **kwargs: Any) -> IHostResolution:
        self.receiver = resolutionReceiver
        resolutionReceiver.resolutionBegan(None)
        for address in self.addresses:
            resolutionReceiver.addressResolved(address)
        return None  # type: ignore[return-value]


class Resolving(SynchronousTestCase):
    """Twisted's resolvers as ours."""

    def test_addresses_in_their_order_and_once(self) -> None:
        """getaddrinfo gives one per socket type."""
        first, second = IPv4Address("TCP", "192.0.2.1", 0), IPv6Address("TCP", "2001:db8::1", 0)
        resolver = Scripted(first, second, first)
        found = resolve_with(resolver, Clock())("two.example.com")
        self.assertNoResult(found)
        resolver.receiver.resolutionComplete()
        self.assertEqual(self.successResultOf(found), ["192.0.2.1", "2001:db8::1"])

    def test_nothing_found(self) -> None:
        """Which the locator tells of."""
        resolver = Scripted()
        found = resolve_with(resolver, Clock())("nowhere.example.com")
        resolver.receiver.resolutionComplete()
        self.assertEqual(self.successResultOf(found), [])

    def test_localhost_is_not_asked_for(self) -> None:
        """Demos and tests do not depend on /etc/hosts, nor on what IPv6 does there."""
        self.assertEqual(self.successResultOf(resolve_with(Scripted(), Clock())("localhost")), ["127.0.0.1"])

    def test_an_answer_that_comes_after_the_question_was_withdrawn(self) -> None:
        """The push was cancelled while the resolver's thread ran."""
        resolver = Scripted()
        found = resolve_with(resolver, Clock())("two.example.com")
        found.cancel()
        self.failureResultOf(found)
        resolver.receiver.resolutionComplete()

    def test_a_resolver_that_says_nothing(self) -> None:
        """The name servers are gone: the attempt is over in its time, and another may find them."""
        clock = Clock()
        locator = Locator(resolve_with(Scripted(), clock))
        located = Deferred.fromCoroutine(locator.locate(SipUri.parse("sip:bob@two.example.com")))
        clock.advance(RESOLVE_SECONDS)
        error = self.failureResultOf(located, Unreachable).value
        self.assertTrue(error.retry)  # type: ignore[union-attr]
        self.assertIn("no answer within 30 s", str(error))

    def test_a_resolver_that_fails(self) -> None:
        """Some do so; it counts as unreachable and not as a bug."""
        located = Deferred.fromCoroutine(
            Locator(lambda host: fail(DNSLookupError())).locate(SipUri.parse("sip:bob@two.example.com"))
        )
        error = self.failureResultOf(located, Unreachable).value
        self.assertTrue(error.retry)  # type: ignore[union-attr]

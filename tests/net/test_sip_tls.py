"""SIP over TLS: who may be at the other end (RFC 5922), and requests both ways over real handshakes."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from service_identity import CertificateError
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.net.identity import Identity
from pushsvc.net.stream_life import HANDSHAKE_SECONDS
from pushsvc.net.tls import Tls, verify_sip_domain
from pushsvc.sip.uri import SipUri
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.net.sides import ALICE, BOB, CAROL, PORT, AgentTest, Side
from tests.sim import Network
from tests.sip.values import make_request
from tests.wires import Calling, listening

EXPIRED = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)


class Domains(SynchronousTestCase):
    """For which SIP domain a certificate is (RFC 5922 §7)."""

    def assert_for(self, identity: Identity, *domains: str) -> None:
        for domain in domains:
            verify_sip_domain(identity.chain[0].to_cryptography(), domain)

    def assert_not_for(self, identity: Identity, *domains: str) -> None:
        for domain in domains:
            with self.assertRaises(CertificateError, msg=domain):
                self.assert_for(identity, domain)

    def test_a_dns_name_is_compared_whole(self) -> None:
        """Wildcards mean nothing in SIP: one host of a domain must not speak for the others."""
        self.assert_for(
            authority().issue("core.example.com"), "core.example.com", "CORE.Example.com", "core.example.com."
        )
        self.assert_not_for(authority().issue("core.example.com"), "example.com", "x.core.example.com", "")
        self.assert_not_for(authority().issue("*.example.com"), "core.example.com")

    def test_an_address_is_one_too(self) -> None:
        """Small installations have no names."""
        self.assert_for(authority().issue("192.0.2.2"), "192.0.2.2")
        self.assert_for(authority().issue("2001:db8::1"), "[2001:db8::1]", "2001:db8::1", "[2001:DB8:0::1]")
        self.assert_not_for(authority().issue("192.0.2.2"), "192.0.2.3")

    def test_sip_uris_go_before_dns_names(self) -> None:
        """A web server of the same host has no say in SIP."""
        identity = authority().issue("www.example.com", uris=["sip:Example.com", "https://www.example.com"])
        self.assert_for(identity, "example.com")
        self.assert_not_for(identity, "www.example.com")
        user = authority().issue("www.example.com", uris=["sip:alice@example.com", "sips:example.org"])
        self.assert_for(user, "www.example.com")
        self.assert_not_for(user, "example.com", "example.org", "alice@example.com")


class OverTlsTest(AgentTest):
    """Alice and Bob trust the same authority."""

    def side(self, address: str, identity: Identity | None = None, **options: Any) -> Side:
        file = self.mktemp()
        tls = Tls(identity or authority().issue(address), authority=authority().write(Path(file)), **options)
        return Side(self.network, address, listen=(), tls=tls)

    def bob(self, identity: Identity | None = None) -> Side:
        bob = self.side(BOB, identity)
        bob.agent.listen("tls", BOB, PORT)
        bob.answering(200)
        return bob


class Requests(OverTlsTest):
    """Our requests."""

    def test_answers_come_back_over_the_same_connection(self) -> None:
        """transport=tls, and sips: with its own default port; one handshake for all."""
        alice, bob = self.side(ALICE), self.bob()
        for uri in (f"sip:bob@{BOB}:{PORT};transport=tls", f"sips:bob@{BOB}:{PORT}"):
            exchange = self.result(alice.ask(to=uri))
            self.assertEqual((exchange.response.status, str(exchange.hop)), (200, f"tls:{BOB}:{PORT}"))
            self.assertEqual(exchange.request.via.transport, "TLS")
        self.assertEqual(len({source.connection for _, source in bob.requests}), 1)
        self.assertEqual(bob.requests[0][1].transport, "tls")
        self.assert_nothing_left(alice, bob)

    def test_what_a_sips_contact_says(self) -> None:
        """RFC 3261 §8.1.1.8: whoever is called by sips: is answered with it."""
        bob = self.bob()
        self.assertEqual(str(bob.agent.contact("bob", "tls")), f"sip:bob@{BOB}:{PORT};transport=tls")
        self.assertEqual(str(bob.agent.contact("bob", "tls", secure=True)), f"sips:bob@{BOB}:{PORT}")

    def test_a_connection_is_not_shared_by_names(self) -> None:
        """Two domains at one address need not be one party; the certificate was for one of them (SECURITY 14)."""
        alice, bob = self.side(ALICE), self.bob(authority().issue("bob.example.com"))
        self.assertEqual(self.result(alice.ask(to=f"sip:bob.example.com:{PORT};transport=tls")).response.status, 200)
        self.assert_unreachable(alice, f"sip:both.example.com:{PORT};transport=tls", "not for both.example.com")
        self.assertEqual(len(bob.requests), 1)

    def test_a_connection_is_shared_by_the_names_of_one_certificate(self) -> None:
        """RFC 5626 §4.3: a core may say its address in Record-Route, and who is behind a NAT has this one way to it."""
        alice, bob = self.side(ALICE), self.bob(authority().issue("x", uris=["sip:bob.example.com", f"sip:{BOB}"]))
        for uri in ("bob.example.com", BOB, "bob.example.com"):
            self.assertEqual(self.result(alice.ask(to=f"sip:{uri}:{PORT};transport=tls")).response.status, 200)
        self.assertEqual(len({source.connection for _, source in bob.requests}), 1)
        self.assert_nothing_left(alice, bob)

    def test_sips_is_not_sent_in_clear_text(self) -> None:
        """RFC 3261 §26.2.2: also not to a proxy of ours that is reached over TCP."""
        alice, bob = self.side(ALICE), Side(self.network, BOB)
        asked = alice.agent.request(
            lambda via: make_request("OPTIONS", uri="sips:bob@example.com", via=str(via)),
            SipUri.parse(f"sip:{BOB};transport=tcp"),
        )
        with self.assertRaisesRegex(Unreachable, "reached over TLS only"):
            self.network.run(Deferred.fromCoroutine(asked))
        self.assertEqual(bob.requests, [])

    def assert_unreachable(self, alice: Side, uri: str, reason: str, *, retry: bool = False) -> None:
        with self.assertRaisesRegex(Unreachable, reason) as caught:
            self.result(alice.ask(to=uri))
        self.assertIs(caught.exception.retry, retry)
        self.assert_nothing_left(alice)


class Strangers(OverTlsTest):
    """[F-18] Whoever is not who we wanted hears nothing of ours but the handshake."""

    def assert_not_trusted(self, identity: Identity, reason: str) -> None:
        alice, bob = self.side(ALICE), self.bob(identity)
        with self.assertRaisesRegex(Unreachable, reason) as caught:
            self.result(alice.ask(to=f"sip:bob@{BOB}:{PORT};transport=tls"))
        self.assertFalse(caught.exception.retry)
        self.assertEqual(bob.requests, [])
        self.assert_nothing_left(alice, bob)

    def test_a_certificate_for_somebody_else(self) -> None:
        self.assert_not_trusted(authority().issue("carol.example.com"), f"not for {BOB}")

    def test_a_certificate_that_has_expired(self) -> None:
        self.assert_not_trusted(authority().issue(BOB, EXPIRED), "the certificate has expired")

    def test_a_certificate_that_is_not_valid_yet(self) -> None:
        to_come = authority().issue(BOB, begin=datetime.datetime(2110, 1, 1, tzinfo=datetime.UTC))
        self.assert_not_trusted(to_come, "the certificate is not valid yet")

    def test_a_certificate_that_nobody_signed(self) -> None:
        self.assert_not_trusted(identity_of(BOB), "the certificate is signed by nobody but itself")

    def test_a_certificate_of_another_authority(self) -> None:
        self.assert_not_trusted(authority("stranger").issue(BOB), "comes from an authority that is not trusted here")

    def test_an_authority_that_is_trusted_later(self) -> None:
        """The operator adds it to the file and reloads; a file that is none changes nothing."""
        file = Path(self.mktemp())
        file.write_text("nothing")
        tls = Tls(authority().issue(ALICE), authority=authority().write(Path(self.mktemp())))
        alice = Side(self.network, ALICE, listen=(), tls=tls)
        self.bob(authority("stranger").issue(BOB))
        uri = f"sip:bob@{BOB}:{PORT};transport=tls"
        with self.assertRaises(ValueError):
            Tls(tls.identity, authority=str(file))
        with self.assertRaisesRegex(Unreachable, "not trusted here"):
            self.result(alice.ask(to=uri))
        tls.become(Tls(tls.identity, authority=authority("stranger").write(file)))
        self.result(alice.ask(to=uri))

    def test_somebody_who_speaks_no_tls(self) -> None:
        """That may change, so it is tried again."""
        alice, bob = self.side(ALICE), Side(self.network, BOB, listen=("tcp",))
        with self.assertRaisesRegex(Unreachable, "did not complete a TLS handshake") as caught:
            self.result(alice.ask(to=f"sip:bob@{BOB}:{PORT};transport=tls"))
        self.assertTrue(caught.exception.retry)
        self.assert_nothing_left(alice, bob)

    def test_somebody_who_says_nothing(self) -> None:
        """A handshake has 10 s, whoever began it."""
        bob = self.bob()
        calling = Calling()
        self.network.host(CAROL).connectTCP(BOB, PORT, calling)
        self.network.settle(HANDSHAKE_SECONDS - 0.1)
        self.assertIsNone(calling.wire.lost)
        self.network.settle(0.2)
        self.assertIsNotNone(calling.wire.lost)
        self.assert_nothing_left(bob)

    def test_somebody_who_listens_and_says_nothing(self) -> None:
        """The same, the other way round; the request waits no longer than that."""
        alice = self.side(ALICE)
        listening(self.network.host(BOB), PORT)
        with self.assertRaisesRegex(Unreachable, "did not complete a TLS handshake"):
            self.result(alice.ask(to=f"sip:bob@{BOB}:{PORT};transport=tls"))
        self.assertLess(self.network.clock.seconds(), HANDSHAKE_SECONDS + 1)
        self.assert_nothing_left(alice)

    def test_nobody_has_a_certificate_for_an_agent_without_tls(self) -> None:
        """An address that says TLS is never served, or called, in clear text."""
        alice = Side(self.network, ALICE, listen=())
        with self.assertRaises(CannotListenError):
            alice.agent.listen("tls", ALICE, PORT)
        with self.assertRaisesRegex(Unreachable, "SIP over TLS is not possible here"):
            self.result(alice.ask(to=f"sip:bob@{BOB};transport=tls"))


class Stopping(OverTlsTest):
    """An agent that is stopped in mid-handshake leaves nothing."""

    def test_in_a_handshake(self) -> None:
        for seconds in (0.0, 0.015, 0.025, 0.035, 0.045):
            alice = self.side(ALICE)
            listening(self.network.host(BOB), PORT)
            asked = alice.ask(to=f"sip:bob@{BOB}:{PORT};transport=tls")
            self.network.settle(seconds)
            stopped = alice.agent.stop()
            self.failureResultOf(asked, Withdrawn)
            self.network.run(stopped)
            self.network.settle(1)
            self.assertEqual(self.network.clock.getDelayedCalls(), [])
            self.network = Network()

"""TLS contexts and fingerprints, with real handshakes over the simulated network."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL, crypto
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator, IProtocolFactory
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pushsvc.net.identity import Identity
from pushsvc.net.tls import Tls, fingerprint, is_announced, is_identity_failure, peer_certificate
from pushsvc.net.tls_transport import Side, TlsFactory
from tests.identities import identity_of
from tests.net.authorities import authority, pem_of
from tests.sim import Network

PORT = 2855


@attrs.frozen
class Print:
    """As a session description states it."""

    algorithm: str
    digest: bytes


@implementer(IHandshakeListener)
class End(Protocol):
    """One end of a connection: whom it saw, what it got, how it ended."""

    def __init__(self) -> None:
        self.ready = False
        self.saw: bytes | None = None
        self.octets = b""
        self.lost: Failure | None = None

    def handshakeCompleted(self) -> None:
        self.ready = True
        self.saw = peer_certificate(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.octets += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost = reason


class Once(ClientFactory):
    """Builds one protocol, or none."""

    noisy = False

    def __init__(self, end: End | None) -> None:
        self.end = end

    def buildProtocol(self, addr: object) -> End | None:
        return self.end


@implementer(IOpenSSLClientConnectionCreator)
class Anonymous:
    """Makes client connections without a certificate, with the newest version that it speaks."""

    def __init__(self, newest: int = SSL.TLS1_3_VERSION) -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.set_max_proto_version(newest)
        self.context.set_verify(SSL.VERIFY_NONE, lambda *_: True)

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


class Greeted:
    """A server that keeps the names that it is greeted with."""

    def __init__(self, identity: Identity) -> None:
        self.names: list[bytes | None] = []
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.set_tlsext_servername_callback(lambda connection: self.names.append(connection.get_servername()))
        identity.equip(self.context)

    def accept(self) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        connection.set_accept_state()
        return connection


class Handshakes(SynchronousTestCase):
    """Two ends on a network."""

    def setUp(self) -> None:
        self.network = Network()
        self.there, self.here = self.network.host("192.0.2.2"), self.network.host("192.0.2.1")
        self.client, self.server = End(), End()
        self.alice, self.bob = identity_of("alice"), identity_of("bob")

    def tls(self, identity: Identity, **options: Any) -> Tls:
        return Tls(identity, **options)

    def meet(self, serving: IProtocolFactory, calling: IProtocolFactory) -> None:
        self.there.listenTCP(PORT, serving)
        TCP4ClientEndpoint(self.here, "192.0.2.2", PORT).connect(calling)
        self.network.settle(2)

    def assert_refused(self, end: End) -> None:
        self.assertFalse(end.ready)
        self.assertIsNot(end.lost, None)


class AnyCertificate(Handshakes):
    """Where a fingerprint was announced: the handshake takes any certificate, both sides learn it."""

    def test_both_sides_learn_the_certificate_of_the_other(self) -> None:
        """[D-TLS-1] What is compared with the session description is what was really presented."""
        self.meet(
            self.tls(self.bob).server(Once(self.server)), self.tls(self.alice).client(Once(self.client), "192.0.2.2")
        )
        self.assertEqual((self.client.saw, self.server.saw), (self.bob.der, self.alice.der))

    def test_a_server_that_does_not_ask_sees_no_certificate(self) -> None:
        """tls.client_certificate = "none"."""
        bob = self.tls(self.bob, ask_client=False)
        self.meet(bob.server(Once(self.server)), self.tls(self.alice).client(Once(self.client), "192.0.2.2"))
        self.assertEqual((self.client.saw, self.server.saw, self.server.ready), (self.bob.der, None, True))

    def test_a_client_without_certificate_is_refused_where_one_is_required(self) -> None:
        """tls.client_certificate = "required"."""
        for insist in (False, True):
            self.setUp()
            bob = self.tls(self.bob, insist=insist)
            nobody = TLSMemoryBIOFactory(Anonymous(), True, Once(self.client), self.network.clock)
            self.meet(bob.server(Once(self.server)), nobody)
            self.assertEqual(self.server.ready, not insist)
            self.assertEqual(self.server.lost is not None, insist)

    def test_old_versions_are_refused(self) -> None:
        """[D-TLS-1] TLS 1.2 or later; 1.3 alone where it is configured."""
        for least, spoken in (("1.2", SSL.TLS1_1_VERSION), ("1.3", SSL.TLS1_2_VERSION)):
            self.setUp()
            old = TLSMemoryBIOFactory(Anonymous(spoken), True, Once(self.client), self.network.clock)
            self.meet(self.tls(self.bob, min_version=least).server(Once(self.server)), old)
            self.assert_refused(self.server)
            self.assertFalse(self.server.lost is None or is_identity_failure(self.server.lost))

    def test_nothing_is_negotiated_again(self) -> None:
        """[D-TLS-1] E.10 rule 7: TLS 1.2 would let a peer begin the handshake anew, with another certificate."""
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client, server = SSL.Connection(context, None), self.tls(self.bob)._accept()
        client.set_connect_state()
        for _ in range(3):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))
        client.renegotiate()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        server.bio_write(client.bio_read(65536))
        self.assertRaises(SSL.WantReadError, server.recv, 1)
        client.bio_write(server.bio_read(65536))
        with self.assertRaises(SSL.Error) as raised:
            client.do_handshake()
        self.assertIn("no renegotiation", str(raised.exception))

    def test_nothing_is_compressed(self) -> None:
        """[D-TLS-1] E.10 rule 7: what can be guessed by its compressed size is no secret (CRIME)."""
        tls = self.tls(self.bob)
        for context in (tls._server, tls._client, tls._trusting()):
            self.assertTrue(context.set_options(0) & SSL.OP_NO_COMPRESSION)

    def test_a_renewed_certificate_is_presented_from_then_on(self) -> None:
        """SIGHUP after the certificate was renewed; what is connected stays so."""
        tls = self.tls(self.bob)
        serving = tls.server(Once(self.server))
        tls.renew(identity_of("carol"))
        self.meet(serving, self.tls(self.alice).client(Once(self.client), "192.0.2.2"))
        self.assertEqual(self.client.saw, identity_of("carol").der)
        self.assertEqual(tls.identity.der, identity_of("carol").der)

    def test_after_a_reload_all_is_as_newly_made(self) -> None:
        """Certificate, authorities, versions, and what is asked of clients."""
        tls = self.tls(self.bob, ask_client=False)
        serving = tls.server(Once(self.server))
        file = Path(self.mktemp())
        tls.become(Tls(identity_of("carol"), insist=True, min_version="1.3", authority=authority().write(file)))
        self.meet(serving, self.tls(self.alice).client(Once(self.client), "192.0.2.2"))
        self.assertEqual((self.client.saw, self.server.saw), (identity_of("carol").der, self.alice.der))
        self.assertTrue(tls.insists)
        (trusted,) = tls._authorities or ()
        self.assertEqual(trusted.to_cryptography(), authority().certificate)

    def test_the_name_is_sent_with_the_greeting(self) -> None:
        """[D-TLS-1] E.10 rule 1: SNI, for hosts that serve several; an address is no name (RFC 6066 §3).

        With RFC 6714 the host of a path is never looked up, and may be anything.
        """
        names = ("bob.example.com", b"bob.example.com"), ("b" * 64, None)
        for host, sent in (*names, ("192.0.2.2", None), ("2001:db8::2", None)):
            self.setUp()
            serving = Greeted(self.bob)
            factory = TlsFactory(Side(serving.accept), Once(self.server))
            self.meet(factory, self.tls(self.alice).client(Once(self.client), host))
            self.assertEqual((serving.names, self.client.ready), ([sent], True))

    def test_the_host_of_a_sip_uri_is_sent_as_a_name(self) -> None:
        """RFC 6066 §3: without brackets, which are no name either, and without the dot of the root."""
        for host, sent in (("bob.example.com.", b"bob.example.com"), ("[2001:db8::2]", None), ("192.0.2.2", None)):
            self.setUp()
            serving = Greeted(self.bob)
            factory = TlsFactory(Side(serving.accept), Once(self.server))
            self.meet(factory, self.tls(self.alice).client_for_domain(Once(self.client), host))
            self.assertEqual(serving.names, [sent])

    def test_a_factory_that_builds_nothing_turns_the_caller_away(self) -> None:
        """Too many connections is no reason for a traceback and a socket that nobody closes."""
        self.meet(self.tls(self.bob).server(Once(None)), self.tls(self.alice).client(Once(self.client), "192.0.2.2"))
        self.assert_refused(self.client)


class ByName(Handshakes):
    """Where nothing was announced: chain and name decide (requirements E.10 rule 3)."""

    def setUp(self) -> None:
        super().setUp()
        self.file = Path(self.mktemp())
        authority().write(self.file)

    def call(self, identity: Identity, host: str) -> None:
        self.setUp()
        alice = self.tls(self.alice, authority=str(self.file))
        self.meet(self.tls(identity).server(Once(self.server)), alice.client_for_name(Once(self.client), host))

    def test_a_name_or_address_that_the_authority_has_confirmed(self) -> None:
        """[D-TLS-1] So peers without fingerprints are reached."""
        for host in ("bob.example.com", "192.0.2.2", "2001:db8::2"):
            self.call(authority().issue(host), host)
            self.assertTrue(self.client.ready, host)
            self.assertEqual(self.server.saw, self.alice.der)

    def test_another_name_or_authority_or_an_expired_certificate(self) -> None:
        """[D-TLS-1] Content must not go to whoever answers."""
        past, to_come = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2021, 2110))
        for identity in (
            authority().issue("mallory.example.com"),
            authority("another").issue("bob.example.com"),
            authority().issue("bob.example.com", end=past),
            authority().issue("bob.example.com", begin=to_come),
            authority().issue("mallory.example.com", common="bob.example.com"),
            self.bob,
        ):
            self.call(identity, "bob.example.com")
            self.assert_refused(self.client)
            self.assertTrue(self.client.lost and is_identity_failure(self.client.lost))

    def test_the_chain_is_presented_with_the_certificate(self) -> None:
        """Peers know the root alone."""
        deputy = authority().deputy()
        leaf = deputy.issue("bob.example.com")
        whole = attrs.evolve(leaf, chain=(*leaf.chain, crypto.X509.from_cryptography(deputy.certificate)))
        for identity, ready in ((leaf, False), (whole, True)):
            self.call(identity, "bob.example.com")
            self.assertEqual(self.client.ready, ready)

    def test_every_authority_of_the_file_counts(self) -> None:
        """A bundle has many."""
        self.file.write_bytes(pem_of(authority("another").certificate) + pem_of(authority().certificate))
        bundle = self.file
        alice = self.tls(self.alice, authority=str(bundle))
        bob = self.tls(authority().issue("bob.example.com"))
        self.meet(bob.server(Once(self.server)), alice.client_for_name(Once(self.client), "bob.example.com"))
        self.assertTrue(self.client.ready)

    def test_a_file_without_certificates_is_found_at_start(self) -> None:
        """And not by the first push that fails."""
        self.file.write_bytes(b"")
        with self.assertRaises(ValueError):
            self.tls(self.alice, authority=str(self.file))
        self.file.unlink()
        with self.assertRaises(FileNotFoundError):
            self.tls(self.alice, authority=str(self.file))

    def test_without_a_file_the_system_decides(self) -> None:
        """Which knows our authority as little as any other."""
        bob = self.tls(authority().issue("bob.example.com"))
        alice = self.tls(self.alice)
        self.meet(bob.server(Once(self.server)), alice.client_for_name(Once(self.client), "bob.example.com"))
        self.assert_refused(self.client)


class Fingerprints(SynchronousTestCase):
    """Whether a certificate is the announced one (RFC 8122 §5)."""

    DER = b"certificate"
    SHA1 = Print("sha-1", hashlib.sha1(DER).digest())
    SHA256 = Print("sha-256", hashlib.sha256(DER).digest())
    SHA512 = Print("SHA-512", hashlib.sha512(DER).digest())
    WRONG = Print("sha-256", bytes(32))

    def test_table(self) -> None:
        """[D-TLS-1] The strongest known hash decides; one match of it suffices; MD5 never counts."""
        for announced, wanted in (
            ([self.SHA256], True),
            ([self.WRONG], False),
            ([self.WRONG, self.SHA256], True),
            ([self.SHA512], True),
            ([self.SHA512, self.WRONG], True),
            ([Print("sha-512", bytes(64)), self.SHA256], False),
            ([Print("sha-384", hashlib.sha384(self.DER).digest())], True),
            ([Print("md5", hashlib.md5(self.DER).digest())], False),
            ([Print("sha3-256", hashlib.sha3_256(self.DER).digest()), self.SHA256], True),
            ([self.SHA1], False),
            ([], False),
        ):
            self.assertEqual(is_announced(self.DER, announced), wanted, announced)

    def test_no_certificate_is_no_match(self) -> None:
        """A peer that announces a fingerprint has to present a certificate."""
        self.assertFalse(is_announced(None, [self.SHA256]))

    def test_sha1_only_by_switch_and_never_against_a_stronger_one(self) -> None:
        """For old peers; who says SHA-256 as well is held to it."""
        self.assertTrue(is_announced(self.DER, [self.SHA1], allow_sha1=True))
        self.assertFalse(is_announced(self.DER, [self.SHA1, self.WRONG], allow_sha1=True))
        self.assertFalse(is_announced(self.DER, [Print("sha-1", bytes(20))], allow_sha1=True))

    def test_ours_is_of_the_first_certificate(self) -> None:
        """What our session descriptions say."""
        der = identity_of("alice").der
        self.assertEqual(fingerprint(der), hashlib.sha256(der).digest())
        self.assertEqual(fingerprint(der, "sha-512"), hashlib.sha512(der).digest())

    def test_a_plain_transport_has_no_certificate(self) -> None:
        """TCP/MSRP."""
        self.assertIs(peer_certificate(object()), None)

"""Who is not who was announced, or speaks TLS that anybody can break: every case of the table is refused.

Goal G14 of docs/security.md.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from pushsvc.errors import Unreachable
from pushsvc.net.tls import Tls
from pushsvc.net.tls_transport import Side, TlsFactory
from tests.conversations.case import BOB, NOTICE, rewrite
from tests.conversations.test_identities import IdentityTest
from tests.conversations.test_setups import without
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.net.test_tls import Handshakes, Once

OLD = (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION)
# Nothing encrypted, nobody identified, broken, no forward secrecy, or not authenticated encryption.
WEAK = (
    "NULL-SHA256", "ECDHE-ECDSA-NULL-SHA", "ADH-AES128-GCM-SHA256", "ADH-AES256-SHA256", "AECDH-AES128-SHA",
    "ECDHE-ECDSA-DES-CBC3-SHA", "RC4-SHA", "DES-CBC3-SHA", "AES128-SHA", "AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256",
)  # fmt: skip


def lax(*, newest: int, ciphers: str = "ALL:COMPLEMENTOFALL") -> SSL.Context:
    """A context that takes everything which OpenSSL still has, up to this version."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(0)
    context.set_max_proto_version(newest)
    context.set_cipher_list(f"{ciphers}:@SECLEVEL=0".encode())
    context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    return context


@implementer(IOpenSSLClientConnectionCreator)
class Calling:
    """Makes client connections of one context."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def weak() -> Iterator[SSL.Context]:
    """Each old version and each weak cipher, as far as OpenSSL here has it at all."""
    yield from (lax(newest=version) for version in OLD)
    for cipher in WEAK:
        with contextlib.suppress(SSL.Error):
            yield lax(newest=SSL.TLS1_2_VERSION, ciphers=cipher)


def serving(context: SSL.Context) -> Side:
    """The server's side of connections of this context."""

    def accept() -> SSL.Connection:
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        return connection

    return Side(accept)


class WeakTls(Handshakes):
    """[D-TLS-1] Old versions and weak ciphers, offered by whoever connects to us, and by whom we connect to."""

    def calling(self, context: SSL.Context) -> TLSMemoryBIOFactory:
        return TLSMemoryBIOFactory(Calling(context), True, Once(self.client), self.network.clock)

    def assert_ready(self, ready: bool) -> None:
        self.assertEqual((self.client.ready, self.server.ready), (ready, ready))

    def test_a_peer_that_connects(self) -> None:
        """G14: 100 % refused; the same peer with what is good gets through."""
        good = lax(newest=SSL.TLS1_2_VERSION)
        for context in (*weak(), good):
            self.setUp()
            self.meet(self.tls(self.bob).server(Once(self.server)), self.calling(context))
            self.assert_ready(context is good)

    def test_a_peer_that_we_connect_to(self) -> None:
        """G14: 100 % refused; the same peer with what is good gets through."""
        good = lax(newest=SSL.TLS1_2_VERSION)
        for context in (*weak(), good):
            self.setUp()
            self.bob.equip(context)
            factory = TlsFactory(serving(context), Once(self.server))
            self.meet(factory, self.tls(self.alice).client(Once(self.client), "192.0.2.2"))
            self.assert_ready(context is good)

    def test_two_such_peers_would_understand_each_other(self) -> None:
        """Or the tests above would prove little."""
        met = 0
        for here, there in zip(weak(), weak(), strict=True):
            self.setUp()
            self.bob.equip(there)
            self.meet(TlsFactory(serving(there), Once(self.server)), self.calling(here))
            met += self.client.ready
        self.assertGreaterEqual(met, 6)


class WrongCertificates(IdentityTest):
    """[D-TLS-1] G14: 100 % refused, in whole calls; no octet of content goes to such a peer."""

    def begin_with_authority(self) -> None:
        file = authority().write(Path(self.mktemp()))
        self.begin(alice={"tls": Tls(identity_of("alice"), authority=file)})

    def test_a_wrong_fingerprint(self) -> None:
        """[D-TLS-1] Of the receiver, and of the sender; that the authority vouches for who it is does not help."""
        self.begin_with_authority()
        self.impostor(self.bob)
        self.bob.tls.renew(authority().issue(BOB))
        self.assertFalse(self.fails_for_good().retry)
        self.begin()
        self.impostor(self.alice)
        session = self.opened()
        self.failed(session.lines[0].send(NOTICE), Unreachable)
        self.network.settle(0.5)
        self.assertEqual((self.kept, self.up()), ([], []))

    def test_no_fingerprint(self) -> None:
        """[D-TLS-1] Then the chain decides: self-signed, another authority, expired, not begun, for another name."""
        past, to_come = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2021, 2110))
        for identity in (
            identity_of("bob"),
            authority("another").issue(BOB),
            authority().issue(BOB, end=past),
            authority().issue(BOB, begin=to_come),
            authority().issue("192.0.2.21"),
            authority().issue("bob.example.com"),
            authority().issue("192.0.2.21", common=BOB),
        ):
            self.begin_with_authority()
            self.bob.tls.renew(identity)
            rewrite(self.bob, without(b"a=fingerprint"))
            self.assertFalse(self.fails_for_good().retry)

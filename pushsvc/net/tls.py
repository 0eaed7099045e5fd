"""TLS for MSRP: contexts, wrapping of factories, and whether a peer's certificate is the announced one.

With a fingerprint in the peer's session description any certificate is taken in the handshake and compared
afterwards (requirements E.10 rules 1, 2 and 4); without one the chain and the name decide (rule 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import attrs
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.ssl import Certificate as TrustedCertificate
from twisted.internet.ssl import (
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from pushsvc.net.identity import Identity

# Strongest first: of several fingerprints only those of the strongest known hash count (RFC 8122 §5).
HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "sha-512": hashlib.sha512,
    "sha-384": hashlib.sha384,
    "sha-256": hashlib.sha256,
}
LEGACY_HASH = "sha-1"

AEAD = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
PROTOCOLS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


class Announced(Protocol):
    """A fingerprint as a session description states it."""

    @property
    def algorithm(self) -> str: ...

    @property
    def digest(self) -> bytes: ...


def fingerprint(certificate: bytes, algorithm: str = "sha-256") -> bytes:
    """The digest of a DER certificate."""
    return HASHES[algorithm](certificate).digest()


def is_announced(certificate: bytes | None, fingerprints: Iterable[Announced], allow_sha1: bool = False) -> bool:
    """Whether a DER certificate is one that the peer announced (requirements E.10 rule 2)."""
    announced = list(fingerprints)
    if certificate is None:
        return False
    for algorithm, digest_of in HASHES.items():
        digests = [each.digest for each in announced if each.algorithm.lower() == algorithm]
        if digests:
            return digest_of(certificate).digest() in digests
    if allow_sha1:
        digest = hashlib.sha1(certificate, usedforsecurity=False).digest()
        return any(each.digest == digest for each in announced if each.algorithm.lower() == LEGACY_HASH)
    return False


def peer_certificate(transport: object) -> bytes | None:
    """The DER certificate that the peer of a TLS transport presented; None: none, or no TLS."""
    get = getattr(transport, "getPeerCertificate", None)
    certificate = get() if get is not None else None
    return None if certificate is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


def is_identity_failure(reason: Failure) -> bool:
    """Whether a handshake failed because the chain or the name of the peer's certificate is not as it must be."""
    if reason.check(VerificationError):
        return True
    errors = reason.value.args[0] if reason.check(SSL.Error) and reason.value and reason.value.args else ()
    return any("certificate verify failed" in str(error) for error in errors)


@implementer(IOpenSSLServerConnectionCreator, IOpenSSLClientConnectionCreator)
@attrs.define(eq=False)
class _FromContext:
    """Every connection from one context: making one is cheap, making a context is not."""

    context: SSL.Context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


class _Door(TLSMemoryBIOFactory):
    """A factory that builds no protocol refuses the connection, with TLS as without."""

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)


class Tls:
    """Our side of every MSRP TLS connection.

    `ask_client` asks for a client certificate (never insisting on its chain: the session description
    decides), `insist` refuses a client that has none. `authority` is a PEM file, or None for the
    platform's trust. Making one raises OSError or ValueError where that file cannot be used.
    """

    def __init__(
        self,
        identity: Identity,
        clock: IReactorTime,
        *,
        ask_client: bool = True,
        insist: bool = False,
        min_version: str = "1.2",
        authority: str | None = None,
    ) -> None:
        self.identity = identity
        self._clock = clock
        self._asking = (SSL.VERIFY_PEER if ask_client else SSL.VERIFY_NONE) | (
            SSL.VERIFY_FAIL_IF_NO_PEER_CERT if ask_client and insist else 0
        )
        self._min_version = PROTOCOLS[min_version]
        self._trust: Any = platformTrust() if authority is None else _trust_of(Path(authority))
        self._server = _FromContext(self._context(self._asking))
        self._client = _FromContext(self._context(SSL.VERIFY_NONE))

    def renew(self, identity: Identity) -> None:
        """Present this certificate from now on."""
        self.identity = identity
        self._server.context = self._context(self._asking)
        self._client.context = self._context(SSL.VERIFY_NONE)

    def server(self, factory: IProtocolFactory) -> IProtocolFactory:
        """The factory, with TLS under its protocols; we are the TLS server."""
        wrapped: IProtocolFactory = _Door(self._server, False, factory, self._clock)
        return wrapped

    def client(self, factory: IProtocolFactory) -> IProtocolFactory:
        """The same as TLS client. Any certificate is taken; whoever connects compares it with what was announced."""
        wrapped: IProtocolFactory = TLSMemoryBIOFactory(self._client, True, factory, self._clock)
        return wrapped

    def client_for_name(self, factory: IProtocolFactory, host: str) -> IProtocolFactory:
        """The same where nothing was announced: chain and name of the certificate must fit `host` (E.10 rule 3)."""
        creator = optionsForClientTLS(host, trustRoot=self._trust, clientCertificate=self._own_certificate())
        wrapped: IProtocolFactory = TLSMemoryBIOFactory(creator, True, factory, self._clock)
        return wrapped

    def _context(self, asking: int) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(self._min_version)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(AEAD)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        self.identity.equip(context)
        context.set_verify(asking, _take_any)
        return context

    def _own_certificate(self) -> PrivateCertificate:
        key = KeyPair(self.identity.private_key)
        own: PrivateCertificate = PrivateCertificate.fromCertificateAndKeyPair(
            TrustedCertificate(self.identity.chain[0]), key
        )
        return own


def _trust_of(authorities: Path) -> Any:
    certificates = x509.load_pem_x509_certificates(authorities.read_bytes())
    roots = [TrustedCertificate(crypto.X509.from_cryptography(each)) for each in certificates]
    return trustRootFromCertificates(roots)


def _take_any(connection: object, certificate: object, error: int, depth: int, ok: int) -> bool:
    """Chains are not what we go by here: the session description's fingerprint is compared later."""
    return True

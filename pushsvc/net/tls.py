"""TLS for MSRP and SIP: contexts, wrapping of factories, and whether a peer's certificate is the announced one.

MSRP: with a fingerprint in the peer's session description any certificate is taken in the handshake and compared
afterwards (requirements E.10 rules 1, 2 and 4); without one the chain and the name decide (rule 3). SIP: the chain
decides, and for which SIP domain the certificate is (RFC 5922).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from pushsvc.net.identity import Identity
from pushsvc.net.key_log import KeyLog
from pushsvc.net.locate import is_address
from pushsvc.net.tls_transport import Side, TlsFactory

# Strongest first: of several fingerprints only those of the strongest known hash count (RFC 8122 §5).
HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "sha-512": hashlib.sha512,
    "sha-384": hashlib.sha384,
    "sha-256": hashlib.sha256,
}
LEGACY_HASH = "sha-1"

AEAD = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
PROTOCOLS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


Seen = Callable[[x509.Certificate | None, Sequence[int]], None]
"""Told of the certificate that a peer presented, and of the errors in its chain (X509_V_ERR_*, see verify(1))."""


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


def verify_sip_domain(certificate: x509.Certificate, domain: str) -> None:
    """Raises CertificateError when the certificate is not for this SIP domain, a name or an IP literal.

    RFC 5922 §7: SIP URIs without a user part go before DNS names; names are equal or not, there are no wildcards.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise CertificateError("the certificate has no subjectAltName") from None
    except ValueError as error:
        raise CertificateError(f"the certificate's subjectAltName cannot be read: {error}") from error
    domains = [
        uri.removeprefix("sip:")
        for uri in _lower(names.get_values_for_type(x509.UniformResourceIdentifier))
        if uri.startswith("sip:") and "@" not in uri
    ]
    if not domains:
        domains = _lower(names.get_values_for_type(x509.DNSName))
        domains += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    if _bare(domain) not in domains:
        raise CertificateError(f"the certificate is for {', '.join(domains) or 'nobody'}, not for {domain}")


def is_certified_for(transport: object, domain: str) -> bool:
    """Whether the certificate that the peer of a TLS transport presented is for this SIP domain."""
    certificate = peer_certificate(transport)
    try:
        verify_sip_domain(x509.load_der_x509_certificate(certificate or b""), domain)
    except (ValueError, CertificateError):
        return False
    return True


def _bare(domain: str) -> str:
    """A URI's host as certificates and RFC 6066 §3 write it: no brackets, no dot at its end, addresses in one form."""
    bare = domain.strip("[]").lower().rstrip(".")
    return str(ipaddress.ip_address(bare)) if is_address(bare) else bare


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def in_words(reason: Failure) -> str:
    """How a TLS connection failed: OpenSSL's own words without its lists of codes."""
    error = reason.value
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        return ", ".join(str(words) for *_, words in error.args[0]) or "TLS failed"
    return reason.getErrorMessage()


def is_identity_failure(reason: Failure) -> bool:
    """Whether a handshake failed because the chain or the name of the peer's certificate is not as it must be."""
    chain = reason.check(SSL.Error) is not None and "certificate verify failed" in str(reason.value)
    return chain or reason.check(VerificationError, CertificateError) is not None


class Tls:
    """Our side of every TLS connection.

    `ask_client` asks for a client certificate (never insisting on its chain: the session description
    decides), `insist` refuses a client that has none. `authority` is a PEM file, or None for the
    platform's trust. `key_log` gets the keys of every connection. Making one raises OSError or ValueError where the
    authority's file cannot be used.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        ask_client: bool = True,
        insist: bool = False,
        min_version: str = "1.2",
        authority: str | None = None,
        key_log: KeyLog | None = None,
    ) -> None:
        self._key_log = key_log
        self.insists = ask_client and insist
        self._asking = (SSL.VERIFY_PEER if ask_client else SSL.VERIFY_NONE) | (
            SSL.VERIFY_FAIL_IF_NO_PEER_CERT if self.insists else 0
        )
        self._min_version = PROTOCOLS[min_version]
        self._authorities = None if authority is None else _certificates_of(Path(authority))
        self.renew(identity)

    def server(self, factory: IProtocolFactory) -> TlsFactory:
        """The factory, with TLS under its protocols; we are the TLS server."""
        return TlsFactory(Side(self._accept), factory)

    def client(self, factory: IProtocolFactory, host: str) -> TlsFactory:
        """The same as TLS client. Any certificate is taken; whoever connects compares it with what was announced."""
        return TlsFactory(Side(lambda: self._connect(self._client, host)), factory)

    def client_for_name(self, factory: IProtocolFactory, host: str) -> TlsFactory:
        """The same where nothing was announced: chain and name of the certificate must fit `host` (E.10 rule 3).

        Raises ValueError for what cannot be the name of anything.
        """
        wanted = IPAddress_ID(host) if is_address(host) else DNS_ID(host)
        return self._trusting_factory(
            factory,
            host,
            lambda certificate: verify_service_identity(extract_patterns(certificate), [wanted], []),
        )

    def client_for_domain(self, factory: IProtocolFactory, domain: str) -> TlsFactory:
        """The same for SIP: the certificate must be for `domain`, the host of the URI that we follow (RFC 5922 §7)."""
        return self._trusting_factory(
            factory, _bare(domain), lambda certificate: verify_sip_domain(certificate, domain)
        )

    def client_for_a_look(self, factory: IProtocolFactory, host: str, seen: Seen) -> TlsFactory:
        """The same to find out who is there: any certificate is taken, and `seen` hears what is wrong with it."""
        errors: list[int] = []

        def take_and_note(connection: object, certificate: object, error: int, depth: int, ok: int) -> bool:
            if not ok:
                errors.append(error)
            return True

        def verify(connection: SSL.Connection) -> None:
            seen(connection.get_peer_certificate(as_cryptography=True), errors)

        context = self._with_authorities(take_and_note)
        return TlsFactory(Side(lambda: self._connect(context, _bare(host)), verify), factory)

    def _trusting_factory(
        self, factory: IProtocolFactory, host: str, judge: Callable[[x509.Certificate], object]
    ) -> TlsFactory:
        def verify(connection: SSL.Connection) -> None:
            certificate = connection.get_peer_certificate(as_cryptography=True)
            if certificate is None:
                raise CertificateError("the peer presented no certificate")
            judge(certificate)

        return TlsFactory(Side(lambda: self._connect(self._trusting(), host), verify), factory)

    def renew(self, identity: Identity) -> None:
        """Present this certificate from now on."""
        self.identity = identity
        self._server = self._context(self._asking, _take_any)
        self._client = self._context(SSL.VERIFY_NONE)
        self._trusting_client: SSL.Context | None = None

    def become(self, other: Tls) -> None:
        """Do from now on what the other would: after a reload. Connections that are up stay as they are."""
        self.insists, self._asking = other.insists, other._asking
        self._min_version, self._authorities = other._min_version, other._authorities
        self.renew(other.identity)

    def _context(self, asking: int, judge: Callable[..., bool] | None = None) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(self._min_version)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(AEAD)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        self.identity.equip(context)
        context.set_verify(asking, judge)
        if self._key_log is not None:
            context.set_keylog_callback(self._key_log.write)
        return context

    def _trusting(self) -> SSL.Context:
        """Made when first needed: the system's authorities are a megabyte, and most peers announce fingerprints."""
        if self._trusting_client is None:
            self._trusting_client = self._with_authorities(_take_good_ones)
        return self._trusting_client

    def _with_authorities(self, judge: Callable[..., bool] | None = None) -> SSL.Context:
        context = self._context(SSL.VERIFY_PEER, judge)
        store = context.get_cert_store()
        if self._authorities is None or store is None:
            context.set_default_verify_paths()
        else:
            for certificate in self._authorities:
                store.add_cert(certificate)
        return context

    def _accept(self) -> SSL.Connection:
        connection = SSL.Connection(self._server, None)
        connection.set_accept_state()
        return connection

    def _connect(self, context: SSL.Context, host: str) -> SSL.Connection:
        connection = SSL.Connection(context, None)
        connection.set_connect_state()
        name = _server_name(host)
        if name is not None:
            connection.set_tlsext_host_name(name)
        return connection


def _server_name(host: str) -> bytes | None:
    """What the server is greeted with; None for what is no name in DNS (RFC 6066 §3)."""
    try:
        return None if is_address(host) else host.encode("idna")
    except UnicodeError:
        return None


def _certificates_of(file: Path) -> list[crypto.X509]:
    return [crypto.X509.from_cryptography(each) for each in x509.load_pem_x509_certificates(file.read_bytes())]


# X509_V_ERR_...: what OpenSSL has against a chain, in the words of whoever has to mend it.
_FLAWS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by nobody but itself",
    **dict.fromkeys((2, 19, 20, 21), "comes from an authority that is not trusted here"),
    26: "is not for a server",
    79: "is not an authority's",
}


def _take_good_ones(connection: object, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    """Raises CertificateError, which names the flaw: OpenSSL says no more than that the chain is not good."""
    if ok:
        return True
    whose = "the certificate" if depth == 0 else f"the certificate of its issuer ({depth} up)"
    raise CertificateError(f"{whose} {_FLAWS.get(error, f'is not good (OpenSSL: {error})')}")


def _take_any(connection: object, certificate: object, error: int, depth: int, ok: int) -> bool:
    """Chains are not what we go by here: the session description's fingerprint is compared later."""
    return True

"""Who we are on TLS: a certificate and its key, from files or made by ourselves, and its fingerprint."""

from __future__ import annotations

import datetime
import ipaddress
import os
from functools import cached_property
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from OpenSSL import SSL, crypto

SELF_SIGNED_LIFE = datetime.timedelta(days=3650)
RENEW_BEFORE = datetime.timedelta(days=30)


@attrs.frozen
class Identity:
    """Our certificate, the chain that goes with it, and the private key."""

    chain: tuple[crypto.X509, ...]
    private_key: crypto.PKey = attrs.field(repr=False)

    @cached_property
    def der(self) -> bytes:
        """The certificate's DER octets: what a fingerprint is taken of (RFC 8122 §5)."""
        return crypto.dump_certificate(crypto.FILETYPE_ASN1, self.chain[0])

    @property
    def expires_at(self) -> float:
        """The last second (Unix time) at which the certificate is valid."""
        return self.chain[0].to_cryptography().not_valid_after_utc.timestamp()

    @property
    def begins_at(self) -> float:
        """The first second (Unix time) at which it is valid."""
        return self.chain[0].to_cryptography().not_valid_before_utc.timestamp()

    @property
    def is_self_signed(self) -> bool:
        """Whether nobody but ourselves stands up for it."""
        certificate = self.chain[0].to_cryptography()
        return certificate.issuer == certificate.subject

    def equip(self, context: SSL.Context) -> None:
        """Let connections of this context present us."""
        context.use_certificate(self.chain[0])
        for issuer in self.chain[1:]:
            context.add_extra_chain_cert(issuer)
        context.use_privatekey(self.private_key)


def load_identity(certificate: Path, private_key: Path) -> Identity:
    """Read PEM files: a certificate followed by its chain, and its key.

    Raises OSError when a file cannot be read, ValueError when it is no PEM of that kind or the two do not belong
    together.
    """
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    key = _private_key(private_key)
    if key.public_key() != chain[0].public_key():
        raise ValueError(f"{private_key} is not the key of {certificate}")
    return Identity(
        chain=tuple(crypto.X509.from_cryptography(each) for each in chain),
        private_key=crypto.PKey.from_cryptography_key(key),  # type: ignore[arg-type]
    )


def self_signed(directory: Path, name: str, now: float) -> Identity:
    """Our own certificate in `directory`, made at first use and again shortly before it expires.

    It proves nothing by itself: the peer compares it with the fingerprint in our session description
    (requirements E.10 rules 2 and 5).
    """
    certificate, key = directory / "self-signed.crt", directory / "self-signed.key"
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    kept = _kept(certificate, key)
    if kept is not None and kept.expires_at > (today + RENEW_BEFORE).timestamp():
        return kept
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate_pem, key_pem = _make(name, today)
    _write(key, key_pem)
    _write(certificate, certificate_pem)
    return load_identity(certificate, key)


def _kept(certificate: Path, key: Path) -> Identity | None:
    """What was made earlier. A crash between the two files leaves a pair that does not fit: it is made again."""
    try:
        return load_identity(certificate, key)
    except (FileNotFoundError, ValueError):
        return None


def _private_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)
    except TypeError:
        raise ValueError(f"{path} is encrypted") from None
    except UnsupportedAlgorithm:
        raise ValueError(f"{path} holds a key of an unknown kind") from None


def _make(name: str, today: datetime.datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64] or "pushsvc")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + SELF_SIGNED_LIFE)
        .add_extension(x509.SubjectAlternativeName([_alternative_name(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name or "localhost")


def _write(path: Path, octets: bytes) -> None:
    """Whole or not at all, and readable by nobody else."""
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(octets)
    temporary.rename(path)

"""An authority of our own, for the tests in which chain and name decide."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import crypto

from pushsvc.net.identity import Identity

BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


@attrs.frozen
class Authority:
    """Signs certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, path: Path) -> str:
        """Its certificate as a PEM file."""
        path.write_bytes(pem_of(self.certificate))
        return str(path)

    def issue(
        self,
        host: str,
        end: datetime.datetime = END,
        begin: datetime.datetime = BEGIN,
        common: str = "",
        uris: Sequence[str] = (),
    ) -> Identity:
        """The identity of a host: a DNS name or an address; `uris` are further names, `common` is the CN if another."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _built(host, key.public_key(), self.certificate.subject, begin, end, common, uris)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Identity((crypto.X509.from_cryptography(certificate),), crypto.PKey.from_cryptography_key(key))

    def deputy(self) -> Authority:
        """An authority that this one stands up for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _built("deputy", key.public_key(), self.certificate.subject)
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        return Authority(builder.sign(self.key, hashes.SHA256()), key)


@cache
def authority(name: str = "authority") -> Authority:
    """Made once per run."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _built(name, key.public_key(), subject).add_extension(x509.BasicConstraints(True, None), True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem_of(identity: Identity, passphrase: bytes | None = None) -> bytes:
    """The private key as PEM, encrypted if there is a passphrase."""
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    key = identity.private_key.to_cryptography_key()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)  # type: ignore[union-attr]


def _built(
    host: str,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    begin: datetime.datetime = BEGIN,
    end: datetime.datetime = END,
    common: str = "",
    uris: Sequence[str] = (),
) -> x509.CertificateBuilder:
    alternative: x509.GeneralName
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common or host))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([alternative, *map(x509.UniformResourceIdentifier, uris)]), critical=False
        )
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])

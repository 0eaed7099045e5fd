"""Certificates that are the same in every run, to the octet, so that whole conversations are."""

from __future__ import annotations

import datetime
import hashlib
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import crypto

from pushsvc.net.identity import Identity
from pushsvc.net.tls import Tls


@cache
def steady_identity(name: str) -> Identity:
    """Somebody's certificate, its key made of the name. (An ECDSA signature would differ in length from run to run.)"""
    seed = hashlib.sha256(name.encode()).digest()
    key = Ed25519PrivateKey.from_private_bytes(seed)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(seed[:8], "big") + 1)
        .not_valid_before(datetime.datetime(2026, 1, 1))
        .not_valid_after(datetime.datetime(2126, 1, 1))
        .sign(key, None)
    )
    return Identity((crypto.X509.from_cryptography(certificate),), crypto.PKey.from_cryptography_key(key))


@cache
def steady_tls(name: str) -> Tls:
    """Their contexts, too: making some for each of hundreds of conversations takes longer than these."""
    return Tls(steady_identity(name))

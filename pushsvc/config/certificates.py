"""Whether the certificate files can be used. What is done with them is in `net.tls`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pushsvc.config.secrets import check_private, check_readable
from pushsvc.config.values import Wrong


def check_pair(certificate: Path, private_key: Path) -> Iterator[tuple[str, Wrong]]:
    """What is wrong with a chain and its key, each with the key of [tls] to change."""
    loaded = {}
    for key, path, load in (
        ("certificate", certificate, _first_public_key),
        ("private_key", private_key, _public_key_of),
    ):
        try:
            loaded[key] = load(path)
        except Wrong as wrong:
            yield key, wrong
    if len(loaded) == 2 and loaded["certificate"] != loaded["private_key"]:
        yield "private_key", Wrong(f"{private_key} is not the key of {certificate}")


def check_authorities(path: Path) -> None:
    """Raises `Wrong` when this is not a file of PEM certificates."""
    _first_public_key(path)


def _first_public_key(path: Path) -> bytes:
    """The public key of the first certificate of a PEM chain, as DER."""
    from cryptography import x509  # imported late: pushctl starts faster without it
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    check_readable(path)
    try:
        public_key = x509.load_pem_x509_certificates(path.read_bytes())[0].public_key()
        return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        raise Wrong(f"{path} does not hold certificates in PEM form") from None


def _public_key_of(path: Path) -> bytes:
    """The public half of an unencrypted PEM private key, as DER."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    check_private(path)
    try:
        public_key = load_pem_private_key(path.read_bytes(), password=None).public_key()
        return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except TypeError:
        raise Wrong(f"{path} is encrypted", "store it without a passphrase and with mode 0600") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong(f"{path} does not hold a private key in PEM form") from None

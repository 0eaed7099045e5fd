"""Certificate and key are tried before anybody connects."""

from __future__ import annotations

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.config.case import ConfigCase

PAIR = '[tls]\ncertificate = "cert.pem"\nprivate_key = "key.pem"\n'


class Certificates(ConfigCase):
    """[tls]"""

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)

    def setUp(self) -> None:
        super().setUp()
        self.issued = self.authority.issue_cert("push.example.com", key_type=trustme.KeyType.ECDSA)
        self.file("cert.pem", b"".join(blob.bytes() for blob in self.issued.cert_chain_pems))
        self.file("key.pem", self.issued.private_key_pem.bytes())

    def test_a_matching_pair_is_taken(self) -> None:
        """With an authority of one's own, too."""
        self.file("ca.pem", self.authority.cert_pem.bytes())
        config = self.sender(PAIR + 'ca = "ca.pem"')
        self.assertEqual(
            (config.tls.certificate, config.tls.private_key, config.tls.ca),
            (self.directory / "cert.pem", self.directory / "key.pem", self.directory / "ca.pem"),
        )

    def test_the_systems_authorities_are_the_default(self) -> None:
        """`system` is a word and not a file."""
        self.assertIsNone(self.sender('[tls]\nca = "system"').tls.ca)

    def test_one_without_the_other_is_a_mistake(self) -> None:
        """Neither is of use alone."""
        self.assert_named(
            self.sender_mistakes('[tls]\ncertificate = "cert.pem"'),
            "s.toml:2: tls.private_key: is missing beside certificate; give both or neither",
        )
        self.assert_named(
            self.sender_mistakes('[tls]\nprivate_key = "key.pem"'),
            "s.toml:2: tls.certificate: is missing beside private_key; give both or neither",
        )

    def test_a_key_of_another_certificate_is_a_mistake(self) -> None:
        """Every handshake would fail."""
        self.file("key.pem", self.authority.issue_cert("x.example.com").private_key_pem.bytes())
        self.assert_named(self.sender_mistakes(PAIR), "s.toml:3: tls.private_key: key.pem is not the key of cert.pem")

    def test_what_is_no_pem_is_a_mistake(self) -> None:
        """Both are told at once."""
        self.file("cert.pem", "nonsense")
        self.file("key.pem", "nonsense")
        self.file("ca.pem", "nonsense")
        self.assert_named(
            self.sender_mistakes(PAIR + 'ca = "ca.pem"'),
            "s.toml:2: tls.certificate: cert.pem does not hold certificates in PEM form",
            "s.toml:3: tls.private_key: key.pem does not hold a private key in PEM form",
            "s.toml:4: tls.ca: ca.pem does not hold certificates in PEM form",
        )

    def test_a_key_with_a_passphrase_is_a_mistake(self) -> None:
        """Nobody is there to type it."""
        key = load_pem_private_key(self.issued.private_key_pem.bytes(), None)
        self.file("key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
        self.assert_named(self.sender_mistakes(PAIR), "s.toml:3: tls.private_key: key.pem is encrypted")

    def test_a_key_that_others_can_read_is_not_permitted(self) -> None:
        """It is a secret like a password."""
        self.file("key.pem", self.issued.private_key_pem.bytes(), 0o644)
        self.assert_named(self.sender_mistakes(PAIR), "s.toml:3: tls.private_key: key.pem has mode 0644")

    def test_files_that_are_not_there_are_mistakes(self) -> None:
        """Each by its own name."""
        self.assert_named(
            self.sender_mistakes('[tls]\ncertificate = "a"\nprivate_key = "b"\nca = "c"'),
            "s.toml:2: tls.certificate: a cannot be read",
            "s.toml:3: tls.private_key: b cannot be read",
            "s.toml:4: tls.ca: c cannot be read",
        )

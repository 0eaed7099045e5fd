"""Certificates from files, and our own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.identity import RENEW_BEFORE, SELF_SIGNED_LIFE, load_identity, self_signed
from tests.net.authorities import authority, key_pem_of, pem_of

NOW = 1_800_000_000.0
DAY = 86400.0


class FromFiles(SynchronousTestCase):
    """What the operator configured."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.certificate, self.key = self.directory / "tls.crt", self.directory / "tls.key"
        self.issued = authority().issue("push.example.com")
        leaf = self.issued.chain[0].to_cryptography()
        self.certificate.write_bytes(pem_of(leaf) + pem_of(authority().certificate))
        self.key.write_bytes(key_pem_of(self.issued))

    def test_a_chain_and_its_key_are_read(self) -> None:
        """The issuers go along in the handshake; the fingerprint is of the first certificate."""
        identity = load_identity(self.certificate, self.key)
        self.assertEqual(len(identity.chain), 2)
        self.assertEqual(identity.der, self.issued.der)

    def test_the_end_of_its_validity_is_known(self) -> None:
        """A metric warns before the certificate has expired."""
        self.assertEqual(load_identity(self.certificate, self.key).expires_at, 4733510400.0)

    def test_a_key_of_another_certificate_is_found_at_start(self) -> None:
        """Else every handshake fails, at night, when the certificate is renewed."""
        self.key.write_bytes(key_pem_of(authority().issue("push.example.com")))
        with self.assertRaisesRegex(ValueError, "is not the key of"):
            load_identity(self.certificate, self.key)

    def test_files_that_hold_something_else(self) -> None:
        """A configuration error, and no traceback."""
        self.key.write_bytes(key_pem_of(self.issued, b"secret"))
        with self.assertRaisesRegex(ValueError, "encrypted"):
            load_identity(self.certificate, self.key)
        self.key.write_bytes(b"no key")
        with self.assertRaises(ValueError):
            load_identity(self.certificate, self.key)
        self.certificate.write_bytes(b"no certificate")
        with self.assertRaises(ValueError):
            load_identity(self.certificate, self.key)
        self.certificate.unlink()
        with self.assertRaises(FileNotFoundError):
            load_identity(self.certificate, self.key)

    def test_the_private_key_is_not_shown(self) -> None:
        """A repr ends up in logs."""
        self.assertNotIn("private_key", repr(load_identity(self.certificate, self.key)))


class SelfSigned(SynchronousTestCase):
    """What we make where nothing is configured."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "tls"

    def test_it_is_made_once_and_kept(self) -> None:
        """A peer that has pinned the fingerprint shall know us after a restart."""
        first = self_signed(self.directory, "192.0.2.1", NOW)
        again = self_signed(self.directory, "192.0.2.1", NOW + 100 * DAY)
        self.assertEqual(first.der, again.der)

    def test_it_is_made_anew_shortly_before_it_expires(self) -> None:
        """Nobody renews it for us."""
        first = self_signed(self.directory, "192.0.2.1", NOW)
        late = NOW + (SELF_SIGNED_LIFE - RENEW_BEFORE).total_seconds()
        self.assertEqual(self_signed(self.directory, "192.0.2.1", late - 1).der, first.der)
        renewed = self_signed(self.directory, "192.0.2.1", late + 1)
        self.assertNotEqual(renewed.der, first.der)
        self.assertEqual(renewed.expires_at, late + 1 + SELF_SIGNED_LIFE.total_seconds())

    def test_a_pair_that_does_not_fit_is_made_anew(self) -> None:
        """A crash between writing the two files must not end in a daemon that cannot start."""
        self_signed(self.directory, "192.0.2.1", NOW)
        other = self.directory.parent / "other"
        self_signed(other, "192.0.2.1", NOW)
        (other / "self-signed.key").rename(self.directory / "self-signed.key")
        self_signed(self.directory, "192.0.2.1", NOW)
        (self.directory / "self-signed.crt").write_bytes(b"")
        self_signed(self.directory, "192.0.2.1", NOW)
        (self.directory / "self-signed.crt").unlink()
        self_signed(self.directory, "192.0.2.1", NOW)

    def test_nobody_else_can_read_the_key(self) -> None:
        """Whoever has it is us."""
        self_signed(self.directory, "192.0.2.1", NOW)
        for path in (self.directory, *self.directory.iterdir()):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual({path.name for path in self.directory.iterdir()}, {"self-signed.crt", "self-signed.key"})

    def test_a_leftover_of_a_crash_is_no_obstacle(self) -> None:
        """The temporary file of a start that was killed is still there."""
        self.directory.mkdir(parents=True)
        (self.directory / "self-signed.key.new").write_bytes(b"half")
        self_signed(self.directory, "192.0.2.1", NOW)

    def test_it_carries_the_name_or_address(self) -> None:
        """Peers that go by names want subjectAltName (requirements E.10 rule 3)."""
        for name, wanted in (
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("push.example.com", "push.example.com"),
            ("", "localhost"),
            ("a" * 60 + ".example.com", "a" * 60 + ".example.com"),
        ):
            identity = self_signed(self.directory / hashlib.sha256(name.encode()).hexdigest(), name, NOW)
            certificate = identity.chain[0].to_cryptography()
            (found,) = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            self.assertEqual(str(found.value), wanted)

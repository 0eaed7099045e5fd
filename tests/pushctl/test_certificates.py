"""The lab's own certificate authority: good enough for OpenSSL, and for nobody but loopback."""

from __future__ import annotations

import datetime
import ipaddress
import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.certificates import Authority


class LabCertificates(SynchronousTestCase):
    """Two daemons that must believe each other, and a person's other certificates, which they must not touch."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority.fresh()
        self.authority.issue("push-sender", self.folder / "c.pem", self.folder / "k.pem")
        self.certificate = x509.load_pem_x509_certificate((self.folder / "c.pem").read_bytes())

    def verify(self, authority: Authority, subject: x509.DNSName | x509.IPAddress) -> None:
        builder = PolicyBuilder().store(Store([authority.certificate]))
        builder.build_server_verifier(subject).verify(self.certificate, [])

    def test_chain_and_names_hold(self) -> None:
        """What a strict verifier asks for: chain, purposes, key identifiers, subjectAltName."""
        self.verify(self.authority, x509.DNSName("localhost"))
        self.verify(self.authority, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        self.verify(self.authority, x509.IPAddress(ipaddress.ip_address("::1")))

    def test_other_host_or_authority_does_not(self) -> None:
        """A lab's certificate must be worthless elsewhere."""
        self.assertRaises(VerificationError, self.verify, self.authority, x509.DNSName("example.com"))
        self.assertRaises(VerificationError, self.verify, Authority.fresh(), x509.DNSName("localhost"))

    def test_is_over_within_a_week(self) -> None:
        """Throw-away means that nobody finds it working next year."""
        life = self.certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        self.assertLessEqual(life, datetime.timedelta(days=7))

    def test_key_is_readable_by_its_owner_only(self) -> None:
        """The daemons refuse any other mode."""
        self.assertEqual(stat.S_IMODE((self.folder / "k.pem").stat().st_mode), 0o600)

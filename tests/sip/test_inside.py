"""What is inside of this machine, and who is not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.hop import Hop
from pushsvc.sip.inside import is_foreign, is_inside, leads_inside
from pushsvc.sip.uri import SipUri

INSIDE = (
    "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST.", "0.0.0.0", "::",
    "169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1",
)  # fmt: skip
OUTSIDE = ("192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1", "example.com", "localhost.example.com", "")


class Inside(SynchronousTestCase):
    """SECURITY 2, outbound reach."""

    def test_addresses(self) -> None:
        """Private ones are places in a network: a core has no others."""
        self.assertEqual([host for host in INSIDE if not is_inside(host)], [])
        self.assertEqual([host for host in OUTSIDE if is_inside(host)], [])

    def test_a_uri_has_two_hosts(self) -> None:
        """RFC 3263 §4: the one in maddr wins."""
        for text, led in (("sip:a@[::1]", True), ("sip:a@h;maddr=127.0.0.1", True), ("sip:localhost@h", False)):
            self.assertIs(leads_inside(SipUri.parse(text)), led, text)

    def test_who_is_foreign(self) -> None:
        """Only this machine is not; the link has others on it."""
        hosts = {"127.0.0.1": False, "::1": False, "::ffff:127.0.0.2": False, "fe80::1": True, "192.0.2.1": True}
        self.assertEqual({host: is_foreign(Hop("udp", host, 5060)) for host in hosts}, hosts)

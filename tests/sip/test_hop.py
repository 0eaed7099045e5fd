"""pushsvc.sip.hop: where an answer goes, whatever the peer says about itself."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.hop import Hop, default_port, is_in, membership, network_of, reply_hop, stamped
from tests.sip.values import TCP_PEER, UDP_PEER, make_invite, make_response


class HopTests(SynchronousTestCase):
    def test_only_udp_loses(self) -> None:
        self.assertEqual([Hop(name, "h", 1).reliable for name in ("udp", "tcp", "tls")], [False, True, True])

    def test_text(self) -> None:
        self.assertEqual(str(Hop("tls", "2001:db8::1", 5061)), "tls:[2001:db8::1]:5061")
        self.assertEqual(str(UDP_PEER), "udp:192.0.2.1:5060")

    def test_default_ports(self) -> None:
        self.assertEqual([default_port(name) for name in ("UDP", "tcp", "TLS")], [5060, 5060, 5061])


class SourceTests(SynchronousTestCase):
    """Whom what comes is counted for; more of it in tests/net/test_admission.py."""

    def test_an_address_or_a_network(self) -> None:
        """Everybody has 2**64 addresses with IPv6."""
        hosts = ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "fe80::1%eth0")
        self.assertEqual(
            [network_of(host) for host in hosts], ["192.0.2.1"] * 2 + ["2001:db8::/64"] * 2 + ["fe80::/64"]
        )

    def test_inside_of_networks(self) -> None:
        """Also as a socket for both families calls an address, and with a zone."""
        networks = [ip_network("192.0.2.0/24"), ip_network("fe80::/10")]
        hosts = ("192.0.2.7", "::ffff:192.0.2.7", "fe80::1%eth0", "198.51.100.1", "2001:db8::1")
        self.assertEqual([is_in(host, networks) for host in hosts], [True] * 3 + [False] * 2)
        self.assertEqual([is_in(host, ()) for host in hosts], [False] * 5)
        is_member = membership(networks)
        for _ in "once", "from memory":
            self.assertEqual([is_member(host) for host in hosts], [True] * 3 + [False] * 2)


class StampedTests(SynchronousTestCase):
    """[D-SIP-2] RFC 3261 §18.2.1, RFC 3581 §4."""

    def stamp(self, via: str, source: Hop = UDP_PEER) -> str | None:
        return stamped(make_invite(via=via), source).headers.get("Via")

    def test_a_peer_that_says_where_it_is_needs_no_stamp(self) -> None:
        """[D-SIP-2] And costs no copy of its request."""
        request = make_invite(via="SIP/2.0/UDP 192.0.2.1:5060;branch=b")
        self.assertIs(stamped(request, UDP_PEER), request)

    def test_received_where_sent_by_is_another_or_a_name(self) -> None:
        """[D-SIP-2] On every transport."""
        for host in ("host.example.com", "10.0.0.1"):
            for source in (UDP_PEER, TCP_PEER):
                self.assertEqual(
                    self.stamp(f"SIP/2.0/UDP {host};branch=b", source),
                    f"SIP/2.0/UDP {host};branch=b;received=192.0.2.1",
                )

    def test_rport_is_filled_in_and_received_with_it(self) -> None:
        """[D-SIP-2] A phone behind an address translator hears us only at the port that it came from."""
        self.assertEqual(
            self.stamp("SIP/2.0/UDP 192.0.2.1;rport;branch=b", Hop("udp", "192.0.2.1", 31337)),
            "SIP/2.0/UDP 192.0.2.1;rport=31337;branch=b;received=192.0.2.1",
        )

    def test_what_a_peer_claims_is_overwritten(self) -> None:
        """[D-SIP-2] Or it could have us answer to somebody else."""
        self.assertEqual(
            self.stamp("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=1;branch=b"),
            "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=5060;branch=b",
        )
        self.assertEqual(self.stamp("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9"), "SIP/2.0/UDP 192.0.2.1")

    def test_ipv6(self) -> None:
        """RFC 5118 §4.5: compared and written without brackets."""
        source = Hop("udp", "2001:db8::1", 5060)
        self.assertEqual(self.stamp("SIP/2.0/UDP [2001:DB8::1];branch=b", source), "SIP/2.0/UDP [2001:DB8::1];branch=b")
        self.assertEqual(self.stamp("SIP/2.0/UDP h", source), "SIP/2.0/UDP h;received=2001:db8::1")

    def test_responses_are_stamped_alike(self) -> None:
        """The answer to an unreadable request is made before anybody has looked where it came from."""
        reply = make_response(make_invite(via="SIP/2.0/UDP h;branch=b"))
        self.assertEqual(stamped(reply, UDP_PEER).headers.get("Via"), "SIP/2.0/UDP h;branch=b;received=192.0.2.1")


class ReplyHopTests(SynchronousTestCase):
    """RFC 3261 §18.2.2, RFC 3581 §4."""

    def hop(self, via: str, source: Hop) -> Hop:
        return reply_hop(stamped(make_invite(via=via), source), source)

    def test_over_udp_to_the_source_at_the_port_of_sent_by(self) -> None:
        """[D-SIP-2] maddr is not followed: it would let a stranger choose a victim."""
        source = Hop("udp", "192.0.2.1", 31337)
        self.assertEqual(self.hop("SIP/2.0/UDP h:5070;maddr=203.0.113.9", source), Hop("udp", "192.0.2.1", 5070))
        self.assertEqual(self.hop("SIP/2.0/UDP h", source), Hop("udp", "192.0.2.1", 5060))

    def test_over_udp_to_the_source_port_when_rport_is_asked_for(self) -> None:
        """[D-SIP-2] The only port that an address translator lets through."""
        source = Hop("udp", "192.0.2.1", 31337)
        self.assertEqual(self.hop("SIP/2.0/UDP h:5070;rport", source), source)

    def test_over_a_stream_on_the_same_connection(self) -> None:
        """The address is for opening another one when it is gone: the source port of a client listens to nobody."""
        self.assertEqual(self.hop("SIP/2.0/TCP h:5070;rport", TCP_PEER), Hop("tcp", "192.0.2.1", 5070, connection=1))
        source = Hop("tls", "192.0.2.1", 40000, connection=7)
        self.assertEqual(self.hop("SIP/2.0/TLS h", source), Hop("tls", "192.0.2.1", 5061, connection=7))

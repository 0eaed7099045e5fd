"""NAPTR and SRV records put in order (RFC 3263 §4, RFC 2782)."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.service_records import Naptr, Srv, guessed_srv_names, in_order, srv_names


class Services(SynchronousTestCase):
    """Which transports a domain wants."""

    def test_the_domain_says_which_and_in_which_order(self) -> None:
        """Order counts before preference; what we do not speak, and rules that are no S, are passed over."""
        naptrs = [
            Naptr(60, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
            Naptr(50, 90, "S", "SIP+D2T", "_sip._tcp.example.com"),
            Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
            Naptr(10, 10, "s", "SIP+D2S", "_sip._sctp.example.com"),
            Naptr(10, 20, "u", "SIP+D2T", "!.*!sip:x@example.com!"),
        ]
        self.assertEqual(
            srv_names(naptrs, ("udp", "tcp", "tls")),
            [
                ("tls", "_sips._tcp.example.com"),
                ("tcp", "_sip._tcp.example.com"),
                ("udp", "_sip._udp.example.com"),
            ],
        )
        self.assertEqual(srv_names(naptrs, ("tls",)), [("tls", "_sips._tcp.example.com")])

    def test_without_such_records_names_are_formed(self) -> None:
        self.assertEqual(
            guessed_srv_names("example.com", ("tls", "udp")),
            [("tls", "_sips._tcp.example.com"), ("udp", "_sip._udp.example.com")],
        )


class Targets(SynchronousTestCase):
    """Which server first."""

    def test_a_lower_priority_comes_first(self) -> None:
        backup, main = Srv(20, 0, 5060, "b.example.com"), Srv(10, 0, 5060, "a.example.com")
        self.assertEqual(in_order([backup, main], lambda: 0.5), [main, backup])

    def test_weights_share_the_load(self) -> None:
        """Three quarters and a quarter, over all that chance can say; weight 0 is seldom first, and never lost."""
        records = [Srv(1, 30, 1, "a"), Srv(1, 10, 2, "b"), Srv(1, 0, 3, "c")]
        firsts = Counter(in_order(records, lambda n=n: n / 410)[0].target for n in range(410))  # type: ignore[misc]
        self.assertEqual(firsts, {"a": 300, "b": 100, "c": 10})
        self.assertEqual({each.target for each in in_order(records, lambda: 0.999)}, {"a", "b", "c"})

    def test_no_service_is_no_target(self) -> None:
        """A target of "." says: not here."""
        self.assertEqual(in_order([Srv(0, 0, 0, ".")], lambda: 0.0), [])

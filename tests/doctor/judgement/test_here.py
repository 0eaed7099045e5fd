"""What is said of this machine."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.doctor.judgement.here import (
    MAX_MISTAKES,
    SOON,
    File,
    Knock,
    Listener,
    OwnCertificate,
    Reached,
    judge_file,
    judge_knocks,
    judge_listeners,
    judge_own_certificate,
    judge_seen_as,
)
from pushsvc.doctor.judgement.verdicts import Check, Verdict, shown

NOW = 1_790_000_000.0
DAY = 86400.0
MSRP = Listener("MSRP", "tls", "192.0.2.20", 2855)


class Files(SynchronousTestCase):
    def test_mistakes_are_told_one_by_one_and_not_without_end(self) -> None:
        """The daemon that answers still has the older configuration."""
        mistakes = tuple(f"r.toml:{line}: sip.x: unknown key" for line in range(50))
        checks = judge_file(File("r.toml", mistakes))
        self.assertEqual(len(checks), MAX_MISTAKES)
        self.assertEqual((checks[0].verdict, checks[0].text), (Verdict.FAILED, mistakes[0]))

    def test_what_waits_for_a_restart_is_named(self) -> None:
        """People change a file, and wonder."""
        (check,) = judge_file(File("r.toml", waiting=("sip", "registration")))
        self.assertEqual(check.verdict, Verdict.WARNING)
        self.assertIn("sip, registration in r.toml changed", check.text)
        self.assertIn("restart", check.next)

    def test_a_good_one_and_none(self) -> None:
        self.assertEqual([judge_file(each)[0].verdict.value for each in (File("r.toml"), None)], ["ok", "skipped"])


class Certificates(SynchronousTestCase):
    def judged(self, begins: float, ends: float, *, configured: bool = True, for_sip: bool = False) -> Check:
        return judge_own_certificate(OwnCertificate(NOW + begins, NOW + ends, configured, for_sip), NOW)

    def test_its_life(self) -> None:
        """From too early to too late; our own are made anew by ourselves."""
        for begins, ends, verdict in (
            (1.0, 90 * DAY, "failed"),
            (-DAY, 0.0, "failed"),
            (-DAY, SOON - 1, "warning"),
            (-DAY, SOON, "ok"),
        ):
            self.assertEqual(self.judged(begins, ends).verdict.value, verdict)
        self.assertEqual(self.judged(-DAY, DAY, configured=False).verdict, Verdict.OK)

    def test_a_self_signed_one_is_not_for_sip(self) -> None:
        self.assertEqual(self.judged(-DAY, 900 * DAY, configured=False, for_sip=True).verdict, Verdict.WARNING)
        self.assertIn("fingerprint", self.judged(-DAY, 900 * DAY, configured=False).text)


class Listeners(SynchronousTestCase):
    def judged(self, *listeners: Listener, core: str = "192.0.2.5", receives: bool = True, **ways: bool) -> Check:
        return judge_listeners(listeners, [core], Reached(receives, **ways))

    def test_loopback_is_enough_for_a_core_on_loopback(self) -> None:
        loopback = (Listener("SIP", "tcp", "127.0.0.1", 5060), Listener("MSRP", "tls", "127.0.0.1", 2855))
        self.assertEqual(self.judged(*loopback, core="127.0.0.1").verdict, Verdict.OK)
        self.assertIn("sip.listen", self.judged(*loopback).next)

    def test_msrp_on_loopback(self) -> None:
        """A relay helps, and a sender is not connected to."""
        mixed = (Listener("SIP", "tcp", "192.0.2.20", 5060), Listener("MSRP", "tls", "::1", 2855))
        self.assertIn("msrp.listen", self.judged(*mixed).next)
        self.assertEqual(self.judged(*mixed, relayed=True).verdict, Verdict.OK)
        self.assertEqual(self.judged(*mixed, connects=True).verdict, Verdict.OK)
        self.assertEqual(self.judged(*mixed, receives=False).verdict, Verdict.OK)

    def test_a_core_that_calls_over_our_connection(self) -> None:
        """[F-05] [F-19] RFC 5626: no SIP listener is needed; content is another matter."""
        loopback = (Listener("SIP", "udp", "127.0.0.1", 5060), Listener("MSRP", "tls", "127.0.0.1", 2855))
        check = self.judged(*loopback, by_connection=True, connects=True)
        self.assertEqual((check.verdict, "over our connection" in check.text), (Verdict.OK, True))
        self.assertIn('msrp.setup = "active"', self.judged(*loopback, by_connection=True).next)

    def test_udp_alone(self) -> None:
        """Offers of files do not fit into datagrams (RFC 3261 §18.1.1)."""
        check = self.judged(Listener("SIP", "udp", "192.0.2.20", 5060), MSRP)
        self.assertEqual(check.verdict, Verdict.WARNING)

    def test_doors_that_do_not_open(self) -> None:
        shut = Knock(MSRP, "push.example.com:2855", "nobody listens there")
        (check,) = judge_knocks([Knock(MSRP, "192.0.2.20:2855"), shut])
        self.assertEqual(check.verdict, Verdict.WARNING)
        self.assertIn("push.example.com:2855", check.text)
        self.assertEqual(judge_knocks([]), [])

    def test_an_address_that_the_core_sees_otherwise(self) -> None:
        """A NAT; what is advertised by name cannot be compared."""
        check = judge_seen_as("192.168.1.5", "203.0.113.7")
        assert check is not None
        self.assertIn('sip.advertise = "203.0.113.7"', check.next)
        for said, seen in (("192.0.2.1", "192.0.2.1"), ("192.0.2.1", None), ("push.example.com", "203.0.113.7")):
            self.assertIsNone(judge_seen_as(said, seen))


class Shown(SynchronousTestCase):
    def test_foreign_words_are_short_and_harmless(self) -> None:
        """[F-18] They end in a terminal."""
        self.assertEqual(shown("a\x1b[2J\r\nb"), "a?[2J??b")
        self.assertEqual(len(shown("x" * 1000)), 200)

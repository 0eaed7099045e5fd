"""What is said of the way to the core. How certificates are judged is tested with real ones, in test_looking."""

from __future__ import annotations

from email.utils import formatdate

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.doctor.judgement.verdicts import Verdict
from pushsvc.doctor.judgement.way import (
    Asked,
    Look,
    PeerCertificate,
    Step,
    Trouble,
    judge_clock,
    judge_looks,
    judge_options,
    judge_steps,
)

NOW = 1_790_000_000.0
KEY = "sip.outbound_proxy"


class Steps(SynchronousTestCase):
    def test_each_is_a_line(self) -> None:
        steps = [Step("NAPTR", "example.com", (), 30.0), Step("SRV", "_sip._tcp.example.com", ("a:5060",), 300.0)]
        steps.append(Step("address", "a", ("192.0.2.1",)))
        self.assertEqual(
            [check.text for check in judge_steps("example.com", KEY, steps, "")],
            [
                "NAPTR example.com: none",
                "SRV _sip._tcp.example.com: a:5060 (asked again in 300 s)",
                "address a: 192.0.2.1",
            ],
        )

    def test_where_it_ends(self) -> None:
        """The last line says why, and where the name stands."""
        steps = [Step("NAPTR", "example.com"), Step("address", "example.com", error="timeout")]
        *before, last = judge_steps("example.com", KEY, steps, "the name example.com cannot be looked up")
        self.assertEqual([check.verdict for check in before], [Verdict.OK, Verdict.WARNING])
        self.assertEqual(last.verdict, Verdict.FAILED)
        self.assertIn(KEY, last.next)


class Looks(SynchronousTestCase):
    def test_each_trouble_has_a_step(self) -> None:
        for trouble in Trouble:
            (check,) = judge_looks([Look("tls:192.0.2.1:5061", trouble=trouble, error="x")], KEY, NOW)
            self.assertEqual(check.verdict, Verdict.FAILED)
            self.assertIn("tls:192.0.2.1:5061", check.text)
            self.assertTrue(check.next)

    def test_one_that_works_is_enough(self) -> None:
        """RFC 3263 §4.3: the others are tried, too."""
        dead = Look("tcp:192.0.2.1:5060", trouble=Trouble.REFUSED)
        checks = judge_looks([dead, Look("tcp:192.0.2.2:5060")], KEY, NOW)
        self.assertEqual([check.verdict for check in checks], [Verdict.WARNING, Verdict.OK])

    def test_an_error_of_a_chain_that_has_no_words_here(self) -> None:
        odd = PeerCertificate(NOW - 1, NOW + 1e8, chain=(7,))
        (check,) = judge_looks([Look("tls:192.0.2.1:5061", certificate=odd)], KEY, NOW)
        self.assertEqual((check.verdict, "error 7" in check.text), (Verdict.FAILED, True))

    def test_what_ends_by_the_time_that_it_is_looked_at(self) -> None:
        """Whatever OpenSSL's clock says."""
        for begins, ends, words in ((-10.0, -1.0, "expired"), (1.0, 1e8, "not valid yet")):
            certificate = PeerCertificate(NOW + begins, NOW + ends)
            (check,) = judge_looks([Look("tls:192.0.2.1:5061", certificate=certificate)], KEY, NOW)
            self.assertIn(words, check.text)


class Answers(SynchronousTestCase):
    def test_options(self) -> None:
        """Any answer is a sign of life."""
        for asked, verdict in (
            (Asked(200, "OK", 0.01, "udp:192.0.2.1:5060"), "ok"),
            (Asked(405, "Method Not Allowed", 0.01), "ok"),
            (Asked(503, "Service Unavailable", 0.01), "warning"),
            (Asked(200, "OK", 3.0), "warning"),
            (Asked(error="nothing came within 5 s"), "failed"),
        ):
            self.assertEqual(judge_options(asked, "core.example.com", KEY).verdict.value, verdict)

    def test_clocks(self) -> None:
        """Nonces, deadlines and certificates need them."""
        for apart, verdict, words in (
            (0.0, "ok", "0 s from"),
            (-59.0, "ok", "59 s from"),
            (61.0, "warning", "behind the core's"),
            (-3600.0, "warning", "3600 s ahead of"),
        ):
            check = judge_clock(formatdate(NOW + apart, usegmt=True), NOW)
            self.assertEqual((check.verdict.value, words in check.text), (verdict, True), check)
        for date in (None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"):
            self.assertEqual(judge_clock(date, NOW).verdict, Verdict.SKIPPED)

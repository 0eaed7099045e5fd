"""What is said of us at the core. The commonest mistakes are tested with a core, in test_examination."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.doctor.judgement.standing import (
    Claim,
    OwnPush,
    Standing,
    judge_caller,
    judge_credentials,
    judge_own_push,
    judge_registration,
    judge_relay,
    judge_return,
)
from pushsvc.doctor.judgement.verdicts import Verdict
from pushsvc.doctor.judgement.way import Asked

ALICE = Claim("sip:alice@example.com", "alice", has_password=True)
CORE = "sip:example.com"


class Credentials(SynchronousTestCase):
    def test_who_may_not_be_who_it_says(self) -> None:
        """403: the right password, and another identity; or a domain that is not the core's."""
        check = judge_credentials(Asked(403, "Not Your Address", proved=True), ALICE)
        self.assertEqual(check.verdict, Verdict.FAILED)
        self.assertIn("the core knows alice, and does not let it be sip:alice@example.com", check.text)
        self.assertIn("does not let us be", judge_credentials(Asked(403, "Relaying Denied"), ALICE).text)

    def test_what_else_is_answered_shows_that_we_are_believed(self) -> None:
        for status in (200, 404, 480, 486, 503):
            self.assertEqual(judge_credentials(Asked(status, "x", proved=True), ALICE).verdict, Verdict.OK)
        self.assertEqual(judge_credentials(Asked(503, "Service Unavailable"), ALICE).verdict, Verdict.SKIPPED)
        self.assertIn("no credentials", judge_credentials(Asked(200, "OK"), ALICE).text)
        self.assertEqual(judge_credentials(Asked(error="nothing came"), ALICE).verdict, Verdict.FAILED)

    def test_a_challenge_that_cannot_be_read(self) -> None:
        check = judge_credentials(Asked(401, "Unauthorized", supported=False), ALICE)
        self.assertIn("that cannot be read", check.text)

    def test_realms_are_foreign_words(self) -> None:
        """[F-18]"""
        check = judge_credentials(Asked(401, "Unauthorized", realms=("\x1b[2J",)), ALICE)
        self.assertNotIn("\x1b", check.text + check.next)


class Registrations(SynchronousTestCase):
    def test_each_state(self) -> None:
        for standing, verdict, words in (
            (Standing(None), "skipped", "no registrar"),
            (Standing(CORE, registered=True, expires_in=59.7), "ok", "for 60 s"),
            (Standing(CORE), "warning", "has not answered yet"),
            (Standing(CORE, reason="no answer", retry_in=29.0), "failed", "no answer; next try in 29 s"),
            (Standing(CORE, reason="404 Not Found", answer=Asked(404, "Not Found")), "failed", "404 Not Found"),
            (Standing(CORE, reason="405", answer=Asked(405, "Method Not Allowed")), "failed", "405"),
            (Standing(CORE, reason="420", answer=Asked(420, "Bad Extension")), "failed", "420"),
        ):
            check = judge_registration(standing, ALICE)
            self.assertEqual((check.verdict.value, words in check.text), (verdict, True), check)
            self.assertTrue(check.next or verdict == "ok")

    def test_when_it_is_tried_again_is_told_with_a_wrong_password_too(self) -> None:
        """Else people mend it, and look at the same line for half an hour."""
        answer = Asked(401, "Unauthorized", realms=("example.com",), proved=True)
        check = judge_registration(Standing(CORE, reason="401 Unauthorized", retry_in=900.0, answer=answer), ALICE)
        self.assertIn("next try in 900 s, or after HUP", check.text)


class Returns(SynchronousTestCase):
    def test_where_a_request_to_ourselves_goes(self) -> None:
        for asked, arrived, verdict, words in (
            (Asked(200, "OK", 0.01), True, "ok", "comes back to us in 10 ms"),
            (Asked(error="nothing came"), True, "failed", "our answer was lost: nothing came"),
            (Asked(200, "OK"), False, "warning", "somebody else answered"),
            (Asked(405, "Method Not Allowed"), False, "warning", "does not pass OPTIONS on"),
            (Asked(407, "Proxy Authentication Required"), False, "skipped", "407"),
            (Asked(404, "Unknown User"), False, "failed", "404 Unknown User"),
            (Asked(480, "Temporarily Unavailable"), False, "failed", "does not know where"),
            (Asked(408, "Request Timeout"), False, "failed", "cannot bring requests"),
            (Asked(error="nothing came"), False, "failed", "nothing came"),
        ):
            check = judge_return(asked, arrived, ALICE)
            self.assertEqual((check.verdict.value, words in check.text), (verdict, True), check)


class Pushes(SynchronousTestCase):
    def test_what_became_of_it(self) -> None:
        here = ["192.0.2.20:2855"]
        for push, verdicts in (
            (OwnPush(Asked(200, "OK"), arrived=True), ["ok", "ok"]),
            (OwnPush(Asked(200, "OK"), arrived=True, error="no connection"), ["failed", "ok"]),
            (OwnPush(Asked(200, "OK")), ["warning"]),
            (OwnPush(Asked(401, "Unauthorized"), came=True), ["warning", "ok"]),
            (OwnPush(Asked(401, "Unauthorized"), came=True, trusted=True), ["failed", "warning"]),
            (OwnPush(Asked(486, "Busy Here"), came=True), ["failed", "ok"]),
            (OwnPush(Asked(503, "Next Hop Unreachable")), ["failed"]),
            (OwnPush(Asked(480, "Temporarily Unavailable")), ["failed"]),
        ):
            found = judge_own_push(push, ALICE, here)
            self.assertEqual([check.verdict.value for check in found], verdicts, found)
        broken = judge_own_push(OwnPush(Asked(200, "OK"), arrived=True, error="no connection"), ALICE, here)[0]
        self.assertIn("192.0.2.20:2855 must be reached", broken.next)

    def test_trust_in_an_ipv6_core(self) -> None:
        push = OwnPush(Asked(200, "OK"), arrived=True, asserted=("<sip:alice@example.com>",), source="2001:db8::5")
        self.assertEqual(judge_caller(push).next, 'set sip.trusted_peers = ["2001:db8::5/128"]')

    def test_relays(self) -> None:
        for relay, error, verdict in ((None, None, "skipped"), ("msrps://r", None, "ok"), ("msrps://r", "x", "failed")):
            self.assertEqual(judge_relay(relay, error).verdict.value, verdict)

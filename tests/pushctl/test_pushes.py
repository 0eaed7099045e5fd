"""Commands about pushes that are already there."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.pushctl.scripted import Ran, Says, a_push, run, scripted

ATTEMPT = {
    "number": 1,
    "started_at": "2026-11-22T10:00:01Z",
    "ended_at": "2026-11-22T10:00:02Z",
    "mode": "msrp",
    "why_mode": "1000 octets",
    "call_id": "8c1d@push1",
    "peer": "tls:203.0.113.9:5061",
    "sip_status": 486,
    "sip_reason": "Busy Here",
    "msrp_status": None,
    "octets_acknowledged": 0,
    "outcome": "later",
    "retry_at": "2026-11-22T10:00:07Z",
}


class Commands(SynchronousTestCase):
    """One run against a daemon with a script."""

    def run_against(self, answers: dict[str, list[Says]], *arguments: str) -> Ran:
        with scripted(answers) as script:
            ran = run("--url", script.url, *arguments)
        self.asked = script.asked
        return ran

    def test_status_shows_attempts(self) -> None:
        """Why is it not there yet?"""
        push = a_push("waiting")
        push["recipients"][0] |= {"reason": "486 Busy Here", "attempts": [ATTEMPT]}
        ran = self.run_against({"GET /v1/pushes/psh_1": [Says(200, push)]}, "status", "psh_1")
        self.assertEqual(
            ran.stdout.splitlines(),
            [
                "psh_1  waiting  submitted 2026-11-22T10:00:00Z",
                "  gate.jpg  image/jpeg  1000 B",
                "  sip:alice@example.com: waiting (486 Busy Here), 0 B of 1000 B",
                "    1  2026-11-22T10:00:01Z  msrp  later  486  Busy Here  -  2026-11-22T10:00:07Z",
            ],
        )

    def test_status_of_no_push_is_66(self) -> None:
        """The daemon's own words are shown."""
        answers = {"GET /v1/pushes/psh_2": [Says(404, {"detail": "there is no push psh_2"})]}
        ran = self.run_against(answers, "status", "psh_2")
        self.assertEqual((ran.code, ran.stderr), (66, "pushctl: there is no push psh_2 (HTTP 404)\n"))

    def test_list_follows_the_pages(self) -> None:
        """A limit above the page size is still a limit."""
        first, second = ([a_push("queued", id=f"psh_{n}") for n in numbers] for numbers in ((1, 2), (3, 4)))
        answers = {
            "GET /v1/pushes?limit=3&state=queued": [Says(200, {"items": first, "next": "c/2"})],
            "GET /v1/pushes?limit=1&cursor=c%2F2&state=queued": [Says(200, {"items": second, "next": None})],
        }
        ran = self.run_against(answers, "--json", "list", "--limit", "3", "--state", "queued")
        self.assertEqual([json.loads(line)["id"] for line in ran.stdout.splitlines()], ["psh_1", "psh_2", "psh_3"])

    def test_list_is_a_table(self) -> None:
        """For people."""
        items = [a_push("delivered", title="Gate 3", counts={"delivered": 2}), a_push("queued", id="psh_22")]
        ran = self.run_against({"GET /v1/pushes?limit=20": [Says(200, {"items": items, "next": None})]}, "list")
        self.assertEqual(
            ran.stdout.splitlines(),
            [
                "ID      STATE      SUBMITTED             RECIPIENTS   TITLE",
                "psh_1   delivered  2026-11-22T10:00:00Z  delivered=2  Gate 3",
                "psh_22  queued     2026-11-22T10:00:00Z               -",
            ],
        )

    def test_cancel_and_retry_ask_once(self) -> None:
        """And say what will happen, not that it has."""
        self.assertEqual(self.run_against({"DELETE /v1/pushes/psh_1": [Says(202)]}, "cancel", "psh_1").code, 0)
        self.assertEqual(self.run_against({"POST /v1/pushes/psh_1/retry": [Says(202)]}, "retry", "psh_1").code, 0)
        too_late = {"DELETE /v1/pushes/psh_1": [Says(409, {"detail": "the push is final"})]}
        self.assertEqual(self.run_against(too_late, "cancel", "psh_1").code, 65)

    def test_explain_reads_as_words(self) -> None:
        """The daemon's own, each piece of evidence in a line; the JSON is for programs."""
        words = "The push failed for 1 of 1 recipient.\n\nsip:alice@example.com: rejected\n  - attempt 1\x1b[2J\n"
        told = {"summary": "The push failed for 1 of 1 recipient.", "recipients": []}
        answers = {"GET /v1/pushes/psh_1/explain": [Says(200, words.encode(), "text/plain")]}
        ran = self.run_against(answers, "explain", "psh_1")
        self.assertEqual(ran.stdout, words.replace("\x1b", "\ufffd"))
        ran = self.run_against({"GET /v1/pushes/psh_1/explain": [Says(200, told)]}, "--json", "explain", "psh_1")
        self.assertEqual(json.loads(ran.stdout), told)

    def test_trace_is_drawn_or_told(self) -> None:
        """The ladder for eyes, the JSON for programs."""
        ladder = b"sender -> receiver\n  INVITE ------>\n"
        answers = {"GET /v1/pushes/psh_1/trace": [Says(200, ladder, "text/plain"), Says(200, {"attempts": []})]}
        with scripted(answers) as script:
            drawn = run("--url", script.url, "trace", "psh_1", "--ladder")
            told = run("--url", script.url, "trace", "psh_1")
        self.assertEqual(drawn.stdout, "sender -> receiver\n  INVITE ------>\n")
        self.assertEqual(script.asked[0].headers["Accept"], "text/plain")
        self.assertEqual(json.loads(told.stdout), {"attempts": []})

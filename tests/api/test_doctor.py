"""POST /v1/doctor: examinations one at a time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.doctor import REST, Checks, DoctorPage
from pushsvc.api.tokens import BearerTokens, Token
from tests.api.client import ApiClient, tree

CHECK = {"name": "proxy", "verdict": "ok", "text": "tcp:192.0.2.1:5060: connected", "next": ""}
READER = Token("reader", frozenset({"read"}), bytes.fromhex("00" * 32))


class Doctor(SynchronousTestCase):
    """Somebody asks, or two."""

    def setUp(self) -> None:
        self.begun: list[Deferred[Checks]] = []
        root = tree()
        self.api = ApiClient(self, root)
        root.putChild(b"doctor", DoctorPage("sender", self.examine, self.api.clock))

    def examine(self) -> Deferred[Checks]:
        self.begun.append(Deferred())
        return self.begun[-1]

    def ask(self) -> Deferred[Any]:
        asked = self.api.start("POST", "/doctor")
        self.api.flush()
        return asked

    def test_the_verdicts_are_the_answer(self) -> None:
        asked = self.ask()
        self.assertNoResult(asked)
        self.begun[0].callback([CHECK])
        status, headers, body = self.api.finish(asked)
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        self.assertEqual(
            body, b'{"role":"sender","checks":[{"name":"proxy","verdict":"ok",'
            b'"text":"tcp:192.0.2.1:5060: connected","next":""}]}\n',
        )  # fmt: skip

    def test_who_asks_meanwhile_gets_the_same(self) -> None:
        """Two people look at one broken system; the core is asked once."""
        asked = [self.ask(), self.ask(), self.ask()]
        self.assertEqual(len(self.begun), 1)
        self.begun[0].callback([CHECK])
        self.assertEqual([self.api.finish(each)[0] for each in asked], [200] * 3)

    def test_who_asks_at_once_again_waits(self) -> None:
        """An examination is not a way to make the daemon ask others without end."""
        asked = self.ask()
        self.begun[0].callback([])
        self.api.finish(asked)
        status, headers, _ = self.api.finish(self.ask())
        self.assertEqual((status, headers["retry-after"], len(self.begun)), (429, str(REST), 1))
        self.api.clock.advance(REST)
        self.ask()
        self.assertEqual(len(self.begun), 2)

    def test_who_goes_away_leaves_the_others_theirs(self) -> None:
        first, second = self.ask(), self.ask()
        first.addErrback(lambda _: None).cancel()
        self.begun[0].callback([CHECK])
        self.assertEqual(self.api.finish(second)[0], 200)

    def test_a_bug_of_ours_does_not_shut_it_for_good(self) -> None:
        asked = [self.ask(), self.ask()]
        self.begun[0].errback(ZeroDivisionError("bug"))
        self.assertEqual([self.api.finish(each)[0] for each in asked], [500] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.api.clock.advance(REST)
        self.ask()
        self.assertEqual(len(self.begun), 2)

    def test_it_takes_no_body_and_only_post(self) -> None:
        self.assertEqual(self.api.ask("POST", "/doctor", data=b"{}")[0], 413)
        self.assertEqual(self.api.ask("POST", "/doctor?x=1")[0], 422)
        self.assertEqual(self.api.ask("GET", "/doctor")[0], 405)
        self.assertEqual(self.begun, [])

    def test_who_may_only_read_may_not_ask(self) -> None:
        """It sends requests, and pushes."""
        self.api.site.tokens = BearerTokens((READER,))
        self.assertEqual(self.api.ask("POST", "/doctor")[0], 401)
        self.assertEqual(DoctorPage("sender", self.examine, self.api.clock).scope("POST"), "write")

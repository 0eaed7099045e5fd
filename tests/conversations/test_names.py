"""Pushes to a name that nobody knows for a while, or that leads elsewhere by now. Silence: tests/net/test_locate."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import DNSLookupError

from pushsvc.net.locate import Locator
from pushsvc.sender.job import AttemptResult, FileState
from tests.conversations.push_case import PushCase

ALICE, FORMER = "192.0.2.20", "192.0.2.99"
TARGET = "sip:alice@phones.example.com"


class Names(PushCase):
    """Each attempt ends in its time and says whether another can help; the one that finds the receiver delivers."""

    def push_to_name(self) -> AttemptResult:
        return self.push(self.sender.job(b"hello", to=TARGET))

    def setUp(self) -> None:
        self.answers: list[Deferred[Sequence[str]]] = []
        self.begin(sending={"locator": Locator(lambda host: self.answers.pop(0))})

    def assert_tried_again(self, result: AttemptResult, reason: str) -> None:
        assert result.failure is not None
        self.assertTrue(result.failure.retry)
        self.assertIn(reason, result.failure.reason)
        self.answers.append(succeed([ALICE]))
        self.assert_delivered(self.push_to_name())

    def assert_delivered(self, result: AttemptResult) -> None:
        self.assertEqual((result.failure, [file.result for file in result.files]), (None, [FileState.DELIVERED]))

    def test_a_resolver_that_fails(self) -> None:
        """SERVFAIL, or no resolver at all."""
        self.answers.append(fail(DNSLookupError("no answer")))
        self.assert_tried_again(self.push_to_name(), "phones.example.com")

    def test_a_name_that_is_gone_for_a_while(self) -> None:
        self.answers.append(succeed([]))
        self.assert_tried_again(self.push_to_name(), "phones.example.com")

    def test_a_name_that_leads_elsewhere_by_now(self) -> None:
        self.answers.append(succeed([FORMER]))
        self.assert_tried_again(self.push_to_name(), FORMER)

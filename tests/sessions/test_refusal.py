"""Final answers as errors."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.reaching import Exchange
from pushsvc.sessions.refusal import refusal
from pushsvc.sip.message import reply_to
from tests.sessions.scripted import HOP
from tests.sessions.values import invite


def answered(status: int, reason: str | None = None, why: str = "", **facts: Any) -> Exchange:
    """An INVITE with this final answer."""
    return Exchange(invite(), HOP, reply_to(invite(), status, reason, **facts), why)


class Refusals(SynchronousTestCase):
    """[D-SIP-10]"""

    def test_which_are_worth_another_try(self) -> None:
        worth = [status for status in range(300, 700) if refusal(answered(status)).retry]
        self.assertEqual(worth, [408, 480, 482, 486, 491, 500, 502, 503, 504])

    def test_the_words_of_the_peer_are_kept(self) -> None:
        error = refusal(answered(486, "In a meeting"))
        self.assertEqual((error.status, error.reason, error.protocol), (486, "In a meeting", "sip"))

    def test_what_we_know_better_is_added(self) -> None:
        """[D-SIP-9]"""
        error = refusal(answered(407, why="no password is set"))
        self.assertEqual((error.reason, error.why), ("Proxy Authentication Required", "no password is set"))

    def test_what_does_not_match_is_told(self) -> None:
        """[D-SIP-10] The Warning of a 488 or 606 says which capability is missing."""
        cases = {
            '305 192.0.2.20:5060 "Incompatible media format"': "Incompatible media format",
            ' 399 h "the \\"type\\"" , 399 h "x"': 'the "type"',
            "305 h words": "",
            'h "words"': "",
            "": "",
        }
        for status in (488, 606):
            for text, why in cases.items():
                self.assertEqual(refusal(answered(status, headers=[("Warning", text)])).why, why)

    def test_retry_after_is_seconds_and_the_rest_of_it_does_not_count(self) -> None:
        cases = {"18000;duration=3600": 18000.0, " 120 (in a meeting)": 120.0, "soon": None, "-1": None, "": None}
        for text, seconds in cases.items():
            answer = answered(503, headers=[("Retry-After", text)])
            self.assertEqual(refusal(answer).retry_after, seconds, text)
        self.assertIsNone(refusal(answered(503)).retry_after)

"""Authorization fields that are no answer: each is told what is wrong with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pushsvc.sip.authentication import Kind, TurnedAway
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.headers import is_sendable
from pushsvc.sip.message import reply_to
from tests.sip.authentication_case import ALICE, RIGHT, AuthenticationCase
from tests.sip.strategies import modest
from tests.sip.values import make_request


class Unreadable(AuthenticationCase):
    """[F-18] RFC 7616 §3.4: 400, and what is wrong with it."""

    def told(self, change: tuple[str, str], *more: str) -> TurnedAway:
        """An answer in which this text is replaced by that."""
        request = self.answered(self.challenge())
        (answer,) = request.headers.all("Authorization")
        self.assertIn(change[0], answer)
        values = [answer.replace(*change), *more]
        return self.turned_away(make_request("MESSAGE", headers=[("Authorization", value) for value in values]))

    def test_what_is_wrong_is_said(self) -> None:
        for change, words in (
            (("username=", "user="), "it has no username"),
            (("nonce=", "once="), "it has no nonce"),
            (("uri=", "url="), "it has no uri"),
            (("response=", "answer="), "it has no response"),
            (("qop=auth", "qop=auth-int"), "it has no qop=auth with a cnonce"),
            (("qop=auth, nc=00000001, ", ""), "it has no qop=auth with a cnonce"),
            (('cnonce="', 'xnonce="'), "it has no qop=auth with a cnonce"),
            (("nc=00000001", "nc=1"), "its nc is no count"),
            (("nc=00000001", "nc=00000000"), "its nc is no count"),
            (("nc=00000001", "nc=000000001"), "its nc is no count"),
            (("nc=00000001", "nc=fffffffff"), "its nc is no count"),
            (("nc=00000001", "nc=\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661"), "its nc is no count"),
            (("nc=00000001, ", ""), "its nc is no count"),
            (('response="', 'response="x'), "its response is no digest"),
            (('response="', 'response="\u0665'), "its response is no digest"),
            (("algorithm=SHA-256", "algorithm=SHA-256-sess"), "its algorithm was not offered"),
            (("algorithm=SHA-256", "algorithm=ROT13"), "its algorithm was not offered"),
            (("nc=00000001", "nc=00000001, nc=00000002"), "it cannot be read"),
            (("nc=00000001", 'nc="00000001'), "it cannot be read"),
            (('uri="sip:bob@192.0.2.2"', 'uri="sip:"'), "its uri is not the Request-URI"),
            (('uri="sip:bob@192.0.2.2"', 'uri="sip:bob@192.0.2.3"'), "its uri is not the Request-URI"),
            (('uri="sip:bob@192.0.2.2"', 'uri="sip:carol@192.0.2.2"'), "its uri is not the Request-URI"),
            (('uri="sip:bob@192.0.2.2"', 'uri="sip:192.0.2.3"'), "its uri is not the Request-URI"),
            (('uri="sip:bob@192.0.2.2"', 'uri="tel:+1"'), "its uri is not the Request-URI"),
        ):  # fmt: skip
            verdict = self.told(change)
            self.assert_told(verdict, 400, Kind.MALFORMED, f"bad Authorization: {words}")
            assert verdict.failure is not None
            self.assertNotIn("alice", verdict.failure.reason)

    def test_without_any_directive(self) -> None:
        for value in ("Digest", "digest  ", 'Digest username="alice"'):
            verdict = self.turned_away(make_request("MESSAGE", headers=[("Authorization", value)]))
            self.assert_told(verdict, 400, Kind.MALFORMED, "it has no ")

    def test_more_than_one(self) -> None:
        """Two guesses are not one request."""
        answer = self.answered(self.challenge()).headers.all("Authorization")[0]
        self.assert_told(self.told(("x", "x"), answer), 400, Kind.MALFORMED, "more than one for this realm")

    def test_a_uri_that_a_proxy_has_replaced(self) -> None:
        """To still has it."""
        asked = make_request("MESSAGE", uri="sip:bob@example.com")
        (challenge, *_) = challenges_of(reply_to(asked, 401, to_tag="x", headers=self.challenge().headers))
        answer = challenge.answer(RIGHT, "MESSAGE", str(asked.uri), "c", 1)
        request = make_request("MESSAGE", uri="sip:bob@192.0.2.2", headers=[("Authorization", answer)])
        self.assertEqual(self.judge(request), ALICE)

    def test_a_uri_that_is_written_in_another_way(self) -> None:
        """RFC 3261 §19.1.4; and SIPp names nothing but the host."""
        for uri, theirs in (
            ("sip:bob@EXAMPLE.com:5062;transport=TCP", "sip:bob@example.com:5062;transport=tcp"),
            ("sip:bob@EXAMPLE.com:5062;transport=TCP", "sip:example.com:5062"),
            ("tel:+1", "tel:+1"),
        ):
            asked = make_request("MESSAGE", uri=uri)
            (challenge, *_) = challenges_of(reply_to(asked, 401, to_tag="x", headers=self.challenge().headers))
            answer = challenge.answer(RIGHT, "MESSAGE", theirs, "c", 1)
            request = make_request("MESSAGE", uri=uri, headers=[("Authorization", answer)])
            self.assertEqual(self.judge(request), ALICE)

    @modest
    @given(st.lists(st.text(st.characters(exclude_characters="\r\n\x00"), max_size=60).filter(is_sendable), max_size=3))
    def test_anything_gets_an_answer(self, values: list[str]) -> None:
        """Never a right one, and never an exception."""
        self.setUp()
        for prefix in ("", "Digest ", 'Digest realm="example.com", '):
            headers = [("Authorization", prefix + value) for value in values]
            self.assertIn(self.turned_away(make_request("MESSAGE", headers=headers)).status, (400, 401))

"""AUTH at a relay: what is asked, what is believed, and when it is asked again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.msrp.authorization import (
    MAX_STALE,
    REPLY_SECONDS,
    SHORTEST_WAIT,
    SILENCE_SECONDS,
    UNSAID_EXPIRES,
    Allowed,
    Authorization,
    Denied,
    Output,
    Unheard,
)
from pushsvc.msrp.chunk import OtherRequest, Reply
from pushsvc.msrp.framer import Begun, Framer
from pushsvc.msrp.uri import MsrpUri, parse_path
from tests.msrp.values import WIRE, CountedTokens

RELAY = MsrpUri.parse("msrps://device1@relay.example.com:2855;tcp")
OWN = MsrpUri.parse("msrps://receiver.example.com:49152/6bdhj5EkVg7GhFEyRv9u;tcp")
USE_PATH = "msrps://relay.example.com:2855/Fu6dHqcA4CXHaqPSPg5D;tcp"
ACCOUNT = Account("device1", "relay-secret")
CHALLENGE = ("WWW-Authenticate", 'Digest realm="relay.example.com", nonce="n1", qop="auth"')


class Words:
    """The words of the specification's example: our two transaction ids and the cnonce between them."""

    def __init__(self) -> None:
        self.words = iter(("rmxcqujG9UwLs2AE", "XLeduj94TH9S", "H9ADeMdw6BUH4JBz"))

    def word(self, length: int) -> str:
        return next(self.words)

    def fraction(self) -> float:
        return 0.0


def frame(number: int) -> object:
    """One frame of the specification's example (E.13)."""
    begun, *_ = Framer().feed((WIRE / "cheatsheet" / f"auth-{number}.bin").read_bytes())
    assert isinstance(begun, Begun)
    return begun.head


def allowed(expires: int = 900) -> tuple[tuple[str, str], ...]:
    return (("Use-Path", USE_PATH), ("Expires", str(expires)))


class AuthorizationCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.authorization = Authorization(RELAY, OWN, ACCOUNT, CountedTokens())

    def auth(self, outputs: list[Output]) -> OtherRequest:
        """The AUTH that is all that comes out."""
        (request,) = outputs
        assert isinstance(request, OtherRequest)
        self.assertEqual((request.method, request.to_path, request.from_path), ("AUTH", (RELAY,), (OWN,)))
        return request

    def reply(self, request: OtherRequest, status: int, *headers: tuple[str, str], now: float = 0.0) -> list[Output]:
        reply = Reply(request.transaction_id, (OWN,), (RELAY,), status, "words", headers)
        return self.authorization.replied(reply, now)

    def challenged(self, now: float = 0.0) -> OtherRequest:
        """The AUTH that answers a challenge to the first."""
        return self.auth(self.reply(self.auth(self.authorization.begin(now)), 401, CHALLENGE, now=now))

    def allow(self, expires: int = 900, now: float = 0.0) -> None:
        self.reply(self.challenged(now), 200, *allowed(expires), now=now)

    def assert_over(self, outputs: list[Output], expected: Output) -> None:
        """That came out, and nothing ever will again."""
        self.assertEqual(outputs, [expected])
        self.assertTrue(self.authorization.over)
        self.assertIsNone(self.authorization.deadline)
        self.assertEqual(self.authorization.wake(1e9), [])


class Asking(AuthorizationCase):
    """To the path, or to the reason why there is none."""

    def test_the_octets_of_the_specification(self) -> None:
        """E.13 with all four frames; we write a uri and no Expires, which is what the relays that we know want."""
        self.authorization = Authorization(RELAY, OWN, ACCOUNT, Words())
        self.assertEqual(self.authorization.begin(0.0), [frame(1)])
        challenge, granted = frame(2), frame(4)
        assert isinstance(challenge, Reply)
        assert isinstance(granted, Reply)
        self.assertTrue(self.authorization.owns(challenge.transaction_id))
        answer = self.auth(self.authorization.replied(challenge, 0.1))
        self.assertEqual(
            answer.headers,
            (
                (
                    "Authorization",
                    'Digest username="device1", realm="relay.example.com", nonce="K82hB8Q5RbJkEcXSgawYFZUF", '
                    'uri="msrps://device1@relay.example.com:2855;tcp", response="d61d22782ef80ae59e59c68ade540f76", '
                    'qop=auth, nc=00000001, cnonce="XLeduj94TH9S"',
                ),
            ),
        )
        self.assertEqual(self.authorization.replied(granted, 0.2), [Allowed(parse_path(USE_PATH))])
        self.assertEqual(self.authorization.deadline, 0.2 + 900 * 0.75)

    def test_a_relay_that_wants_no_credentials(self) -> None:
        """It may know us by our certificate."""
        request = self.auth(self.authorization.begin(0.0))
        self.assertEqual(self.reply(request, 200, *allowed()), [Allowed(parse_path(USE_PATH))])

    def test_several_relays_and_base64_in_session_ids(self) -> None:
        """PEERS 35: the path is in the order of a To-Path."""
        path = "msrps://a.example.com:2855/x+/==;tcp msrps://b.example.com:2855/y;tcp"
        outputs = self.reply(self.challenged(), 200, ("Use-Path", path), ("Expires", "60"))
        self.assertEqual(outputs, [Allowed(parse_path(path))])

    def test_credentials_without_a_uri(self) -> None:
        """PEERS 6: msrprelay answers no others."""
        self.authorization.with_uri = False
        ((_, value),) = self.challenged().headers
        self.assertNotIn("uri=", value)
        self.assertIn("qop=auth, nc=00000001", value)

    def test_a_wrong_password_is_not_tried_again(self) -> None:
        """Kamailio says 401 with a new nonce each time: whoever goes by that alone never ends."""
        request = self.challenged()
        again = self.reply(request, 401, ("WWW-Authenticate", CHALLENGE[1].replace("n1", "n2")))
        self.assert_over(again, Denied("wrong user or password for the relay", 401))

    def test_a_nonce_that_became_stale_is_no_wrong_password(self) -> None:
        """But the same one cannot be stale twice."""
        stale = ("WWW-Authenticate", CHALLENGE[1].replace("n1", "n2") + ", stale=true")
        request = self.auth(self.reply(self.challenged(), 401, stale))
        self.assertIn('nonce="n2"', request.headers[0][1])
        self.assert_over(self.reply(request, 401, stale), Denied("wrong user or password for the relay", 401))

    def test_nonces_that_never_hold(self) -> None:
        """Whatever the relay says, there is an end to it."""
        request = self.challenged()
        for number in range(2, 2 + MAX_STALE):
            stale = ("WWW-Authenticate", CHALLENGE[1].replace("n1", f"n{number}") + ", stale=true")
            request = self.auth(self.reply(request, 401, stale))
        stale = ("WWW-Authenticate", CHALLENGE[1].replace("n1", "another") + ", stale=true")
        self.assert_over(self.reply(request, 401, stale), Denied("the relay calls every nonce stale", 401))

    def test_challenges_that_cannot_be_answered(self) -> None:
        for headers in ((), (("WWW-Authenticate", "Basic realm=x"),), (("WWW-Authenticate", 'Digest realm="x"'),)):
            self.setUp()
            request = self.auth(self.authorization.begin(0.0))
            expected = Denied("the relay's challenge cannot be answered", 401)
            self.assert_over(self.reply(request, 401, *headers), expected)

    def test_refusals_say_what_the_relay_said(self) -> None:
        """423 names its bounds: no Expires of ours was out of them."""
        bounds = (("Min-Expires", "60"), ("Max-Expires", "3600"))
        for status, headers, words in (
            (403, (), "the relay said 403 words"),
            (501, (), "the relay said 501 words"),
            (423, bounds, "the relay said 423 words, Min-Expires 60, Max-Expires 3600"),
        ):
            self.setUp()
            self.assert_over(self.reply(self.challenged(), status, *headers), Denied(words, status))

    def test_a_path_that_cannot_be_used(self) -> None:
        """None, no URIs, or more than a session description may hold."""
        for headers, words in (
            ((), "the relay says no path that can be read"),
            ((("Use-Path", "sip:a@b"),), "the relay says no path that can be read"),
            ((("Use-Path", f"{USE_PATH} " * 4),), "the relay's path is too long"),
        ):
            self.setUp()
            self.assert_over(self.reply(self.challenged(), 200, *headers), Denied(words, 200))

    def test_a_relay_that_only_pretends_to_know_the_password(self) -> None:
        """RFC 4976 §9.1: it has a certificate for the name, but is not who we have an account with."""
        proof = ("Authentication-Info", 'rspauth="32caa126fe6e06576e2bf8e1e856457e", qop=auth')
        outputs = self.reply(self.challenged(), 200, *allowed(), proof)
        self.assert_over(outputs, Denied("the relay does not know our password", 200))

    def test_replies_that_nobody_waits_for(self) -> None:
        request = self.auth(self.authorization.begin(0.0))
        self.assertEqual(self.authorization.replied(Reply("other", (OWN,), (RELAY,), 200), 0.0), [])
        self.reply(request, 403)
        self.assertEqual(self.reply(request, 200, *allowed()), [])


class Silence(AuthorizationCase):
    """A relay that says nothing."""

    def test_no_reply_at_all(self) -> None:
        self.authorization.begin(0.0)
        self.assertEqual(self.authorization.deadline, REPLY_SECONDS)
        self.assert_over(self.authorization.wake(REPLY_SECONDS), Denied("the relay did not reply"))

    def test_no_reply_to_our_credentials(self) -> None:
        """PEERS 6: msrprelay breaks at the uri without a word, and its connection is of no more use."""
        self.challenged(now=1.0)
        self.assertEqual(self.authorization.wake(1.0 + SILENCE_SECONDS - 0.1), [])
        self.assert_over(self.authorization.wake(1.0 + SILENCE_SECONDS), Unheard())

    def test_no_reply_to_credentials_without_a_uri(self) -> None:
        """There is no third way to write them."""
        self.authorization.with_uri = False
        self.challenged()
        self.assert_over(self.authorization.wake(REPLY_SECONDS), Denied("the relay did not reply"))


class Renewal(AuthorizationCase):
    """What was allowed is allowed again before it ends."""

    def test_it_is_asked_again_in_time(self) -> None:
        """From the start: an old nonce may be worth nothing."""
        self.allow(900)
        request = self.auth(self.authorization.wake(675.0))
        self.assertEqual(request.headers, ())
        answer = self.auth(self.reply(request, 401, CHALLENGE, now=676.0))
        outputs = self.reply(answer, 200, *allowed(900), now=677.0)
        self.assertEqual(outputs, [Allowed(parse_path(USE_PATH))])
        self.assertEqual(self.authorization.deadline, 677.0 + 675.0)

    def test_a_refusal_leaves_the_time_that_is_left(self) -> None:
        """And is asked about again in the middle of it, for as long as that is worth it."""
        self.allow(120)
        now, asked = 90.0, []
        while not self.authorization.over:
            outputs = self.authorization.wake(now)
            for output in outputs:
                if isinstance(output, OtherRequest):
                    asked.append(now)
                    self.assertEqual(self.reply(output, 403, now=now), [])
            now = self.authorization.deadline or now
        self.assertEqual(asked, [90.0, 105.0, 112.5])
        self.assertEqual((now, outputs), (120.0, [Denied("what the relay allowed is over: the relay said 403 words")]))

    def test_silence_does_not_end_it_early_either(self) -> None:
        self.allow(900)
        self.auth(self.authorization.wake(675.0))
        self.assertEqual(self.authorization.wake(675.0 + REPLY_SECONDS), [])
        self.assertEqual(self.authorization.deadline, 705.0 + (900.0 - 705.0) / 2)

    def test_a_relay_that_does_not_say_for_how_long(self) -> None:
        """Against RFC 4976, so it is asked again all the same."""
        for value in ("", "-1", "9999999999", "\u0661"):
            self.setUp()
            self.reply(self.challenged(), 200, ("Use-Path", USE_PATH), ("Expires", value))
            self.assertEqual(self.authorization.deadline, UNSAID_EXPIRES * 0.75)

    def test_a_very_short_time_is_no_reason_to_hurry(self) -> None:
        """Nobody makes us ask more often than every few seconds."""
        self.allow(1)
        (denied,) = self.authorization.wake(1.0)
        self.assertEqual(denied, Denied("what the relay allowed is over: no reply"))
        self.setUp()
        self.allow(6)
        self.auth(self.authorization.wake(SHORTEST_WAIT))

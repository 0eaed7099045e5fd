"""Digest as the server sees it: who is believed, who is asked again, and what everybody else is told."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.sip.authentication import Authentication, Kind, TurnedAway, User, Users
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.codec import encode
from pushsvc.sip.failures import MINUTE, MOST
from pushsvc.sip.headers import is_sendable
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.nonces import LIFE
from pushsvc.sip.uri import SipUri
from tests.sip.strategies import modest
from tests.sip.values import UDP_PEER, make_invite, make_request
from tests.tokens import CountedTokens

REALM = "example.com"
ALICE = SipUri.parse("sip:alice@example.com")
USER = User("alice", "secret", ALICE)
RIGHT, WRONG = Account("alice", "secret"), Account("alice", "guess")
ELSEWHERE = Hop("udp", "192.0.2.9", 5060)


class AuthenticationCase(SynchronousTestCase):
    """Alice is a user; she comes from UDP_PEER unless something else is said."""

    algorithms: tuple[str, ...] = ("SHA-256", "SHA-512-256", "MD5")

    def setUp(self) -> None:
        self.authentication = Authentication(CountedTokens("a"))
        self.authentication.admit(Users(REALM, self.algorithms, (USER,)))
        self.now = 1795000000.0
        self.count = 0

    def judge(self, request: Request, source: Hop = UDP_PEER) -> SipUri | TurnedAway:
        return self.authentication.judge(request, source, self.now)

    def turned_away(self, request: Request, source: Hop = UDP_PEER) -> TurnedAway:
        verdict = self.judge(request, source)
        assert isinstance(verdict, TurnedAway), verdict
        return verdict

    def challenge(self, source: Hop = UDP_PEER) -> TurnedAway:
        return self.turned_away(make_request("MESSAGE"), source)

    def answered(
        self, challenge: TurnedAway, account: Account = RIGHT, count: int = 1, index: int = 0, **request: str
    ) -> Request:
        """A MESSAGE with the answer to one of these challenges, as our own client makes it."""
        asked = make_request("MESSAGE")
        offered = challenges_of(reply_to(asked, 401, to_tag="x", headers=challenge.headers))
        self.count += 1
        answer = offered[index].answer(account, "MESSAGE", str(asked.uri), f"cnonce{self.count}", count)
        return make_request("MESSAGE", headers=[("Authorization", answer)], **request)

    def assert_told(self, verdict: TurnedAway, status: int, kind: Kind | None, *words: str) -> None:
        told = " ".join(value for name, value in verdict.headers if name == "Warning")
        self.assertEqual((verdict.status, verdict.failure and verdict.failure.kind), (status, kind), told)
        for word in words:
            self.assertIn(word, told)


class Asked(AuthenticationCase):
    """The challenge."""

    def test_the_strongest_comes_first(self) -> None:
        """[F-18] RFC 8760 §2.3; a fresh nonce each time, and qop."""
        first, second = self.challenge(), self.challenge()
        self.assert_told(first, 401, None)
        offered = [value for _, value in first.headers]
        self.assertEqual({name for name, _ in first.headers}, {"WWW-Authenticate"})
        self.assertRegex(offered[0], r'^Digest realm="example.com", nonce="[0-9a-f.]+", algorithm=SHA-256, qop="auth"$')
        self.assertEqual([value.split("algorithm=")[1].split(",")[0] for value in offered], list(self.algorithms))
        self.assertNotEqual(first.headers, second.headers)

    def test_only_what_the_operator_wants_is_offered(self) -> None:
        """And taken: an answer in MD5 is none, where that is not offered."""
        md5 = self.answered(self.challenge(), index=2)
        self.authentication.admit(Users(REALM, ("SHA-256",), (USER,)))
        self.assertEqual(len(self.challenge().headers), 1)
        self.assert_told(self.turned_away(md5), 400, Kind.MALFORMED, "its algorithm was not offered")

    def test_who_forges_its_address_gains_little_by_it(self) -> None:
        """SECURITY part 2: an answer is at most 200 octets longer than what it answers, with the default digest."""
        self.authentication.admit(Users(REALM, ("SHA-256",), (USER,)))
        request = make_invite()
        verdict = self.turned_away(request)
        answer = reply_to(request, verdict.status, to_tag="x" * 16, headers=verdict.headers)
        self.assertLessEqual(len(encode(answer)), len(encode(request)) + 200)

    def test_it_tells_nothing_of_the_user_that_is_named(self) -> None:
        """Whoever asks without credentials, for another realm, or by another scheme."""
        for value in (
            'Digest username="alice", realm="other", nonce="n", uri="sip:x", response="00"',
            'Basic YWxpY2U6c2VjcmV0', "Bearer x", "", "rubbish", "=", ",", '"', "\udcff\udcfe", "a=b, c=d",
        ):  # fmt: skip
            request = make_request("MESSAGE", headers=[("Authorization", value)])
            self.assert_told(self.turned_away(request), 401, None)

    def test_a_realm_with_a_quote_in_it(self) -> None:
        self.authentication.admit(Users('a "b" \\', ("SHA-256",), (USER,)))
        self.assertEqual(self.judge(self.answered(self.challenge())), ALICE)


class Believed(AuthenticationCase):
    """The right password."""

    def test_every_algorithm(self) -> None:
        for index in range(len(self.algorithms)):
            self.assertEqual(self.judge(self.answered(self.challenge(), index=index)), ALICE)

    def test_with_arithmetic_of_our_own(self) -> None:
        """RFC 7616 §3.4.1, not by the client that came with us; nc in capitals is hashed as it is written."""

        def hashed(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        nonce = self.challenge().headers[0][1].split('nonce="')[1].split('"')[0]
        line = hashed("MESSAGE:sip:bob@192.0.2.2")
        response = hashed(f"{hashed('alice:example.com:secret')}:{nonce}:0000000A:c:auth:{line}")
        answer = (
            f'Digest username="alice",realm="example.com",nonce="{nonce}",uri="sip:bob@192.0.2.2",qop="auth",'
            f'nc=0000000A,cnonce="c",algorithm="sha-256",opaque="x",response={response}'
        )
        self.assertEqual(self.judge(make_request("MESSAGE", headers=[("Authorization", answer)])), ALICE)

    def test_beside_credentials_for_others(self) -> None:
        """Other schemes and realms do not count."""
        request = self.answered(self.challenge())
        for value in ("Basic eDp5", 'Digest username="a", realm="other", nonce="n", uri="sip:x", response="00"'):
            both = request.evolve(headers=request.headers.added("Authorization", value))
            self.count += 1
            self.setUp()
            both = self.answered(self.challenge())
            self.assertEqual(self.judge(both.evolve(headers=both.headers.added("Authorization", value))), ALICE)

    def test_a_nonce_is_used_again(self) -> None:
        """[D-SIP-9] Counted, and in any order within the window."""
        challenge = self.challenge()
        for count in (1, 3, 2):
            self.assertEqual(self.judge(self.answered(challenge, count=count)), ALICE)

    def test_from_is_the_users_own(self) -> None:
        """[D-SIP-12] Else one user could speak in another's name; SIPS and parameters make no other person."""
        for from_ in ("<sip:alice@EXAMPLE.com;x=y>;tag=1", '"Boss" <sips:alice@example.com>;tag=1'):
            self.assertEqual(self.judge(self.answered(self.challenge(), from_=from_)), ALICE)
        for from_ in ("<sip:bob@example.com>;tag=1", "<sip:alice@example.org>;tag=1", "<tel:+1>;tag=1"):
            verdict = self.turned_away(self.answered(self.challenge(), from_=from_))
            self.assert_told(verdict, 403, Kind.FROM, "From is not the address of this user")

    def test_an_identity_that_is_not_made_of_the_name(self) -> None:
        bob = User("al\xefce", "s\xebcret", SipUri.parse("sip:alice@example.com"))
        self.authentication.admit(Users(REALM, ("SHA-256",), (bob,)))
        request = self.answered(self.challenge(), Account("al\xefce", "s\xebcret"))
        self.assertEqual(self.judge(request), ALICE)

    def test_after_a_change_of_passwords(self) -> None:
        """A nonce stays good, a password does not."""
        challenge = self.challenge()
        self.judge(self.answered(challenge))
        self.authentication.admit(Users(REALM, self.algorithms, (User("alice", "new", ALICE),)))
        self.assert_told(self.turned_away(self.answered(challenge, count=2)), 401, Kind.PASSWORD)
        self.assertEqual(self.judge(self.answered(challenge, Account("alice", "new"), 2)), ALICE)


class Replayed(AuthenticationCase):
    """[F-18] Nothing works twice."""

    def test_the_same_again(self) -> None:
        request = self.answered(self.challenge())
        self.judge(request)
        verdict = self.turned_away(request)
        self.assert_told(verdict, 401, Kind.REPLAYED)
        self.assertIn("stale=true", verdict.headers[0][1])
        self.assertEqual(self.judge(self.answered(verdict)), ALICE)

    def test_from_elsewhere(self) -> None:
        verdict = self.turned_away(self.answered(self.challenge()), ELSEWHERE)
        self.assert_told(verdict, 401, None)
        self.assertIn("stale=true", verdict.headers[0][1])

    def test_too_late(self) -> None:
        request = self.answered(self.challenge())
        self.now += LIFE + 1
        verdict = self.turned_away(request)
        self.assertIn("stale=true", verdict.headers[0][1])
        self.assertEqual(self.judge(self.answered(verdict)), ALICE)

    def test_after_a_restart(self) -> None:
        """Nobody is turned away for that, and nothing from before works again."""
        request = self.answered(self.challenge())
        self.authentication = Authentication(CountedTokens("b"))
        self.authentication.admit(Users(REALM, self.algorithms, (USER,)))
        self.assertIn("stale=true", self.turned_away(request).headers[0][1])

    def test_for_another_request(self) -> None:
        """The method and the Request-URI are in the digest."""
        request = self.answered(self.challenge())
        (answer,) = request.headers.all("Authorization")
        invite = make_request("INVITE", headers=[("Authorization", answer)])
        self.assert_told(self.turned_away(invite), 401, Kind.PASSWORD)
        other = make_request("MESSAGE", uri="sip:carol@192.0.2.2", headers=[("Authorization", answer)])
        self.assert_told(self.turned_away(other), 400, Kind.MALFORMED, "its uri is not the Request-URI")

    def test_a_guess_under_a_nonce_that_is_over_is_not_judged(self) -> None:
        """Else passwords could be tried without being counted: right or wrong, it gets the same answer."""
        for account in (RIGHT, WRONG):
            request = self.answered(self.challenge(), account)
            self.now += LIFE + 1
            self.assert_told(self.turned_away(request), 401, None)
            self.assertEqual(dict(self.authentication._failures._failing), {})


class Wrong(AuthenticationCase):
    """Wrong passwords."""

    def guess(self, account: Account = WRONG, source: Hop = UDP_PEER) -> TurnedAway:
        return self.turned_away(self.answered(self.challenge(source), account), source)

    def test_it_is_asked_again_and_told_why(self) -> None:
        verdict = self.guess()
        self.assert_told(verdict, 401, Kind.PASSWORD, "wrong user or password")
        self.assertNotIn("stale", verdict.headers[0][1])
        assert verdict.failure is not None
        self.assertEqual(verdict.failure.user, "alice")

    def test_an_unknown_user_looks_the_same(self) -> None:
        """But in our log, which does not name it: people type passwords into the wrong field."""
        known, unknown = self.guess(), self.guess(Account("secret", "x"))
        shape = [[(name, value.split("nonce")[0]) for name, value in each.headers] for each in (known, unknown)]
        self.assertEqual((shape[0], known.status), (shape[1], unknown.status))
        assert unknown.failure is not None
        self.assertEqual((unknown.failure.kind, unknown.failure.user), (Kind.PASSWORD, ""))
        for _ in range(MOST):
            locked = [self.guess(account) for account in (WRONG, Account("secret", "x"))]
        self.assertEqual([(each.status, each.headers) for each in locked[:1]], [(403, locked[1].headers)])

    def test_five_in_a_minute(self) -> None:
        """[F-18] Then not even the right one is taken, for a minute; elsewhere it is."""
        for _ in range(MOST):
            self.assert_told(self.guess(), 401, Kind.PASSWORD)
        self.assert_told(self.guess(), 403, Kind.LOCKED, "too many wrong passwords, again in 60 s")
        self.assert_told(self.guess(RIGHT), 403, Kind.LOCKED)
        self.assertEqual(self.judge(self.answered(self.challenge(ELSEWHERE)), ELSEWHERE), ALICE)
        self.now += MINUTE
        self.assertEqual(self.judge(self.answered(self.challenge())), ALICE)

    def test_what_was_overheard_does_not_start_the_count_anew(self) -> None:
        """Somebody at the same address repeats what the user has said."""
        overheard = self.answered(self.challenge())
        self.judge(overheard)
        for _ in range(MOST):
            self.guess()
            self.turned_away(overheard)
        self.assert_told(self.guess(), 403, Kind.LOCKED)

    def test_a_repeated_request_is_counted_once(self) -> None:
        request = self.answered(self.challenge(), WRONG)
        kinds = [(self.turned_away(request).failure is None) for _ in range(3)]
        self.assertEqual(kinds, [False, True, True])
        self.assert_told(self.turned_away(request), 401, None, "wrong user or password")

    def test_a_name_of_any_length(self) -> None:
        """What is kept of it is not."""
        self.guess(Account("x" * 100_000, "y"))
        ((name, _),) = self.authentication._failures._failing
        self.assertLess(len(name), 300)


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

    def test_a_uri_that_is_written_in_another_way(self) -> None:
        """RFC 3261 §19.1.4."""
        asked = make_request("MESSAGE", uri="sip:bob@EXAMPLE.com;transport=TCP")
        (challenge, *_) = challenges_of(reply_to(asked, 401, to_tag="x", headers=self.challenge().headers))
        answer = challenge.answer(RIGHT, "MESSAGE", "sip:bob@example.com;transport=tcp", "c", 1)
        request = make_request("MESSAGE", uri=str(asked.uri), headers=[("Authorization", answer)])
        self.assertEqual(self.judge(request), ALICE)

    @modest
    @given(st.lists(st.text(st.characters(exclude_characters="\r\n\x00"), max_size=60).filter(is_sendable), max_size=3))
    def test_anything_gets_an_answer(self, values: list[str]) -> None:
        """Never a right one, and never an exception."""
        self.setUp()
        for prefix in ("", "Digest ", 'Digest realm="example.com", '):
            headers = [("Authorization", prefix + value) for value in values]
            self.assertIn(self.turned_away(make_request("MESSAGE", headers=headers)).status, (400, 401))


class Secrets(AuthenticationCase):
    """SECURITY part 7."""

    def test_nothing_shows_the_password(self) -> None:
        users = Users(REALM, self.algorithms, (USER,))
        known = self.authentication._known["alice"]
        for shown in (repr(USER), repr(users), repr(known)):
            self.assertNotIn("secret", shown.replace("secrets", ""))
            self.assertNotIn(known.secrets["SHA-256"], shown)

"""Digest as the server sees it: who is believed, who is asked again, and what everybody else is told."""

from __future__ import annotations

import hashlib

from pushsvc.digest import Account
from pushsvc.sip.authentication import Authentication, Kind, TurnedAway, User, Users
from pushsvc.sip.codec import encode
from pushsvc.sip.failures import MINUTE, MOST
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import reply_to
from pushsvc.sip.nonces import LIFE
from pushsvc.sip.uri import SipUri
from tests.sip.authentication_case import ALICE, ELSEWHERE, REALM, RIGHT, USER, WRONG, AuthenticationCase
from tests.sip.values import UDP_PEER, make_invite, make_request
from tests.tokens import CountedTokens


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
        for value in ("Basic eDp5", 'Digest username="a", realm="other", nonce="n", uri="sip:x", response="00"'):
            request = self.answered(self.challenge())
            both = request.evolve(headers=request.headers.added("Authorization", value))
            self.assertEqual(self.judge(both), ALICE)

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


class Secrets(AuthenticationCase):
    """SECURITY part 7."""

    def test_nothing_shows_the_password(self) -> None:
        users = Users(REALM, self.algorithms, (USER,))
        known = self.authentication._known["alice"]
        for shown in (repr(USER), repr(users), repr(known)):
            self.assertNotIn("secret", shown.replace("secrets", ""))
            self.assertNotIn(known.secrets["SHA-256"], shown)

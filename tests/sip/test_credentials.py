"""Which challenges are answered, and when it is enough."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.sip.credentials import MAX_INVITES, MAX_ROUNDS, Attempt, Credentials, credentials_of
from pushsvc.sip.message import Request, Response
from tests.sip.values import make_request, make_response
from tests.tokens import CountedTokens


def challenge(realm: str = "r", nonce: str = "n", more: str = "", status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    value = f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}'
    return make_response(make_request("BYE"), status, headers=[(name, value)])


class CredentialsCase(SynchronousTestCase):
    """One call of an account that answers every realm."""

    def setUp(self) -> None:
        self.credentials = Credentials(Account("me", "secret"), CountedTokens("c"))
        self.attempt = Attempt(self.credentials)

    def sent(self, method: str = "BYE", cseq: int = 1, attempt: Attempt | None = None) -> Request:
        """The request as it goes out."""
        return (attempt or self.attempt).dressed(make_request(method, cseq=cseq))

    def nonces(self, request: Request) -> list[str]:
        """`nonce/nc` of each of its credentials."""
        values = [value for _, value in credentials_of(request)]
        return [value.split('nonce="')[1].split('"')[0] + "/" + value.split("nc=")[1][7] for value in values]


class Attempts(CredentialsCase):
    """One request, challenged."""

    def test_a_request_that_nobody_challenged_is_the_same_value(self) -> None:
        """Who needs no credentials pays nothing for them."""
        request = make_request("BYE")
        self.assertIs(self.attempt.dressed(request), request)

    def test_it_goes_again_under_the_next_number(self) -> None:
        """[D-SIP-9] The credentials come after CSeq, and nothing else changes."""
        self.assertIsNone(self.attempt.challenged(challenge()))
        self.attempt.renumber(2)
        again = self.sent()
        self.assertEqual(str(again.cseq), "2 BYE")
        names = [name for name, _ in again.headers]
        self.assertEqual(names[names.index("CSeq") + 1], "Authorization")
        self.assertEqual(again.headers.without("Authorization", "CSeq"), make_request("BYE").headers.without("CSeq"))

    def test_over_every_hop_it_has_the_same_count(self) -> None:
        """A request too large for datagrams was made for one, too; that is not a second request."""
        self.attempt.challenged(challenge())
        self.attempt.renumber(2)
        self.assertEqual([self.nonces(self.sent()) for _ in range(3)], [["n/1"]] * 3)

    def test_a_second_challenge(self) -> None:
        """[D-SIP-9] Not stale, or stale and no other: wrong. Stale and another: again."""
        cases = (("n", "", False), ("m", "", False), ("n", ", stale=true", False), ("m", ", stale=true", True))
        for nonce, stale, again in cases:
            self.setUp()
            self.assertIsNone(self.attempt.challenged(challenge()))
            why = self.attempt.challenged(challenge(nonce=nonce, more=stale))
            self.assertEqual(why, None if again else 'wrong user or password for realm "r"')
            self.attempt.renumber(3)
            self.assertEqual(self.nonces(self.sent()), ["m/1"] if again else [])

    def test_what_was_wrong_is_not_sent_ahead_any_more(self) -> None:
        self.attempt.challenged(challenge())
        self.attempt.challenged(challenge(nonce="m"))
        self.assertEqual(credentials_of(self.sent(attempt=Attempt(self.credentials))), [])

    def test_credentials_that_were_sent_ahead_may_be_refused_once(self) -> None:
        """A server that has forgotten its nonces need not say that they are stale."""
        for nonce, sent in (("m", "m/1"), ("n", "n/3")):
            self.setUp()
            self.attempt.challenged(challenge())
            self.attempt.renumber(2)
            self.sent()
            later = Attempt(self.credentials)
            self.sent(attempt=later)
            self.assertIsNone(later.challenged(challenge(nonce=nonce)))
            later.renumber(4)
            self.assertEqual(self.nonces(self.sent(attempt=later)), [sent])
            self.assertIsNotNone(later.challenged(challenge(nonce=nonce)))

    def test_a_realm_is_shown_to_people_as_one_short_line(self) -> None:
        """It comes from a stranger, and ends up in logs and on pages."""
        for realm, shown in (("caf\xe9", "caf\xe9"), ("a\tb\udc80\u202e", "a?b??"), ("x" * 100, "x" * 60)):
            self.setUp()
            self.attempt.challenged(challenge(realm))
            why = self.attempt.challenged(challenge(realm))
            self.assertEqual(why, f'wrong user or password for realm "{shown}"')

    def test_several_realms(self) -> None:
        """[D-SIP-9] A server and a proxy may have the same realm, and are two all the same."""
        for realm, status in (("r", 407), ("r", 401), ("s", 407)):
            self.assertIsNone(self.attempt.challenged(challenge(realm, f"{realm}{status}", status=status)))
            self.attempt.renumber(2)
        self.assertEqual(self.nonces(self.sent()), ["r401/1", "r407/1", "s407/1"])

    def test_whoever_a_redirection_leads_to(self) -> None:
        """[D-SIP-9] [D-SIP-10] Nobody has himself asked, to guess the password from our answer."""
        for realm, why in (("", 'we were sent on to realm "r", and no realm is set for our password'), ("r", None)):
            credentials = Credentials(Account("me", "secret", realm), CountedTokens("c"), foreign=True)
            self.assertEqual(Attempt(credentials).challenged(challenge()), why)

    def test_new_realms_for_ever(self) -> None:
        for number in range(MAX_ROUNDS):
            self.assertIsNone(self.attempt.challenged(challenge(f"r{number}")))
        self.assertEqual(self.attempt.challenged(challenge("r")), f"it was challenged {MAX_ROUNDS + 1} times running")


class Acks(CredentialsCase):
    """[D-SIP-7] What the ACK of a 2xx repeats."""

    def test_those_of_its_invite(self) -> None:
        self.attempt.challenged(challenge())
        self.attempt.renumber(2)
        second = self.sent("INVITE")
        third = self.sent("INVITE", 3, Attempt(self.credentials))
        self.sent("BYE", 4, Attempt(self.credentials))
        self.assertEqual(self.credentials.of_invite(2), credentials_of(second))
        self.assertEqual(self.credentials.of_invite(3), credentials_of(third))
        self.assertNotEqual(credentials_of(second), credentials_of(third))
        self.assertEqual([self.credentials.of_invite(number) for number in (1, 4)], [[], []])

    def test_only_the_last_ones_are_remembered(self) -> None:
        self.attempt.challenged(challenge())
        for number in range(MAX_INVITES + 1):
            self.sent("INVITE", number, Attempt(self.credentials))
        known = [number for number in range(MAX_INVITES + 1) if self.credentials.of_invite(number)]
        self.assertEqual(known, list(range(1, MAX_INVITES + 1)))

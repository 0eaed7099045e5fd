"""A server that asks one user for its password, and the answers of that user's client."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.sip.authentication import Authentication, Kind, TurnedAway, User, Users
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.uri import SipUri
from tests.sip.values import UDP_PEER, make_request
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

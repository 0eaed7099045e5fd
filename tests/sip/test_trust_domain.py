"""The border: whose word about identities comes through, and who has to prove its own."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.authentication import Authentication, TurnedAway, User, Users
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.trust_domain import TrustDomain
from pushsvc.sip.uri import SipUri
from tests.sip.authentication_case import RIGHT
from tests.sip.values import UDP_PEER, make_request
from tests.tokens import CountedTokens

CORE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
STRANGER = Hop("tcp", "198.51.100.7", 5060)
ASSERTED = [("p-asserted-identity", "<sip:boss@example.com>"), ("P-Asserted-Service", "urn:x")]


class Trusted(SynchronousTestCase):
    """[D-SIP-12] [R-INF-1] [F-18] P-Asserted-Identity (RFC 3325 §5)."""

    def test_a_peer_inside_is_believed(self) -> None:
        """Also when a socket for both families calls it otherwise."""
        request = make_request("MESSAGE", headers=ASSERTED)
        for host in ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"):
            self.assertIs(TrustDomain(CORE).entered(request, Hop("udp", host, 5060), 0.0), request)

    def test_a_stranger_cannot_assert_anything(self) -> None:
        """By default everybody is one. Nothing else is taken from it."""
        request = make_request("MESSAGE", headers=[*ASSERTED, ("Subject", "x")])
        for domain, host in ((TrustDomain(), "192.0.2.1"), (TrustDomain(CORE), "198.51.100.7")):
            entered = domain.entered(request, Hop("udp", host, 5060), 0.0)
            assert isinstance(entered, Request)
            self.assertEqual(entered.headers, request.headers.without("P-Asserted-Identity", "P-Asserted-Service"))

    def test_a_request_without_assertions_is_the_same_value(self) -> None:
        """Who says nothing pays nothing."""
        request = make_request("MESSAGE")
        self.assertIs(TrustDomain(CORE).entered(request, STRANGER, 0.0), request)


class Asked(SynchronousTestCase):
    """[F-18] E.12: who has to be a user."""

    def setUp(self) -> None:
        self.authentication = Authentication(CountedTokens("a"))
        self.domain = TrustDomain(CORE, self.authentication)
        self.admit(User("alice", "secret", SipUri.parse("sip:alice@example.com")))

    def admit(self, *users: User) -> None:
        self.authentication.admit(Users("example.com", ("SHA-256",), users))

    def is_asked(self, method: str, source: Hop = STRANGER, to: str = "<sip:bob@example.com>") -> bool:
        verdict = self.domain.entered(make_request(method, to=to), source, 0.0)
        return isinstance(verdict, TurnedAway) and verdict.status == 401

    def test_whatever_could_do_something(self) -> None:
        """Methods that nobody knows, too."""
        for method in ("INVITE", "MESSAGE", "REGISTER", "SUBSCRIBE", "NOTIFY", "BYE", "UPDATE", "FOO"):
            self.assertTrue(self.is_asked(method), method)
            self.assertFalse(self.is_asked(method, UDP_PEER), method)

    def test_what_cannot_or_need_not_be(self) -> None:
        """RFC 3261 §22.1; OPTIONS tells everybody the same."""
        for method in ("ACK", "CANCEL", "OPTIONS"):
            self.assertFalse(self.is_asked(method), method)

    def test_inside_a_dialog(self) -> None:
        """Whoever began it has proved it; but a MESSAGE brings what belongs to no dialog."""
        for method, asked in (
            ("BYE", False),
            ("INVITE", False),
            ("UPDATE", False),
            ("MESSAGE", True),
            ("OPTIONS", False),
        ):
            self.assertEqual(self.is_asked(method, to="<sip:bob@example.com>;tag=b"), asked, method)

    def test_without_users_nobody(self) -> None:
        """Those that came away with a reload included."""
        self.admit()
        self.assertFalse(self.is_asked("INVITE"))

    def test_who_has_proved_it_is_asserted(self) -> None:
        """[D-SIP-12] By us, whatever the request said; the credentials go no further."""
        asked = make_request("MESSAGE")
        verdict = self.domain.entered(asked, STRANGER, 0.0)
        assert isinstance(verdict, TurnedAway)
        (challenge,) = challenges_of(reply_to(asked, 401, to_tag="x", headers=verdict.headers))
        answer = challenge.answer(RIGHT, "MESSAGE", str(asked.uri), "c", 1)
        headers = [*ASSERTED, ("Authorization", answer), ("Subject", "x")]
        request = make_request("MESSAGE", headers=headers, body=b"x")
        entered = self.domain.entered(request, STRANGER, 0.0)
        assert isinstance(entered, Request)
        self.assertEqual(entered.headers.all("P-Asserted-Identity"), ["<sip:alice@example.com>"])
        for name, there in (("Authorization", False), ("P-Asserted-Service", False), ("Subject", True)):
            self.assertEqual(name in entered.headers, there, name)
        self.assertEqual((entered.core, entered.body), (request.core, b"x"))

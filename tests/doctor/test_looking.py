"""Who is at the other end of a connection, on the simulated network, with real TLS."""

from __future__ import annotations

import datetime
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from pushsvc.doctor.judgement.verdicts import Check, Verdict
from pushsvc.doctor.judgement.way import Look, Trouble, judge_looks
from pushsvc.doctor.looking import SECONDS, look_at
from pushsvc.net.identity import Identity, self_signed
from pushsvc.net.tls import Tls
from pushsvc.sip.hop import Hop
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.net.sides import ALICE, BOB, AgentTest, Side

PORT = 5061
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Looking(AgentTest):
    """Alice looks at Bob."""

    def tls(self, identity: Identity) -> Tls:
        return Tls(identity, authority=authority().write(Path(self.mktemp())))

    def bob(self, identity: Identity) -> None:
        Side(self.network, BOB, listen=(), tls=self.tls(identity)).agent.listen("tls", BOB, PORT)

    def look(self, transport: str = "tls", name: str = "core.example.com") -> Look:
        hop = Hop(transport, BOB, PORT, name=name)
        host = self.network.host(ALICE)
        look: Look = self.network.run(Deferred.fromCoroutine(look_at(hop, host, self.tls(identity_of("alice")))))
        self.network.settle(1.0)
        self.assertEqual([str(call) for call in self.network.clock.getDelayedCalls()], [])
        return look

    def judged(self, name: str = "core.example.com") -> Check:
        (check,) = judge_looks([self.look(name=name)], "sip.outbound_proxy", NOW.timestamp())
        return check

    def assert_failed(self, identity: Identity, text: str, step: str) -> None:
        self.bob(identity)
        check = self.judged()
        self.assertEqual(check.verdict, Verdict.FAILED, check)
        self.assertIn(text, check.text)
        self.assertIn(step, check.next)

    def test_the_right_one(self) -> None:
        self.bob(authority().issue("core.example.com"))
        check = self.judged()
        self.assertEqual(check.verdict, Verdict.OK, check)
        self.assertIn("name and chain are good", check.text)

    def test_a_certificate_for_another_name(self) -> None:
        """[F-18] RFC 5922."""
        other = authority().issue("www.example.com")
        self.assert_failed(other, "is for www.example.com, not for core", "sip.outbound_proxy")

    def test_a_certificate_that_we_know_no_authority_of(self) -> None:
        self.assert_failed(authority("stranger").issue("core.example.com"), "no authority that we know", "tls.ca")

    def test_a_certificate_that_nobody_signed(self) -> None:
        own = self_signed(Path(self.mktemp()), "core.example.com", NOW.timestamp())
        self.assert_failed(own, "no authority that we know", "tls.ca")

    def test_a_certificate_that_has_expired(self) -> None:
        self.assert_failed(authority().issue("core.example.com", NOW - DAY), "has expired", "renew")

    def test_a_certificate_from_the_future(self) -> None:
        self.assert_failed(authority().issue("core.example.com", begin=NOW + DAY), "not valid yet", "clock")

    def test_a_certificate_that_ends_soon(self) -> None:
        self.bob(authority().issue("core.example.com", NOW + 3 * DAY))
        check = self.judged()
        self.assertEqual((check.verdict, check.text.rpartition(" ends in ")[2]), (Verdict.WARNING, "2 days"))

    def test_a_port_without_tls(self) -> None:
        """The one for TCP, mostly."""
        Side(self.network, BOB, listen=()).agent.listen("tcp", BOB, PORT)
        self.assertIs(self.look().trouble, Trouble.NO_TLS)

    def test_a_port_that_accepts_and_says_nothing(self) -> None:
        self.network.host(BOB).listenTCP(PORT, Factory.forProtocol(Protocol))
        began = self.network.clock.seconds()
        self.assertIs(self.look().trouble, Trouble.NO_TLS)
        self.assertLess(self.network.clock.seconds() - began, SECONDS + 2.0)
        self.assertIsNone(self.look("tcp").trouble)

    def test_nobody(self) -> None:
        self.assertIs(self.look("tcp").trouble, Trouble.REFUSED)
        self.network.unplug(BOB)
        self.assertIs(self.look("tls").trouble, Trouble.SILENT)

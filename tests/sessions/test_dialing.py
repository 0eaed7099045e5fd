"""From a call to a session. Whole calls are in `tests.conversations`."""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Refused, TimedOut, Unreachable
from pushsvc.sessions.dialing import Call, Dialing
from pushsvc.sessions.offer_body import Icon, Offer, read_offer
from pushsvc.sessions.session import Session
from pushsvc.sip.uri import SipUri
from tests.agents import Agent
from tests.sessions.scripted import ScriptedAgent
from tests.sessions.values import BOB, FIELDS, file
from tests.sim import Network


class Calls(SynchronousTestCase):
    """Alice dials; what is answered, the test says."""

    def setUp(self) -> None:
        self.clock, self.agent = Clock(), ScriptedAgent()
        self.alice = Agent(Network(), "192.0.2.10", "alice")
        self.begun: list[Session] = []
        self.asked: list[tuple[str, int, int]] = []

    def dial(self, icon: str | None = None, **facts: object) -> Deferred[Session]:
        floors = attrs.evolve(self.alice.floors, agent=self.agent)
        files = (file(path=(), icon=icon),)
        call = Call(BOB, files, self._describe, "call", user="alice", **facts)  # type: ignore[arg-type]
        dialing = Dialing(floors, call, self.begun.append, lambda session: None)
        return Deferred.fromCoroutine(dialing.dial())

    def _describe(self, contact: SipUri, interval: int, min_se: int) -> list[tuple[str, str]]:
        self.asked.append((str(contact), interval, min_se))
        return FIELDS

    def test_the_invite_offers_the_files_by_paths_of_ours(self) -> None:
        """[R-PSA-EST-8] [R-PSA-EST-10]"""
        self.dial(session_expires=600)
        (invite,) = self.agent.sent
        (session,) = self.alice.msrp._sessions.values()
        self.assertIn(f"a=path:{session.own}".encode(), invite.body)
        self.assertEqual(self.asked, [("sip:alice@192.0.2.10:5060", 600, 90)])
        self.assertEqual((invite.uri, self.agent.next_hops), (BOB, [BOB]))

    def test_it_goes_to_the_proxy_where_there_is_one(self) -> None:
        """[R-PSA-EST-11]"""
        proxy = SipUri.parse("sip:proxy.example.com;lr")
        self.dial(route=proxy)
        self.assertEqual(self.agent.next_hops, [proxy])
        self.assertEqual(self.agent.sent[0].headers.get("route"), f"<{proxy}>")

    def test_a_422_is_answered_with_what_is_enough_and_once(self) -> None:
        """[R-PSA-EST-6]"""
        dialing = self.dial(session_expires=90)
        self.agent.answer(422, ("Min-SE", "300"))
        self.agent.answer(422, ("Min-SE", "600"))
        self.assertEqual(self.failureResultOf(dialing, Refused).value.status, 422)
        self.assertEqual([asked[1:] for asked in self.asked], [(90, 90), (300, 300)])
        self.assertEqual([each.cseq.number for each in self.agent.sent], [1, 2])

    def test_a_redirection_is_followed_with_the_same_offer(self) -> None:
        """[D-SIP-10] Over TLS the Contact says so (RFC 3261 §8.1.1.8); the proxy stays on the way."""
        proxy = SipUri.parse("sip:proxy.example.com;lr")
        for route in (None, proxy):
            self.setUp()
            dialing = self.dial(route=route)
            self.agent.answer(302, ("Contact", "<sips:bob@192.0.2.30>"))
            first, second = self.agent.sent
            self.assertEqual([str(each.uri) for each in self.agent.sent], [str(BOB), "sips:bob@192.0.2.30"])
            self.assertEqual((first.body, second.cseq.number), (second.body, 2))
            contacts = [contact for contact, _, _ in self.asked]
            self.assertEqual(contacts, ["sip:alice@192.0.2.10:5060", "sips:alice@192.0.2.10:5060"])
            self.assertEqual(self.agent.next_hops, [route or BOB, route or second.uri])
            self.agent.answer(486)
            self.assertEqual(self.failureResultOf(dialing, Refused).value.status, 486)
            self.assertEqual(self.alice.msrp.sessions, 0)

    def test_a_peer_that_takes_no_icons_gets_the_same_offer_without(self) -> None:
        """[D-SIP-10] [R-PSA-EST-8] One attempt: same Call-ID and tag, one CSeq more; then its word is final."""
        for status in (415, 488):
            self.agent.sent.clear()
            dialing = self.dial("1@h", icons={"1@h": Icon("image/png", b"x")})
            self.agent.answer(status)
            with_icon, plain = self.agent.sent
            first, second = read_offer(with_icon), read_offer(plain)
            self.assertEqual(list(first.icons), ["1@h"])
            self.assertEqual(plain.headers.get("content-type"), "application/sdp")
            self.assertEqual(second, Offer(sdp.again(first.description)))
            self.assertNotIn(b"a=file-icon", plain.body)
            self.assertEqual([first.description.origin.version, second.description.origin.version], [1, 2])
            self.assertEqual((plain.cseq.number, plain.call_id, plain.from_), (2, with_icon.call_id, with_icon.from_))
            self.assertIsNone(plain.to.tag)
            self.agent.answer(status)
            self.assertEqual(self.failureResultOf(dialing, Refused).value.status, status)
            self.assertEqual((len(self.agent.sent), self.alice.msrp.sessions, self.begun), (2, 0, []))

    def test_without_icons_a_415_is_final(self) -> None:
        """[D-SIP-10]"""
        dialing = self.dial()
        self.agent.answer(415)
        self.assertEqual(self.failureResultOf(dialing, Refused).value.status, 415)
        self.assertEqual(len(self.agent.sent), 1)

    def test_a_422_to_either_form_is_answered_in_that_form(self) -> None:
        """[R-PSA-EST-6]"""
        dialing = self.dial("1@h", icons={"1@h": Icon("image/png", b"x")}, session_expires=90)
        for status, minimum in ((422, "300"), (415, ""), (422, "600"), (486, "")):
            self.agent.answer(status, *([("Min-SE", minimum)] if minimum else []))
        self.failureResultOf(dialing, Refused)
        self.assertEqual([asked[1] for asked in self.asked], [90, 300, 300, 600])
        self.assertEqual([len(read_offer(each).icons) for each in self.agent.sent], [1, 1, 0, 0])

    def test_sent_on_to_one_who_wants_longer_and_takes_no_icons(self) -> None:
        """[D-SIP-10] All of it in one attempt: each request one number on, the plain offer from the first target on."""
        there = ("Contact", "<sip:bob@192.0.2.30>")
        dialing = self.dial("1@h", icons={"1@h": Icon("image/png", b"x")}, session_expires=90)
        for status, *headers in ((302, there), (422, ("Min-SE", "300")), (415,), (302, there)):
            self.agent.answer(status, *headers)
        invites = self.agent.sent
        self.assertEqual(
            [str(each.uri.host) for each in invites], [BOB.host, *["192.0.2.30"] * 2, BOB.host, "192.0.2.30"]
        )
        self.assertEqual([each.cseq.number for each in invites], [1, 2, 3, 4, 5])
        self.assertEqual([len(read_offer(each).icons) for each in invites], [1, 1, 1, 0, 0])
        self.assertEqual([asked[1] for asked in self.asked], [90, 90, 300, 300, 300])
        self.assertEqual(self.agent.foreign, [False, True, True, False, True])
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.assertEqual((self.agent.withdrawn, self.alice.msrp.sessions, self.begun), ([invites[-1]], 0, []))

    def test_with_a_proxy_nobody_sends_us_anywhere(self) -> None:
        """It is still the proxy that we speak to, wherever it is, and that has our credentials."""
        self.dial(route=SipUri.parse("sip:127.0.0.1;lr"))
        self.agent.answer(302, ("Contact", "<sip:bob@192.0.2.30>"))
        self.assertEqual(self.agent.foreign, [False, False])

    def test_whatever_fails_leaves_no_msrp_session_behind(self) -> None:
        failures = {
            Refused: lambda: self.agent.answer(486),
            TimedOut: lambda: self.agent.fail(TimedOut("no answer")),
            Unreachable: lambda: self.agent.answer(200, ("Contact", "<tel:+1>")),
        }
        for error, happen in failures.items():
            dialing = self.dial()
            self.assertEqual(self.alice.msrp.sessions, 1)
            happen()
            self.failureResultOf(dialing, error)
            self.assertEqual((self.alice.msrp.sessions, self.begun), (0, []))

    def test_an_answer_that_cannot_be_used_is_acknowledged_and_ended(self) -> None:
        """RFC 3261 §13.2.2.4."""
        dialing = self.dial()
        self.agent.answer(200, ("Contact", f"<{BOB}>"), body=b"rubbish")
        self.assertFalse(self.failureResultOf(dialing, Unreachable).value.retry)
        self.assertEqual(self.agent.methods(), ["INVITE", "ACK", "BYE"])
        self.assertEqual(len(self.begun), 1)
        self.agent.answer(200)
        self.assertEqual(self.alice.msrp.sessions, 0)

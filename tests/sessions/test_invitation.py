"""An INVITE that waits for a decision."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Misuse
from pushsvc.sessions.invitation import Accepted, Invitation
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.message import Request, cancel_of
from pushsvc.sip.uri import SipUri
from tests.sessions.scripted import HOP, ScriptedAgent, floors_on
from tests.sessions.values import invite, offer


class Deciding(SynchronousTestCase):
    """Two files are offered."""

    def setUp(self) -> None:
        self.clock, self.agent = Clock(), ScriptedAgent()
        self.events: list[object] = []
        self.invite = invite()
        self.invitation = Invitation(
            floors_on(self.agent, self.clock),
            self.invite,
            sdp.media(offer("a", "b")),
            (self.invite, HOP),
            Dialog.from_invite(self.invite, "tag", SipUri.parse("sip:bob@192.0.2.20;transport=tcp")),
            self._accepted,
            lambda: self.events.append("refused"),
        )
        self.invitation.on_cancelled = lambda: self.events.append("cancelled")

    def _accepted(self, accepted: Accepted):  # type: ignore[no-untyped-def]
        self.events.append(accepted)
        return "session"

    def test_it_tells_who_calls_and_what_is_offered(self) -> None:
        self.assertEqual((self.invitation.request, self.invitation.source), (self.invite, HOP))
        self.assertEqual([line.transfer_id for line in self.invitation.lines], ["id-a", "id-b"])

    def test_it_is_accepted_line_by_line(self) -> None:
        """Nothing is said on the wire by that: whoever made the invitation does."""
        accepted = self.invitation.accept([None, None], lambda contact: [], ["text/*"])
        self.assertEqual(accepted, "session")
        (event,) = self.events
        assert isinstance(event, Accepted)
        self.assertEqual((event.takes, event.accept_types), ((None, None), ("text/*",)))
        self.assertEqual(self.agent.sent, [])

    def test_it_is_decided_once(self) -> None:
        """An answer that comes too late must not make a session out of nothing."""
        self.assertRaises(Misuse, self.invitation.accept, [None], lambda contact: [])
        self.invitation.refuse(603)
        self.invitation.refuse(486)
        self.invitation.ring()
        self.invitation.withdraw(487)
        self.assertRaises(Misuse, self.invitation.accept, [None, None], lambda contact: [])
        self.assertEqual((self.agent.methods(), self.events), (["603"], ["refused"]))

    def test_a_refusal_has_our_tag_and_headers(self) -> None:
        self.invitation.refuse(503, [("Retry-After", "30")])
        (response,) = self.agent.sent
        self.assertEqual((response.to.tag, response.headers.get("retry-after")), ("tag", "30"))

    def test_it_rings_each_minute_until_it_is_decided(self) -> None:
        """[D-SIP-13]"""
        self.invitation.ring()
        self.clock.pump([60.0, 60.0])
        self.assertEqual(self.agent.methods(), ["180"] * 3)
        self.invitation.accept([None, None], lambda contact: [])
        self.clock.advance(120.0)
        self.assertEqual((self.agent.methods(), self.clock.getDelayedCalls()), (["180"] * 3, []))

    def test_it_says_where_we_are_when_it_rings(self) -> None:
        """RFC 3261 §12.1.1: a 180 makes an early dialog, and there is none without a Contact."""
        self.invitation.ring()
        self.invitation.ring(f"<{self.invitation.contact}>;+g.x")
        self.clock.advance(60.0)
        contacts = [response.headers.get("contact") for response in self.agent.sent]
        uri = "<sip:bob@192.0.2.20;transport=tcp>"
        self.assertEqual(contacts, [uri, f"{uri};+g.x", f"{uri};+g.x"])

    def test_it_is_withdrawn(self) -> None:
        self.invitation.ring()
        self.invitation.withdraw(487)
        self.assertEqual((self.agent.methods(), self.events), (["180", "487"], ["refused", "cancelled"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_which_cancel_means_it(self) -> None:
        cancel = cancel_of(self.invite)
        self.assertTrue(self.invitation.answers(cancel))
        for name, value in (("Call-ID", "x"), ("From", "<sip:a@b>;tag=x"), ("CSeq", "2 CANCEL")):
            forged = Request("CANCEL", cancel.uri, cancel.headers.replaced(name, value))
            self.assertFalse(self.invitation.answers(forged), name)

    def test_which_requests_are_of_its_early_dialog(self) -> None:
        for tag, expected in ((";tag=tag", True), (";tag=x", False), ("", False)):
            headers = self.invite.headers.replaced("To", f"<sip:bob@192.0.2.20>{tag}")
            self.assertEqual(self.invitation.is_early_dialog_of(self.invite.evolve(headers=headers)), expected)

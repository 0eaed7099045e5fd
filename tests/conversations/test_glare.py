"""Requests inside a dialog that come at the wrong time, in the wrong order, or from the wrong people."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import gatherResults

from pushsvc import sdp
from pushsvc.errors import Refused, TimedOut
from pushsvc.sessions import Ended, Session
from pushsvc.sip.codec import encode
from pushsvc.sip.headers import Headers, Via
from pushsvc.sip.message import Message, Request, Response, reply_to
from tests.agents import Octets
from tests.conversations.case import ALICE, BOB, NOTICE, ConversationCase, intercept, refuse


class Glare(ConversationCase):
    """Two INVITEs that meet."""

    def setUp(self) -> None:
        self.begin()

    def test_both_sides_change_the_session_at_once(self) -> None:
        """[D-SIP-6] Each says 491, each tries again after its own wait, and both changes hold in the end."""
        contents = [NOTICE, Octets(b"b"), Octets(b"c")]
        alice = self.opened(*contents)
        self.network.run(alice.lines[2].send(contents[2]))
        bob = self.session_of(self.bob)
        both = gatherResults([self.start(alice.close_lines([0])), self.start(bob.close_lines([1]))])
        self.network.run(both)
        self.assertIn("alice 491 INVITE", self.ladder)
        self.assertIn("bob 491 INVITE", self.ladder)
        for session in (alice, bob):
            self.assertEqual([line.is_open for line in session.lines], [False, False, True])
        self.network.run(alice.close())
        self.assert_nothing_left()

    def test_how_long_each_side_waits(self) -> None:
        """[D-SIP-6] 2.1 to 4 s in steps of 10 ms for who made the Call-ID, 0 to 2 s for the other."""
        alice = self.opened(NOTICE, NOTICE)
        bob = self.session_of(self.bob)
        for fraction, waits in ((0.0, (2.1, 0.0)), (0.999999, (4.0, 2.0)), (0.5, (3.05, 1.0))):
            self.patch(self.alice.tokens, "fraction", lambda fraction=fraction: fraction)
            self.patch(self.bob.tokens, "fraction", lambda fraction=fraction: fraction)
            self.assertEqual((alice._own._back_off(), bob._own._back_off()), waits)

    def test_a_change_that_is_refused_with_491_is_made_again(self) -> None:
        """[D-SIP-6] With the next CSeq, and as things are by then."""
        session = self.opened(NOTICE, NOTICE)
        refuse(self.bob, "INVITE", 491, times=1)
        started = self.network.clock.seconds()
        self.run_story(session.close_lines([0]))
        waited = self.network.clock.seconds() - started
        self.assertTrue(2.1 <= waited <= 4.2, waited)
        self.assertEqual([invite.cseq.number for invite in self.alice_said.requests("INVITE")], [1, 2, 3])
        self.assertEqual([line.is_open for line in session.lines], [False, True])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_peer_that_says_491_for_ever(self) -> None:
        """It is given up after four tries."""
        session = self.opened(NOTICE, NOTICE)
        refuse(self.bob, "INVITE", 491)
        error = self.failed(self.start(session.close_lines([0])), Refused)
        self.assertEqual((error.status, error.retry), (491, True))
        self.assertEqual(len(self.alice_said.requests("INVITE")), 5)
        self.assertTrue(session.is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_session_that_ends_while_a_try_is_waited_for(self) -> None:
        """The wait ends with it."""
        session = self.opened(NOTICE, NOTICE)
        refuse(self.bob, "INVITE", 491)
        changing = self.start(session.close_lines([0]))
        self.network.settle(0.5)
        self.session_of(self.bob).close()
        self.network.settle(0.5)
        self.assertEqual(self.failureResultOf(changing).value.reason, "the peer hung up")
        self.assert_nothing_left()

    def test_our_own_changes_wait_for_one_another(self) -> None:
        """One INVITE at a time (RFC 3261 §14.1)."""
        session = self.opened(NOTICE, NOTICE, NOTICE)
        self.network.run(gatherResults([self.start(session.close_lines([line])) for line in (0, 1)]))
        self.assertEqual([invite.cseq.number for invite in self.alice_said.requests("INVITE")], [1, 2, 3])
        self.assertNotIn("bob 491 INVITE", self.ladder)
        self.assertNotIn("bob 500 INVITE", self.ladder)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_change_that_nobody_answers_ends_the_session(self) -> None:
        """RFC 3261 §12.2.1.2."""
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.lines[1].send(NOTICE))
        self.network.unplug(BOB)
        self.failed(self.start(session.close_lines([0])), TimedOut)
        self.assertFalse(session.is_alive)
        self.network.settle(1800.0)  # Bob, who has no network, learns it from the session interval
        self.assert_nothing_left()

    def test_a_peer_that_answers_a_change_with_nonsense(self) -> None:
        """ACK and BYE: nobody knows what is agreed."""
        for body in (b"", b"rubbish", b"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 x\r\nt=0 0\r\n"):
            self.begin()
            session = self.opened(NOTICE, NOTICE)
            bob_answers = self._answering(body)
            intercept(self.bob, bob_answers)
            changing = self.start(session.close_lines([0]))
            self.network.settle(1.0)
            if body:
                self.assertFalse(self.failureResultOf(changing).value.retry)
                self.assertEqual(self.ladder[-3:], ["alice ACK", "alice BYE", "bob 200 BYE"])
                self.assertFalse(session.is_alive)
            else:  # an answer that is left out is what it was
                self.successResultOf(changing)
                self.network.run(session.close())
            self.assert_nothing_left()

    def _answering(self, body: bytes) -> Callable[[Request], Response | None]:
        def answer(request: Request) -> Response | None:
            if request.method != "INVITE":
                return None
            kind = [("Content-Type", "application/sdp")] if body else []
            return reply_to(request, 200, headers=[("Contact", f"<sip:bob@{BOB}>"), *kind], body=body)

        return answer


class Order(ConversationCase):
    """What a peer says that does not keep to the numbers."""

    def setUp(self) -> None:
        self.begin()
        self.session = self.opened(NOTICE, NOTICE)
        self.ladder.clear()

    def forge(self, method: str, number: int = 2, **changes: str) -> Request:
        """A request of Alice's dialog as somebody could make it; `changes` are headers."""
        via = Via("UDP", ALICE, 5060, (("branch", f"z9hG4bKforged{self.network.chance.random()}"), ("rport", None)))
        dialog = attrs.evolve(self.session.dialog, local_cseq=number - 1)
        fields = [("Contact", f"<sip:mallory@{ALICE}>"), ("Supported", "timer")]
        request = dialog.request(method, via, fields)[0]
        headers = request.headers
        for name, value in changes.items():
            headers = headers.replaced(name.replace("_", "-"), value)
        return request.evolve(headers=headers)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.network.carry(encode(message), (ALICE, 5060), (BOB, 5060))
            self.network.settle(0.2)

    def test_a_number_that_is_too_low(self) -> None:
        """[D-SIP-6] 500, whatever is asked, and nothing changes."""
        methods = ("UPDATE", "BYE", "OPTIONS", "INVITE")
        self.say(*(self.forge(method, 1) for method in methods))
        self.assertEqual(self.ladder, [f"bob 500 {method}" for method in methods])
        self.assertEqual(self.log.troubles(), ["sip resp 500"] * 4)
        self.assert_unharmed()

    def test_tags_and_call_ids_of_somebody_else(self) -> None:
        """[R-PRA-REL-1] 481, and nothing changes: who does not know all three is a stranger."""
        dialog = self.session.dialog
        for method in ("BYE", "UPDATE", "INVITE"):
            self.ladder.clear()
            self.log.events.clear()
            self.say(
                self.forge(method, From=f"{dialog.local.uri};tag=forged"),
                self.forge(method, To=f"<{dialog.remote.uri}>;tag=forged"),
                self.forge(method, Call_ID="forged"),
            )
            self.assertEqual(set(self.ladder), {f"bob 481 {method}"})
            self.assertEqual(self.log.troubles(), ["sip resp 481"] * len(self.ladder))
            self.network.settle(5.0)
        self.assert_unharmed()

    def test_an_ack_of_somebody_else(self) -> None:
        self.say(self.forge("ACK", 1, Call_ID="forged"), self.forge("ACK", 7))
        self.assertEqual(self.ladder, [])
        self.assert_unharmed()

    def test_a_cancel_of_what_was_answered(self) -> None:
        """[R-PSA-CAN-1] RFC 6026 keeps the INVITE; the CANCEL is 200 and changes nothing."""
        invite = self.alice_said.requests("INVITE")[0]
        headers = Headers(
            (name, value) for name, value in invite.headers if name in ("Via", "From", "To", "Call-ID", "Max-Forwards")
        )
        self.say(Request("CANCEL", invite.uri, headers.added("CSeq", "1 CANCEL")))
        self.assertEqual(self.ladder, ["bob 200 CANCEL"])
        self.assert_unharmed()

    def test_a_change_that_is_refused_moves_nothing(self) -> None:
        """The target stays where it was: a refused re-INVITE has never been (RFC 6141)."""
        offer = sdp.parse(self.alice_said.requests("INVITE")[0].body)
        shorter = sdp.format(attrs.evolve(offer, sections=offer.sections[:1]))
        request = self.forge("INVITE", 2)
        headers = request.headers.added("Content-Type", "application/sdp")
        self.say(request.evolve(headers=headers, body=shorter))
        self.assertEqual(self.ladder[0], "bob 488 INVITE")
        self.assertEqual(str(self.session_of(self.bob).dialog.target), f"sip:alice@{ALICE}:5060;transport=tcp")

    def test_a_change_that_is_granted_moves_the_target(self) -> None:
        """[R-PRA-INV-3] Session Identity is the Contact of the last INVITE or UPDATE."""
        self.say(self.forge("UPDATE", 2))
        self.assertEqual(self.ladder, ["bob 200 UPDATE"])
        self.assertEqual(str(self.session_of(self.bob).dialog.target), f"sip:mallory@{ALICE}")
        bob = self.session_of(self.bob)
        bob.close()
        self.network.settle(0.2)
        self.assertEqual(str(self.bob_said.requests("BYE")[0].uri), f"sip:mallory@{ALICE}")

    def test_a_re_invite_that_is_granted_moves_the_target(self) -> None:
        """[R-PRA-INV-3] As an UPDATE does; BYE waits for its ACK, as RFC 3261 §15 has it."""
        invite = self.forge("INVITE", 2)
        headers = invite.headers.added("Content-Type", "application/sdp")
        self.say(invite.evolve(headers=headers, body=self.alice_said.requests("INVITE")[0].body))
        self.say(self.forge("ACK", 2))
        self.assertEqual(self.ladder[0], "bob 200 INVITE")  # and Alice, who has not asked, does what she can
        self.session_of(self.bob).close()
        self.network.settle(0.2)
        self.assertEqual(str(self.bob_said.requests("BYE")[0].uri), f"sip:mallory@{ALICE}")

    def test_an_invite_without_an_offer_asks_for_ours(self) -> None:
        """RFC 3261 §14.2: what is agreed, once more."""
        before = self.bob_said.responses("INVITE")[0]
        self.say(self.forge("INVITE", 2))
        answer = self.bob_said.responses("INVITE")[1]
        self.assertEqual((answer.status, answer.body), (200, before.body))

    def test_a_change_that_cannot_be_read(self) -> None:
        for kind, body, status in (
            ("application/sdp", b"rubbish", (400, 488)),
            ("text/plain", b"x", (415,)),
        ):
            request = self.forge("UPDATE", 10 + len(body))
            headers = request.headers.added("Content-Type", kind)
            self.say(request.evolve(headers=headers, body=body))
            self.assertIn(self.bob_said.responses("UPDATE")[-1].status, status)
        self.assertTrue(self.session_of(self.bob).is_alive)

    def assert_unharmed(self) -> None:
        session = self.session
        assert isinstance(session, Session)
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assertTrue(self.session_of(self.bob).is_alive)
        bob = self.session_of(self.bob).when_ended()
        self.network.run(session.close())
        self.assertEqual(self.successResultOf(bob), Ended("the peer hung up", ours=False))
        self.assert_nothing_left()

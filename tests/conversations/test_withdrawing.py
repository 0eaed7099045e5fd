"""Between the INVITE and its final answer: ringing, withdrawing, losing patience (flows 6 and 7)."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import Misuse, Refused, TimedOut
from pushsvc.sessions import Ended, Invitation, Session
from pushsvc.sip.codec import encode
from pushsvc.sip.headers import Headers
from pushsvc.sip.message import Message, Request, Response, cancel_of
from tests.agents import Kept
from tests.conversations.case import ALICE, BOB, NOTICE, TO_BOB, ConversationCase
from tests.conversations.stranger import Stranger


class Waiting(ConversationCase):
    """Bob does not answer at once."""

    def setUp(self) -> None:
        self.begin()
        self.invitations: list[Invitation] = []
        self.withdrawn = 0
        self.bob.sessions.on_invitation = self._invited

    def _invited(self, invitation: Invitation) -> None:
        self.invitations.append(invitation)
        invitation.on_cancelled = self._cancelled
        self.network.clock.callLater(0.3, invitation.ring)

    def _cancelled(self) -> None:
        self.withdrawn += 1

    def dialing(self, seconds: float = 1.0, **facts: object):  # type: ignore[no-untyped-def]
        dialing = self.alice.dial(TO_BOB, NOTICE, **facts)
        self.network.settle(seconds)
        return dialing

    def answered(self, dialing: Deferred[Session]) -> None:
        """Bob can still take it, and nothing is left of it afterwards."""
        self.bob.accept(self.invitations[0], self.kept)
        self.network.run(self.network.run(dialing).close())
        self.assert_nothing_left()

    def test_bob_rings_and_then_takes_it(self) -> None:
        """[D-SIP-13] 100 by itself after 200 ms, 180 when somebody is asked, then the 200 with the tag of the 180."""
        dialing = self.dialing(5.0)
        self.bob.accept(self.invitations[0], [])
        session = self.network.run(dialing)
        self.assertEqual(
            self.ladder, ["alice INVITE", "bob 100 INVITE", "bob 180 INVITE", "bob 200 INVITE", "alice ACK"]
        )
        ringing, answer = self.bob_said.responses("INVITE")[1:]
        self.assertEqual(ringing.to.tag, answer.to.tag)
        self.network.run(session.close())
        self.assert_nothing_left()

    def assert_one_tag(self) -> None:
        """RFC 3261 §9.2: a CANCEL is answered with the tag of its INVITE's answer."""
        (cancelled,) = self.bob_said.responses("CANCEL")
        self.assertEqual(cancelled.to.tag, self.bob_said.responses("INVITE")[-1].to.tag)

    def test_it_rings_again_every_minute(self) -> None:
        """[D-SIP-13] Or a proxy on the way would give up."""
        dialing = self.dialing(130.0)
        self.assertEqual([each.status for each in self.bob_said.responses("INVITE")], [100, 180, 180, 180])
        self.invitations[0].refuse(603)
        self.network.settle(100.0)
        self.assertEqual(self.bob_said.responses("INVITE")[-1].status, 603)
        self.failureResultOf(dialing)
        self.assert_nothing_left()

    def test_a_withdrawn_call_is_cancelled(self) -> None:
        """[R-PSA-CAN-1] Flow 6: CANCEL with the branch of the INVITE; whoever was asked need not decide any more."""
        dialing = self.dialing()
        dialing.cancel()
        self.network.settle(1.0)
        self.failureResultOf(dialing, CancelledError)
        self.assertEqual(self.ladder[3:], ["alice CANCEL", "bob 200 CANCEL", "bob 487 INVITE", "alice ACK"])
        self.assert_one_tag()
        (invite,), (cancel,) = self.alice_said.requests("INVITE"), self.alice_said.requests("CANCEL")
        self.assertEqual((cancel.via, cancel.uri, cancel.cseq.number), (invite.via, invite.uri, invite.cseq.number))
        self.assertEqual(self.withdrawn, 1)
        self.assertRaises(Misuse, self.bob.accept, self.invitations[0], [])
        self.assert_nothing_left()

    def test_nothing_is_cancelled_before_it_was_heard_of(self) -> None:
        """[R-PSA-CAN-1] [A-25] The CANCEL waits for the first provisional answer."""
        dialing = self.dialing(0.1)
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.network.settle(0.05)
        self.assertEqual(self.ladder, ["alice INVITE"])
        self.network.settle(1.0)
        self.assertEqual(self.ladder[1:3], ["bob 100 INVITE", "alice CANCEL"])
        self.assert_nothing_left()

    def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended(self) -> None:
        """[R-PSA-CAN-1] Flow 7: a 2xx always wins; no MSRP connection is opened."""
        dialing = self.dialing()
        dialing.cancel()
        session = self.bob.accept(self.invitations[0], [])
        self.network.settle(1.0)
        self.failureResultOf(dialing, CancelledError)
        self.assertEqual(
            self.ladder[3:],
            ["alice CANCEL", "bob 200 INVITE", "bob 200 CANCEL", "alice ACK", "alice BYE", "bob 200 BYE"],
        )
        self.assert_one_tag()
        self.assertEqual(self.successResultOf(session.when_ended()), Ended("the peer hung up", ours=False))
        self.assertEqual(self.withdrawn, 0)
        self.assertEqual([stream for stream in self.network.streams if stream.remote == (BOB, 2855)], [])
        self.assert_nothing_left()

    def test_an_answer_that_does_not_come_is_waited_for_so_long(self) -> None:
        """The wait counts from the first provisional answer; then CANCEL."""
        dialing = self.dialing(answer_timeout=30.0)
        self.network.settle(28.0)
        self.assertNoResult(dialing)
        self.network.settle(2.0)
        self.assertEqual(self.failureResultOf(dialing, TimedOut).value.reason, "no final answer within 30 s")
        self.assertEqual(self.ladder[3:], ["alice CANCEL", "bob 200 CANCEL", "bob 487 INVITE", "alice ACK"])
        self.assertEqual(self.withdrawn, 1)
        self.assert_nothing_left()

    def test_a_caller_that_hangs_up_before_the_answer(self) -> None:
        """[R-PRA-REL-2] A BYE in the early dialog: 200, and the INVITE gets 487."""
        dialing = self.dialing()
        invite, ringing = self.alice_said.requests("INVITE")[0], self.bob_said.responses("INVITE")[-1]
        self._say(invite, "BYE", ringing.to.tag or "")
        self.assertEqual(self.ladder[3:6], ["bob 200 BYE", "bob 487 INVITE", "alice ACK"])
        self.assertEqual(self.failureResultOf(dialing, Refused).value.status, 487)
        self.assertEqual(self.withdrawn, 1)
        self.assert_nothing_left()

    def test_a_bye_with_another_tag_ends_nothing(self) -> None:
        """[R-PRA-REL-1] Nor does one of another caller."""
        dialing = self.dialing()
        self._say(self.alice_said.requests("INVITE")[0], "BYE", "forged")
        self.assertEqual(self.ladder[3:], ["bob 481 BYE"])
        self.assertEqual(self.withdrawn, 0)
        self.answered(dialing)

    def test_a_forged_cancel_ends_nothing(self) -> None:
        """Another Call-ID, another tag, another branch: each is 481 and means no INVITE."""
        dialing = self.dialing()
        cancel = cancel_of(self.alice_said.requests("INVITE")[0])
        for name, value in (
            ("Call-ID", "another"),
            ("From", "<sip:alice@example.com>;tag=another"),
            ("Via", f"SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bKanother;rport"),
        ):
            self.network.carry(*self._datagram(cancel.evolve(headers=cancel.headers.replaced(name, value))))
            self.network.settle(0.2)
        self.assertEqual(self.ladder[3:], ["bob 481 CANCEL"] * 3)
        self.answered(dialing)

    def test_closing_everything_refuses_what_is_undecided(self) -> None:
        """[R-PRA-INV-2a] 503, and whoever was asked need not decide any more."""
        dialing = self.dialing()
        self.successResultOf(self.bob.sessions.close_all("the service stops"))
        self.network.settle(1.0)
        self.assertEqual(self.failureResultOf(dialing).value.status, 503)
        self.assertEqual(self.withdrawn, 1)
        self.assert_nothing_left()

    def _say(self, invite: Request, method: str, tag: str) -> None:
        """From Alice's socket, a request that her agent knows nothing of."""
        headers = Headers(
            {
                "Via": f"SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bKearly;rport",
                "From": str(invite.from_),
                "To": f"{invite.to};tag={tag}",
                "Call-ID": invite.call_id,
                "CSeq": f"2 {method}",
            }.items()
        )
        self.network.carry(*self._datagram(Request(method, invite.uri, headers)))
        self.network.settle(0.2)

    def _datagram(self, message: Message) -> tuple[bytes, tuple[str, int], tuple[str, int]]:
        return encode(message), (ALICE, 5060), (BOB, 5060)


class Silence(ConversationCase):
    """Nobody says anything."""

    def test_an_invite_into_nothing_times_out(self) -> None:
        """Timer B: 32 s."""
        self.begin(udp=True)
        error = self.failed(self.alice.dial("sip:bob@192.0.2.99", NOTICE), TimedOut)
        self.assertTrue(error.retry)
        self.assertEqual(self.network.clock.seconds(), 32.0)
        self.assert_nothing_left()

    def test_a_late_200_to_a_withdrawn_call_is_turned_away_once(self) -> None:
        """[R-PSA-CAN-1] [D-SIP-7] Each 200 gets an ACK, and there is one BYE."""
        self.begin(udp=True)
        self.network.meddle = lambda message: 2 if isinstance(message, Response) and message.status == 200 else 1
        kept: list[Kept] = []

        def later(invitation: Invitation) -> None:
            self.network.clock.callLater(0.5, self.bob.accept, invitation, kept)

        self.bob.sessions.on_invitation = later
        dialing = self.alice.dial(TO_BOB, NOTICE)
        self.network.settle(0.505)
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.network.settle(5.0)
        self.assertEqual(self.ladder.count("alice ACK"), 2)
        self.assertEqual(self.ladder.count("alice BYE"), 1)
        self.assert_nothing_left()

    def test_a_stray_200_that_nobody_asked_for_is_ignored(self) -> None:
        self.begin()
        stranger = Stranger(self.network)
        self.kept = self.bob.accept_everything()
        session = self.network.run(self.alice.dial(TO_BOB, NOTICE))
        assert isinstance(session, Session)
        answer = self.bob_said.responses("INVITE")[0]
        headers = answer.headers.replaced("Call-ID", "another")
        stranger.say(answer.evolve(headers=headers), ALICE)
        self.assertEqual(self.ladder, ["alice INVITE", "bob 200 INVITE", "alice ACK"])
        self.network.run(session.close())
        self.assert_nothing_left()

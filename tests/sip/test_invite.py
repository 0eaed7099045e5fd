"""pushsvc.sip.invite: making sure of 200 and ACK on both sides."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.invite import MAX_FORKS, Acknowledgement, Answer, NoAck, Repeat, RepeatAck, Stray, Won
from pushsvc.sip.transaction import Settings
from tests.sip.values import make_invite, make_request, make_response

INVITE = make_invite()
OK = make_response(INVITE)


def make_ack(to_tag: str = "b1", cseq: int = 1) -> object:
    return make_request("ACK", to=f"<sip:bob@example.com>;tag={to_tag}", cseq=cseq, via="SIP/2.0/UDP h;branch=z9hG4bKa")


class AnswerTests(SynchronousTestCase):
    def make_started(self) -> Answer:
        answer = Answer(OK, Settings())
        self.assertEqual(answer.start(10.0), [Repeat(OK)])
        return answer

    def test_without_ack_it_is_repeated_for_32_seconds_and_then_given_up(self) -> None:
        """[R-PRA-INV-7] Gaps of 0.5, 1, 2, 4, 4 ... s over any transport; then the session has to end with BYE."""
        answer = self.make_started()
        sent, outputs = [], []
        while (now := answer.deadline) is not None and now < 100.0:
            outputs = answer.wake(now)
            sent += [now - 10.0 for _ in outputs if outputs == [Repeat(OK)]]
        self.assertEqual(sent, [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertEqual(outputs, [NoAck(OK)])

    def test_the_ack_ends_repeating(self) -> None:
        """[D-SIP-7] And a second ACK, or a late waking, changes nothing."""
        answer = self.make_started()
        self.assertEqual(answer.acked(make_ack(), 10.1), [])
        self.assertIsNone(answer.deadline)
        self.assertEqual(answer.acked(make_ack(), 10.2), [])
        self.assertEqual(answer.wake(10.5), [])

    def test_the_ack_of_another_invite_of_the_dialog_does_not(self) -> None:
        """A late ACK of the first INVITE must not leave the 200 of the second one lost."""
        answer = self.make_started()
        answer.acked(make_ack(cseq=7), 10.1)
        self.assertEqual(answer.deadline, 10.5)

    def test_a_late_waking_repeats_once(self) -> None:
        """A reactor that was busy must not send a burst."""
        self.assertEqual(self.make_started().wake(13.0), [Repeat(OK)])

    def test_waking_early_does_nothing(self) -> None:
        self.assertEqual(self.make_started().wake(10.4), [])


class AcknowledgementTests(SynchronousTestCase):
    def test_the_first_2xx_wins_and_each_repeat_of_it_gets_its_ack_again(self) -> None:
        """[D-SIP-7] The callee repeats its 200 until an ACK arrives, and the first one may be lost."""
        owed = Acknowledgement()
        self.assertEqual(owed.answered(OK), [Won(OK)])
        ack = make_ack()
        owed.acknowledged(ack)
        self.assertEqual(owed.answered(OK), [RepeatAck(ack)])
        self.assertEqual(owed.answered(OK), [RepeatAck(ack)])

    def test_a_repeat_before_the_ack_went_out_is_absorbed(self) -> None:
        """Looking up the next hop takes time; nobody is dialled twice for it."""
        owed = Acknowledgement()
        owed.answered(OK)
        self.assertEqual(owed.answered(OK), [])

    def test_the_2xx_of_another_fork_is_a_stray(self) -> None:
        """[D-SIP-11] Two devices picked up: the second has to be acknowledged and ended, and its repeats too."""
        owed = Acknowledgement()
        owed.answered(OK)
        other = make_response(INVITE, to_tag="b2")
        self.assertEqual(owed.answered(other), [Stray(other)])
        ack = make_ack("b2")
        owed.acknowledged(ack)
        self.assertEqual(owed.answered(other), [RepeatAck(ack)])

    def test_forks_are_bounded(self) -> None:
        """A peer that invents a tag for every 200 must not make us remember or dial without end."""
        owed = Acknowledgement()
        outputs = [owed.answered(make_response(INVITE, to_tag=f"fork{n}")) for n in range(MAX_FORKS + 5)]
        self.assertEqual(sum(map(len, outputs)), MAX_FORKS)
        self.assertEqual(outputs[-1], [])

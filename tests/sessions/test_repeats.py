"""200 and ACK on a user agent."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions.repeats import Acknowledging, Answering
from pushsvc.sip.dialog import Dialog
from tests.sessions.scripted import HOP, ScriptedAgent, floors_on
from tests.sessions.values import VIA, accepted, invite


class Answers(SynchronousTestCase):
    """[R-PRA-INV-7] Our 200."""

    def setUp(self) -> None:
        self.clock, self.agent, self.heard = Clock(), ScriptedAgent(), []
        self.response = accepted(invite())
        self.answering = Answering(
            floors_on(self.agent, self.clock),
            self.response,
            lambda: self.heard.append("acked"),
            lambda: self.heard.append("never acked"),
        )

    def ack(self, number: int = 1):  # type: ignore[no-untyped-def]
        return Dialog.from_answer(invite(), self.response).ack(number, VIA)

    def test_it_is_repeated_until_its_ack_comes(self) -> None:
        self.clock.pump([0.5, 1.0])
        self.assertEqual(self.agent.sent, [self.response] * 3)
        self.assertFalse(self.answering.over)
        self.answering.acked(self.ack(7))
        self.assertEqual((self.answering.over, self.heard), (False, []))
        self.answering.acked(self.ack())
        self.answering.acked(self.ack())
        self.assertEqual((self.answering.over, self.heard), (True, ["acked"]))
        self.clock.advance(60.0)
        self.assertEqual((len(self.agent.sent), self.clock.getDelayedCalls()), (3, []))

    def test_it_is_given_up(self) -> None:
        self.clock.pump([0.5] * 64)
        self.assertEqual((self.answering.over, self.heard), (True, ["never acked"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_is_stopped(self) -> None:
        self.answering.stop()
        self.clock.advance(60.0)
        self.assertEqual((self.agent.methods(), self.heard, self.clock.getDelayedCalls()), (["200"], [], []))


class Acks(SynchronousTestCase):
    """[D-SIP-7] Our ACK."""

    def test_it_goes_out_again_for_every_200(self) -> None:
        agent = ScriptedAgent()
        acknowledging, response = Acknowledging(agent), accepted(invite())  # type: ignore[arg-type]
        acknowledging.won(response)
        self.assertIsNone(acknowledging.repeated(response))
        self.assertEqual(agent.sent, [])
        ack = Dialog.from_answer(invite(), response).ack(1, VIA)
        acknowledging.acknowledged(ack, HOP)
        for _ in range(2):
            self.assertIsNone(acknowledging.repeated(response))
        self.assertEqual(agent.sent, [ack, ack])

    def test_another_fork_is_given_back_once(self) -> None:
        """[D-SIP-11]"""
        acknowledging, response = Acknowledging(ScriptedAgent()), accepted(invite())  # type: ignore[arg-type]
        acknowledging.won(response)
        other = response.evolve(headers=response.headers.replaced("To", "<sip:bob@192.0.2.20>;tag=other"))
        self.assertIs(acknowledging.repeated(other), other)
        self.assertIsNone(acknowledging.repeated(other))

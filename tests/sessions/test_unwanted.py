"""Sessions that nobody wants."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import TimedOut
from pushsvc.sessions.unwanted import MAX_AT_ONCE, Unwanted
from pushsvc.sip.hop import Hop
from tests.sessions.scripted import HOP, ScriptedAgent
from tests.sessions.values import BOB, accepted, invite


class TurnedAway(SynchronousTestCase):
    """[R-PSA-CAN-1] [D-SIP-11]"""

    def setUp(self) -> None:
        self.agent = ScriptedAgent()
        self.unwanted = Unwanted(self.agent)  # type: ignore[arg-type]
        self.invite = invite()

    def response(self, tag: str = "other"):  # type: ignore[no-untyped-def]
        response = accepted(self.invite)
        return response.evolve(headers=response.headers.replaced("To", f"<sip:bob@192.0.2.20>;tag={tag}"))

    def test_ack_and_bye(self) -> None:
        """Both in the dialog of the answer, the BYE with the next number."""
        self.unwanted.answered(self.response(), self.invite)
        ack, bye = self.agent.sent
        self.assertEqual(self.agent.methods(), ["ACK", "BYE"])
        self.assertEqual([each.to.tag for each in (ack, bye)], ["other", "other"])
        self.assertEqual([each.cseq.number for each in (ack, bye)], [1, 2])
        self.assertEqual(self.agent.next_hops, [BOB, BOB])

    def test_a_repeated_200_gets_its_ack_again_and_no_second_bye(self) -> None:
        """[D-SIP-7] While the BYE is under way; afterwards it is news again."""
        response = self.response()
        self.assertFalse(self.unwanted.repeated(response))
        self.unwanted.answered(response, self.invite)
        self.assertTrue(self.unwanted.repeated(response))
        self.assertEqual(self.agent.methods(), ["ACK", "BYE", "ACK"])
        self.agent.answer(481)
        self.assertFalse(self.unwanted.repeated(response))

    def test_a_bye_that_nobody_answers(self) -> None:
        self.unwanted.answered(self.response(), self.invite)
        self.agent.fail(TimedOut("no answer"))
        self.assertFalse(self.unwanted.repeated(self.response()))

    def test_an_answer_that_cannot_be_followed(self) -> None:
        """There is nobody to say anything to."""
        response = self.response()
        response = response.evolve(headers=response.headers.replaced("Contact", "<tel:+1>"))
        self.unwanted.answered(response, self.invite)
        self.assertEqual(self.agent.sent, [])
        self.assertFalse(self.unwanted.repeated(response))

    def test_who_answers_leads_us_nowhere_inside(self) -> None:
        """SECURITY 2: made-up answers would have us call services of our own machine. Who is on it may."""
        response = self.response()
        response = response.evolve(headers=response.headers.replaced("Contact", "<sip:bob@127.0.0.1>"))
        for hop in (None, HOP):
            self.agent.hop = hop
            self.unwanted.answered(response, self.invite)
            self.assertEqual(self.agent.sent, [])
        self.agent.hop = Hop("udp", "127.0.0.1", 5060)
        self.unwanted.answered(response, self.invite)
        self.assertEqual((self.agent.methods(), self.agent.foreign), (["ACK", "BYE"], [False, False]))

    def test_answers_without_end(self) -> None:
        """Whoever makes them up shall not have us call the whole world."""
        for number in range(MAX_AT_ONCE + 10):
            self.unwanted.answered(self.response(f"t{number}"), self.invite)
        self.assertEqual(self.agent.methods().count("BYE"), MAX_AT_ONCE)

    def test_a_bug_of_ours_is_told(self) -> None:
        self.agent.acknowledge = None  # type: ignore[method-assign, assignment]
        self.unwanted.answered(self.response(), self.invite)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

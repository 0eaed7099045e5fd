from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.receiver.decisions import (
    MAX_PENDING,
    REMEMBERED,
    AlreadyDecided,
    Change,
    Decisions,
    Pending,
    UnknownDecision,
    UnknownFile,
)
from pushsvc.receiver.policy import Caller, FileAsked
from tests.receiver.inboxes import Counted

CALLER = Caller("sip:push@example.com", asserted=False)
FILES = (FileAsked("t1", "a.jpg", "image/jpeg", 1), FileAsked("t2", "b.jpg", "image/jpeg", 2))


class Asking(SynchronousTestCase):
    """Questions to a person, who may be slow, or at lunch."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.told: list[tuple[Change, str]] = []
        self.decisions = Decisions(self.clock, Counted(), self.tell)

    def tell(self, change: Change, pending: Pending) -> None:
        self.told.append((change, pending.id))

    def test_a_question_can_be_seen_until_it_is_answered(self) -> None:
        answers = self.decisions.ask(CALLER, FILES, 30.0)
        (pending,) = self.decisions.pending()
        self.assertEqual(pending, Pending(pending.id, CALLER, FILES, 1000.0, 1030.0))
        self.decisions.answer(pending.id, True)
        self.assertEqual(self.successResultOf(answers), [True, True])
        self.assertEqual(self.decisions.pending(), [])
        self.assertEqual(self.told, [(Change.ASKED, pending.id), (Change.OVER, pending.id)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_files_can_be_answered_one_by_one(self) -> None:
        answers = self.decisions.ask(CALLER, FILES, 30.0)
        self.decisions.answer_each(self.decisions.pending()[0].id, {"t2": True, "t1": False})
        self.assertEqual(self.successResultOf(answers), [False, True])

    def test_answers_must_fit_the_files(self) -> None:
        """A typing error in an id must not decline a file by accident."""
        answers = self.decisions.ask(CALLER, FILES, 30.0)
        decision = self.decisions.pending()[0].id
        for wrong in ({"t1": True}, {"t1": True, "t2": True, "t3": True}, {}):
            self.assertRaises(UnknownFile, self.decisions.answer_each, decision, wrong)
        self.assertNoResult(answers)

    def test_files_without_an_id_can_only_be_answered_together(self) -> None:
        self.decisions.ask(CALLER, [FileAsked(None, "", "text/plain", 5)], 30.0)
        self.assertRaises(UnknownFile, self.decisions.answer_each, self.decisions.pending()[0].id, {})

    def test_no_answer_in_time_is_a_no(self) -> None:
        """[R-PRA-INV-4a]"""
        answers = self.decisions.ask(CALLER, FILES, 30.0)
        decision = self.decisions.pending()[0].id
        self.clock.advance(30)
        self.assertEqual(self.successResultOf(answers), [False, False])
        self.assertRaises(AlreadyDecided, self.decisions.answer, decision, True)

    def test_only_the_first_answer_counts(self) -> None:
        self.decisions.ask(CALLER, FILES, 30.0)
        decision = self.decisions.pending()[0].id
        self.decisions.answer(decision, False)
        self.assertRaises(AlreadyDecided, self.decisions.answer, decision, True)
        self.assertRaises(AlreadyDecided, self.decisions.answer_each, decision, {})

    def test_an_unknown_question_has_no_answer(self) -> None:
        self.assertRaises(UnknownDecision, self.decisions.answer, "dec_0", True)

    def test_a_caller_that_hangs_up_withdraws_the_question(self) -> None:
        answers = self.decisions.ask(CALLER, FILES, 30.0)
        decision = self.decisions.pending()[0].id
        answers.cancel()
        self.failureResultOf(answers, CancelledError)
        self.assertEqual((self.decisions.pending(), self.clock.getDelayedCalls()), ([], []))
        self.assertRaises(AlreadyDecided, self.decisions.answer, decision, True)

    def test_more_questions_than_anybody_reads_are_not_asked(self) -> None:
        for _ in range(MAX_PENDING):
            self.assertNoResult(self.decisions.ask(CALLER, FILES, 30.0))
        self.assertEqual(self.successResultOf(self.decisions.ask(CALLER, FILES, 30.0)), [False, False])

    def test_what_is_over_is_forgotten_in_the_end(self) -> None:
        self.decisions.ask(CALLER, FILES, 1.0)
        first = self.decisions.pending()[0].id
        for _ in range(REMEMBERED + 1):
            self.clock.advance(1)
            self.decisions.ask(CALLER, FILES, 1.0)
        self.assertRaises(UnknownDecision, self.decisions.answer, first, True)

    def test_a_stop_answers_everything_with_no(self) -> None:
        answers = [self.decisions.ask(CALLER, FILES, 30.0) for _ in range(3)]
        self.decisions.close()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [[False, False]] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

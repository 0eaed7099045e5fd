"""A push that makes the process crash must not make it crash for ever, nor be taken for another one (SECURITY 4)."""

from __future__ import annotations

from typing import Any

from pushsvc.sender.explain import explain
from pushsvc.sender.job import AttemptResult
from pushsvc.sender.outbox_records import Claim, Turn
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase

MOST = 3
WAIT = Outcome(State.WAITING, "486 Busy Here", NOW + 5)


class Crashing(OutboxCase):
    crashes = MOST

    def turn(self, now: float = NOW) -> Turn:
        turn = self.done(self.outbox.turn(now, 10))
        assert isinstance(turn, Turn)
        return turn

    def claimed(self, now: float = NOW) -> list[str]:
        return [claim.job.push_id for claim in self.turn(now).claims]

    def settle(self, claim: Claim) -> None:
        self.done(self.outbox.settle(claim, WAIT, AttemptResult(), (None,), NOW))

    def test_what_was_in_hand_at_every_crash_is_parked(self) -> None:
        """Its reason says so, and what to do; a waiting client hears of it."""
        self.put()
        for _ in range(MOST):
            self.assertEqual(self.claimed(), ["psh_1"])
            self.restart()
        push = self.push()
        (recipient,) = push.recipients
        self.assertEqual(
            (recipient.state, recipient.reason),
            (State.UNDELIVERABLE, "parked: the service ended 3 times in a row while this was being sent"),
        )
        self.assertEqual([attempt.outcome for attempt in recipient.attempts], ["interrupted"] * MOST)
        self.assertEqual((push.state, self.claimed()), ("undeliverable", []))
        (told,) = explain(push)["recipients"]
        self.assertIn("it may be why", told["why"])
        self.assertIn("retry", told["advice"])

    def test_what_is_parked_can_be_driven_again(self) -> None:
        """And is one like all others then."""
        self.put()
        for _ in range(MOST):
            self.claimed()
            self.restart()
        self.done(self.outbox.retry("psh_1", NOW, 3600))
        for _ in range(MOST - 1):
            self.assertEqual(self.claimed(), ["psh_1"])
            self.restart()
        self.assertEqual(self.states(), ["queued"])

    def test_an_attempt_that_ends_takes_the_suspicion_away(self) -> None:
        """However it ended: the process was there to see it."""
        self.put()
        for _ in range(MOST):
            for _ in range(MOST - 1):
                self.claimed(NOW + 5)
                self.restart()
            (claim,) = self.turn(NOW + 5).claims
            self.settle(claim)
        self.assertEqual(self.states(), ["waiting"])

    def test_a_stop_takes_the_suspicion_away(self) -> None:
        """What was withdrawn because we stop did not make us."""
        self.put()
        for _ in range(MOST):
            for _ in range(MOST - 1):
                self.claimed()
                self.restart()
            self.done(self.outbox.release(self.turn().claims, NOW))
        self.assertEqual(self.states(), ["queued"])

    def test_nobody_is_parked_while_it_is_not_known_who_it_is(self) -> None:
        """Before the last crash those who were in hand go one at a time, and what is new goes beside them."""
        for number in range(3):
            self.put(f"psh_{number}", priority="high")
        for _ in range(2):
            self.assertEqual(len(self.claimed()), 3)
            self.restart()
        self.put("psh_new")
        turn = self.turn()
        self.assertEqual([claim.job.push_id for claim in turn.claims], ["psh_0", "psh_new"])
        self.assertEqual((self.claimed(), turn.next_due), ([], None))
        self.settle(turn.claims[0])
        self.assertEqual(self.claimed(), ["psh_1"])
        self.restart()
        states = [self.states(f"psh_{number}")[0] for number in range(3)]
        self.assertEqual(states, ["waiting", "undeliverable", "queued"])

    def test_when_it_is_found_the_others_are_like_all_others_again(self) -> None:
        """Each in its own lane, all at once."""
        for number in range(4):
            self.put(f"psh_{number}", priority="high" if number % 2 else "low")
        for _ in range(2):
            self.claimed()
            self.restart()
        self.assertEqual(self.claimed(), ["psh_0"])
        self.restart()
        self.assertEqual(self.states("psh_0"), ["undeliverable"])
        self.assertEqual(self.claimed(), ["psh_1", "psh_3", "psh_2"])
        self.restart()
        self.assertEqual(len(self.claimed()), 3)

    def test_what_was_to_be_cancelled_is_cancelled_and_not_parked(self) -> None:
        self.put()
        for number in range(MOST):
            self.claimed()
            if number == MOST - 1:
                self.done(self.outbox.cancel("psh_1"))
            self.restart()
        self.assertEqual(self.states(), ["cancelled"])

    def test_the_other_recipients_of_a_push_go_on(self) -> None:
        self.put(to=(ALICE, BOB))
        self.settle(self.turn().claims[1])
        for _ in range(MOST):
            self.turn()
            self.restart()
        self.assertEqual((self.states(), self.push().state), (["undeliverable", "waiting"], "waiting"))

    def test_it_costs_no_scan(self) -> None:
        """[G9] Of a long queue only those are read who were in hand."""
        plans: list[Any] = []
        self.put()
        self.claimed()
        with self.database.engine.connect() as connection:
            wanted = "SELECT id FROM recipients WHERE state = 'sending' AND lane = 9 LIMIT 1"
            plans += connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}").all()
        self.assertEqual([row[3] for row in plans], ["SCAN recipients USING INDEX recipients_sending"])

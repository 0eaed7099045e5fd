"""One look into the queue: who is claimed, who expires, when to look again."""

from __future__ import annotations

from collections import deque
from typing import Any

from sqlalchemy import event
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.content_store import SMALL
from pushsvc.sender.job import Job
from pushsvc.sender.outbox_claim import transfer_id
from pushsvc.sender.outbox_records import Query, Turn
from pushsvc.sender.outbox_turn import Lanes
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase, delivered


class TurnCase(OutboxCase):
    def turn(self, now: float = NOW, limit: int = 10) -> Turn:
        turn = self.done(self.outbox.turn(now, limit))
        assert isinstance(turn, Turn)
        return turn

    def claimed(self, now: float = NOW, limit: int = 10) -> list[str]:
        return [claim.job.push_id for claim in self.turn(now, limit).claims]


class Claiming(TurnCase):
    def test_a_job_has_everything_that_an_attempt_needs(self) -> None:
        self.put(
            title="Gate 3", description="d", application="mms.ua", mode="msrp", disposition="render", priority="low"
        )
        (claim,) = self.turn().claims
        job = claim.job
        self.assertEqual(
            (job.push_id, job.to, job.title, job.description, job.application, job.mode, job.disposition, job.priority),
            ("psh_1", ALICE, "Gate 3", "d", "mms.ua", "msrp", "render", "low"),
        )
        self.assertEqual((job.attempt, job.not_after, job.created_at, job.size), (1, NOW + 3600, NOW, 5))
        (content,) = job.contents
        self.assertEqual((content.name, content.type, content.size), ("0.txt", "text/plain", 5))
        self.assertEqual(content.path.read_bytes(), b"hello")
        self.assertEqual((len(content.sha1), len(content.sha256)), (20, 32))
        self.assertEqual((claim.tries, claim.files, claim.delivered), (1, (None,), 0))

    def test_a_claim_is_durable_before_it_is_handed_out(self) -> None:
        """After a crash, what may have been sent must be sent again, not forgotten."""
        self.put()
        self.turn()
        self.assertEqual(self.states(), ["sending"])
        self.assertEqual(self.restart(), 1)
        self.assertEqual(self.states(), ["queued"])

    def test_nobody_is_claimed_twice(self) -> None:
        self.put()
        self.assertEqual([self.claimed(), self.claimed()], [["psh_1"], []])

    def test_the_oldest_goes_first_and_no_more_than_asked_for(self) -> None:
        for number, age in enumerate((1, 3, 2)):
            self.put(f"psh_{number}", submitted_at=NOW - age)
        self.assertEqual([self.claimed(limit=2), self.claimed()], [["psh_1", "psh_2"], ["psh_0"]])
        self.assertEqual(self.claimed(limit=0), [])

    def test_the_same_content_for_the_same_recipient_always_has_the_same_transfer_id(self) -> None:
        """[promise 3] So the receiver knows a repetition and keeps it once (RFC 5547 §6)."""
        self.put(to=(ALICE, BOB), octets=(b"one", b"two"))
        first = [self.ids(claim.job) for claim in self.turn().claims]
        self.restart()
        again = [self.ids(claim.job) for claim in self.turn().claims]
        self.assertEqual(first, again)
        self.assertEqual(len({each for ids in first for each in ids}), 4)

    def ids(self, job: Job) -> list[str]:
        return [content.transfer_id for content in job.contents]

    def test_transfer_ids_are_32_characters_of_a_token(self) -> None:
        self.assertRegex(transfer_id("psh_1", 1, 0), "^[0-9a-f]{32}$")

    def test_what_was_delivered_before_is_not_in_the_job(self) -> None:
        self.put(octets=(b"one", b"three"))
        (claim,) = self.turn().claims
        result = delivered("0.txt")
        waits = Outcome(State.WAITING, "cut", NOW + 5)
        self.done(self.outbox.settle(claim, waits, result, (result.files[0], None), NOW))
        (again,) = self.turn(NOW + 5).claims
        self.assertEqual([content.name for content in again.job.contents], ["1.txt"])
        self.assertEqual((again.tries, again.job.attempt, again.delivered), (2, 2, 3))
        self.assertEqual(again.job.contents[0].transfer_id, claim.job.contents[1].transfer_id)

    def test_an_attempt_is_seen_while_it_runs(self) -> None:
        self.put()
        self.turn(NOW + 1)
        push = self.push()
        (attempt,) = push.recipients[0].attempts
        self.assertEqual((attempt.number, attempt.started_at, attempt.ended_at), (1, NOW + 1, None))
        self.assertEqual(push.state, "sending")

    def test_a_big_content_is_sent_from_its_own_file(self) -> None:
        self.put(octets=(b"x" * (SMALL + 1),))
        (content,) = self.turn().claims[0].job.contents
        self.assertEqual(content.path.name, content.sha256.hex())


class Waking(TurnCase):
    def test_an_empty_queue_needs_no_second_look(self) -> None:
        self.assertEqual(self.turn(), Turn((), (), 0, None, None, is_crowded=False))

    def test_the_next_look_is_when_somebody_is_due_or_expires(self) -> None:
        self.put("psh_1", submitted_at=NOW + 20, not_after=NOW + 900)
        self.put("psh_2", submitted_at=NOW + 10, not_after=NOW + 1000, priority="high")
        turn = self.turn()
        self.assertEqual((turn.claims, turn.next_due, turn.next_expiry), ((), NOW + 10, NOW + 900))

    def test_more_than_was_asked_for_is_due_already(self) -> None:
        self.put("psh_1")
        self.put("psh_2")
        turn = self.turn(NOW + 1, limit=1)
        self.assertEqual((len(turn.claims), turn.next_due), (1, NOW))


class Expiring(TurnCase):
    def test_a_push_ends_at_its_deadline_even_when_no_slot_is_free(self) -> None:
        """[F-21] A picture of this morning's visitor is worth nothing tonight."""
        self.put(to=(ALICE, BOB))
        self.assertEqual(self.turn(NOW + 3599.9, limit=0).expired, 0)
        turn = self.turn(NOW + 3600, limit=0)
        self.assertEqual((turn.expired, [finished.push_id for finished in turn.finished]), (2, ["psh_1"]))
        push = self.push()
        self.assertEqual((push.state, self.states()), ("expired", ["expired", "expired"]))
        self.assertEqual(push.recipients[0].reason, "its deadline came before it could be sent")

    def test_it_ends_with_the_reason_it_waited_for(self) -> None:
        self.put()
        (claim,) = self.turn().claims
        self.done(self.outbox.settle(claim, Outcome(State.WAITING, "480 Gone", NOW + 4000), delivered(), (None,), NOW))
        self.turn(NOW + 3600)
        self.assertEqual(self.push().recipients[0].reason, "480 Gone")

    def test_what_is_being_sent_does_not_expire_here(self) -> None:
        """Its attempt ends it, with what the peer had to say."""
        self.put()
        self.turn()
        self.assertEqual(self.turn(NOW + 3600).expired, 0)

    def test_setting_the_clock_forward_expires_nothing(self) -> None:
        self.put()
        self.done(self.outbox.clock_jumped(7200.0))
        turn = self.turn(NOW + 7200, limit=0)
        self.assertEqual((turn.expired, turn.next_due, turn.next_expiry), (0, NOW + 7200, NOW + 10800))

    def test_setting_the_clock_back_delays_nothing(self) -> None:
        self.put()
        self.done(self.outbox.clock_jumped(-7200.0))
        turn = self.turn(NOW - 7200, limit=0)
        self.assertEqual((turn.next_due, turn.next_expiry), (NOW - 7200, NOW + 3600))


class Priorities(SynchronousTestCase):
    def pick(self, limit: int, *counts: int) -> list[int]:
        lanes = [deque(range(lane * 100, lane * 100 + count)) for lane, count in enumerate(counts)]
        return [number // 100 for number in self.lanes.pick(lanes, limit)]

    def setUp(self) -> None:
        self.lanes = Lanes()

    def test_high_goes_first_but_nobody_starves(self) -> None:
        """[F-21] A flood of alarms must not stop everything else for a day."""
        self.assertEqual(sorted(self.pick(7, 50, 50, 50)), [0, 0, 0, 0, 1, 1, 2])

    def test_one_at_a_time_nobody_starves_either(self) -> None:
        """A busy service frees its slots one by one."""
        self.assertEqual(sorted(self.pick(1, 5, 5, 5)[0] for _ in range(7)), [0, 0, 0, 0, 1, 1, 2])

    def test_an_empty_lane_leaves_its_turns_to_the_others(self) -> None:
        self.assertEqual(self.pick(5, 0, 0, 3), [2, 2, 2])
        self.assertEqual(sorted(self.pick(4, 2, 0, 2)), [0, 0, 2, 2])


def is_slow(statement: str, plan: str) -> bool:
    """Whether the plan reads more than it needs, or sorts more than the rows of some named pushes."""
    first_of_index = plan == "SCAN recipients USING INDEX recipients_expiring" and "LIMIT" in statement
    return ("SCAN" in plan and not first_of_index) or ("TEMP B-TREE" in plan and ".push IN (" not in statement)


class Lookups(TurnCase):
    """A queue of a million recipients is looked into as fast as one of ten."""

    def test_no_step_of_a_pushs_life_reads_a_whole_table(self) -> None:
        self.put(labels=("gate",), idempotency="key", octets=(b"x" * (SMALL + 1),))
        self.put("psh_2")
        plans = self.plans()
        self.put("psh_3", labels=("gate",), idempotency="other")
        turn = self.turn()
        for claim in turn.claims[:2]:
            self.done(self.outbox.settle(claim, Outcome(State.DELIVERED), delivered("0.txt"), claim.files, NOW))
        self.done(self.outbox.release(turn.claims[2:], NOW))
        self.done(self.outbox.cancel("psh_3"))
        self.done(self.outbox.retry("psh_1", NOW, 60))
        self.done(self.outbox.push("psh_1"))
        self.turn(NOW + 4000)
        self.assertGreater(len(plans), 30)
        self.assertEqual([plan for plan in plans if is_slow(*plan)], [])

    def test_no_list_sorts_or_reads_more_than_its_page(self) -> None:
        self.put(labels=("gate",))
        plans = self.plans()
        for query in (
            Query(10, state="queued"),
            Query(10, to=ALICE),
            Query(10, label="gate"),
            Query(10, before=5, state="queued", label="gate", to=ALICE),
        ):
            self.done(self.outbox.page(query))
        self.assertEqual([plan for plan in plans if is_slow(*plan)], [])
        self.done(self.outbox.page(Query(10)))
        self.assertEqual([plan[1] for plan in plans if "SCAN" in plan[1]], ["SCAN pushes"])  # from its end, ten rows

    def plans(self) -> list[tuple[str, str]]:
        """Grows by the plan of every statement that is run from now on."""
        plans: list[tuple[str, str]] = []

        def explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                rows = connection.connection.driver_connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
                plans.append((statement, "; ".join(row[3] for row in rows)))

        event.listen(self.database.engine, "before_cursor_execute", explain)
        return plans

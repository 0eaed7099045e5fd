"""How attempts end in the outbox, and what a push becomes by it."""

from __future__ import annotations

import os
from typing import Any

import attrs
from sqlalchemy import select

from pushsvc.errors import Misuse
from pushsvc.sender.content_store import SMALL
from pushsvc.sender.job import AttemptResult, FileResult, FileState
from pushsvc.sender.outbox_records import Claim
from pushsvc.sender.outcome import Outcome, State
from pushsvc.sender.schema import contents
from pushsvc.sessions import Icon
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase, delivered

DONE = Outcome(State.DELIVERED)
WAIT = Outcome(State.WAITING, "486 Busy Here", NOW + 5)
NO = Outcome(State.REJECTED, "603 Decline")
BIG = b"x" * (SMALL + 1)


class EndCase(OutboxCase):
    def claim(self, now: float = NOW) -> Claim:
        (claim,) = self.done(self.outbox.turn(now, 1)).claims
        assert isinstance(claim, Claim)
        return claim

    def settle(self, claim: Claim, outcome: Outcome = DONE, result: AttemptResult | None = None) -> None:
        result = result or delivered(*(content.name for content in claim.job.contents), octets_acknowledged=5)
        files = result.files or claim.files
        self.done(self.outbox.settle(claim, outcome, result, files, NOW + 2))

    def files(self) -> list[str]:
        return os.listdir(self.state / "content")


class Settling(EndCase):
    def test_an_attempt_leaves_everything_that_explains_it(self) -> None:
        self.put()
        result = AttemptResult(
            files=(FileResult("0.txt", FileState.FAILED, 408),),
            mode="msrp",
            why_mode="too big",
            call_id="c1",
            peer="tls:192.0.2.1:5061",
            sip_status=200,
            sip_reason="OK",
            msrp_status=408,
            octets_acknowledged=3,
        )
        self.settle(self.claim(), WAIT, result)
        self.restart()
        (recipient,) = self.push().recipients
        self.assertEqual(
            (recipient.state, recipient.reason, recipient.due_at), (State.WAITING, "486 Busy Here", NOW + 5)
        )
        self.assertEqual((recipient.acknowledged, recipient.files), (3, result.files))
        (attempt,) = recipient.attempts
        same = ("mode", "why_mode", "call_id", "peer", "sip_status", "sip_reason", "msrp_status", "octets_acknowledged")
        self.assertEqual([getattr(attempt, name) for name in same], [getattr(result, name) for name in same])
        self.assertEqual((attempt.started_at, attempt.ended_at, attempt.outcome), (NOW, NOW + 2, "retry"))
        self.assertEqual((attempt.reason, attempt.retry_at), ("486 Busy Here", NOW + 5))

    def test_what_the_peer_says_is_one_bounded_line(self) -> None:
        """It may be as long as a head, and is kept a dozen times a recipient; it ends up on terminals."""
        self.put()
        self.settle(self.claim(), WAIT, AttemptResult(sip_status=486, sip_reason="Bu\x1bsy " * 1000))
        (attempt,) = self.push().recipients[0].attempts
        assert attempt.sip_reason is not None
        self.assertEqual((len(attempt.sip_reason), attempt.sip_reason[:12]), (200, "Bu sy Bu sy "))

    def test_the_next_attempt_knows_what_the_receiver_has(self) -> None:
        """[F-14] Also after a restart; of files that are settled nothing is sent any more."""
        self.put(octets=[b"hello", b"world"])
        files = (FileResult("0.txt", FileState.DELIVERED, 200), FileResult("1.txt", FileState.FAILED, None, 3))
        self.settle(self.claim(), WAIT, AttemptResult(files=files))
        self.restart()
        claim = self.claim(NOW + 5)
        self.assertEqual([(content.name, content.resume_at) for content in claim.job.contents], [("1.txt", 3)])
        self.assertEqual(claim.files, files)
        self.settle(claim, WAIT, AttemptResult(sip_status=486))
        self.assertEqual(self.push().recipients[0].acknowledged, 8, "busy: that takes nothing back")

    def test_a_push_is_final_with_its_last_recipient(self) -> None:
        """[promise 4] And it says so by one word, and by its counts."""
        self.put(to=(ALICE, BOB))
        final = self.outbox.when_final("psh_1")
        self.settle(self.claim())
        self.assertEqual((self.push().state, self.states()), ("queued", ["delivered", "queued"]))
        self.assertNoResult(final)
        self.settle(self.claim(), NO)
        self.assertEqual((self.push().state, self.states()), ("partial", ["delivered", "rejected"]))
        self.successResultOf(final)
        self.assertTrue(self.push().is_final)

    def test_the_same_claim_cannot_end_twice(self) -> None:
        self.put()
        claim = self.claim()
        self.settle(claim)
        self.failed(self.outbox.settle(claim, NO, delivered(), (None,), NOW), Misuse)
        self.assertEqual(self.states(), ["delivered"])

    def test_what_was_delivered_earlier_counts_as_acknowledged(self) -> None:
        self.put(octets=(b"one", b"three"))
        self.settle(attrs.evolve(self.claim(), delivered=3))
        self.assertEqual(self.push().recipients[0].acknowledged, 8)

    def test_a_wish_to_cancel_wins_over_another_attempt(self) -> None:
        """The attempt was at its end when the wish came; there must not be another one."""
        self.put()
        claim = self.claim()
        self.done(self.outbox.cancel("psh_1"))
        self.settle(claim, WAIT, AttemptResult())
        self.assertEqual(self.states(), ["cancelled"])

    def test_a_delivery_wins_over_a_wish_to_cancel(self) -> None:
        self.put()
        claim = self.claim()
        self.done(self.outbox.cancel("psh_1"))
        self.settle(claim)
        self.assertEqual(self.states(), ["delivered"])


class Stopping(EndCase):
    def test_a_crash_makes_everything_due_that_was_being_sent(self) -> None:
        """[promise 1] Accepted is accepted: kill -9 costs a repetition, nothing else."""
        for number in range(3):
            self.put(f"psh_{number}")
        self.settle(self.claim())
        self.claim()
        self.assertEqual(self.restart(NOW + 60), 1)
        self.assertEqual([self.states(f"psh_{number}") for number in range(3)], [["delivered"], ["queued"], ["queued"]])
        (attempt,) = self.push("psh_1").recipients[0].attempts
        self.assertEqual((attempt.outcome, attempt.ended_at), ("interrupted", NOW + 60))
        self.assertEqual(self.push("psh_1").state, "queued")

    def test_an_attempt_that_we_broke_off_does_not_count(self) -> None:
        """A service that is restarted every hour must not use up the attempts."""
        self.put()
        for number in range(1, 4):
            claim = self.claim()
            self.assertEqual((claim.tries, claim.job.attempt), (1, number))
            if number == 2:
                self.done(self.outbox.release([claim], NOW))
            else:
                self.restart()

    def test_what_was_to_be_cancelled_is_not_sent_again_after_a_crash(self) -> None:
        self.put()
        self.claim()
        self.done(self.outbox.cancel("psh_1"))
        self.assertEqual(self.restart(), 1)
        self.assertEqual((self.states(), self.push().state), (["cancelled"], "cancelled"))

    def test_thousands_in_hand_are_no_matter(self) -> None:
        """[G9] More than a database takes in one statement."""
        self.put(to=tuple(f"sip:user{number}@example.com" for number in range(1000)))
        self.put("psh_2", to=tuple(f"sip:user{number}@example.com" for number in range(500)))
        self.done(self.outbox.turn(NOW, 1500))
        self.assertEqual(self.restart(), 1500)
        self.assertEqual(set(self.states("psh_2")), {"queued"})


class Clearing(EndCase):
    def test_the_contents_of_a_push_that_succeeded_are_removed(self) -> None:
        """Otherwise the disk fills with what everybody has."""
        self.put(octets=(b"small", BIG))
        claim = self.claim()
        self.assertEqual(len(self.files()), 2)
        self.settle(claim)
        self.assertEqual(self.files(), [])

    def test_a_content_stays_as_long_as_another_push_needs_it(self) -> None:
        self.put("psh_1", octets=(BIG,))
        self.put("psh_2", octets=(BIG,))
        self.settle(self.claim())
        self.assertEqual(len(self.files()), 1)
        self.settle(self.claim())
        self.assertEqual(self.files(), [])

    def test_an_icon_is_kept_as_long_as_its_content(self) -> None:
        """[F-13] Afterwards the history says that there was one."""
        for number, outcome in enumerate((NO, DONE)):
            icon = Icon("image/png", b"x")
            self.put(f"psh_{number}", contents=(attrs.evolve(self.content(), icon=icon),))
            claim = self.claim()
            self.assertEqual(claim.job.contents[0].icon, icon)
            self.settle(claim, outcome)
            self.assertEqual(self.push(f"psh_{number}").contents[0].icon, "image/png")
        with self.database.engine.connect() as connection:
            rows = connection.execute(select(contents.c.icon).order_by(contents.c.push)).scalars().all()
        self.assertEqual(rows, [b"x", None])

    def test_the_contents_of_a_push_that_failed_are_kept(self) -> None:
        """It may be driven again."""
        self.put(octets=(BIG,))
        self.settle(self.claim(), NO)
        self.assertEqual(len(self.files()), 1)

    def test_a_small_content_is_laid_out_only_while_it_is_needed(self) -> None:
        self.put(to=(ALICE, BOB))
        first, second = self.claim(), self.claim()
        self.assertEqual(len(self.files()), 1)
        self.settle(first, NO)
        self.assertEqual(len(self.files()), 1)
        self.settle(second, NO)
        self.assertEqual(self.files(), [])

    def test_a_file_that_cannot_be_removed_is_logged_and_harms_nobody(self) -> None:
        def fail(*names: Any) -> None:
            raise OSError("no")

        self.put(octets=(BIG,))
        claim = self.claim()
        self.patch(self.store, "remove", fail)
        self.settle(claim)
        self.assertEqual((self.states(), len(self.flushLoggedErrors(OSError))), (["delivered"], 1))

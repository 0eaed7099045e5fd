"""Cancelling, and trying again what failed."""

from __future__ import annotations

from pushsvc.sender.job import AttemptResult, FileResult, FileState
from pushsvc.sender.outbox_records import Claim
from pushsvc.sender.outbox_wishes import ContentGone
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase, delivered

CAROL = "sip:carol@example.com"


class WishCase(OutboxCase):
    def claims(self, limit: int, now: float = NOW) -> tuple[Claim, ...]:
        claims = self.done(self.outbox.turn(now, limit)).claims
        assert isinstance(claims, tuple)
        return claims

    def end(self, claim: Claim, state: State, *files: FileResult | None) -> None:
        outcome = Outcome(state, "reason", NOW + 5 if state is State.WAITING else None)
        self.done(self.outbox.settle(claim, outcome, AttemptResult(), files or claim.files, NOW))


class Cancelling(WishCase):
    def test_what_waits_ends_at_once_and_what_is_being_sent_is_named(self) -> None:
        self.put(to=(ALICE, BOB, CAROL))
        first, second = self.claims(2)
        self.end(first, State.WAITING)
        cancelling = self.done(self.outbox.cancel("psh_1"))
        self.assertEqual((cancelling.cancelled, cancelling.in_flight), (2, (second.job.recipient_id,)))
        self.assertEqual(self.states(), ["cancelled", "sending", "cancelled"])

    def test_a_push_that_waits_is_final_by_it(self) -> None:
        self.put()
        final = self.outbox.when_final("psh_1")
        self.done(self.outbox.cancel("psh_1"))
        self.successResultOf(final)
        self.assertEqual((self.push().state, self.push().recipients[0].reason), ("cancelled", "cancelled by its owner"))

    def test_what_is_over_stays_as_it_is(self) -> None:
        self.put()
        self.end(*self.claims(1), State.DELIVERED)
        cancelling = self.done(self.outbox.cancel("psh_1"))
        self.assertEqual((cancelling.cancelled, cancelling.in_flight, self.states()), (0, (), ["delivered"]))

    def test_a_push_that_is_not_there(self) -> None:
        self.assertIsNone(self.done(self.outbox.cancel("psh_9")))


class TryingAgain(WishCase):
    def retry(self, now: float = NOW) -> object:
        return self.done(self.outbox.retry("psh_1", now, 60.0))

    def test_only_what_failed_is_driven_again(self) -> None:
        self.put(to=(ALICE, BOB, CAROL, "sip:dave@example.com", "sip:erin@example.com"))
        ends = (State.DELIVERED, State.REJECTED, State.UNDELIVERABLE, State.CANCELLED, State.EXPIRED)
        for claim, state in zip(self.claims(5), ends, strict=True):
            self.end(claim, state)
        self.assertEqual(self.retry(), 3)
        self.assertEqual(self.states(), ["delivered", "queued", "queued", "cancelled", "queued"])
        self.assertEqual((self.push().state, self.push().recipients[1].reason), ("queued", None))

    def test_it_starts_with_all_its_attempts_but_does_not_forget_the_old_ones(self) -> None:
        self.put()
        self.end(*self.claims(1), State.UNDELIVERABLE)
        self.retry(NOW + 10)
        (claim,) = self.claims(1, NOW + 10)
        self.assertEqual((claim.tries, claim.job.attempt, claim.job.contents[0].path.read_bytes()), (1, 2, b"hello"))
        self.assertEqual(len(self.push().recipients[0].attempts), 2)

    def test_files_that_were_delivered_are_not_sent_again(self) -> None:
        self.put(octets=(b"one", b"two"))
        (claim,) = self.claims(1)
        self.end(claim, State.UNDELIVERABLE, *delivered("0.txt").files, FileResult("1.txt", FileState.REFUSED))
        self.retry()
        (again,) = self.claims(1)
        self.assertEqual([content.name for content in again.job.contents], ["1.txt"])

    def test_a_file_that_was_cut_is_gone_on_with(self) -> None:
        """[F-14] Who drives a large push again does so because most of it is there."""
        self.put()
        self.end(*self.claims(1), State.UNDELIVERABLE, FileResult("0.txt", FileState.FAILED, resume_at=3))
        self.retry()
        self.assertEqual(self.claims(1)[0].job.contents[0].resume_at, 3)

    def test_a_deadline_that_is_over_is_set_anew(self) -> None:
        self.put(not_after=NOW + 10)
        self.done(self.outbox.turn(NOW + 10, 0))
        self.assertEqual(self.retry(NOW + 20), 1)
        self.assertEqual((self.push().not_after, self.claims(1, NOW + 20)[0].job.not_after), (NOW + 80, NOW + 80))

    def test_a_deadline_to_come_stays(self) -> None:
        self.put()
        self.end(*self.claims(1), State.REJECTED)
        self.retry(NOW + 20)
        self.assertEqual(self.push().not_after, NOW + 3600)

    def test_nothing_failed(self) -> None:
        self.put()
        self.assertEqual(self.retry(), 0)
        self.assertEqual(self.states(), ["queued"])

    def test_a_push_that_is_not_there(self) -> None:
        self.assertIsNone(self.retry())

    def test_contents_that_are_gone(self) -> None:
        self.put()
        self.end(*self.claims(1), State.REJECTED)
        self.done(self.outbox.sweep(NOW + 8 * 86400))
        self.failed(self.outbox.retry("psh_1", NOW, 60.0), ContentGone)
        self.assertEqual(self.states(), ["rejected"])

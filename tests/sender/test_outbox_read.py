"""Lists and counts."""

from __future__ import annotations

from typing import Any

from pushsvc.sender import outbox_read
from pushsvc.sender.outbox_records import Backlog, Query
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import ALICE, BOB, NOW, OutboxCase, delivered


class Lists(OutboxCase):
    def page(self, limit: int = 10, **changes: Any) -> tuple[list[str], bool]:
        page = self.done(self.outbox.page(Query(limit, **changes)))
        return [push.id for push in page.pushes], page.more

    def setUp(self) -> None:
        super().setUp()
        for number in range(5):
            to = (ALICE, BOB) if number % 2 else (BOB,)
            self.put(f"psh_{number}", to=to, labels=("odd",) if number % 2 else ("even", "all"))

    def test_the_newest_comes_first(self) -> None:
        self.assertEqual(self.page(), (["psh_4", "psh_3", "psh_2", "psh_1", "psh_0"], False))

    def test_pages_follow_each_other_without_gap_or_repetition(self) -> None:
        """While new pushes come in at the other end."""
        first, more = self.page(limit=2)
        self.put("psh_5")
        before = self.push(first[-1]).number
        second, more_still = self.page(limit=2, before=before)
        last, end = self.page(limit=2, before=self.push(second[-1]).number)
        self.assertEqual(first + second + last, ["psh_4", "psh_3", "psh_2", "psh_1", "psh_0"])
        self.assertEqual((more, more_still, end), (True, True, False))

    def test_by_state_recipient_and_label(self) -> None:
        (claim, *_) = self.done(self.outbox.turn(NOW, 1)).claims
        self.done(self.outbox.settle(claim, Outcome(State.DELIVERED), delivered(), claim.files, NOW))
        self.assertEqual(self.page(state="delivered"), (["psh_0"], False))
        self.assertEqual(self.page(to=ALICE), (["psh_3", "psh_1"], False))
        self.assertEqual(self.page(label="even"), (["psh_4", "psh_2", "psh_0"], False))
        self.assertEqual(self.page(limit=1, label="even", to=BOB, state="queued"), (["psh_4"], True))
        self.assertEqual(self.page(label="even", to=ALICE), ([], False))
        self.assertEqual(self.page(label="odd", before=3), (["psh_1"], False))

    def test_a_page_has_a_bounded_number_of_recipients(self) -> None:
        """Fifty pushes to a thousand recipients each are no answer, they are an outage."""
        self.patch(outbox_read, "MAX_PAGE_RECIPIENTS", 3)
        self.assertEqual(self.page(), (["psh_4", "psh_3"], True))
        self.patch(outbox_read, "MAX_PAGE_RECIPIENTS", 1)
        self.assertEqual(self.page(before=5), (["psh_3"], True))


class Counts(OutboxCase):
    def test_what_is_not_final_is_counted_by_state(self) -> None:
        self.assertEqual(self.done(self.outbox.backlog()), Backlog({}, None))
        for number in range(4):
            self.put(f"psh_{number}", submitted_at=NOW + number)
        first, second = self.done(self.outbox.turn(NOW + 4, 2)).claims
        self.done(self.outbox.settle(first, Outcome(State.REJECTED), delivered(), first.files, NOW))
        counts = {State.QUEUED: 2, State.SENDING: 1}
        self.assertEqual(self.done(self.outbox.backlog()), Backlog(counts, NOW + 1))
        waits = Outcome(State.WAITING, "busy", NOW + 99)
        self.done(self.outbox.settle(second, waits, delivered(), second.files, NOW))
        counts = {State.QUEUED: 2, State.WAITING: 1}
        self.assertEqual(self.done(self.outbox.backlog()), Backlog(counts, NOW + 1))

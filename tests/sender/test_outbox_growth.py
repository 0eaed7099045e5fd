"""What is done all day, and at every start, costs the same however many pushes there ever were."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from pushsvc.sender.content_store import SMALL
from pushsvc.sender.outbox_clock import Reading
from pushsvc.sender.outcome import Outcome, State
from tests.sender.outbox_case import NOW, OutboxCase, delivered

BIG = b"x" * (SMALL + 1)
# Indexes that hold what is open, or in flight, or kept: their length is not that of the history.
SHORT = ("recipients_sending", "recipients_expiring", "recipients_due", "contents_kept", "(subquery", "clock")


class History(OutboxCase):
    def setUp(self) -> None:
        super().setUp()
        self.scans: set[str] = set()
        event.listen(self.database.engine, "before_cursor_execute", self.explain)

    def explain(self, connection: Any, cursor: Any, statement: str, facts: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            own = connection.connection.dbapi_connection
            for *_, step in own.execute(f"EXPLAIN QUERY PLAN {statement}", facts[0] if many else facts):
                if step.startswith("SCAN") and "CONSTANT" not in step and not any(name in step for name in SHORT):
                    self.scans.add(f"{step}: {statement}")

    def test_no_statement_reads_all_of_it(self) -> None:
        """[P12] A queue is as fast in its second year as on its first day."""
        self.done(self.outbox.start(NOW))
        self.done(self.outbox.resume(Reading("boot", 1.0), NOW))
        self.done(self.outbox.backlog())
        for push_id in ("psh_1", "psh_2", "psh_3"):
            self.put(push_id, octets=(b"small", BIG), idempotency=push_id, labels=("a",))
        first, second, third = self.done(self.outbox.turn(NOW, 10)).claims
        self.done(self.outbox.backlog())
        self.done(self.outbox.settle(first, Outcome(State.DELIVERED), delivered("0", "1"), first.files, NOW))
        self.done(self.outbox.settle(second, Outcome(State.REJECTED), delivered(), second.files, NOW))
        self.done(self.outbox.release([third], NOW))
        self.done(self.outbox.retry("psh_2", NOW, 10.0))
        self.done(self.outbox.cancel("psh_3"))
        self.done(self.outbox.turn(NOW + 4000, 10))
        self.push("psh_1")
        self.done(self.outbox.clock_jumped(1.0))
        self.done(self.outbox.sweep(NOW))
        self.assertEqual(self.scans, set())

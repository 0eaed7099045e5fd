"""Deadlines while the clock is set: what waits, waits as long as before, also when no process of ours was looking.

The steady clock of one boot goes on from process to process, so that a new one can tell by how much somebody set the
other one meanwhile. After another boot nobody can, and what is overdue by no more than `ALLOWANCE` is not given up yet.
"""

from __future__ import annotations

import attrs
from sqlalchemy import Connection, delete, insert, select, update

from pushsvc.ops.clock_watch import TOLERANCE
from pushsvc.sender.outbox_records import Submission
from pushsvc.sender.schema import IN_FLIGHT, TO_DO, clock, recipients

ALLOWANCE = 600.0  # seconds that a clock may be wrong after a boot (SECURITY part 4)


@attrs.frozen
class Reading:
    """Seconds by which the clock that people read is `ahead` of the steady one of this boot; "": nobody knows which."""

    boot_id: str
    ahead: float


def resume(connection: Connection, reading: Reading, now: float) -> float:
    """A process begins at `now` (seconds since 1970). By how much the clock was set since the last one looked."""
    last = connection.execute(select(clock.c.boot_id, clock.c.ahead)).one_or_none()
    note(connection, reading)
    if last is None or not reading.boot_id or last.boot_id != reading.boot_id:
        overdue = (recipients.c.expires_at <= now, recipients.c.expires_at > now - ALLOWANCE)
        later = recipients.c.expires_at + ALLOWANCE
        connection.execute(update(recipients).where(TO_DO, *overdue).values(expires_at=later))
        return 0.0
    jump: float = reading.ahead - last.ahead
    if abs(jump) <= TOLERANCE:
        return 0.0
    shift(connection, jump)
    return jump


def jumped(connection: Connection, seconds: float) -> None:
    """The clock was set forward or back by so many seconds, and we saw it."""
    shift(connection, seconds)
    connection.execute(update(clock).values(ahead=clock.c.ahead + seconds))


def note(connection: Connection, reading: Reading) -> None:
    """What the clocks are now, for the process that comes next."""
    connection.execute(delete(clock))
    connection.execute(insert(clock).values(boot_id=reading.boot_id, ahead=reading.ahead))


def shift(connection: Connection, seconds: float) -> None:
    """What is to do is due as long from now as before, and so is what is in hand, should it have to be done again.

    Nothing may expire just because the clock was set; setting it back does not give more time than was asked for.
    """
    for open_ones in (TO_DO, IN_FLIGHT):
        connection.execute(
            update(recipients)
            .where(open_ones)
            .values(
                due_at=recipients.c.due_at + seconds,
                expires_at=recipients.c.expires_at + max(seconds, 0.0),
            )
        )


def moved(submission: Submission, seconds: float, forward: float) -> Submission:
    """The same while its contents were being synced, and the clock was set: by `seconds` in all, so far `forward`."""
    return attrs.evolve(
        submission, submitted_at=submission.submitted_at + seconds, not_after=submission.not_after + forward
    )

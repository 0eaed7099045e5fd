"""How recipients end, and what that means for their push and its files. Every change names the state before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from pushsvc.errors import Misuse
from pushsvc.sender.job import AttemptResult, FileResult
from pushsvc.sender.outbox_read import write_files
from pushsvc.sender.outbox_records import LANES, SUSPECTS, Claim, Finished
from pushsvc.sender.outcome import CANCELLED, FAILED, OPEN, Outcome, State, one_line, parked, push_state
from pushsvc.sender.schema import IN_FLIGHT, KEPT_FILE, TO_DO, attempts, contents, pushes, recipients

CRASHES = 5  # in a row at which a recipient was being sent to, until it is not tried any more
_INTERRUPTED = "the service stopped while it was being sent"


def settle(
    connection: Connection,
    claim: Claim,
    outcome: Outcome,
    result: AttemptResult,
    files: Sequence[FileResult | None],
    now: float,
) -> tuple[Outcome, tuple[Finished, ...]]:
    """This claim's attempt ended at `now` with this result and this meaning; `files` are all results so far.

    Gives what became of the recipient: a wish to cancel that came first wins over another attempt.
    """
    recipient = claim.job.recipient_id
    row = connection.execute(
        select(recipients.c.push, recipients.c.cancel_asked, recipients.c.crashes).where(
            recipients.c.id == recipient, IN_FLIGHT
        )
    ).one_or_none()
    if row is None:
        raise Misuse(f"recipient {recipient} is not being sent to")
    if row.cancel_asked and outcome.state is State.WAITING:
        outcome = Outcome(State.CANCELLED, CANCELLED)
    values: dict[str, Any] = {
        "state": outcome.state.value,
        "reason": outcome.reason,
        "acknowledged": claim.delivered + max(result.octets_acknowledged, _begun(files)),
        "files": write_files(files),
    }
    if outcome.retry_at is not None:
        values["due_at"] = outcome.retry_at
    if row.crashes:
        values |= _unsuspected(claim)
    connection.execute(update(recipients).where(recipients.c.id == recipient, IN_FLIGHT).values(values))
    _end_attempt(connection, claim, outcome, result, now)
    return outcome, refresh(connection, {row.push})


def _begun(files: Sequence[FileResult | None]) -> int:
    """Octets that the receiver has of files that it has not whole, also after an attempt that it did not answer."""
    return sum(file.resume_at for file in files if file is not None)


def release(connection: Connection, claims: Collection[Claim], now: float) -> None:
    """These attempts were given up because we stop: they do not count, and the recipients are as due as they were.

    What they came to is in the `files` of the claims, and the next attempt goes on from there.
    """
    for claim in claims:
        ours = recipients.c.id == claim.job.recipient_id
        values = {"files": write_files(claim.files)} | _unsuspected(claim)
        connection.execute(update(recipients).where(ours, IN_FLIGHT).values(values))
    _give_back(connection, [claim.job.recipient_id for claim in claims], now)


def requeue(connection: Connection, now: float, most: int) -> tuple[int, tuple[Finished, ...]]:
    """The process that was sending is gone: whatever it had in hand is due again. How many recipients that were.

    Who was in hand at all but one of `most` such ends in a row is suspected to be why, and goes alone among those of
    whom that is true. When the process ends once more it is not tried again, and nobody is suspected any longer.
    """
    wanted = select(recipients.c.id, recipients.c.crashes, recipients.c.cancel_asked).where(IN_FLIGHT)
    in_hand = connection.execute(wanted).all()
    ended: tuple[Finished, ...] = ()
    suspects = [row for row in in_hand if row.crashes + 1 >= most - 1]
    if len(suspects) == 1 and suspects[0].crashes + 1 >= most and not suspects[0].cancel_asked:
        ended = _park(connection, suspects[0].id, now, most)
        _acquit(connection)
    else:
        connection.execute(update(recipients).where(IN_FLIGHT).values(crashes=recipients.c.crashes + 1))
        connection.execute(update(recipients).where(IN_FLIGHT, recipients.c.crashes >= most - 1).values(lane=SUSPECTS))
    ids = [row.id for row in in_hand]
    finished = [ended, *(_give_back(connection, ids[start : start + 1000], now) for start in range(0, len(ids), 1000))]
    return len(in_hand), tuple(push for pushes in finished for push in pushes)


def _park(connection: Connection, recipient: int, now: float, crashes: int) -> tuple[Finished, ...]:
    number = connection.scalar(select(recipients.c.push).where(recipients.c.id == recipient))
    assert number is not None
    _interrupted(connection, [recipient], now)
    connection.execute(
        update(recipients)
        .where(recipients.c.id == recipient, IN_FLIGHT)
        .values(state=State.UNDELIVERABLE.value, reason=parked(crashes), crashes=0)
    )
    return refresh(connection, {number})


def _acquit(connection: Connection) -> None:
    for priority, lane in LANES.items():
        ours = recipients.c.push.in_(select(pushes.c.number).where(pushes.c.priority == priority))
        suspected = or_(IN_FLIGHT, and_(TO_DO, recipients.c.lane == SUSPECTS))
        connection.execute(update(recipients).where(suspected, ours).values(crashes=0, lane=lane))


def _unsuspected(claim: Claim) -> dict[str, Any]:
    """What makes a recipient one like others again: an attempt ended, and we are there."""
    return {"crashes": 0, "lane": LANES[claim.job.priority]}


def refresh(connection: Connection, numbers: Collection[int]) -> tuple[Finished, ...]:
    """Bring the state of these pushes up to that of their recipients. Those that are final now."""
    counts: defaultdict[int, dict[State, int]] = defaultdict(dict)
    rows = connection.execute(
        select(recipients.c.push, recipients.c.state, func.count())
        .where(recipients.c.push.in_(numbers))
        .group_by(recipients.c.push, recipients.c.state)
    )
    for number, state, count in rows:
        counts[number][State(state)] = count
    finished = []
    for number, states in counts.items():
        connection.execute(update(pushes).where(pushes.c.number == number).values(state=push_state(states)))
        if not states.keys() & OPEN:
            finished.append(_finish(connection, number, keep=bool(states.keys() & FAILED)))
    return tuple(finished)


def _finish(connection: Connection, number: int, *, keep: bool) -> Finished:
    push_id = connection.scalar(select(pushes.c.id).where(pushes.c.number == number))
    assert push_id is not None
    small = tuple(
        connection.scalars(select(contents.c.position).where(contents.c.push == number, contents.c.octets.is_not(None)))
    )
    # What failed may be driven again, and needs its contents for that.
    return Finished(push_id, number, () if keep else release_contents(connection, number), small)


def release_contents(connection: Connection, number: int) -> tuple[str, ...]:
    """This push needs its contents no more; the SHA-256 of those that are files."""
    ours = contents.c.push == number
    released = tuple(connection.scalars(select(contents.c.sha256).where(ours, KEPT_FILE)))
    connection.execute(update(contents).where(ours).values(kept=False, octets=None, icon=None))
    return released


def copy_name(push_id: str, position: int) -> str:
    """The name under which a small content is laid out to be sent.

    Not by the push's number: when a commit fails, the next push gets the number of the one that was not kept.
    """
    return f"{push_id}-{position}"


def _give_back(connection: Connection, ids: Sequence[int], now: float) -> tuple[Finished, ...]:
    ours = recipients.c.id.in_(ids)
    numbers = set(connection.scalars(select(recipients.c.push).where(ours, IN_FLIGHT)))
    _interrupted(connection, ids, now)
    connection.execute(
        update(recipients)
        .where(ours, IN_FLIGHT, recipients.c.cancel_asked)
        .values(state=State.CANCELLED.value, reason=CANCELLED)
    )
    connection.execute(
        update(recipients).where(ours, IN_FLIGHT).values(state=State.QUEUED.value, tries=recipients.c.tries - 1)
    )
    return refresh(connection, numbers)


def _interrupted(connection: Connection, ids: Sequence[int], now: float) -> None:
    connection.execute(
        update(attempts)
        .where(attempts.c.recipient.in_(ids), attempts.c.ended_at.is_(None))
        .values(ended_at=now, outcome="interrupted", reason=_INTERRUPTED)
    )


def _end_attempt(connection: Connection, claim: Claim, outcome: Outcome, result: AttemptResult, now: float) -> None:
    connection.execute(
        update(attempts)
        .where(attempts.c.recipient == claim.job.recipient_id, attempts.c.number == claim.job.attempt)
        .values(
            ended_at=now,
            mode=result.mode or None,
            why_mode=result.why_mode or None,
            call_id=result.call_id,
            peer=result.peer,
            sip_status=result.sip_status,
            sip_reason=None if result.sip_reason is None else one_line(result.sip_reason),
            msrp_status=result.msrp_status,
            octets_acknowledged=result.octets_acknowledged,
            outcome=outcome.word,
            reason=outcome.reason,
            retry_at=outcome.retry_at,
        )
    )

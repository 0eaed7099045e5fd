"""How recipients end, and what that means for their push and its files. Every change names the state before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import attrs
from sqlalchemy import BindParameter, Connection, and_, bindparam, func, or_, select, update

from pushsvc.errors import Misuse
from pushsvc.sender.job import AttemptResult, FileResult
from pushsvc.sender.outbox_read import write_files
from pushsvc.sender.outbox_records import LANES, SUSPECTS, Claim, Finished
from pushsvc.sender.outcome import CANCELLED, FAILED, OPEN, Outcome, State, one_line, parked, push_state
from pushsvc.sender.schema import IN_FLIGHT, KEPT_FILE, TO_DO, attempts, contents, pushes, recipients

CRASHES = 5  # in a row at which a recipient was being sent to, until it is not tried any more
_INTERRUPTED = "the service stopped while it was being sent"

# Built once: what SQLAlchemy needs to make a statement and to recognise it is more than what SQLite needs to run it.
_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_HELD = select(recipients.c.id, recipients.c.push, recipients.c.cancel_asked).where(
    recipients.c.id.in_(bindparam("ids", expanding=True)), IN_FLIGHT
)
_END = (
    update(recipients)
    .where(recipients.c.id == bindparam("recipient"), IN_FLIGHT)
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        acknowledged=bindparam("octets"),
        files=bindparam("results"),
        due_at=func.coalesce(bindparam("retry_at"), recipients.c.due_at),
        # It is one like others again: an attempt ended, and we are there.
        crashes=0,
        lane=bindparam("own_lane"),
    )
)
_END_ATTEMPT = update(attempts).where(
    attempts.c.recipient == bindparam("whose"), attempts.c.number == bindparam("which")
)
_STATES = (
    select(recipients.c.push, recipients.c.state, func.count())
    .where(recipients.c.push.in_(_NUMBERS))
    .group_by(recipients.c.push, recipients.c.state)
)
_NEW_STATE = update(pushes).where(pushes.c.number.in_(_NUMBERS)).values(state=bindparam("word"))
_IDS = select(pushes.c.number, pushes.c.id).where(pushes.c.number.in_(_NUMBERS))
_SMALL = select(contents.c.push, contents.c.position).where(
    contents.c.push.in_(_NUMBERS), contents.c.octets.is_not(None)
)
_FILES = select(contents.c.push, contents.c.sha256).where(contents.c.push.in_(_NUMBERS), KEPT_FILE)
_LET_GO = update(contents).where(contents.c.push.in_(_NUMBERS)).values(kept=False, octets=None, icon=None)


@attrs.frozen
class Settling:
    """This claim's attempt ended at `now` with this result and this meaning; `files` are all results so far."""

    claim: Claim
    outcome: Outcome
    result: AttemptResult
    files: Sequence[FileResult | None]
    now: float


@attrs.frozen
class Settled:
    """What became of a recipient, and the push that became final by it."""

    outcome: Outcome
    finished: tuple[Finished, ...] = ()


def settle(connection: Connection, items: Sequence[Settling]) -> Sequence[Settled]:
    """End these attempts, each statement once for all. A wish to cancel that came first wins over another attempt.

    Raises Misuse when one of them ended before.
    """
    ids = [item.claim.job.recipient_id for item in items]
    held = {row.id: row for row in connection.execute(_HELD, {"ids": ids})}
    if len(held) != len(items):
        raise Misuse(f"of the recipients {ids} not all are being sent to, or one is named twice")
    wishes = [held[one].cancel_asked for one in ids]
    outcomes = [_after_wishes(item.outcome, wish) for item, wish in zip(items, wishes, strict=True)]
    connection.execute(_END, [_end_row(*each) for each in zip(items, outcomes, strict=True)])
    connection.execute(_END_ATTEMPT, [_attempt_row(*each) for each in zip(items, outcomes, strict=True)])
    finished = {push.number: push for push in refresh(connection, {row.push for row in held.values()})}
    results = []
    for one, outcome in zip(ids, outcomes, strict=True):
        push = finished.pop(held[one].push, None)
        results.append(Settled(outcome, () if push is None else (push,)))
    return results


def _after_wishes(outcome: Outcome, cancel_asked: bool) -> Outcome:
    return Outcome(State.CANCELLED, CANCELLED) if cancel_asked and outcome.state is State.WAITING else outcome


def _end_row(item: Settling, outcome: Outcome) -> dict[str, Any]:
    return {
        "recipient": item.claim.job.recipient_id,
        "new_state": outcome.state.value,
        "new_reason": outcome.reason,
        "octets": item.claim.delivered + max(item.result.octets_acknowledged, _begun(item.files)),
        "results": write_files(item.files),
        "retry_at": outcome.retry_at,
        "own_lane": LANES[item.claim.job.priority],
    }


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
    for number, state, count in connection.execute(_STATES, {"numbers": list(numbers)}):
        counts[number][State(state)] = count
    by_state: defaultdict[str, list[int]] = defaultdict(list)
    for number, states in counts.items():
        by_state[push_state(states)].append(number)
    for word, of_state in by_state.items():
        connection.execute(_NEW_STATE, {"word": word, "numbers": of_state})
    final = [number for number, states in counts.items() if not states.keys() & OPEN]
    # What failed may be driven again, and needs its contents for that.
    done = {number for number in final if not counts[number].keys() & FAILED}
    return _finish(connection, final, done) if final else ()


def _finish(connection: Connection, numbers: Sequence[int], done: Collection[int]) -> tuple[Finished, ...]:
    """These are final; those that are `done` need their contents no more."""
    small: defaultdict[int, list[int]] = defaultdict(list)
    for number, position in connection.execute(_SMALL, {"numbers": numbers}):
        small[number].append(position)
    released = _release(connection, done) if done else {}
    ids = {row.number: row.id for row in connection.execute(_IDS, {"numbers": numbers})}
    return tuple(
        Finished(ids[number], number, tuple(released.get(number, ())), tuple(small[number])) for number in numbers
    )


def release_contents(connection: Connection, number: int) -> tuple[str, ...]:
    """This push needs its contents no more; the SHA-256 of those that are files."""
    return tuple(_release(connection, [number]).get(number, ()))


def _release(connection: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    released: defaultdict[int, list[str]] = defaultdict(list)
    for number, sha256 in connection.execute(_FILES, {"numbers": list(numbers)}):
        released[number].append(sha256)
    connection.execute(_LET_GO, {"numbers": list(numbers)})
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


def _attempt_row(item: Settling, outcome: Outcome) -> dict[str, Any]:
    result = item.result
    return {
        "whose": item.claim.job.recipient_id,
        "which": item.claim.job.attempt,
        "ended_at": item.now,
        "mode": result.mode or None,
        "why_mode": result.why_mode or None,
        "call_id": result.call_id,
        "peer": result.peer,
        "sip_status": result.sip_status,
        "sip_reason": None if result.sip_reason is None else one_line(result.sip_reason),
        "msrp_status": result.msrp_status,
        "octets_acknowledged": result.octets_acknowledged,
        "outcome": outcome.word,
        "reason": outcome.reason,
        "retry_at": outcome.retry_at,
    }

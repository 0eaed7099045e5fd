"""One look into the queue: what has expired ends, what is due becomes `sending` and is handed out as jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import cycle

from sqlalchemy import Connection, bindparam, func, select, update

from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_claim import claim
from pushsvc.sender.outbox_end import refresh
from pushsvc.sender.outbox_records import LANES, SUSPECTS, Finished, Turn
from pushsvc.sender.outcome import State
from pushsvc.sender.schema import IN_FLIGHT, TO_DO, recipients

MAX_EXPIRED = 1000  # recipients in one look: keeps the database thread free for others

_TOO_LATE = "its deadline came before it could be sent"

# Built once: a look is made for every push, and building costs more than running.
_EXPIRED = select(recipients.c.id, recipients.c.push).where(TO_DO, recipients.c.expires_at <= bindparam("now"))
_EXPIRED = _EXPIRED.limit(MAX_EXPIRED)
_IN_LANE = select(recipients.c.due_at).where(TO_DO, recipients.c.lane == bindparam("lane"))
_FIRST_DUE = _IN_LANE.order_by(recipients.c.due_at).limit(1)
_DUE = _IN_LANE.with_only_columns(recipients.c.id).where(recipients.c.due_at <= bindparam("now"))
_DUE = _DUE.order_by(recipients.c.due_at).limit(bindparam("most"))
_SUSPECT_IN_FLIGHT = select(recipients.c.id).where(IN_FLIGHT, recipients.c.lane == SUSPECTS).limit(1)
_NEXT_EXPIRY = select(recipients.c.expires_at).where(TO_DO).order_by(recipients.c.expires_at).limit(1)


class Lanes:
    """Who goes first when not all can go: seven turns are four for high priority, two for normal, one for low."""

    def __init__(self) -> None:
        self._wheel = cycle((0, 1, 0, 2, 0, 1, 0))

    def pick(self, waiting: Sequence[deque[int]], limit: int) -> list[int]:
        """At most `limit` of those who wait by lane, oldest first; an empty lane's turn goes to the first other."""
        picked: list[int] = []
        while len(picked) < limit and any(waiting):
            lane = waiting[next(self._wheel)]
            picked.append((lane or next(filter(None, waiting))).popleft())
        return picked


def turn(connection: Connection, lanes: Lanes, store: ContentStore, now: float, limit: int) -> Turn:
    """End what has expired at `now`, claim at most `limit` recipients that are due, highest priority first."""
    expired, finished = _expire(connection, now)
    suspect = _suspect(connection, now) if limit else []
    waiting = [_due(connection, lane, now, limit) for lane in sorted(LANES.values())]
    chosen = [*suspect, *lanes.pick(waiting, limit - len(suspect))]
    claims = claim(connection, chosen, store, now) if chosen else ()
    first_suspect = _first_due(connection, SUSPECTS)
    is_crowded = len(chosen) >= limit or first_suspect is not None
    return Turn(claims, finished, expired, _next_due(connection, first_suspect), _next_expiry(connection), is_crowded)


def _expire(connection: Connection, now: float) -> tuple[int, tuple[Finished, ...]]:
    rows = connection.execute(_EXPIRED, {"now": now}).all()
    if not rows:
        return 0, ()
    connection.execute(
        update(recipients)
        .where(recipients.c.id.in_([row.id for row in rows]), TO_DO)
        .values(state=State.EXPIRED.value, reason=func.coalesce(recipients.c.reason, _TOO_LATE))
    )
    return len(rows), refresh(connection, {row.push for row in rows})


def _due(connection: Connection, lane: int, now: float, limit: int) -> deque[int]:
    return deque(connection.scalars(_DUE, {"lane": lane, "now": now, "most": limit}))


def _suspect(connection: Connection, now: float) -> list[int]:
    """The one that may be tried now of those that may make us crash: of two nobody would know which it was."""
    waiting = _due(connection, SUSPECTS, now, 1)
    return [] if waiting and _is_suspect_in_flight(connection) else list(waiting)


def _is_suspect_in_flight(connection: Connection) -> bool:
    return connection.scalar(_SUSPECT_IN_FLIGHT) is not None


def _next_due(connection: Connection, suspect: float | None) -> float | None:
    moments = [_first_due(connection, lane) for lane in LANES.values()]
    if suspect is not None and not _is_suspect_in_flight(connection):  # else the end of that one is when to look
        moments.append(suspect)
    return min((moment for moment in moments if moment is not None), default=None)


def _first_due(connection: Connection, lane: int) -> float | None:
    first: float | None = connection.scalar(_FIRST_DUE, {"lane": lane})
    return first


def _next_expiry(connection: Connection) -> float | None:
    first: float | None = connection.scalar(_NEXT_EXPIRY)
    return first

"""Reading pushes back out of the outbox's tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from pushsvc.sender.job import FileResult, FileState
from pushsvc.sender.outbox_records import Attempt, Backlog, Content, Page, Push, Query, Recipient
from pushsvc.sender.outcome import State
from pushsvc.sender.schema import IN_FLIGHT, TO_DO, attempts, contents, labels, pushes, recipients

MAX_PAGE_RECIPIENTS = 1000  # a page ends early rather than answer with more; one push alone may have as many

_OF_STATE = select(recipients.c.state, func.count().label("count"), func.min(recipients.c.push).label("oldest"))
_WAITING = _OF_STATE.where(TO_DO).group_by(recipients.c.state)
# Without the id sqlite reads the whole history in another index.
_SENDING = _OF_STATE.where(IN_FLIGHT, recipients.c.id > 0).group_by(recipients.c.state)
_SUBMITTED_AT = select(pushes.c.submitted_at).where(pushes.c.number == bindparam("first"))


def push(connection: Connection, push_id: str) -> Push | None:
    """The push with this id, None when there is none."""
    found = _load(connection, select(pushes).where(pushes.c.id == push_id))
    return found[0] if found else None


def page(connection: Connection, query: Query) -> Page:
    """The pushes that match the query, newest first."""
    rows = connection.execute(_matching(query).limit(query.limit + 1)).all()
    numbers: list[int] = []
    room = MAX_PAGE_RECIPIENTS
    for row in rows[: query.limit]:
        room -= row.recipient_count
        if numbers and room < 0:
            break
        numbers.append(row.number)
    found = _load(connection, select(pushes).where(pushes.c.number.in_(numbers)).order_by(pushes.c.number.desc()))
    return Page(tuple(found), more=len(rows) > len(numbers))


def backlog(connection: Connection) -> Backlog:
    """What is not final yet; every one of these rows is looked at, but only in an index, and no other."""
    rows = [*connection.execute(_WAITING), *connection.execute(_SENDING)]
    first = min((row.oldest for row in rows), default=None)
    oldest = None if first is None else connection.scalar(_SUBMITTED_AT, {"first": first})
    return Backlog({State(row.state): row[1] for row in rows}, oldest)


def read_files(text: str, count: int) -> tuple[FileResult | None, ...]:
    """The results of a recipient's `count` contents, as kept in its row."""
    kept = [item and FileResult(item[0], FileState(item[1]), *item[2:]) for item in json.loads(text)]
    return tuple(kept) or (None,) * count


def write_files(files: Sequence[FileResult | None]) -> str:
    """These results, as a row keeps them."""
    return json.dumps([file and (file.name, file.result.value, file.code, file.resume_at) for file in files])


def _matching(query: Query) -> Select[Any]:
    """The matching pushes, driven by the one index that narrows most and gives them in order."""
    wanted = select(pushes.c.number, pushes.c.recipient_count)
    key: ColumnElement[int] = pushes.c.number
    if query.label is not None:
        key = labels.c.push
        wanted = wanted.join(labels, key == pushes.c.number).where(labels.c.label == query.label)
    if query.to is not None:
        key = recipients.c.push
        wanted = wanted.join(recipients, key == pushes.c.number).where(recipients.c.target == query.to)
    if query.state is not None:
        wanted = wanted.where(pushes.c.state == query.state)
    if query.before is not None:
        wanted = wanted.where(key < query.before)
    return wanted.order_by(key.desc())


def _load(connection: Connection, wanted: Select[Any]) -> list[Push]:
    rows = connection.execute(wanted).all()
    numbers = [row.number for row in rows]
    # Not their octets: nobody reads these here.
    names = ("push", "name", "type", "size", "sha256", "icon_type")
    described = [contents.c[name] for name in names]
    files = _grouped(connection, select(*described).where(contents.c.push.in_(numbers)).order_by(contents.c.position))
    people = _grouped(
        connection, select(recipients).where(recipients.c.push.in_(numbers)).order_by(recipients.c.position)
    )
    tried = _grouped(
        connection,
        select(recipients.c.push, attempts)
        .join(recipients, recipients.c.id == attempts.c.recipient)
        .where(recipients.c.push.in_(numbers))
        .order_by(attempts.c.number),
    )
    return [_push(row, files[row.number], people[row.number], tried[row.number]) for row in rows]


def _grouped(connection: Connection, wanted: Select[Any]) -> defaultdict[int, list[Row[Any]]]:
    groups: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(wanted):
        groups[row.push].append(row)
    return groups


def _push(row: Row[Any], files: Sequence[Row[Any]], people: Iterable[Row[Any]], tried: Iterable[Row[Any]]) -> Push:
    attempts_of: defaultdict[int, list[Attempt]] = defaultdict(list)
    for attempt in tried:
        attempts_of[attempt.recipient].append(_attempt(attempt))
    return Push(
        number=row.number,
        id=row.id,
        state=row.state,
        submitted_at=row.submitted_at,
        not_after=row.not_after,
        mode=row.mode,
        disposition=row.disposition,
        priority=row.priority,
        title=row.title,
        description=row.description,
        application=row.application,
        correlation=None if row.correlation is None else json.loads(row.correlation),
        labels=tuple(json.loads(row.labels)),
        contents=tuple(Content(file.name, file.type, file.size, file.sha256, file.icon_type) for file in files),
        recipients=tuple(_recipient(one, len(files), attempts_of[one.id]) for one in people),
    )


def _recipient(row: Row[Any], count: int, tried: Sequence[Attempt]) -> Recipient:
    return Recipient(
        id=row.id,
        to=row.target,
        state=State(row.state),
        reason=row.reason,
        due_at=row.due_at,
        acknowledged=row.acknowledged,
        files=read_files(row.files, count),
        attempts=tuple(tried),
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=row.started_at,
        ended_at=row.ended_at,
        mode=row.mode,
        why_mode=row.why_mode,
        call_id=row.call_id,
        peer=row.peer,
        sip_status=row.sip_status,
        sip_reason=row.sip_reason,
        msrp_status=row.msrp_status,
        octets_acknowledged=row.octets_acknowledged,
        outcome=row.outcome,
        reason=row.reason,
        retry_at=row.retry_at,
    )

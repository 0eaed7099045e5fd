"""Recipients become `sending`, and what an attempt needs to know about each is put together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, select, update

from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.job import ContentFile, FileResult, FileState, Job
from pushsvc.sender.outbox_end import copy_name
from pushsvc.sender.outbox_read import read_files
from pushsvc.sender.outbox_records import Claim
from pushsvc.sender.outcome import State, is_settled
from pushsvc.sender.schema import TO_DO, attempts, contents, pushes, recipients
from pushsvc.sessions import Icon

# Built once: building a statement costs more than running it.
_CHOSEN: BindParameter[Any] = bindparam("chosen", expanding=True)
_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_SENDING = (
    update(recipients)
    .where(recipients.c.id.in_(_CHOSEN), TO_DO)
    .values(state=State.SENDING.value, tries=recipients.c.tries + 1, attempts=recipients.c.attempts + 1)
)
_ATTEMPTS = insert(attempts)
_PUSHES_SENDING = update(pushes).where(pushes.c.number.in_(_NUMBERS)).values(state=State.SENDING.value)
_CONTENTS = select(contents).where(contents.c.push.in_(_NUMBERS)).order_by(contents.c.position)
_WANTED = (
    select(
        recipients.c.id,
        recipients.c.push,
        recipients.c.target,
        recipients.c.tries,
        recipients.c.attempts,
        recipients.c.expires_at,
        recipients.c.files,
        pushes.c.id.label("push_id"),
        pushes.c.title,
        pushes.c.description,
        pushes.c.application,
        pushes.c.mode,
        pushes.c.disposition,
        pushes.c.priority,
        pushes.c.submitted_at,
    )
    .join_from(recipients, pushes, pushes.c.number == recipients.c.push)
    .where(recipients.c.id.in_(_CHOSEN))
)


def claim(connection: Connection, chosen: Sequence[int], store: ContentStore, now: float) -> tuple[Claim, ...]:
    """Turn these recipients, who are all `queued` or `waiting`, into claims, in this order."""
    # `sending` is durable before the first octet leaves: after a crash it may have been sent, so it is sent again.
    connection.execute(_SENDING, {"chosen": chosen})
    rows = _rows(connection, chosen)
    connection.execute(_ATTEMPTS, [{"recipient": row.id, "number": row.attempts, "started_at": now} for row in rows])
    numbers = {row.push for row in rows}
    connection.execute(_PUSHES_SENDING, {"numbers": list(numbers)})
    files = _contents(connection, numbers)
    return tuple(_claim(row, files[row.push], store) for row in rows)


def transfer_id(push_id: str, recipient: int, position: int) -> str:
    """The RFC 5547 §6 id of one whole content for one recipient: 32 characters, the same for every attempt.

    Nobody can guess it, because the push's id is random and goes to nobody but the client.
    """
    return hashlib.sha256(f"{push_id}/{recipient}/{position}".encode()).hexdigest()[:32]


def _rows(connection: Connection, chosen: Sequence[int]) -> list[Row[Any]]:
    rows: Iterable[Row[Any]] = connection.execute(_WANTED, {"chosen": chosen})
    by_id = {row.id: row for row in rows}
    return [by_id[one] for one in chosen]


def _contents(connection: Connection, numbers: set[int]) -> Mapping[int, list[Row[Any]]]:
    files: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(_CONTENTS, {"numbers": list(numbers)}):
        files.setdefault(row.push, []).append(row)
    return files


def _claim(row: Row[Any], files: Sequence[Row[Any]], store: ContentStore) -> Claim:
    results = read_files(row.files, len(files))
    job = Job(
        push_id=row.push_id,
        recipient_id=row.id,
        to=row.target,
        contents=tuple(
            _content(row, file, result, store)
            for file, result in zip(files, results, strict=True)
            if not is_settled(result)
        ),
        title=row.title,
        description=row.description,
        application=row.application,
        mode=row.mode,
        disposition=row.disposition,
        attempt=row.attempts,
        not_after=row.expires_at,
        created_at=row.submitted_at,
        priority=row.priority,
    )
    delivered = sum(
        file.size
        for file, result in zip(files, results, strict=True)
        if result is not None and result.result is FileState.DELIVERED
    )
    return Claim(job, row.tries, results, delivered)


def _content(row: Row[Any], file: Row[Any], result: FileResult | None, store: ContentStore) -> ContentFile:
    return ContentFile(
        name=file.name,
        type=file.type,
        size=file.size,
        sha1=bytes.fromhex(file.sha1),
        sha256=bytes.fromhex(file.sha256),
        path=_path(row.push_id, file, store),
        transfer_id=transfer_id(row.push_id, row.id, file.position),
        icon=None if file.icon is None else Icon(file.icon_type, file.icon),
        resume_at=result.resume_at if result is not None else 0,
    )


def _path(push_id: str, file: Row[Any], store: ContentStore) -> Path:
    if file.octets is None:
        return store.path(file.sha256)
    return store.lay_out(copy_name(push_id, file.position), file.octets)

"""Putting a submission into the outbox: its files get their names, then its rows come into being, in that order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from pushsvc.errors import PushsvcError
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_records import LANES, KeyReused, Stored, Submission, Wanted
from pushsvc.sender.outcome import State
from pushsvc.sender.schema import contents, idempotency, labels, pushes, recipients

KEY_LIFE = 7 * 86400.0  # seconds that an idempotency key keeps its first answer (INTERFACES 4)

# Built once: building a statement costs more than running it.
_PUSHES, _CONTENTS, _RECIPIENTS, _LABELS, _KEYS = map(insert, (pushes, contents, recipients, labels, idempotency))
_LAST = select(func.max(pushes.c.number))
_EARLIER = select(idempotency.c.push_id, idempotency.c.fingerprint, idempotency.c.answer).where(
    idempotency.c.client == bindparam("client"),
    idempotency.c.key == bindparam("of_key"),
    idempotency.c.created_at >= bindparam("since"),
)


@attrs.frozen
class Putting:
    """A submission on its way in; `answer` is what its client is told, now and when it asks again."""

    submission: Submission
    answer: str


class Putter:
    """Puts submissions into the outbox, several at once; durable with the commit."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store

    def put(self, connection: Connection, items: Sequence[Putting]) -> Sequence[Stored | PushsvcError]:
        """One result for each: Stored, or KeyReused, NoRoom, StoreBroken. Only what is Stored and new gets rows."""
        results: list[Stored | PushsvcError] = []
        new: list[Putting] = []
        for item in items:
            found = _earlier(connection, item.submission) or _among(new, item.submission)
            result = found or self._publish(item)
            if result is None:
                new.append(item)
            results.append(result or Stored(item.submission.id, item.answer, replayed=False))
        if any(_in_files(item.submission) for item in new):
            self._store.sync_names()
        if new:
            _insert(connection, new)
        return results

    def _publish(self, item: Putting) -> PushsvcError | None:
        # A row never points at nothing: the file first, its name second, the row last.
        try:
            for content in _in_files(item.submission):
                content.upload.publish()
        except PushsvcError as error:
            return error
        return None


def forget_keys(connection: Connection, now: float) -> None:
    """Drop the idempotency keys whose time is over at `now` (seconds since 1970)."""
    connection.execute(delete(idempotency).where(idempotency.c.created_at < now - KEY_LIFE))


def _in_files(submission: Submission) -> list[Wanted]:
    """The contents that are too big to be kept in their rows."""
    return [content for content in submission.contents if content.upload.small() is None]


def _earlier(connection: Connection, submission: Submission) -> Stored | KeyReused | None:
    if submission.idempotency is None:
        return None
    facts = {
        "client": submission.client,
        "of_key": submission.idempotency,
        "since": submission.submitted_at - KEY_LIFE,
    }
    row = connection.execute(_EARLIER, facts).one_or_none()
    return row and _again(submission, row.push_id, row.fingerprint, row.answer)


def _among(new: Sequence[Putting], submission: Submission) -> Stored | KeyReused | None:
    """The same, for what is being put at the same moment."""
    if submission.idempotency is None:
        return None
    for other in new:
        first = other.submission
        if (first.client, first.idempotency) == (submission.client, submission.idempotency):
            return _again(submission, first.id, first.fingerprint, other.answer)
    return None


def _again(submission: Submission, push_id: str, fingerprint: str, answer: str) -> Stored | KeyReused:
    if fingerprint != submission.fingerprint:
        return KeyReused("this idempotency key was used for another push")
    return Stored(push_id, answer, replayed=True)


def _insert(connection: Connection, items: Sequence[Putting]) -> None:
    # We are the only writer, so that numbers can be given here, and one statement does for all.
    last = connection.scalar(_LAST) or 0
    numbered = [(last + 1 + index, item.submission) for index, item in enumerate(items)]
    connection.execute(_PUSHES, [_push_row(*each) for each in numbered])
    connection.execute(_CONTENTS, [row for each in numbered for row in _content_rows(*each)])
    connection.execute(_RECIPIENTS, [row for each in numbered for row in _recipient_rows(*each)])
    if labelled := [row for each in numbered for row in _label_rows(*each)]:
        connection.execute(_LABELS, labelled)
    if keyed := [item for item in items if item.submission.idempotency is not None]:
        forget_keys(connection, max(item.submission.submitted_at for item in keyed))
        connection.execute(_KEYS, [_key_row(item) for item in keyed])


def _push_row(number: int, submission: Submission) -> dict[str, Any]:
    return {
        "number": number,
        "id": submission.id,
        "state": State.QUEUED.value,
        "submitted_at": submission.submitted_at,
        "not_after": submission.not_after,
        "mode": submission.mode,
        "disposition": submission.disposition,
        "priority": submission.priority,
        "title": submission.title,
        "description": submission.description,
        "application": submission.application,
        "correlation": None if submission.correlation is None else json.dumps(submission.correlation),
        "labels": json.dumps(submission.labels),
        "recipient_count": len(submission.to),
    }


def _content_rows(number: int, submission: Submission) -> list[dict[str, Any]]:
    return [
        {
            "push": number,
            "position": position,
            "name": content.name,
            "type": content.type,
            "size": content.upload.size,
            "sha1": content.upload.sha1,
            "sha256": content.upload.sha256,
            "kept": True,
            "octets": content.upload.small(),
            "icon_type": None if content.icon is None else content.icon.type,
            "icon": None if content.icon is None else content.icon.octets,
        }
        for position, content in enumerate(submission.contents)
    ]


def _recipient_rows(number: int, submission: Submission) -> list[dict[str, Any]]:
    return [
        {
            "push": number,
            "position": position,
            "target": target,
            "state": State.QUEUED.value,
            "lane": LANES[submission.priority],
            "due_at": submission.submitted_at,
            "expires_at": submission.not_after,
            "tries": 0,
            "attempts": 0,
            "cancel_asked": False,
            "acknowledged": 0,
            "files": "[]",
        }
        for position, target in enumerate(submission.to)
    ]


def _label_rows(number: int, submission: Submission) -> list[dict[str, Any]]:
    return [{"label": label, "push": number} for label in sorted(set(submission.labels))]


def _key_row(item: Putting) -> dict[str, Any]:
    submission = item.submission
    return {
        "client": submission.client,
        "key": submission.idempotency,
        "fingerprint": submission.fingerprint,
        "push_id": submission.id,
        "answer": item.answer,
        "created_at": submission.submitted_at,
    }

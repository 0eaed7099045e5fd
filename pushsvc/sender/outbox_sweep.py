"""Taking out what nobody needs: files of pushes that ended, files that a crash left behind, keys whose time is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select

from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_end import copy_name, release_contents
from pushsvc.sender.outbox_put import forget_keys
from pushsvc.sender.outbox_records import Finished
from pushsvc.sender.outcome import OPEN
from pushsvc.sender.schema import KEPT, KEPT_FILE, contents, pushes

CONTENT_LIFE = 7 * 86400.0  # seconds that the contents of a failed push are kept, so that it may be driven again

_OPEN = [state.value for state in OPEN]
_STILL_OPEN = select(pushes.c.number).where(
    pushes.c.number.in_(bindparam("numbers", expanding=True)), pushes.c.state.in_(_OPEN)
)


def release_old(connection: Connection, now: float) -> tuple[str, ...]:
    """Let go of keys and of contents whose time is over at `now`; the SHA-256 of the contents."""
    forget_keys(connection, now)
    numbers = connection.scalars(
        select(contents.c.push)
        .distinct()
        .join(pushes, pushes.c.number == contents.c.push)
        .where(
            KEPT,
            pushes.c.submitted_at < now - CONTENT_LIFE,
            pushes.c.state.not_in(_OPEN),
        )
    ).all()
    return tuple(sha256 for number in numbers for sha256 in release_contents(connection, number))


def clear_copies(connection: Connection, store: ContentStore, finished: Sequence[Finished]) -> None:
    """Remove what was laid out to be sent for these pushes, unless they are being driven again by now."""
    driven = set(connection.scalars(_STILL_OPEN, {"numbers": [push.number for push in finished]}))
    for push in finished:
        if push.number not in driven:
            for position in push.small:
                store.clear_away(copy_name(push.push_id, position))


def remove_unneeded(connection: Connection, store: ContentStore, hashes: Iterable[str]) -> int:
    """Remove those of these files that no push needs, by what is committed or part of this transaction. How many."""
    removed = 0
    for sha256 in hashes:
        if connection.scalar(select(contents.c.push).where(contents.c.sha256 == sha256, KEPT_FILE).limit(1)) is None:
            store.remove(sha256)
            removed += 1
    return removed

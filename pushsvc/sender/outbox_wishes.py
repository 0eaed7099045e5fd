"""What a push's owner may wish after submitting it: to have it cancelled, or what failed tried again."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from pushsvc.errors import PushsvcError
from pushsvc.sender.job import FileResult, FileState
from pushsvc.sender.outbox_end import refresh
from pushsvc.sender.outbox_read import read_files, write_files
from pushsvc.sender.outbox_records import LANES, Cancelling
from pushsvc.sender.outcome import CANCELLED, FAILED, State
from pushsvc.sender.schema import IN_FLIGHT, KEPT, TO_DO, contents, pushes, recipients


class ContentGone(PushsvcError):
    """The push's contents were removed some days after it ended."""


def cancel(connection: Connection, push_id: str) -> Cancelling | None:
    """Cancel what is not being sent, note the wish for what is. None when there is no such push."""
    number = connection.scalar(select(pushes.c.number).where(pushes.c.id == push_id))
    if number is None:
        return None
    ours = recipients.c.push == number
    cancelled = connection.execute(
        update(recipients).where(ours, TO_DO).values(state=State.CANCELLED.value, reason=CANCELLED)
    ).rowcount
    in_flight = tuple(connection.scalars(select(recipients.c.id).where(ours, IN_FLIGHT)))
    connection.execute(update(recipients).where(ours, IN_FLIGHT).values(cancel_asked=True))
    return Cancelling(cancelled, in_flight, refresh(connection, {number}) if cancelled else ())


def retry(connection: Connection, push_id: str, now: float, time_to_live: float) -> int | None:
    """Make every failed recipient due at `now` again; how many. None when there is no such push.

    A push whose deadline has passed gets a new one, `time_to_live` seconds from now. Raises ContentGone.
    """
    wanted = select(pushes.c.number, pushes.c.not_after, pushes.c.priority).where(pushes.c.id == push_id)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return None
    failed = connection.execute(
        select(recipients.c.id, recipients.c.files).where(
            recipients.c.push == row.number, recipients.c.state.in_([state.value for state in FAILED])
        )
    ).all()
    if not failed:
        return 0
    count = connection.scalar(select(func.count()).where(contents.c.push == row.number, KEPT)) or 0
    if not count:
        raise ContentGone("the contents of this push are not kept any more")
    not_after = row.not_after if row.not_after > now else now + time_to_live
    connection.execute(update(pushes).where(pushes.c.number == row.number).values(not_after=not_after))
    for recipient in failed:
        _drive_again(connection, recipient.id, recipient.files, count, now, not_after)
    # Who was parked is not suspected any more.
    failed_ids = [recipient.id for recipient in failed]
    unsuspected = update(recipients).where(recipients.c.id.in_(failed_ids))
    connection.execute(unsuspected.values(crashes=0, lane=LANES[row.priority]))
    refresh(connection, {row.number})
    return len(failed)


def _drive_again(connection: Connection, recipient: int, files: str, count: int, now: float, not_after: float) -> None:
    # What was refused is offered anew; of what was cut the receiver may still have the first part.
    kept = [file if file and _is_of_use(file) else None for file in read_files(files, count)]
    connection.execute(
        update(recipients)
        .where(recipients.c.id == recipient)
        .values(
            state=State.QUEUED.value,
            reason=None,
            due_at=now,
            expires_at=not_after,
            tries=0,
            cancel_asked=False,
            files=write_files(kept),
        )
    )


def _is_of_use(file: FileResult) -> bool:
    return file.result is FileState.DELIVERED or file.resume_at > 0

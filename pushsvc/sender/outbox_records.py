"""What goes into the outbox and what comes out of it, as values. How they become rows is in the modules beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from pushsvc.errors import PushsvcError
from pushsvc.sender.job import FileResult, Job
from pushsvc.sender.outcome import OPEN, State
from pushsvc.sessions import Icon

LANES: Mapping[str, int] = {"high": 0, "normal": 1, "low": 2}
"""The priorities and their lanes."""
SUSPECTS = 9
"""The lane of those that may be what makes the process crash: they go one at a time."""


class Received(Protocol):
    """A content that has arrived: its size in octets and its hashes in lower-case hex; `small` gives a small one."""

    @property
    def size(self) -> int: ...
    @property
    def sha1(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    def small(self) -> bytes | None: ...
    def synced(self) -> Deferred[None]: ...
    def publish(self) -> None: ...
    def discard(self) -> None: ...


@attrs.frozen
class Wanted:
    """One content as it was submitted."""

    name: str
    type: str
    upload: Received
    icon: Icon | None = None


@attrs.frozen(kw_only=True)
class Submission:
    """A push as it was submitted, complete and checked. Moments are seconds since 1970.

    `client` and `idempotency` name an earlier request for the same; `fingerprint` says whether it was the same.
    """

    id: str
    to: tuple[str, ...]
    contents: tuple[Wanted, ...]
    submitted_at: float
    not_after: float
    mode: str = "auto"
    disposition: str = "attachment"
    priority: str = "normal"
    title: str | None = None
    description: str | None = None
    application: str | None = None
    correlation: Any = None
    labels: tuple[str, ...] = ()
    client: str = ""
    idempotency: str | None = None
    fingerprint: str = ""


@attrs.frozen
class Content:
    """One content of a push; hashes in lower-case hex. `icon` is the type of its icon, None without one."""

    name: str
    type: str
    size: int
    sha256: str
    icon: str | None = None


@attrs.frozen
class Attempt:
    """One attempt at one recipient; `ended_at` and `outcome` are None while it runs. Moments are seconds since 1970."""

    number: int
    started_at: float
    ended_at: float | None = None
    mode: str | None = None
    why_mode: str | None = None
    call_id: str | None = None
    peer: str | None = None
    sip_status: int | None = None
    sip_reason: str | None = None
    msrp_status: int | None = None
    octets_acknowledged: int | None = None
    outcome: str | None = None
    reason: str | None = None
    retry_at: float | None = None


@attrs.frozen
class Recipient:
    """One recipient of a push. `due_at` is when it is tried next, meaningful while it waits."""

    id: int
    to: str
    state: State
    reason: str | None
    due_at: float
    acknowledged: int
    files: tuple[FileResult | None, ...]
    attempts: tuple[Attempt, ...] = ()


@attrs.frozen(kw_only=True)
class Push:
    """A push and how far it came. `number` orders pushes by age; `correlation` is the caller's own JSON value."""

    number: int
    id: str
    state: str
    submitted_at: float
    not_after: float
    mode: str
    disposition: str
    priority: str
    title: str | None
    description: str | None
    application: str | None
    correlation: Any
    labels: tuple[str, ...]
    contents: tuple[Content, ...]
    recipients: tuple[Recipient, ...]

    @property
    def size(self) -> int:
        """Octets of all contents together."""
        return sum(content.size for content in self.contents)

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen any more by itself."""
        return all(recipient.state not in OPEN for recipient in self.recipients)


def untried(submission: Submission) -> Push:
    """The push that this submission becomes, before anything was tried."""
    return Push(
        number=0,
        id=submission.id,
        state=State.QUEUED.value,
        submitted_at=submission.submitted_at,
        not_after=submission.not_after,
        mode=submission.mode,
        disposition=submission.disposition,
        priority=submission.priority,
        title=submission.title,
        description=submission.description,
        application=submission.application,
        correlation=submission.correlation,
        labels=submission.labels,
        contents=tuple(
            Content(content.name, content.type, content.upload.size, content.upload.sha256, _type(content.icon))
            for content in submission.contents
        ),
        recipients=tuple(
            Recipient(0, to, State.QUEUED, None, submission.submitted_at, 0, (None,) * len(submission.contents))
            for to in submission.to
        ),
    )


def _type(icon: Icon | None) -> str | None:
    return None if icon is None else icon.type


@attrs.frozen
class Query:
    """Which pushes to list: `before` is the number of the last one that was listed already."""

    limit: int
    before: int | None = None
    state: str | None = None
    to: str | None = None
    label: str | None = None


@attrs.frozen
class Page:
    """Pushes, newest first; `more` when there are older ones."""

    pushes: tuple[Push, ...]
    more: bool


@attrs.frozen
class Claim:
    """A recipient that is in the state `sending` now, and ours to try.

    `tries` counts the attempts of the retry policy, this one included. `files` are the results of all contents so far;
    the job has those that are not settled; `delivered` counts the octets of those that were.
    """

    job: Job
    tries: int
    files: tuple[FileResult | None, ...]
    delivered: int


@attrs.frozen
class Finished:
    """A push became final by this.

    `released` are the files (SHA-256) that it does not need any more, `small` the positions of its small contents,
    which may be laid out.
    """

    push_id: str
    number: int
    released: tuple[str, ...]
    small: tuple[int, ...]


@attrs.frozen
class Turn:
    """What one look into the queue gave: what to try, which pushes ended by it, and when to look again.

    `expired` counts recipients. `next_due` (it may be past, when there is more to do than was asked for) and
    `next_expiry` are seconds since 1970, None when nothing waits. `is_crowded`: there may be more to try as soon as an
    attempt has ended; else that changes nothing.
    """

    claims: tuple[Claim, ...]
    finished: tuple[Finished, ...]
    expired: int
    next_due: float | None
    next_expiry: float | None
    is_crowded: bool


@attrs.frozen
class Stored:
    """A submission is durable. `replayed`: it had been before, under the same key, and `answer` was given then."""

    push_id: str
    answer: str
    replayed: bool


class KeyReused(PushsvcError):
    """The idempotency key belongs to another submission."""


@attrs.frozen
class Cancelling:
    """What a wish to cancel found: how many recipients ended by it, and which are being sent to and must be stopped."""

    cancelled: int
    in_flight: tuple[int, ...]
    finished: tuple[Finished, ...]


@attrs.frozen
class Backlog:
    """How many recipients are not final, by state, and when the oldest of their pushes was submitted."""

    counts: Mapping[State, int]
    oldest: float | None

"""What one delivery attempt is given and gives back. How it is made is in delivery, what it means in outcome."""

from __future__ import annotations

import enum
from pathlib import Path

import attrs

from pushsvc.errors import DeliveryError
from pushsvc.sessions import Icon


class FileState(enum.Enum):
    """What became of one file at one recipient."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


@attrs.frozen
class FileResult:
    """One file's end: `code` is the SIP or MSRP status that says so, None where none was spoken.

    `resume_at`: so many octets, from the first on, were acknowledged before it failed; another attempt may go on there.
    """

    name: str
    result: FileState
    code: int | None = None
    resume_at: int = 0


@attrs.frozen
class ContentFile:
    """One content to send: `path` holds its `size` octets, the hashes are raw.

    `transfer_id` (RFC 5547 §6) is the same for every attempt to send all of it to one recipient, so that the receiver
    knows a repetition; the rest behind `resume_at` octets goes under an id of its own (E.16).
    """

    name: str
    type: str
    size: int
    sha1: bytes
    sha256: bytes
    path: Path
    transfer_id: str
    icon: Icon | None = None
    resume_at: int = 0


@attrs.frozen
class Job:
    """One attempt at one recipient: all contents that are not settled there, for one session.

    `attempt` counts from 1; `created_at` (when the push was submitted) and `not_after` are seconds since 1970.
    """

    push_id: str
    recipient_id: int
    to: str
    contents: tuple[ContentFile, ...]
    title: str | None
    description: str | None
    application: str | None
    mode: str
    disposition: str
    attempt: int
    not_after: float
    created_at: float
    priority: str = "normal"

    @property
    def size(self) -> int:
        """Octets of all contents together."""
        return sum(content.size for content in self.contents)


@attrs.frozen
class AttemptResult:
    """How one attempt ended.

    `files` has one result per content of the job, in its order; it may stop short where `failure` ended the attempt.
    `mode` is `msrp` or `message` ("" when the attempt did not come that far), `why_mode` says why in words. `peer` is
    whom the content went to, or else who refused it, as `tls:192.0.2.20:2855`.
    """

    files: tuple[FileResult, ...] = ()
    mode: str = ""
    why_mode: str = ""
    call_id: str | None = None
    peer: str | None = None
    sip_status: int | None = None
    sip_reason: str | None = None
    msrp_status: int | None = None
    octets_acknowledged: int = 0
    failure: DeliveryError | None = None

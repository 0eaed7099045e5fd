"""A push as the HTTP API shows it (INTERFACES 4). Why it went so is said in explain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from pushsvc.api.fields import time_text
from pushsvc.sender.attempts import Progress
from pushsvc.sender.outbox_records import Attempt, Push, Recipient

Json = dict[str, Any]
ProgressOf = Callable[[int], Progress | None]


def push_json(push: Push, progress_of: ProgressOf) -> Json:
    """The push; `progress_of` tells how far the attempt at a recipient is, None when none runs."""
    size = push.size
    return {
        "id": push.id,
        "state": push.state,
        "submitted_at": time_text(push.submitted_at),
        "title": push.title,
        "description": push.description,
        "application": push.application,
        "mode": push.mode,
        "disposition": push.disposition,
        "priority": push.priority,
        "not_after": time_text(push.not_after),
        "correlation": push.correlation,
        "labels": list(push.labels),
        "contents": [
            {"name": content.name, "type": content.type, "size": content.size, "sha256": content.sha256}
            | ({} if content.icon is None else {"icon": {"type": content.icon}})
            for content in push.contents
        ],
        "counts": dict(Counter(recipient.state.value for recipient in push.recipients)),
        "recipients": [_recipient(recipient, progress_of(recipient.id), size) for recipient in push.recipients],
    }


def _recipient(recipient: Recipient, progress: Progress | None, size: int) -> Json:
    progress = progress or Progress(recipient.acknowledged, recipient.acknowledged)
    return {
        "to": recipient.to,
        "state": recipient.state.value,
        "reason": recipient.reason,
        "progress": {"sent": progress.sent, "acknowledged": progress.acknowledged, "size": size},
        "files": [
            {"name": file.name, "result": file.result.value, "code": file.code} for file in recipient.files if file
        ],
        "attempts": [attempt_json(attempt) for attempt in recipient.attempts],
    }


def attempt_json(attempt: Attempt) -> Json:
    """One attempt; what is not known yet is null."""
    return {
        "number": attempt.number,
        "started_at": time_text(attempt.started_at),
        "ended_at": _time(attempt.ended_at),
        "mode": attempt.mode,
        "why_mode": attempt.why_mode,
        "call_id": attempt.call_id,
        "peer": attempt.peer,
        "sip_status": attempt.sip_status,
        "sip_reason": attempt.sip_reason,
        "msrp_status": attempt.msrp_status,
        "octets_acknowledged": attempt.octets_acknowledged,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "retry_at": _time(attempt.retry_at),
    }


def _time(moment: float | None) -> str | None:
    return None if moment is None else time_text(moment)

"""What a client wants pushed, read and checked whatever form it came in.

The forms are in submission_forms, what a submission says of its contents in submission_contents.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from pushsvc import push
from pushsvc.api.fields import Fields
from pushsvc.api.problem import FieldError, Problem
from pushsvc.errors import BadMessage
from pushsvc.machine import Tokens
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_records import LANES, Submission, Wanted
from pushsvc.sender.submission_contents import Contents, Part, matching
from pushsvc.sip.uri import SipUri

MAX_RECIPIENTS = 1000  # of one push; longer lists are several pushes
MAX_URI = 1024  # characters
MAX_CORRELATION = 4096  # characters of JSON

_application = re.compile(r"[A-Za-z0-9.:/+!*_`'~%-]+", re.ASCII).fullmatch
_key = re.compile(r"[ -~]+", re.ASCII).fullmatch


@attrs.frozen
class Draft:
    """What came in: a JSON object, or what looks the same, and the parts that it may name. `door` is the form."""

    door: str
    fields: Any
    parts: tuple[Part, ...] = ()
    key: str | None = None


@attrs.frozen
class Rules:
    """What a submission says when it says nothing, and what it may not say.

    `max_content` is octets of one content, `time_to_live` seconds. `too_big_for_message` tells why a push cannot go by
    MESSAGE, None when it can.
    """

    max_content: int
    time_to_live: float
    mode: str = "auto"
    disposition: str = "attachment"
    too_big_for_message: Callable[[Submission], str | None] = lambda submission: None


def read_submission(
    draft: Draft, rules: Rules, store: ContentStore, tokens: Tokens, *, client: str, now: float
) -> Submission:
    """The submission in this draft; `client` is who asks, `now` is seconds since 1970.

    Raises Problem (422 with every mistake, 400, 413), NoRoom, StoreBroken; the parts are discarded then.
    """
    uploads = [part.upload for part in draft.parts]
    try:
        fields = Fields(draft.fields)
        contents = Contents(fields, list(draft.parts), rules.max_content, store, uploads).read()
        submission = _submission(fields, draft, contents, rules, push.push_id(tokens), client, now)
        fields.done()
        _check_mode(submission, rules)
    except BaseException:
        for upload in uploads:
            upload.discard()
        raise
    return attrs.evolve(submission, fingerprint=_fingerprint(submission, fields))


def unfit(name: str, code: str, detail: str) -> Problem:
    """422 for one member."""
    return Problem(422, "bad-field", detail, [FieldError(f"/{name}", code)])


def _submission(
    fields: Fields, draft: Draft, contents: Sequence[Wanted], rules: Rules, push_id: str, client: str, now: float
) -> Submission:
    return Submission(
        id=push_id,
        to=_targets(fields),
        contents=tuple(contents),
        submitted_at=now,
        not_after=_deadline(fields, now, rules.time_to_live),
        mode=fields.text("mode", rules.mode, choices=("auto", "message", "msrp")),
        disposition=fields.text("disposition", rules.disposition, choices=("attachment", "render")),
        priority=fields.text("priority", "normal", choices=tuple(LANES)),
        title=fields.text("title", None, longest=255),
        description=fields.text("description", None, longest=1024),
        application=matching(fields, "application", _application),
        correlation=_correlation(fields),
        labels=tuple(fields.texts("labels", [], longest=64, most=16)),
        client=client,
        idempotency=_idempotency(fields, draft.key),
    )


def _targets(fields: Fields) -> tuple[str, ...]:
    targets = fields.texts("to", longest=MAX_URI, most=MAX_RECIPIENTS)
    for position, target in enumerate(targets):
        if not _is_target(target):
            fields.wrong(f"to/{position}", "uri")
    if len(set(targets)) < len(targets):
        fields.wrong("to", "duplicate")
    return tuple(targets)


def _is_target(text: str) -> bool:
    """A SIP URI without headers (`?Subject=`): what we send is said by the push, not by its address."""
    try:
        return not SipUri.parse(text).headers
    except BadMessage:
        return False


def _deadline(fields: Fields, now: float, time_to_live: float) -> float:
    not_after = fields.time("not_after", None)
    if not_after is None:
        return now + time_to_live
    if not_after <= now:
        fields.wrong("not_after", "past")
    return not_after


def _correlation(fields: Fields) -> Any:
    value = fields.anything("correlation")
    if len(json.dumps(value)) > MAX_CORRELATION:
        fields.wrong("correlation", "too-long")
    return value


def _idempotency(fields: Fields, key: str | None) -> str | None:
    """The key of the body, or the header's; they may both be there if they agree."""
    own = matching(fields, "idempotency", _key)
    if key is None:
        return own
    if len(key) > 255 or not _key(key) or own not in (None, key):
        fields.wrong("idempotency", "value")
    return key


def _check_mode(submission: Submission, rules: Rules) -> None:
    if submission.mode == "message":
        why = rules.too_big_for_message(submission)
        if why is not None:
            raise unfit("mode", "too-large", f"this push cannot go by MESSAGE: {why}")


def _said_of(content: Wanted) -> list[str]:
    icon = content.icon
    of_icon = [] if icon is None else [icon.type, hashlib.sha256(icon.octets).hexdigest()]
    return [content.name, content.type, content.upload.sha256, *of_icon]


def _fingerprint(submission: Submission, fields: Fields) -> str:
    """What makes two requests the same: everything that the client said, nothing that we added."""
    said = [
        submission.to,
        [_said_of(content) for content in submission.contents],
        submission.not_after if "not_after" in fields else None,
        submission.mode,
        submission.disposition,
        submission.priority,
        submission.title,
        submission.description,
        submission.application,
        submission.correlation,
        submission.labels,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

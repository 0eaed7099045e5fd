"""What a client wants pushed, read and checked whatever form it came in. The forms are in submission_forms."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from pushsvc import push
from pushsvc.api.fields import Fields
from pushsvc.api.problem import FieldError, Problem, too_large
from pushsvc.errors import BadMessage
from pushsvc.machine import Tokens
from pushsvc.sender.content_store import ContentStore, Upload
from pushsvc.sender.outbox_records import LANES, Submission, Wanted
from pushsvc.sip.uri import SipUri

MAX_RECIPIENTS = 1000  # of one push; longer lists are several pushes
MAX_CONTENTS = 8  # as many media lines as a session description may have
MAX_URI = 1024  # characters
MAX_CORRELATION = 4096  # characters of JSON
OCTETS = "application/octet-stream"
TEXT = "text/plain;charset=utf-8"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_media_type = re.compile(
    rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[^\"\\\x00-\x1f\x7f-\U0010ffff]*\"))*", re.ASCII
).fullmatch
_application = re.compile(r"[A-Za-z0-9.:/+!*_`'~%-]+", re.ASCII).fullmatch
_key = re.compile(r"[ -~]+", re.ASCII).fullmatch
_blanks = re.compile(r"[ \t\r\n]+")


@attrs.frozen
class Part:
    """One content that came as octets: the form's field it was in, the name and type that came with it."""

    field: str
    upload: Upload
    name: str | None = None
    type: str | None = None


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
        contents = _Contents(fields, list(draft.parts), rules, store, uploads).read()
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
        application=_matching(fields, "application", _application),
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
    own = _matching(fields, "idempotency", _key)
    if key is None:
        return own
    if len(key) > 255 or not _key(key) or own not in (None, key):
        fields.wrong("idempotency", "value")
    return key


def _matching(fields: Fields, name: str, pattern: Callable[[str], object]) -> str | None:
    value = fields.text(name, None, longest=255)
    if value is not None and not pattern(value):
        fields.wrong(name, "value")
    return value


def _check_mode(submission: Submission, rules: Rules) -> None:
    if submission.mode == "message":
        why = rules.too_big_for_message(submission)
        if why is not None:
            raise unfit("mode", "too-large", f"this push cannot go by MESSAGE: {why}")


def _fingerprint(submission: Submission, fields: Fields) -> str:
    """What makes two requests the same: everything that the client said, nothing that we added."""
    said = [
        submission.to,
        [(content.name, content.type, content.upload.sha256) for content in submission.contents],
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


@attrs.define
class _Contents:
    """Reads `content` and `contents`. Every upload that comes into being is noted in `uploads`."""

    fields: Fields
    parts: list[Part]
    rules: Rules
    store: ContentStore
    uploads: list[Upload]

    def read(self) -> list[Wanted]:
        """The contents in their order; where the fields name none, every part is one."""
        single = self.fields.part("content")
        several = self.fields.parts("contents", most=MAX_CONTENTS)
        if single is not None and several:
            self.fields.wrong("contents", "one-of")
        named = [*([single] if single is not None else []), *several]
        if not named and not self.parts:
            self.fields.wrong("content", "missing")
        found = [self._named(one) for one in named] if named else [self._unnamed() for _ in tuple(self.parts)]
        if self.parts:
            self.fields.wrong("contents", "unused-part")
        if len(found) > MAX_CONTENTS:
            self.fields.wrong("contents", "value")
        return [content for content in found if content is not None]

    def _named(self, fields: Fields) -> Wanted | None:
        name = fields.text("name", None, longest=255)
        kind = _matching(fields, "type", _media_type)
        sources = [source for source in ("text", "base64", "upload") if source in fields]
        text, octets, field = _text(fields), _base64(fields), fields.text("upload", None, longest=255)
        if len(sources) != 1:
            fields.wrong("", "one-of")
            return None
        if field is not None:
            return self._uploaded(fields, field, name, kind)
        return self._inline(octets, name, kind) if text is None else self._inline(text, name, kind or TEXT)

    def _uploaded(self, fields: Fields, field: str, name: str | None, kind: str | None) -> Wanted | None:
        part = next((part for part in self.parts if part.field == field), None)
        if part is None:
            fields.wrong("upload", "unknown-part")
            return None
        self.parts.remove(part)
        return _wanted(part.upload, name or part.name, kind or part.type)

    def _unnamed(self) -> Wanted:
        part = self.parts.pop(0)
        return _wanted(part.upload, part.name, part.type)

    def _inline(self, octets: bytes, name: str | None, kind: str | None) -> Wanted:
        if len(octets) > self.rules.max_content:
            raise too_large(self.rules.max_content)
        upload = self.store.receive()
        self.uploads.append(upload)
        upload.write(octets)
        return _wanted(upload, name, kind)


def _text(fields: Fields) -> bytes | None:
    """Text content may hold any character: it is content, not a field."""
    text = fields.anything("text")
    if text is not None and not isinstance(text, str):
        fields.wrong("text", "type")
        text = ""
    return None if text is None else text.encode()


def _base64(fields: Fields) -> bytes:
    text = fields.anything("base64")
    if text is None:
        return b""
    if not isinstance(text, str):
        fields.wrong("base64", "type")
        return b""
    try:
        return base64.b64decode(_blanks.sub("", text), validate=True)
    except ValueError:
        fields.wrong("base64", "value")
        return b""


def _wanted(upload: Upload, name: str | None, kind: str | None) -> Wanted:
    """Whatever is missing is guessed: the type by the name, the name by the type."""
    if kind is None or not _media_type(kind):
        guess, coding = mimetypes.guess_type(name or "")
        kind = guess if guess and not coding else OCTETS
    name = push.safe_name(name or "", "content" + (mimetypes.guess_extension(push.bare_type(kind)) or ""))
    return Wanted(name, kind, upload)

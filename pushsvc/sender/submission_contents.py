"""What a submission says of its contents: where their octets are, their names and types."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable

import attrs

from pushsvc import push
from pushsvc.api.fields import Fields
from pushsvc.api.problem import too_large
from pushsvc.sender.content_store import SMALL, ContentStore, Upload
from pushsvc.sender.outbox_records import Wanted
from pushsvc.sessions import Icon, is_icon_type

MAX_CONTENTS = 8  # as many media lines as a session description may have
MAX_ICON = SMALL  # octets; three of them go in one INVITE
OCTETS = "application/octet-stream"
TEXT = "text/plain;charset=utf-8"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_media_type = re.compile(
    rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[^\"\\\x00-\x1f\x7f-\U0010ffff]*\"))*", re.ASCII
).fullmatch
_blanks = re.compile(r"[ \t\r\n]+")


@attrs.frozen
class Part:
    """One content that came as octets: the form's field it was in, the name and type that came with it."""

    field: str
    upload: Upload
    name: str | None = None
    type: str | None = None


@attrs.define
class Contents:
    """Reads `content` and `contents`, of at most `max_content` octets each.

    Every upload that comes into being is noted in `uploads`.
    """

    fields: Fields
    parts: list[Part]
    max_content: int
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
        found = self._content(fields)
        icon = self._icon(fields.part("icon"))
        return found if found is None or icon is None else attrs.evolve(found, icon=icon)

    def _content(self, fields: Fields) -> Wanted | None:
        name = fields.text("name", None, longest=255)
        kind = matching(fields, "type", _media_type)
        sources = [source for source in ("text", "base64", "upload") if source in fields]
        text, octets, field = _text(fields), _base64(fields), fields.text("upload", None, longest=255)
        if len(sources) != 1:
            fields.wrong("", "one-of")
            return None
        if field is not None:
            return self._uploaded(fields, field, name, kind)
        return self._inline(octets, name, kind) if text is None else self._inline(text, name, kind or TEXT)

    def _uploaded(self, fields: Fields, field: str, name: str | None, kind: str | None) -> Wanted | None:
        part = self._part(fields, field)
        return None if part is None else _wanted(part.upload, name or part.name, kind or part.type)

    def _part(self, fields: Fields, field: str) -> Part | None:
        """The first part of this name that nobody has taken."""
        part = next((part for part in self.parts if part.field == field), None)
        if part is None:
            fields.wrong("upload", "unknown-part")
            return None
        self.parts.remove(part)
        return part

    def _icon(self, fields: Fields | None) -> Icon | None:
        if fields is None:
            return None
        kind: str | None = fields.text("type", None, longest=127)
        field = fields.text("upload", None, longest=255)
        octets: bytes | None = _base64(fields)
        if ("base64" in fields) == (field is not None):
            fields.wrong("", "one-of")
            return None
        if field is not None:
            part = self._part(fields, field)
            if part is None:
                return None
            octets, kind = part.upload.small(), kind or part.type
            part.upload.discard()
        image = push.bare_type(kind or "")
        if not is_icon_type(image):
            fields.wrong("type", "value" if image else "missing")
        if not octets or len(octets) > MAX_ICON:
            fields.wrong("", "value" if octets == b"" else "too-large")
            return None
        return Icon(image, octets)

    def _unnamed(self) -> Wanted:
        part = self.parts.pop(0)
        return _wanted(part.upload, part.name, part.type)

    def _inline(self, octets: bytes, name: str | None, kind: str | None) -> Wanted:
        if len(octets) > self.max_content:
            raise too_large(self.max_content)
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


def matching(fields: Fields, name: str, pattern: Callable[[str], object]) -> str | None:
    """A text that `pattern` matches whole; noted as wrong otherwise."""
    value = fields.text(name, None, longest=255)
    if value is not None and not pattern(value):
        fields.wrong(name, "value")
    return value

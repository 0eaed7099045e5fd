"""A push as the command line states it, as the body of one POST: JSON alone, or JSON and files in one multipart."""

from __future__ import annotations

import base64
import json
import mimetypes
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import attrs

from pushsvc.config.values import Wrong, read_duration
from pushsvc.pushctl.client import BLOCK, Body, Json
from pushsvc.pushctl.exits import CommandFailed, Exit

FILE_FIELD = "file"  # the form's field for contents
MOST_OF_AN_ICON = 256 * 1024  # octets that are read of one: push-sender refuses far smaller ones
_UNNAMEABLE = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # as browsers write names into multipart/form-data


@attrs.frozen
class Attachment:
    """One content that travels as octets: an open file, and how the receiver shall know it."""

    file: IO[bytes] = attrs.field(repr=False)
    size: int
    name: str | None
    type: str

    @classmethod
    def of(cls, path: Path) -> Attachment:
        """The file at `path`, its type guessed by its name. Raises CommandFailed when it cannot be read."""
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandFailed(f"{path}: {error.strerror}", Exit.NO_INPUT) from error
        if not path.is_file():
            file.close()
            raise CommandFailed(f"{path}: not a regular file", Exit.NO_INPUT)
        return cls(file, os.fstat(file.fileno()).st_size, path.name, guessed_type(path.name))

    @classmethod
    def of_stream(cls, stream: IO[bytes]) -> Attachment:
        """All of `stream`, kept in a temporary file, because the size must be known before the first octet goes."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as the attachment)
        while block := stream.read(BLOCK):
            file.write(block)
        size = file.tell()
        file.seek(0)
        return cls(file, size, None, "application/octet-stream")


def guessed_type(name: str) -> str:
    """The media type that a file's name suggests; a compressed file is not what is inside it."""
    kind, coding = mimetypes.guess_type(name)
    return kind if kind and not coding else "application/octet-stream"


def moment(text: str, now: datetime) -> str:
    """`90s`, `2h` or `3d` from `now`, or an RFC 3339 time, as RFC 3339 in UTC. Raises ValueError, OverflowError."""
    try:
        when = now + timedelta(seconds=read_duration(text))
    except Wrong:
        when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time needs its zone, as in 2026-11-22T11:00:00Z")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def icon_member(path: Path) -> Json:
    """The picture at `path` as the member `icon` of a content. Raises CommandFailed when it is none, or unreadable."""
    picture = Attachment.of(path)
    with picture.file as file:
        octets = file.read(MOST_OF_AN_ICON)
    if not picture.type.startswith("image/"):
        raise CommandFailed(f"{path}: an icon is a picture, and this is {picture.type} by its name", Exit.BAD_DATA)
    return {"type": picture.type, "base64": base64.b64encode(octets).decode()}


def json_body(push: Json) -> Body:
    """A push whose content is inside its JSON."""
    text = json.dumps(push).encode()
    return Body((text,), len(text), "application/json")


def multipart_body(push: Json, attachments: Sequence[Attachment], sent: Callable[[int], None]) -> Body:
    """A push and its files as multipart/form-data: field `push`, then one `file` each.

    The files are read while they are sent; `sent` hears the number of octets of each piece that went out.
    """
    boundary = f"pushctl-{secrets.token_hex(16)}"
    heads = [_part_head(boundary, "push", None, "application/json") + json.dumps(push).encode() + b"\r\n"]
    heads += [
        _part_head(boundary, FILE_FIELD, attachment.name or "content", attachment.type) for attachment in attachments
    ]
    tail = f"--{boundary}--\r\n".encode()
    size = sum(map(len, heads)) + len(tail) + sum(attachment.size + 2 for attachment in attachments)

    def pieces() -> Iterator[bytes]:
        yield heads[0]
        for head, attachment in zip(heads[1:], attachments, strict=True):
            yield head
            yield from _octets(attachment, sent)
            yield b"\r\n"
        yield tail

    return Body(pieces(), size, f"multipart/form-data; boundary={boundary}")


def _part_head(boundary: str, field: str, name: str | None, content_type: str) -> bytes:
    quoted = "".join(_UNNAMEABLE.get(letter, letter) for letter in name) if name is not None else None
    filename = f'; filename="{quoted}"' if quoted is not None else ""
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{filename}\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode("utf-8", "replace")


def _octets(attachment: Attachment, sent: Callable[[int], None]) -> Iterator[bytes]:
    left = attachment.size
    with attachment.file as file:
        while left:
            try:
                block = file.read(min(left, BLOCK))
            except OSError as error:
                raise CommandFailed(f"{attachment.name}: {error.strerror}", Exit.NO_INPUT) from error
            if not block:
                raise CommandFailed(f"{attachment.name}: became shorter while it was sent", Exit.BAD_DATA)
            left -= len(block)
            yield block
            sent(len(block))

"""A file as an answer: whole, a range of it (RFC 9110 §14), or not at all because the client has it."""

# mypy: allow-untyped-calls
# (Twisted Web is not annotated.)

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import quote

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from pushsvc.api.answer import Answer, Reply, Streamed
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest

PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))", re.ASCII)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._-]", re.ASCII)


def file_answer(
    request: ApiRequest, open_file: Callable[[], BinaryIO], *, size: int, type: str, name: str, sha256: str
) -> Reply:
    """The file's octets, with `foreign_headers`.

    `open_file` is called only when octets are to be sent. Raises Problem 416, and what `open_file` raises.
    """
    tag = f'"{sha256}"'
    headers = [
        ("ETag", tag),
        ("Accept-Ranges", "bytes"),
        *foreign_headers(type, name),
    ]
    if tag in _tags(request.header("If-None-Match")):
        return Answer(304, b"", headers[:2])
    wanted = request.header("Range") if request.header("If-Range") in (None, tag) else None
    part = _range(wanted, size)
    start, length = part or (0, size)
    if part:
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{size}"))
    if request.verb == "HEAD":
        return Streamed(lambda to: succeed(None), 206 if part else 200, headers, length)
    file = open_file()
    return Streamed(lambda to: FileProducer(file, to, start, length).done, 206 if part else 200, headers, length)


def foreign_headers(type: str, name: str) -> list[tuple[str, str]]:
    """The headers of octets whose type and name foreigners chose: an attachment that no browser runs."""
    return [
        ("Content-Type", type),
        ("Content-Disposition", attachment(name)),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ]


def attachment(name: str) -> str:
    """The Content-Disposition of a file to be saved under this name (RFC 6266)."""
    return f"attachment; filename=\"{_NOT_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"


def _tags(field: str | None) -> list[str]:
    return [tag.strip(" \t").removeprefix("W/") for tag in (field or "").split(",")]


def _range(field: str | None, size: int) -> tuple[int, int] | None:
    """Where to start and how many octets; None: the whole. Several ranges, or none that can be read: the whole too."""
    found = _RANGE.fullmatch(field or "")
    if found is None:
        return None
    if found[3] is not None:
        start = max(0, size - int(found[3]))
        last = size - 1 if int(found[3]) else -1
    else:
        start = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or last < start:
        raise Problem(416, "bad-range", f"there are {size} octets", headers=[("Content-Range", f"bytes */{size}")])
    return start, last - start + 1


@implementer(IPushProducer)
class FileProducer:
    """Writes a part of a file to a request, no faster than it is taken. `done` fires when all is written."""

    def __init__(self, file: BinaryIO, request: ApiRequest, start: int, length: int) -> None:
        self._file = file
        self._request = request
        self._at = start
        self._left = length
        self._paused = False
        self.done: Deferred[None] = Deferred(lambda _: self._file.close())
        request.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        try:
            while self._left and not self._paused:
                self._write_piece()
        except OSError as error:
            self._end()
            self.done.errback(error)
        else:
            if not self._left and not self._file.closed:
                self._end()
                self.done.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True

    def _write_piece(self) -> None:
        octets = os.pread(self._file.fileno(), min(PIECE, self._left), self._at)
        if not octets:
            raise OSError("the file is shorter than it was")
        self._at += len(octets)
        self._left -= len(octets)
        self._request.write(octets)

    def _end(self) -> None:
        self._file.close()
        self._request.unregisterProducer()

"""A push as multipart/form-data, taken apart while it arrives: nothing of a content stays in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)
from twisted.internet.defer import Deferred

from pushsvc.api.problem import FieldError, Problem, too_large
from pushsvc.api.request import ApiRequest
from pushsvc.api.strict_json import read_json
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.submission import Draft, Rules
from pushsvc.sender.submission_contents import MAX_CONTENTS, MAX_ICON, Part

MAX_PARTS = 2 * MAX_CONTENTS  # contents, and an icon of each
MAX_FIELD = 1024 * 1024  # octets of the field `push`: a thousand long addresses fit four times
MAX_PART_HEADER = 4096  # octets of one header line of a part
MAX_PART_FRAME = 16 * 1024  # octets of a part that are not content, by far


class MultipartForm:
    """multipart/form-data: the field `push` is the JSON, all others are contents and icons, written as they arrive."""

    def __init__(self, request: ApiRequest, store: ContentStore, rules: Rules, key: str | None) -> None:
        boundary = parse_options_header(request.header("Content-Type"))[1].get("boundary", "")
        if not 1 <= len(boundary) <= 70 or not boundary.isascii():  # RFC 2046 §5.1.1
            raise Problem(400, "bad-multipart", "the Content-Type has no proper boundary")
        self._parser = PushMultipartParser(boundary, max_header_size=MAX_PART_HEADER, max_segment_count=MAX_PARTS + 1)
        self._store = store
        self._max_content = rules.max_content
        self._key = key
        self._segment: MultipartSegment | None = None
        self._push: bytearray | None = None
        self._parts: list[Part] = []
        self.limit = MAX_CONTENTS * (rules.max_content + MAX_ICON) + MAX_FIELD + (MAX_PARTS + 2) * MAX_PART_FRAME

    def write(self, octets: bytes) -> Deferred[Any] | None:
        # One at most: a sync is due far more rarely than octets arrive.
        pending: Deferred[None] | None = None
        with _multipart_problems():
            for event in self._parser.parse(octets):
                match event:
                    case None:
                        self._segment = None
                    case MultipartSegment():
                        self._begin(event)
                    case _:
                        pending = self._take(bytes(event)) or pending
        return pending

    def finish(self) -> Draft:
        try:
            with _multipart_problems():
                self._parser.close()
            if self._push is None:
                raise Problem(422, "bad-field", "the field `push` is missing", [FieldError("/push", "missing")])
            fields = read_json(bytes(self._push))
        except BaseException:
            self.abandon()
            raise
        return Draft("multipart", fields, tuple(self._parts), self._key)

    def abandon(self) -> None:
        for part in self._parts:
            part.upload.discard()

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment = segment
        if segment.name == "push":
            if self._push is not None:
                raise Problem(422, "bad-field", "the field `push` is there twice", [FieldError("/push", "duplicate")])
            self._push = bytearray()
        else:
            upload = self._store.receive()
            self._parts.append(Part(segment.name, upload, segment.filename, segment.header("Content-Type")))

    def _take(self, octets: bytes) -> Deferred[None] | None:
        if self._segment is not None and self._segment.name == "push":
            assert self._push is not None
            self._push += octets
            if len(self._push) > MAX_FIELD:
                raise too_large(MAX_FIELD)
            return None
        upload = self._parts[-1].upload
        if upload.size + len(octets) > self._max_content:
            raise too_large(self._max_content)
        return upload.write(octets)


@contextmanager
def _multipart_problems() -> Iterator[None]:
    try:
        yield
    except ParserLimitReached as error:
        raise Problem(413, "too-large", f"too much in one form: {error}") from error
    except MultipartError as error:
        raise Problem(400, "bad-multipart", f"the body is no multipart/form-data: {error}") from error

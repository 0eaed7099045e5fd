"""Taking a content out of what only wraps it: message/cpim (RFC 3862) and multiparts (RFC 2046) [D-MSRP-6].

    message/cpim              what it wraps
    multipart/signed          the signed part; whether the signature is good is not looked at (RFC 1847)
    multipart/alternative     the last part that is acceptable (RFC 2046 §5.1.4)
    multipart/mixed, related  the only part, or the one that is of the announced type; several parts of which none was
                              announced stay together: the multipart is the content then

What is inside may be wrapped again. Which types these are, and how they are announced, is in `wrapping`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from pushsvc.errors import ProtocolError
from pushsvc.push.cpim import CPIM, MAX_HEAD, read_head
from pushsvc.push.wrapping import ALTERNATIVE, SIGNED, is_wrapper
from pushsvc.sdp.media_types import bare_type
from pushsvc.sip.headers import Headers
from pushsvc.sip.multipart import ContentField, Part, boundary_of, split

MAX_DEPTH = 8  # wrappers around one another (SECURITY part 5)
MAX_IN_MEMORY = 1024 * 1024  # octets of a multipart, or of a content in base64: what is larger is not taken apart

_AS_IT_IS = ("7bit", "8bit", "binary")
_DESCRIBING = ("content-disposition", "content-description")


class Readable(Protocol):
    """A content: its size in octets, and its octets at an offset."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these octets. Raises OSError."""


@attrs.frozen
class InMemory:
    """A content that is here."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def read(self, offset: int, size: int) -> bytes:
        return self.octets[offset : offset + size]


@attrs.frozen
class Rest:
    """Another content from an offset on."""

    whole: Readable
    start: int

    @property
    def size(self) -> int:
        return self.whole.size - self.start

    def read(self, offset: int, size: int) -> bytes:
        return self.whole.read(self.start + offset, size)


@attrs.frozen
class Expected:
    """What is to come out: of a type that `accepts` takes; `type` and `size` (octets) where a file was announced."""

    accepts: Callable[[str], bool]
    type: str | None = None
    size: int | None = None

    @property
    def is_file(self) -> bool:
        return self.type is not None or self.size is not None

    def is_type(self, type: str) -> bool:
        """Whether this is the announced type."""
        return self.type is not None and bare_type(type) == bare_type(self.type)


@attrs.frozen
class Inside:
    """What was wrapped. `headers` are Content-Disposition and Content-Description, innermost first, in lower case."""

    type: str
    content: Readable
    headers: Mapping[str, str] = attrs.field(factory=dict)


def unwrapped(type: str, content: Readable, expected: Expected) -> Inside:
    """What is in a content of this type; itself when it is no wrapper, or the file that was announced.

    Raises ProtocolError: 400 when it cannot be read, 413 when that would take too much memory, 415 when what is inside
    is not acceptable; and OSError of the content.
    """
    return _opened(Inside(type, content), expected, MAX_DEPTH)


def _opened(layer: Inside, expected: Expected, depth: int) -> Inside:
    kind = bare_type(layer.type)
    if not is_wrapper(kind) or _is_announced(layer, expected):
        if not expected.accepts(layer.type):
            raise ProtocolError("type not acceptable", 415)
        return layer
    if not depth:
        raise ProtocolError("wrapped too many times")
    if kind == CPIM:
        return _opened(_wrapped_by_cpim(layer), expected, depth - 1)
    parts = _parts(layer)
    if kind == SIGNED:
        return _opened(parts[0], expected, depth - 1)
    if kind == ALTERNATIVE:
        return _best(parts, expected, depth - 1)
    return _of_several(layer, parts, expected, depth - 1)


def _is_announced(layer: Inside, expected: Expected) -> bool:
    """A wrapper is larger than what it wraps: of the announced size it is the file itself."""
    return expected.is_type(layer.type) if expected.type is not None else layer.content.size == expected.size


def _best(parts: Sequence[Inside], expected: Expected, depth: int) -> Inside:
    problem = ProtocolError("type not acceptable", 415)
    worst_first = sorted(parts, key=lambda part: expected.is_type(part.type))
    for part in reversed(worst_first):
        try:
            return _opened(part, expected, depth)
        except ProtocolError as error:
            problem = error
    raise problem


def _of_several(layer: Inside, parts: Sequence[Inside], expected: Expected, depth: int) -> Inside:
    announced = [part for part in parts if expected.is_type(part.type)]
    if announced or len(parts) == 1:
        return _opened((announced or parts)[0], expected, depth)
    if expected.is_file:
        raise ProtocolError("no part is the file that was announced", 415)
    for part in parts:
        _opened(part, expected, depth)
    return layer


def _wrapped_by_cpim(layer: Inside) -> Inside:
    content = layer.content
    head = read_head(content.read(0, min(content.size, MAX_HEAD)))
    return _entity(layer, Headers.trusted(head.mime), Rest(content, head.size))


def _parts(layer: Inside) -> list[Inside]:
    boundary = boundary_of(ContentField.parse(layer.type))
    return [_entity(layer, part.headers, InMemory(part.octets)) for part in split(_in_memory(layer.content), boundary)]


def _entity(around: Inside, headers: Headers, content: Readable) -> Inside:
    """What MIME headers say of what follows them; what they do not say of it, those of the wrapper do."""
    coding = (headers.get("content-transfer-encoding") or "binary").strip(" \t").lower()
    if coding not in _AS_IT_IS:
        # MSRP carries octets as they are (RFC 4975 §7.3.1), and yet some encode them, as if for mail.
        content = InMemory(Part(headers, _in_memory(content)).decoded())
    described = {name: value for name in _DESCRIBING if (value := headers.get(name)) is not None}
    return Inside(headers.get("content-type") or "text/plain", content, {**around.headers, **described})


def _in_memory(content: Readable) -> bytes:
    if content.size > MAX_IN_MEMORY:
        raise ProtocolError(f"larger than {MAX_IN_MEMORY} octets and not to be taken apart", 413)
    return content.read(0, content.size)

"""MIME multipart bodies (RFC 2046 §5.1, RFC 5621 §4) by their octets. What the parts of an INVITE mean is not here.

The standard library's email package decodes and repairs what it reads; here a part is exactly the octets between its
boundaries, and what is not well formed is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

import attrs

from pushsvc.errors import BadMessage, Misuse
from pushsvc.quoting import TOKEN, unquoted
from pushsvc.sip.headers import CONTROL, Field, Headers, parse_parameters, unfolded
from pushsvc.sip.uri import Parameters, find_parameter

MAX_PARTS = 32  # of one multipart: a description and the icons of eight files fit three times (SECURITY part 5)
MAX_HEAD = 8192  # octets of one part's header: as long as one line of a SIP header may be

_CRLF = b"\r\n"
_boundary = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch
_field = re.compile(rf"([{TOKEN}]++)[ \t]*+:[ \t]*+([^{CONTROL}]*+)").fullmatch
_kind = re.compile(rf"[ \t]*+([{TOKEN}]++(?:/[{TOKEN}]++)?+)[ \t]*+(.*+)", re.DOTALL).fullmatch
_AS_THEY_ARE = ("7bit", "8bit", "binary")
_blanks = re.compile(rb"[ \t\r\n]+")


@attrs.frozen
class ContentField:
    """A Content-Type or Content-Disposition: `kind` in lower case, such as `image/png` or `icon`, and parameters."""

    kind: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> ContentField:
        """Raises BadMessage."""
        found = _kind(text)
        if found is None:
            raise BadMessage("malformed Content-Type or Content-Disposition")
        return cls(found[1].lower(), parse_parameters(found[2]))

    def parameter(self, name: str) -> str | None:
        """The value of a parameter without its quotes; None when it is not there."""
        value = find_parameter(self.parameters, name)
        return None if value is None else unquoted(value)


@attrs.frozen
class Part:
    """One body part: its header fields, and its octets as they are between the boundaries."""

    headers: Headers
    octets: bytes = attrs.field(repr=False)

    @property
    def content_type(self) -> ContentField:
        """What it is; plain text where nothing is said (RFC 2046 §5.1). Raises BadMessage."""
        return ContentField.parse(self.headers.get("Content-Type") or "text/plain")

    @property
    def content_id(self) -> str | None:
        """Its Content-ID without angle brackets."""
        text = self.headers.get("Content-ID")
        return None if text is None else text.strip(" \t").removeprefix("<").removesuffix(">")

    def decoded(self) -> bytes:
        """The content, base64 undone, which RCS clients use in SIP, too. Raises BadMessage: 415 for another coding."""
        coding = (self.headers.get("Content-Transfer-Encoding") or "binary").strip(" \t").lower()
        if coding in _AS_THEY_ARE:
            return self.octets
        if coding != "base64":
            raise BadMessage("a body part in a coding that is not known", status=415)
        try:
            return base64.b64decode(_blanks.sub(b"", self.octets), validate=True)
        except ValueError:
            raise BadMessage("a body part that is no base64") from None


def boundary_of(content_type: ContentField) -> str:
    """The boundary of a multipart. Raises BadMessage when there is none that can be (RFC 2046 §5.1.1)."""
    boundary = content_type.parameter("boundary") or ""
    if _boundary(boundary) is None:
        raise BadMessage("a multipart body without a boundary")
    return boundary


def split(body: bytes, boundary: str) -> list[Part]:
    """The parts in their order; what is before the first and behind the last is nobody's.

    Time and memory grow with the body's length only. Raises BadMessage: no such boundary, no end, more than
    `MAX_PARTS` parts, a part whose header cannot be read or is longer than `MAX_HEAD`.
    """
    # The CRLF before a boundary belongs to it; the one behind it may belong to the next boundary as well.
    delimiter = re.compile(rb"\r\n--" + re.escape(boundary.encode()) + rb"(--)?+[ \t]*+(?=\r\n|\Z)")
    octets = _CRLF + body
    parts: list[Part] = []
    start = None
    for found in delimiter.finditer(octets):
        if start is not None:
            if len(parts) == MAX_PARTS:
                raise BadMessage("a multipart body with too many parts")
            parts.append(_part(octets, start, found.start()))
        if found[1]:
            if not parts:
                raise BadMessage("a multipart body without parts")
            return parts
        start = found.end() + len(_CRLF)
    raise BadMessage("a multipart body whose boundary is not in it" if start is None else "a multipart body cut off")


def join(parts: Iterable[Part], boundary: str) -> bytes:
    """The body that `split` takes apart. Raises Misuse when the boundary is inside a part, or cannot be one."""
    if _boundary(boundary) is None:
        raise Misuse(f"no boundary: {boundary!r}")
    line = b"--" + boundary.encode()
    pieces = []
    for part in parts:
        if line in part.octets:
            raise Misuse("the boundary is inside a part")
        head = "".join(f"{name}: {value}\r\n" for name, value in part.headers)
        pieces += [line, _CRLF, head.encode("utf-8", "surrogateescape"), _CRLF, part.octets, _CRLF]
    return b"".join([*pieces, line, b"--\r\n"])


def _part(octets: bytes, start: int, end: int) -> Part:
    if octets.startswith(_CRLF, start) or start >= end:
        return Part(Headers(), octets[start + len(_CRLF) : end])
    head_end = octets.find(_CRLF + _CRLF, start, min(end, start + MAX_HEAD))
    if head_end < 0:
        if end - start > MAX_HEAD:
            raise BadMessage("a body part whose header is too long")
        return Part(_headers(octets[start:end].removesuffix(_CRLF)), b"")
    return Part(_headers(octets[start:head_end]), octets[head_end + 2 * len(_CRLF) : end])


def _headers(head: bytes) -> Headers:
    return Headers.trusted(
        tuple([_read_field(line) for line in unfolded(head.decode("utf-8", "surrogateescape")).split("\r\n")])
    )


def _read_field(line: str) -> Field:
    found = _field(line)
    if found is None:
        raise BadMessage("a body part with a malformed header")
    return found[1], found[2].rstrip(" \t")

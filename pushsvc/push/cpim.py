"""The head of a message/cpim (RFC 3862): its own headers, then the MIME headers of the content that follows.

    From: <sip:push@example.com>                          its own headers
    DateTime: 2026-03-01T09:30:00Z
                                                          a blank line, which some leave out
    Content-Type: text/plain                              MIME headers
                                                          a blank line
    Gate 3 is open                                        the content, which is not read here

What it says of sender and recipient is nobody's word but the sender's own, and proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from pushsvc.errors import Misuse, ProtocolError
from pushsvc.msrp.chunk import Fields

CPIM = "message/cpim"
MAX_HEAD = 16 * 1024  # octets, as for the headers of an MSRP chunk

_NAME = re.compile(rb"[!#-'*+\-.0-9A-Z^-z|~]{1,128}")
_ESCAPE = re.compile(r"""\\(u[0-9A-Fa-f]{4}|[btnr"'\\])""")
_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "r": "\r"}
_TO_ESCAPE = re.compile(r"[\\\x00-\x1f\x7f]")
_UNDERSTOOD = frozenset({"from", "to", "cc", "datetime", "subject", "ns", "require"})


@attrs.frozen
class CpimHead:
    """`headers` are the message's own, escapes undone; `mime` the content's, as they are; both in their order.

    `size` is how many octets come before the content.
    """

    headers: Fields
    mime: Fields
    size: int


def read_head(octets: bytes) -> CpimHead:
    """The head of a message. `octets` are its first `MAX_HEAD`, or all where it has fewer.

    Raises ProtocolError: 400 when it cannot be read, 413 when it is longer, 415 when it requires what we do not know
    (RFC 3862 §2.4.5).
    """
    headers, start = _block(octets, 0)
    first = next((index for index, (name, _) in enumerate(headers) if name.lower().startswith("content-")), None)
    if first is None:
        mime, start = _block(octets, start)
    else:
        headers, mime = headers[:first], headers[first:]
    unescaped = tuple((name, _unescaped(value)) for name, value in headers)
    for name, value in unescaped:
        if name.lower() == "require":
            _check_understood(value)
    return CpimHead(unescaped, tuple(mime), start)


def write_head(headers: Sequence[tuple[str, str]], mime: Sequence[tuple[str, str]]) -> bytes:
    """All that comes before the content. Misuse: a MIME header of ours has a line end."""
    if any("\r" in value or "\n" in value for _, value in mime):
        raise Misuse("line end inside a MIME header")
    own = [f"{name}: {_TO_ESCAPE.sub(_escape, value)}" for name, value in headers]
    lines = [*own, "", *(f"{name}: {value}" for name, value in mime), "", ""]
    return "\r\n".join(lines).encode("utf-8", "replace")


def _block(octets: bytes, at: int) -> tuple[list[tuple[str, str]], int]:
    """Header lines up to a blank one, folded ones joined, and where the octets after it begin."""
    fields: list[tuple[str, list[str]]] = []  # a folded line in its pieces: joined once, whatever their number
    while True:
        end = octets.find(b"\n", at, MAX_HEAD)
        if end < 0:
            too_long = len(octets) >= MAX_HEAD
            raise ProtocolError("message/cpim has no end of its headers", 413 if too_long else 400)
        line, at = octets[at:end].removesuffix(b"\r"), end + 1
        if not line:
            return [(name, " ".join(pieces).strip(" \t")) for name, pieces in fields], at
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(_text(line))
            continue
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not _NAME.fullmatch(raw_name):
            raise ProtocolError("message/cpim has a header that cannot be read")
        fields.append((raw_name.decode(), [_text(raw_value)]))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip(" \t")


def _check_understood(value: str) -> None:
    unknown = [name for name in re.split(r"[ \t,]+", value) if name and name.lower() not in _UNDERSTOOD]
    if unknown:
        raise ProtocolError("message/cpim requires a header that is not known here", 415)


def _unescaped(value: str) -> str:
    text = _ESCAPE.sub(lambda found: _LETTERS.get(found[1], found[1]) if len(found[1]) == 1 else _unit(found[1]), value)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # escapes are UTF-16 units


def _unit(escape: str) -> str:
    return chr(int(escape[1:], 16))


def _escape(found: re.Match[str]) -> str:
    return "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"

"""The headers that describe content: Content-Disposition (RFC 2183) and Content-Description (RFC 2045 §8).

Both only decorate: what cannot be read in them is passed over, and nothing here raises on a peer's text.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote, unquote_to_bytes

import attrs

from pushsvc.sdp.dates import format_date, parse_date
from pushsvc.sdp.description import one_line

MAX_DESCRIPTION = 1000  # letters of a description that are taken
MAX_WRITTEN = 1500  # octets of both values; with paths and ids a head of ours stays below 2 KiB (PEERS 29)

_KIND = re.compile(r"[ \t]*([A-Za-z0-9!#$&.+^_-]{1,64})")
_PARAMETER = re.compile(
    r';[ \t]*([A-Za-z0-9!#$&.+^_*-]{1,64})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;" \t]*))', re.DOTALL
)
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9._-]{1,40})(?:\*[A-Za-z0-9-]{1,20})?\?([BbQq])\?([^? ]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_CHARSETS = ("utf-8", "us-ascii", "iso-8859-1")


@attrs.frozen
class Disposition:
    """What a Content-Disposition says: `kind` in lower case, the file name decoded but as the peer wants it.

    `size` is octets, moments are seconds since 1970.
    """

    kind: str
    filename: str | None = None
    size: int | None = None
    created_at: float | None = None
    modified_at: float | None = None


def content_disposition(
    kind: str,
    name: str = "",
    size: int | None = None,
    created_at: float | None = None,
    modified_at: float | None = None,
) -> str:
    """A Content-Disposition value [A-29].

    A name beyond ASCII goes out twice: with `_` for those who know RFC 2183 alone, and as `filename*` (RFC 5987).
    """
    parts = [kind]
    if name:
        parts.append(f"filename={_quoted(name)}")
        if not name.isascii():
            parts.append(f"filename*=UTF-8''{quote(name, safe='', errors='replace')}")
    dates = {"creation-date": created_at, "modification-date": modified_at}
    parts += [f'{key}="{format_date(at)}"' for key, at in dates.items() if at is not None]
    if size is not None:
        parts.append(f"size={size}")
    return "; ".join(parts)


def parse_content_disposition(text: str) -> Disposition | None:
    """What the value says; None when it does not begin like one. Parameters that cannot be read are passed over."""
    start = _KIND.match(text)
    if start is None:
        return None
    parameters = reversed(_PARAMETER.findall(text, start.end()))  # so that the first of two equal ones wins
    found = {key.lower(): _unquoted(quoted) or plain for key, quoted, plain in parameters}
    size = found.get("size", "")
    return Disposition(
        kind=start[1].lower(),
        filename=_extended(found.get("filename*", "")) or found.get("filename") or None,
        size=int(size) if _NUMBER.fullmatch(size) else None,
        created_at=parse_date(found.get("creation-date", "")),
        modified_at=parse_date(found.get("modification-date", "")),
    )


def content_description(text: str) -> str:
    """A Content-Description value: one line of UTF-8, which MSRP allows as it is (RFC 4975 §9)."""
    return one_line(text)[:MAX_DESCRIPTION]


def parse_content_description(text: str) -> str:
    """The words of a Content-Description, encoded words (RFC 2047) decoded."""
    joined = _BETWEEN_WORDS.sub(r"\1", text)
    return content_description(_ENCODED_WORD.sub(_decoded, joined))


def content_headers(
    disposition: str,
    name: str = "",
    size: int | None = None,
    *,
    created_at: float | None = None,
    modified_at: float | None = None,
    description: str = "",
) -> tuple[tuple[str, str], ...]:
    """The headers of a SEND before its Content-Type [R-UP-1a, R-UP-1b, R-UP-2].

    `size` is octets of the file alone, moments are seconds since 1970. A description has to fit into what the name
    leaves of MAX_WRITTEN, and is cut there.
    """
    written = content_disposition(disposition, name, size, created_at, modified_at)
    room = max(0, MAX_WRITTEN - len(written))
    described = content_description(description).encode()[:room].decode("utf-8", "ignore").rstrip(" ")
    headers = [("Content-Disposition", written)]
    if described:
        headers.append(("Content-Description", described))
    return tuple(headers)


def _quoted(name: str) -> str:
    plain = "".join(letter if " " <= letter <= "~" else "_" for letter in name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _extended(text: str) -> str | None:
    """The text of `UTF-8''%E2%82%AC` (RFC 5987 §3.2)."""
    charset, _, rest = text.partition("'")
    _, quote_mark, value = rest.partition("'")
    if not quote_mark or charset.lower() not in _CHARSETS:
        return None
    return unquote_to_bytes(value.encode("utf-8", "replace")).decode(charset, "replace")


def _decoded(word: re.Match[str]) -> str:
    """The text of one encoded word; the word itself where it cannot be read."""
    charset, encoding, text = word[1].lower(), word[2], word[3]
    if charset not in _CHARSETS:
        return word[0]
    octets = text.encode("utf-8", "replace")
    if encoding in "Qq":
        return binascii.a2b_qp(octets, header=True).decode(charset, "replace")
    try:
        return base64.b64decode(octets, validate=True).decode(charset, "replace")
    except binascii.Error:
        return word[0]

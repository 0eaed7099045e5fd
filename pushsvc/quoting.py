"""What header fields are made of, in SIP, MSRP and HTTP alike: tokens, quoted strings, comma lists (RFC 3261 §25.1)."""

from __future__ import annotations

import re

TOKEN = r"A-Za-z0-9\-_.!%*+`'~"
"""The characters of a token (RFC 3261 §25.1), for use within a pattern's brackets."""

QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""A pattern for a quoted string, whatever is in it."""

_item = re.compile(rf'(?:[^,"<]++|{QUOTED}|<[^>]*+>|["<].*+)++', re.DOTALL).findall
_quoted_pair = re.compile(r"\\(.)", re.DOTALL).sub


def split_list(text: str) -> list[str]:
    """The items of a comma list, empty ones left out; commas within quotes and angle brackets do not count.

    What follows a quote or a bracket that never ends is one item: it is refused by whoever reads it.
    """
    items = _item(text) if '"' in text or "<" in text else text.split(",")
    return [stripped for item in items if (stripped := item.strip(" \t"))]


def quoted(text: str) -> str:
    """Text as a quoted-string (RFC 3261 §25.1)."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquoted(text: str) -> str:
    """The text of a quoted-string; other text as it is."""
    if text[:1] != '"':
        return text
    inner = text[1:-1]
    return _quoted_pair(r"\1", inner) if "\\" in inner else inner

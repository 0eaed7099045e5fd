"""The answer to a request that cannot be read, made of what is left of it. Reading and refusing: codec.py."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TypeVar

from pushsvc.errors import BadMessage
from pushsvc.quoting import TOKEN, split_list
from pushsvc.sip.header_names import header_key
from pushsvc.sip.headers import Address, CSeq, Field, Headers, Via, is_sendable, unfolded
from pushsvc.sip.message import MANDATORY, Core, Response, reason_phrase
from pushsvc.sip.uri import HOST, OpaqueUri

Value = TypeVar("Value")

_NOBODY = Address(OpaqueUri("unreadable", ""))
_any_via = re.compile(rf"[ \t]*+SIP[ \t]*+/[^/]*+/[ \t]*+([{TOKEN}]++)[ \t]++({HOST})", re.IGNORECASE).match
_any_branch = re.compile(rf";[ \t]*+branch[ \t]*+=[ \t]*+([{TOKEN}]++)", re.IGNORECASE).search


def rejection(datagram: bytes, error: BadMessage) -> Response | None:
    """The answer to a request that cannot be read; None where nobody could use one, and for a response or an ACK.

    Via, From, To, Call-ID and CSeq are copied as they are, readable or not; where one is missing, or holds what may
    not be sent, there is no answer. The parsed attributes of what is returned are stand-ins where the text cannot
    be read: it is meant for encode(), and for the hop functions, which need no more than the top Via.
    """
    head = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")[0].rstrip(b"\r\n")
    start, *lines = unfolded(head.decode("utf-8", "surrogateescape")).split("\r\n")
    if start[:4].upper() in ("ACK ", "SIP/"):
        return None
    fields = _copied(lines)
    first = dict(reversed(fields))
    via = _any_via(next(iter(split_list(first.get("Via", ""))), ""))
    if via is None or first.keys() != MANDATORY or not all(is_sendable(value) for _, value in fields):
        return None
    to = _readable(Address.parse, first["To"])
    if to is not None and to.tag is None:
        # RFC 3261 §8.2.7: without state, the same request has to get the same tag.
        tag = hashlib.sha256(head).hexdigest()[:16]
        to = to.with_parameter("tag", tag)
        fields = [(name, f"{value};tag={tag}" if name == "To" else value) for name, value in fields]
    core = Core(
        _readable(Via.parse, via.string) or _salvaged(via),
        _readable(Address.parse, first["From"]) or _NOBODY,
        to or _NOBODY,
        first["Call-ID"],
        _readable(CSeq.parse, first["CSeq"]) or CSeq(0, ""),
    )
    return Response(error.status, reason_phrase(error.status), Headers.trusted(tuple(fields)), core=core)


def _salvaged(via: re.Match[str]) -> Via:
    """What is left of an unreadable Via: enough to be answered at its source, and to be recognised there."""
    branch = _any_branch(via.string)
    return Via(via[1].upper(), via[2], None, (("rport", None), *([("branch", branch[1])] if branch else [])))


def _copied(lines: list[str]) -> list[Field]:
    """The fields that an answer repeats: every Via, and the first of each other."""
    fields: list[Field] = []
    seen = set()
    for line in lines:
        name, _, value = line.partition(":")
        key = header_key(name.strip(" \t"))
        if key in MANDATORY and (key == "Via" or key not in seen):
            seen.add(key)
            fields.append((key, value.strip(" \t")))
    return fields


def _readable(read: Callable[[str], Value], text: str) -> Value | None:
    try:
        return read(text)
    except BadMessage:
        return None

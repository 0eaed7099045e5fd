"""Reading the start-line and headers of one MSRP frame. Finding where they end is the framer's job."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from pushsvc.errors import BadChunk
from pushsvc.msrp.chunk import CONTROLS, ByteRange, FailureReport, Fields, Head, OtherRequest, Reply, Report, Send
from pushsvc.msrp.uri import Path, parse_path

_START = re.compile(r"MSRP ([!-~]{1,64}) (?:([0-9]{3})(?: ([^\0-\x08\n-\x1f\x7f]*))?|([!-~]{1,64}))")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS = re.compile(r"0{1,3}[ \t]+([0-9]{3})(?:[ \t]+(.*))?")  # namespace 000, of which libmsrp writes one digit
_RANGE = b"\r\nByte-Range: "


def _names(*names: str) -> dict[str, str]:
    """The names as they should be written and in lower case, each to the first."""
    return {spelling: name for name in names for spelling in (name, name.lower())}


_PATHS = _names("To-Path", "From-Path")
_TYPED = {  # the headers that are understood, by method; others are kept as they are
    "SEND": _PATHS | _names("Message-ID", "Byte-Range", "Success-Report", "Failure-Report", "Content-Type"),
    "REPORT": _PATHS | _names("Message-ID", "Byte-Range", "Status"),
}
_FAILURE_REPORT = {value.value: value for value in FailureReport}


class _Headers(NamedTuple):
    to_path: Path
    from_path: Path
    typed: dict[str, str]
    others: Fields


def read_head(block: bytes, max_fields: int, max_line: int) -> Head:
    """The head written in `block`: all octets before the CRLF of its last header line.

    BadChunk: a start-line, path, range or header that cannot be read, a control octet, or more than `max_fields`
    headers, or one of more than `max_line` octets.
    """
    if block.count(b"\r\n") > max_fields or (len(block) > max_line and max(map(len, block.split(b"\r\n"))) > max_line):
        raise BadChunk("too many or too long headers")
    start, _, fields = block.partition(b"\r\n")
    found = _START.fullmatch(start.decode("utf-8", "replace"))
    if found is None:
        raise BadChunk("not an MSRP start-line")
    transaction_id, status, comment, method = found.groups()
    if method == "SEND":
        return _send(transaction_id, fields)
    if method == "REPORT":
        return _report(transaction_id, fields)
    headers = _read(fields, method or "")
    if method is None:
        return Reply(transaction_id, headers.to_path, headers.from_path, int(status), comment or "", headers.others)
    return OtherRequest(transaction_id, method, headers.to_path, headers.from_path, headers.others)


def read_unintelligible(block: bytes) -> Send | OtherRequest | None:
    """As much of a head that `read_head` cannot read as it takes to say so; None where nothing may or can be said."""
    start, *lines = block.decode("utf-8", "replace").split("\r\n")
    found = _START.fullmatch(start)
    if found is None or found[4] in (None, "REPORT"):
        return None
    values = {
        name.strip(" \t").lower(): value.strip(" \t") for name, _, value in (line.partition(":") for line in lines)
    }
    if values.get("failure-report", "").lower() == FailureReport.NO.value:
        return None
    try:
        to_path, from_path = parse_path(values.get("to-path", "")), parse_path(values.get("from-path", ""))
    except BadChunk:
        return None
    if found[4] == "SEND":
        return Send(found[1], to_path, from_path, None, None)
    return OtherRequest(found[1], found[4], to_path, from_path)


def _send(transaction_id: str, fields: bytes) -> Send:
    (to_path, from_path, typed, others), byte_range = _read_ranged(fields, "SEND")
    return Send(
        transaction_id,
        to_path,
        from_path,
        typed.get("Message-ID"),
        byte_range,
        typed.get("Success-Report", "").lower() == "yes",
        _FAILURE_REPORT.get(typed.get("Failure-Report", "").lower(), FailureReport.YES),
        typed.get("Content-Type"),
        others,
    )


def _report(transaction_id: str, fields: bytes) -> Report:
    (to_path, from_path, typed, _), byte_range = _read_ranged(fields, "REPORT")
    found = _STATUS.fullmatch(typed.get("Status", ""))
    status, comment = (int(found[1]), found[2] or "") if found else (0, "")
    return Report(transaction_id, to_path, from_path, typed.get("Message-ID"), byte_range, status, comment)


def _read_ranged(fields: bytes, method: str) -> tuple[_Headers, ByteRange | None]:
    """The headers, and the Byte-Range: the only one that differs from chunk to chunk of a content."""
    before, found, after = fields.partition(_RANGE)
    if not found:
        headers = _read(fields, method)
        text = headers.typed.get("Byte-Range")
        return headers, None if text is None else ByteRange.parse(text)
    written, _, after = after.partition(b"\r\n")
    headers = _read(before + b"\r\n" + after if after else before, method)
    if "Byte-Range" in headers.typed:
        raise BadChunk("Byte-Range twice")
    return headers, ByteRange.parse(written.decode("ascii", "replace").strip(" \t"))


@lru_cache(maxsize=128)  # for what all chunks of a content repeat; no more than 2 MiB whatever peers send
def _read(fields: bytes, method: str) -> _Headers:
    lines = fields.decode("utf-8", "replace").split("\r\n")
    if len(fields.translate(None, CONTROLS)) != len(fields) - 2 * (len(lines) - 1):
        raise BadChunk("control octet in a header")
    names = _TYPED.get(method, _PATHS)
    typed: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for line in lines:
        name, value = _split(line)
        key = names.get(name) or names.get(name.lower())
        if key is None:
            others.append((name, value))
        elif key in typed:
            raise BadChunk(f"{key} twice")
        else:
            typed[key] = value
    try:
        return _Headers(parse_path(typed["To-Path"]), parse_path(typed["From-Path"]), typed, tuple(others))
    except KeyError as missing:
        raise BadChunk(f"no {missing.args[0]}") from None


def _split(line: str) -> tuple[str, str]:
    """Name and value of one header line; blanks before the colon are seen in the wild."""
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or _NAME.fullmatch(name) is None:
        raise BadChunk("not a header line")
    return name, value.strip(" \t")

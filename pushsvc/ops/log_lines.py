"""A log event as one line, as text or as JSON, whatever a peer has put into its fields.

    2026-11-22T10:14:03.600Z info sip resp dir=in code=480 call_id=8c1d@push1 peer=tls:203.0.113.9:5061
    {"time": "2026-11-22T10:14:03.600Z", "level": "info", "event": "sip resp", "dir": "in", "code": 480, ...}

A line has at most `MAX_LINE` octets: long values are cut, and what does not fit is counted in `omitted`.
"""

from __future__ import annotations

import enum
import json
import math
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

MAX_LINE = 2048  # octets with the line's end
MAX_VALUE = 300  # characters; the longest URI that makes sense
MAX_TEXT = 700
MAX_WORDS = 1200  # octets of the words as they are written: an escape takes up to twelve for a character
FRAMES = 8  # of a traceback, the innermost

Value = str | int | float | bool
Writer = Callable[[LogEvent], bytes]

_RESERVED = frozenset({"level", "event", "logger", "omitted"})
_LEGACY = frozenset({"message", "time", "system", "isError", "format", "failure", "logLevel"})  # of twisted.python.log
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_OURS = "pushsvc"
_UNSAFE_IN_TEXT = re.compile(r'["=\\]')
_plain_words = re.compile(rf"[!#-\[\]-~]{{1,{MAX_VALUE}}}").fullmatch  # ASCII without blanks, quotes, backslashes
_UNSAFE_IN_VALUE = re.compile(r'[\s"\\]|\A\Z')


def text_line(event: LogEvent) -> bytes:
    """`time level words key=value ...`; values that need it are quoted, control characters are escaped."""
    begin, text = f"{_time(event)} {_level(event)} ", _text(event)
    fields = [f" {key}={_written(value)}" for key, value in _fields(event)]
    line = f"{begin}{_words(text)}{''.join(fields)}\n".encode()
    if len(line) <= MAX_WORDS:
        return line
    head = begin.encode() + _fitting(text, _words)
    return _filled(head, map(str.encode, fields), lambda count: f" omitted={count}".encode(), b"\n")


def json_line(event: LogEvent) -> bytes:
    """One flat object of ASCII JSON: `time`, `level`, `event`, then the same keys as in the text."""
    time, level, text = _time(event), _level(event), _text(event)
    fields = [(key, _cut(value) if isinstance(value, str) else value) for key, value in _fields(event)]
    whole = {"time": time, "level": level, "event": text, **dict(fields)}
    if len(whole) == 3 + len(fields):  # else a key is there twice
        line = f"{_json(whole)}\n".encode()
        if len(line) <= MAX_WORDS:
            return line
    head = f'{{"time": "{time}", "level": "{level}", "event": '.encode() + _fitting(text, _json)
    pairs = (f", {_json(key)}: {_json(value)}".encode() for key, value in fields)
    return _filled(head, pairs, lambda count: f', "omitted": {count}'.encode(), b"}\n")


def quoted(text: str) -> str:
    """A value for the text form: as it is when that cannot be misread, else in quotes with escapes."""
    if text.isprintable() and not _UNSAFE_IN_VALUE.search(text):
        return text
    return f'"{_escaped(text)}"'


def _filled(head: bytes, pairs: Iterator[bytes], omitted: Callable[[int], bytes], end: bytes) -> bytes:
    """As many pairs as there is room for."""
    line, count = head, 0
    for pair in pairs:
        if len(line) + len(pair) + len(omitted(999)) + len(end) > MAX_LINE:
            count += 1
        else:
            line += pair
    return line + (omitted(count) if count else b"") + end


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return level.name if level is not None else "info"


def _fitting(text: str, write: Callable[[str], str]) -> bytes:
    """The text as it is written, cut until that has at most `MAX_WORDS` octets."""
    written = write(text).encode()
    while len(written) > MAX_WORDS:
        text = _cut(text, len(text) // 2)
        written = write(text).encode()
    return written


def _words(text: str) -> str:
    """An event's words for the text form, where they must not be taken for `key=value`."""
    if text.isprintable() and not _UNSAFE_IN_TEXT.search(text):
        return text
    return f'"{_escaped(text)}"'


def _text(event: LogEvent) -> str:
    """The event's format with its fields in it; Twisted's own words about the event when that fails."""
    words = event.get("log_format")
    if isinstance(words, str) and "{" not in words and "}" not in words:
        return _cut(words, MAX_TEXT)
    return _cut(formatEvent(event), MAX_TEXT)


def _fields(event: LogEvent) -> Iterator[tuple[str, Value]]:
    """What the line carries beside its words: the fields of our own events; of others, only who they are from."""
    namespace = str(event.get("log_namespace") or "")
    if namespace.partition(".")[0] == _OURS:
        for key, value in event.items():
            if not key.startswith("log_") and key not in _LEGACY and value is not None:
                yield (f"{key}_" if key in _RESERVED else key), _plain(value)
    else:
        yield "logger", namespace
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        yield "error", f"{failure.type.__name__ if failure.type else 'Failure'}: {failure.getErrorMessage()}"
        yield "at", _places(failure)


def _places(failure: Failure) -> str:
    """Where it was raised and from where that was called, innermost first: `msrp/framer.py:88:feed < ...`"""
    frames = traceback.extract_tb(failure.getTracebackObject())[-FRAMES:]
    places = (f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}:{frame.name}" for frame in reversed(frames))
    return " < ".join(places)


def _plain(value: object) -> Value:
    """A value that JSON has, too."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else str(value)
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, bytes):
        return value[: MAX_VALUE + 1].decode("ascii", "backslashreplace")
    try:
        return str(value)
    except Exception:  # whatever its __str__ raises
        return f"<unprintable {type(value).__name__}>"


def _cut(text: str, limit: int = MAX_VALUE) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _written(value: Value) -> str:
    if isinstance(value, str) and _plain_words(value):
        return value
    return quoted(str(value).lower() if isinstance(value, bool) else _cut(str(value)))


def _json(value: Value | dict[str, Value]) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")


def _escaped(text: str) -> str:
    return "".join(_NAMED.get(letter) or (letter if letter.isprintable() else _numbered(letter)) for letter in text)


def _numbered(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"

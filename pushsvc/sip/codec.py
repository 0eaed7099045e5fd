"""Octets to SIP messages and back: the only place that knows both. What a message must carry: message.py."""

from __future__ import annotations

import re

import attrs

from pushsvc.errors import BadMessage, Misuse
from pushsvc.quoting import TOKEN
from pushsvc.sip.header_names import header_key
from pushsvc.sip.headers import CONTROL, Field, Headers, is_sendable, unfolded
from pushsvc.sip.message import Message, Request, Response
from pushsvc.sip.rejection import rejection
from pushsvc.sip.uri import SipUri, parse_uri

__all__ = [
    "DEFAULT_LIMITS",
    "Event",
    "KeepAlive",
    "Limits",
    "Malformed",
    "StreamParser",
    "encode",
    "parse",
    "rejection",
]

_CRLF = b"\r\n"
_END = b"\r\n\r\n"
_TEXT = bytes([9, *range(32, 127), *range(128, 256)])

_request_line = re.compile(rf"([{TOKEN}]++) ([^\x00-\x20\x7f]++) [sS][iI][pP]/([0-9]++(?:\.[0-9]++)?+)").fullmatch
_status_line = re.compile(r"[sS][iI][pP]/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]*+))?+").fullmatch
# No blanks at the end of a value: that is unusual, and to look for them costs every message a twentieth.
_usual_fields = re.compile(rf"\n([{TOKEN}]++)[ \t]*+:[ \t]*+(.*)(?<![ \t])\r").findall
_fields = re.compile(rf"\n([{TOKEN}]++)[ \t]*+:[ \t]*+(?:(.*[^ \t\r\n])[ \t]*+)?+\r").findall
# Matches a string without an end as well (group 1 is its end), so that none is begun anew at each quote within.
_quoted_string = re.compile(rf'"[^"\\{CONTROL}]*+(?:\\[^\r\n][^"\\{CONTROL}]*+)*+(")?+').sub
_length = re.compile(r"[0-9]{1,10}").fullmatch


@attrs.frozen
class Limits:
    """How much of a peer's message is read at all: octets, where nothing else is said."""

    datagram: int = 65536
    stream_message: int = 1 << 20
    start_line: int = 2048
    header_line: int = 8192
    headers: int = 128
    """Header fields."""
    vias: int = 32
    """Hops in all Via fields together."""


DEFAULT_LIMITS = Limits()


@attrs.frozen
class KeepAlive:
    """An empty line between the messages of a stream (RFC 5626 §4.4.1), one for each CRLF.

    `ping` marks the second of two that follow each other: it wants one CRLF back.
    """

    ping: bool


@attrs.frozen
class Malformed:
    """A message of a stream that cannot be read, and the answer to it where one can be made.

    `fatal`: nobody knows where the next message begins, so nothing more is read; the connection has to be closed.
    """

    error: BadMessage
    reply: Response | None
    fatal: bool


Event = Message | KeepAlive | Malformed


def parse(datagram: bytes, limits: Limits = DEFAULT_LIMITS) -> Message | None:
    """Read the message of a datagram; None for a keep-alive (nothing but CR, LF and NUL).

    What follows the body that Content-Length announces is left out (RFC 3261 §18.3).
    Raises BadMessage with the status to answer: 400, 414, 505 or 513.
    """
    if datagram[:1] in b"\r\n\0":
        if not datagram.strip(b"\r\n\0"):
            return None
        datagram = datagram.lstrip(_CRLF)
    if len(datagram) > limits.datagram:
        raise BadMessage("message too large", status=513)
    end = datagram.find(_END)
    if end < 0:
        raise BadMessage("header without an end")
    start, headers = _read_head(datagram[: end + 1], limits)
    length = _content_length(headers)
    begin = end + len(_END)
    if length is None:
        length = len(datagram) - begin
    elif length > len(datagram) - begin:
        raise BadMessage("body shorter than Content-Length")
    return _message(start, headers, datagram[begin : begin + length], limits)


def encode(message: Message) -> bytes:
    """The octets of a message, nothing folded; Content-Length is corrected, or added at the end.

    Raises Misuse when the start line is of our making and cannot be sent.
    """
    if isinstance(message, Request):
        start = f"{message.method} {message.uri} SIP/2.0"
        sendable = _request_line(start) is not None
    else:
        start = f"SIP/2.0 {message.status} {message.reason}"
        sendable = is_sendable(start)
    if not sendable:
        raise Misuse(f"start line that cannot be sent: {start!r}")
    size = len(message.body)
    lines = [start]
    missing = True
    for name, value in message.headers.fields:
        if len(name) in (1, 14) and header_key(name) == "Content-Length":
            if missing:
                lines.append(f"{name}: {value if _length(value) and int(value) == size else size}")
            missing = False
        else:
            lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {size}\r\n\r\n" if missing else "\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + message.body


@attrs.frozen
class _Head:
    """A start line and its headers, waiting for `length` octets of body."""

    octets: bytes
    start: str
    headers: Headers
    length: int


@attrs.define
class StreamParser:
    """Messages out of a stream of octets (RFC 3261 §18.3); never holds more than one message and one read.

    `limits` may be changed between two feeds, for instance once the peer is known.
    """

    limits: Limits = DEFAULT_LIMITS
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _searched: int = attrs.field(default=0, init=False)
    _head: _Head | None = attrs.field(default=None, init=False)
    _after_empty_line: bool = attrs.field(default=False, init=False)
    _lost: bool = attrs.field(default=False, init=False)

    @property
    def partial(self) -> bool:
        """Whether octets of an unfinished message are held."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> list[Event]:
        """What these octets complete, in order. Nothing after a fatal Malformed."""
        events: list[Event] = []
        if self._lost:
            return events
        self._buffer += data
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> Event | None:
        if self._lost:
            return None
        if self._head is not None:
            return self._complete(self._head)
        if self._buffer.startswith(_CRLF):
            return self._empty_line()
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            return self._unfinished()
        head = self._take(end + len(_END))[:-3]
        try:
            self._head = self._opened(head)
        except BadMessage as error:
            return self._lose(head, error)
        return self._complete(self._head)

    def _empty_line(self) -> KeepAlive:
        del self._buffer[: len(_CRLF)]
        self._after_empty_line = not self._after_empty_line
        return KeepAlive(ping=not self._after_empty_line)

    def _unfinished(self) -> Malformed | None:
        """Wait for the rest of a header, unless it is too long already."""
        self._searched = max(0, len(self._buffer) - len(_END) + 1)
        if len(self._buffer) > self.limits.stream_message:
            return self._lose(bytes(self._buffer), BadMessage("message too large", status=513))
        too_long = self.limits.start_line + len(_CRLF)
        if len(self._buffer) > too_long and self._buffer.find(_CRLF, 0, too_long) < 0:
            return self._lose(bytes(self._buffer), BadMessage("start line too long", status=414))
        return None

    def _opened(self, head: bytes) -> _Head:
        start, headers = _read_head(head, self.limits)
        # RFC 3261 §20.14: over a stream nothing else says where the body ends.
        length = _content_length(headers)
        if length is None:
            raise BadMessage("no Content-Length")
        if len(head) + length > self.limits.stream_message:
            raise BadMessage("message too large", status=513)
        return _Head(head, start, headers, length)

    def _complete(self, head: _Head) -> Message | Malformed | None:
        if len(self._buffer) < head.length:
            return None
        body = self._take(head.length)
        self._head = None
        self._searched = 0
        self._after_empty_line = False
        try:
            return _message(head.start, head.headers, body, self.limits)
        except BadMessage as error:
            return Malformed(error, rejection(head.octets, error), fatal=False)

    def _take(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])
        del self._buffer[:size]
        return taken

    def _lose(self, head: bytes, error: BadMessage) -> Malformed:
        self._lost = True
        self._buffer.clear()
        return Malformed(error, rejection(head, error), fatal=True)


def _read_head(head: bytes, limits: Limits) -> tuple[str, Headers]:
    """The start line and the header fields, their folds undone. `head` ends with the CR of its last line."""
    text = head.decode("utf-8", "surrogateescape")
    start = text[: text.find("\r")]
    if head.find(b"\r") > limits.start_line:
        raise BadMessage("start line too long", status=414)
    fields = _usual_fields(text)
    if not _nothing_left(head, len(fields)):
        fields = _read_unusual(start, text)
    if len(fields) > limits.headers:
        raise BadMessage("too many header fields", status=513)
    longest = limits.header_line
    if len(head) > longest and any(len(name) + len(value) > longest for name, value in fields):
        raise BadMessage("header field too long", status=513)
    return start, Headers.trusted(tuple(fields))


def _read_unusual(start: str, text: str) -> list[Field]:
    """The fields of a head with folds, blanks at an end, or control octets as quoted pairs. Raises BadMessage else."""
    flat = unfolded(text)
    if flat[: flat.find("\r")] != start or not is_sendable(start):
        raise BadMessage("malformed start line")
    fields = _fields(flat)
    plain = _quoted_string(lambda found: '""' if found[1] else found[0], flat)
    if not _nothing_left(plain.encode("utf-8", "surrogateescape"), len(fields)):
        raise BadMessage("malformed header field, or a control octet")
    return fields


def _nothing_left(head: bytes, fields: int) -> bool:
    """Whether so many fields are the whole head: no other line, no bare CR or LF, no other control octet.

    Text between a CR and its LF would belong to no line, and mean something to the next parser only.
    """
    return head.count(_CRLF) == fields and head.translate(None, _TEXT) == _CRLF * fields + b"\r"


def _content_length(headers: Headers) -> int | None:
    first, repeated = headers.index
    text = first.get("Content-Length")
    if text is None:
        return None
    if "Content-Length" in repeated or _length(text) is None:
        raise BadMessage("malformed Content-Length")
    return int(text)


def _message(start: str, headers: Headers, body: bytes, limits: Limits) -> Message:
    _refuse_many_vias(headers, limits)
    found = _request_line(start)
    if found is not None:
        return _request(found, headers, body)
    found = _status_line(start)
    if found is None:
        raise BadMessage("malformed start line")
    return Response(int(found[1]), found[2] or "", headers, body)


def _request(line: re.Match[str], headers: Headers, body: bytes) -> Request:
    method, uri_text, version = line.groups()
    if version != "2.0":
        raise BadMessage("not SIP/2.0", status=505)
    uri = parse_uri(uri_text)
    # RFC 3261 §19.1.1, table 1: no headers in a Request-URI.
    if isinstance(uri, SipUri) and uri.headers:
        raise BadMessage("headers in the Request-URI")
    return Request(method, uri, headers, body)


def _refuse_many_vias(headers: Headers, limits: Limits) -> None:
    first, repeated = headers.index
    if "Via" in repeated or "," in first.get("Via", ""):
        vias = headers.all("Via")
        if len(vias) + sum([value.count(",") for value in vias]) > limits.vias:
            raise BadMessage("too many Vias", status=513)

"""A stream of octets to a stream of events: a chunk begins, octets of its content, it ends. Nothing is kept.

        +------------------ skip CR and LF ------------------+
        v                                                    |
    (between) --"MSRP "--> (head) --end-line--> Ended -------+
                             |                               |
                             +--blank line--> (content) --end-line--> Ended

An end-line is CRLF, seven hyphens, the transaction id, one of "$+#", CRLF, and nothing else ends content
(RFC 4975 §7.1; SECURITY part 6). The Byte-Range is never trusted for framing.
"""

from __future__ import annotations

import re

import attrs

from pushsvc.errors import BadChunk
from pushsvc.msrp.chunk import Flag, Head, OtherRequest, Send
from pushsvc.msrp.head import read_head, read_unintelligible


@attrs.frozen
class Limits:
    """How much of a frame may be anything but content; the content itself has no limit here."""

    start_line: int = 256
    header: int = 2048  # octets of one header line
    headers: int = 32
    head: int = 16384  # octets of the start-line and all headers
    between: int = 4096  # CR and LF between two frames: an hour of double CRLF, one every ten seconds, fits


@attrs.frozen
class Begun:
    """A frame's start-line and headers are there."""

    head: Head


@attrs.frozen
class Data:
    """Octets of the content of the frame that began last: a view of the octets that were fed."""

    octets: memoryview


@attrs.frozen
class Ended:
    """The frame that began last has ended."""

    flag: Flag


Event = Begun | Data | Ended


class StreamBroken(BadChunk):
    """The framing is lost and the connection with it. `events` came before the octets that cannot be read.

    `request` is the one that could not be understood, where its sender can be told so.
    """

    def __init__(self, reason: str, events: list[Event], request: Send | OtherRequest | None = None) -> None:
        super().__init__(reason)
        self.events = events
        self.request = request


_BETWEEN = re.compile(rb"[\r\n]*")
_MAGIC = b"MSRP "
_TRANSACTION = re.compile(rb"MSRP ([!-~]{1,64}) ")
_BLANK = b"\r\n\r\n"
_HYPHENS = b"\r\n-------"
_FINISHED = {flag.value.encode() + b"\r\n": Ended(flag) for flag in Flag}
_UNFINISHED = frozenset(tail[:size] for tail in _FINISHED for size in range(3))


@attrs.define
class Framer:
    """Cuts one direction of one MSRP connection into events."""

    _limits: Limits = attrs.field(factory=Limits)
    _held: bytes = attrs.field(default=b"", init=False)  # an unfinished head, or what may begin an end-line
    _ghost: int = attrs.field(default=0, init=False)  # octets before the content that are looked at with it
    _end: bytes | None = attrs.field(default=None, init=False)  # inside content: the end-line up to its flag
    _skipped: int = attrs.field(default=0, init=False)
    _broken: bool = attrs.field(default=False, init=False)
    _unread: bytes = attrs.field(default=b"", init=False)  # the head that is being read

    def feed(self, data: bytes) -> list[Event]:
        """What these octets mean. They are looked at once, and content comes back as views of them.

        StreamBroken: they cannot be read; its `events` came before that. What is fed afterwards is ignored.
        """
        events: list[Event] = []
        position = len(data) if self._broken else 0
        view = memoryview(data)
        try:
            while position < len(data):
                if self._end is None:
                    position = self._read_head(data, position, events)
                elif self._held:
                    position = self._read_carried(data, position, self._end, events)
                else:
                    position = self._read_content(data, view, position, self._end, events)
        except BadChunk as error:
            self._broken = True
            raise StreamBroken(error.reason, events, read_unintelligible(self._unread)) from None
        return events

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._end is not None or bool(self._held)

    def _read_head(self, data: bytes, position: int, events: list[Event]) -> int:
        """Between frames and in a head. Returns where to go on."""
        if self._held:
            reach = self._limits.head + self._limits.start_line  # a head, and an end-line that begins at its limit
            buffer, begin = self._held + data[position : position + reach], 0
        else:
            buffer, begin = data, self._skip(data, position)
        found = self._find_head_end(buffer, begin) if begin < len(buffer) else None
        if found is None:
            self._held = buffer[begin:]
            return len(data)
        stop, after, ended = found
        if self._held:
            after += position - len(self._held)
            self._held = b""
        self._unread = buffer[begin:stop]
        head = read_head(self._unread, self._limits.headers, self._limits.header)
        self._unread = b""
        events.append(Begun(head))
        if ended is not None:
            events.append(ended)
        else:
            # The CRLF of the blank line may already be the one of the end-line (PEERS 1, 2).
            self._end, self._ghost = _HYPHENS + head.transaction_id.encode(), 2
            self._held = b"" if 2 <= after < len(data) else b"\r\n"
        return after

    def _skip(self, data: bytes, position: int) -> int:
        """PEERS 5: line ends between frames are no reason to stop, if there is an end to them."""
        if data.startswith(_MAGIC, position):
            self._skipped = 0
            return position
        found = _BETWEEN.match(data, position)
        after = found.end() if found else position
        skipped = self._skipped + after - position
        if skipped > self._limits.between:
            raise BadChunk("only line ends")
        self._skipped = skipped if after == len(data) else 0
        return after

    def _find_head_end(self, buffer: bytes, begin: int) -> tuple[int, int, Ended | None] | None:
        """Where the head ends and where to go on; with its end, if the frame has no content. None: not there yet."""
        limits = self._limits
        if not buffer.startswith(_MAGIC, begin) and not _MAGIC.startswith(buffer[begin:]):
            raise BadChunk("not an MSRP start-line")
        line = buffer.find(b"\r\n", begin, begin + limits.start_line + 2)
        if line < 0:
            if len(buffer) - begin >= limits.start_line + 2:
                raise BadChunk("start-line too long")
            return None
        limit = begin + limits.head
        if buffer.startswith(b" SEND", line - 5):  # likely with content, others are not: do not search far for the rest
            blank = buffer.find(_BLANK, line, limit)
            hyphens = buffer.find(_HYPHENS, line, limit if blank < 0 else blank + len(_HYPHENS) - 1)
        else:
            hyphens = buffer.find(_HYPHENS, line, limit)
            blank = buffer.find(_BLANK, line, limit if hyphens < 0 else hyphens + len(_BLANK) - 1)
        if blank >= 0 and not 0 <= hyphens < blank:
            return blank, blank + len(_BLANK), None
        if hyphens >= 0:
            return _read_end_line(buffer, begin, hyphens)
        if len(buffer) >= limit:
            raise BadChunk("head too long")
        return None

    def _read_carried(self, data: bytes, position: int, end: bytes, events: list[Event]) -> int:
        """In content, with octets held back that may begin the end-line."""
        reach = len(end) + 2  # enough to decide about every end-line that begins in what is held
        joined = self._held + data[position : position + reach]
        stop, after, ended = _search(joined, 0, end)
        decided = ended is not None or len(data) - position > reach
        if ended is None and decided:
            stop = after = len(self._held)
        if stop > self._ghost:
            events.append(Data(memoryview(joined)[self._ghost : stop]))
        position += after - len(self._held)
        if ended is not None:
            self._finish(ended, events)
        else:
            self._ghost = max(0, self._ghost - stop)
            self._held = b"" if decided else joined[stop:]
        return position

    def _read_content(self, data: bytes, view: memoryview, position: int, end: bytes, events: list[Event]) -> int:
        """In content, with nothing held back: the fast way, without a copy."""
        stop, after, ended = _search(data, position - self._ghost, end)
        if stop > position:
            events.append(Data(view[position:stop]))
        if ended is not None:
            self._finish(ended, events)
        else:
            self._ghost = max(0, position - stop)
            self._held = data[stop:]
        return after

    def _finish(self, ended: Ended, events: list[Event]) -> None:
        self._end, self._held, self._ghost = None, b"", 0
        events.append(ended)


def _read_end_line(buffer: bytes, begin: int, hyphens: int) -> tuple[int, int, Ended] | None:
    """The end-line at `hyphens`, which must be that of the frame at `begin`. None: not all of it is there."""
    found = _TRANSACTION.match(buffer, begin)
    if found is None:
        raise BadChunk("not an MSRP start-line")
    end = _HYPHENS + found[1]
    after = hyphens + len(end)
    tail = buffer[after : after + 3]
    if buffer.startswith(end, hyphens) and tail in _FINISHED:
        return hyphens, after + 3, _FINISHED[tail]
    if not (end.startswith(buffer[hyphens:after]) and tail in _UNFINISHED):
        raise BadChunk("end-line of another transaction")
    return None


def _search(octets: bytes, start: int, end: bytes) -> tuple[int, int, Ended | None]:
    """Where content stops, where to go on, and what the end-line between the two says.

    Without an end-line the octets from the first number on may begin an end-line and must be held back.
    """
    at = octets.find(end, start)
    while at >= 0:
        after = at + len(end)
        tail = octets[after : after + 3]
        if tail in _FINISHED:
            return at, after + 3, _FINISHED[tail]
        if tail in _UNFINISHED:
            return at, len(octets), None
        at = octets.find(end, at + 1)
    # An end-line holds one CR before its flag, the first octet: the last CR is the only one that can begin it.
    at = octets.rfind(b"\r", max(start, len(octets) - len(end) + 1))
    if at >= 0 and end.startswith(octets[at:]):
        return at, len(octets), None
    return len(octets), len(octets), None

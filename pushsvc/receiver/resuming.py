"""Offers of the rest of a file (RFC 5547 §6 file-range, flow 11): whether it can be joined, and what it is joined to.

Only a rest that goes to the end of its file is taken, and only behind a first part that we have without a gap. A range
that begins with the first octet is the whole file, and nothing special.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred, succeed

from pushsvc import sdp
from pushsvc.push import safe_name
from pushsvc.receiver.inbox import Inbox
from pushsvc.receiver.inbox_entry import Arriving
from pushsvc.receiver.partials import WORTH, FileId, Partial
from pushsvc.receiver.policy import Caller
from pushsvc.sessions import Sink


@attrs.frozen
class Rest:
    """What is behind the first `start` octets of a file. `file_id` None: it does not say of which."""

    file_id: FileId | None
    start: int


def file_of(line: sdp.MediaOffer, caller: Caller) -> FileId | None:
    """What a first part of this line's file is found by; None: not by what the line says, or it is not worth it."""
    selector = line.selector
    if selector is None or selector.sha1 is None or selector.size is None or selector.size < WORTH:
        return None
    return FileId(caller.uri, caller.asserted, safe_name(selector.name or ""), selector.size, selector.sha1)


def rest_of(line: sdp.MediaOffer, caller: Caller) -> Rest | None:
    """The rest that this line offers; None: it is a whole file. One that ends before its file is of no file."""
    if line.file_range is None:
        return None
    first, last = line.file_range.first, line.file_range.last
    size = line.selector.size if line.selector is not None else None
    to_the_end = last is None or last == size
    if first == 1 and to_the_end:
        return None
    reaches = to_the_end and size is not None and first <= size
    return Rest(file_of(line, caller) if reaches else None, first - 1)


class Joined:
    """A first part that waits for the rest that was accepted."""

    def __init__(self, inbox: Inbox, partial: Partial, start: int) -> None:
        self.size = partial.file_id.size - start
        self._inbox = inbox
        self._partial: Partial | None = partial
        self._start = start

    def sink(self, about: Arriving) -> Sink:
        """Where the rest goes. Raises OSError."""
        if self._partial is None:
            raise OSError(None, "the rest came twice")
        part = self._inbox.rest(about, self._partial, self._start)
        self._partial = None
        return part

    def release(self) -> None:
        """The session is over."""
        if self._partial is not None:
            self._inbox.partials.give_back(self._partial)
            self._partial = None


class Known:
    """A file that is in the inbox already: its sender missed the last 200. What comes is acknowledged and dropped."""

    def __init__(self, size: int) -> None:
        self.size = size

    def sink(self, about: Arriving) -> Sink:
        return self

    def release(self) -> None: ...

    def write(self, offset: int, octets: memoryview) -> None: ...

    def finish(self) -> Deferred[None]:
        return succeed(None)

    def cut(self, why: str) -> None: ...

    def discard(self, why: str) -> None: ...


class Resuming:
    """Judges the lines of one dialog, and has their first parts continued."""

    def __init__(self, inbox: Inbox, caller: Caller, call_id: str) -> None:
        self._inbox = inbox
        self._caller = caller
        self._call_id = call_id

    async def settle(self, lines: Sequence[sdp.MediaOffer]) -> None:
        """End what this dialog has begun of the files whose rest it offers, and wait until that has ended."""
        for line in lines:
            rest = rest_of(line, self._caller)
            if rest is not None and rest.file_id is not None:
                self._inbox.parts.cut(rest.file_id, self._call_id)
                await self._inbox.parts.settled(rest.file_id)

    def can(self, line: sdp.MediaOffer) -> bool:
        """Whether this line offers a whole file, or a rest that can be joined now."""
        rest = rest_of(line, self._caller)
        if rest is None:
            return True
        if rest.file_id is None:
            return False
        return self._inbox.partials.has(rest.file_id, rest.start) or self._is_known(rest.file_id)

    def join(self, line: sdp.MediaOffer) -> Joined | Known | None:
        """What the rest that this line offers goes to; None: to nothing any more. To be released with the session."""
        rest = rest_of(line, self._caller)
        if rest is None or rest.file_id is None:
            return None
        partial = self._inbox.partials.claim(rest.file_id, rest.start)
        if partial is not None:
            return Joined(self._inbox, partial, rest.start)
        return Known(rest.file_id.size - rest.start) if self._is_known(rest.file_id) else None

    def _is_known(self, file_id: FileId) -> bool:
        return self._inbox.partials.is_done(file_id, self._call_id)

"""The receiving side of one MSRP session: chunks in any order to contents; what to store and what to answer (E.9).

Which session a chunk belongs to (481, 506), and methods other than SEND (501), are answered in `net`.

    begun ---- Started --> data ---- Store, Store … --> ended ---- Reply 200                (more to come)
      |                      |                            |  \\--- Completed --> stored --> Reply 200, Report
      |                      |                            |                 \\-> failed --> Reply
      \\-- Declined, Reply    \\-- Abandoned, Reply 413     \\--- Abandoned, Reply            ("#", wrong total)
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pushsvc.errors import Misuse
from pushsvc.machine import Tokens
from pushsvc.msrp.assembly import Assembly, Fault
from pushsvc.msrp.chunk import COMMENTS, ID_LENGTH, ByteRange, Flag, Reply, Report, Send, reply_to
from pushsvc.msrp.contents import Content, Contents
from pushsvc.msrp.uri import MsrpUri

MAX_HELD = 16  # replies held for one content: its last chunk, and what a sender repeats while it waits
HEARTBEAT = "text/x-msrp-heartbeat"  # PEERS 27
WHOLE = ByteRange(1, None, None)  # RFC 4975 §7.3.1: what a missing Byte-Range means


@attrs.frozen
class Started:
    """The first chunk of a content has begun; `send` describes it. `message_id` is "" where the peer gave none."""

    message_id: str
    send: Send


@attrs.frozen
class Store:
    """Put these octets at this offset (counted from 0) of the content. What comes later replaces what was there."""

    offset: int
    octets: memoryview
    message_id: str


@attrs.frozen
class Completed:
    """All octets are there. The reply to the chunk that completed it is held until `stored` or `failed`."""

    size: int
    message_id: str


@attrs.frozen
class Abandoned:
    """A content that had started will not be completed. `status` is what its sender was told: 200 for its own "#"."""

    why: str
    status: int
    message_id: str


@attrs.frozen
class Declined:
    """A content was refused before it could start; others are not touched. `status` is what its sender was told."""

    why: str
    status: int
    message_id: str


@attrs.frozen
class Unwanted:
    """Nothing more may come over this session: its media line has to be closed (flow 10). Said once."""

    why: str


Output = Started | Store | Completed | Abandoned | Declined | Unwanted | Reply | Report


@attrs.define
class _Chunk:
    """The chunk that is open now. Without a content its octets are not wanted."""

    send: Send
    content: Content | None = None
    position: int = 0  # where in the content its next octet goes
    answered: bool = False
    undecided: bool = False  # a keep-alive, or the "#" of what was refused, unless octets follow

    @property
    def message_id(self) -> str:
        return self.send.message_id or ""


def no_room(content_type: str) -> int:
    """A file of the announced size, and nothing around it."""
    return 0


@attrs.define
class Incoming:
    """One session's incoming contents. Only one chunk is open at a time: begun, data, ended as the framer says.

    `own` is our URI of the session, `accepts` judges the value of a Content-Type header, the sizes are octets:
    what we announced and what the sender did. `room` tells how many octets a content of a type may have beyond what was
    announced of its file (E.7: a wrapper is not counted there). `one_content`: a file selector was agreed (E.9 rule 5).
    """

    own: MsrpUri
    accepts: Callable[[str], bool]
    tokens: Tokens
    max_size: int | None = None
    expected_size: int | None = None
    room: Callable[[str], int] = no_room
    one_content: bool = True
    _chunk: _Chunk | None = attrs.field(default=None, init=False)
    _contents: Contents = attrs.field(init=False)
    _unwanted: bool = attrs.field(default=False, init=False)

    @_contents.default
    def _no_contents(self) -> Contents:
        return Contents(self.one_content)

    def begun(self, send: Send, now: float) -> list[Output]:
        """A SEND for this session begins."""
        is_refused = self._contents.status(send.message_id or "") not in (None, 200)
        chunk = self._chunk = _Chunk(send, undecided=send.content_type is None or is_refused)
        if send.content_type is None or is_refused or _media_type(send.content_type) == HEARTBEAT:
            return []
        return self._place(chunk)

    def data(self, octets: memoryview, now: float) -> list[Output]:
        """Octets of the chunk that is open."""
        chunk = self._current()
        outputs: list[Output] = []
        if chunk.undecided:
            chunk.undecided = False
            outputs = self._place(chunk)
        content, offset = chunk.content, chunk.position
        if content is None or content.complete:
            return outputs
        chunk.position += len(octets)
        fault = content.assembly.add(offset, chunk.position)
        if fault is not None:
            return outputs + self._abandon(chunk, content, fault)
        outputs.append(Store(offset, octets, content.message_id))
        return outputs

    def ended(self, flag: Flag, now: float) -> list[Output]:
        """The chunk that is open has ended."""
        chunk = self._current()
        self._chunk = None
        content = chunk.content
        if chunk.undecided and flag is Flag.ABORTED:  # "#" needs no content to end what came before
            content = self._contents.open(chunk.message_id)
        elif chunk.undecided and chunk.send.content_type is not None:
            return self._place(chunk)
        if chunk.answered:
            return []
        if content is None:
            return self._reply(chunk, 200)
        if content.complete:
            return self._repeated(chunk, content)
        if flag is Flag.ABORTED:
            return self._abandon(chunk, content, Fault(200, "given up by its sender"))
        return self._chunk_ended(chunk, content, flag)

    def stored(self, now: float, message_id: str | None = None) -> list[Output]:
        """The completed content is durable: its held replies, and the success REPORT if one was asked for.

        Without a `message_id` it is the content that has been waiting for longest. Misuse: none is waiting.
        """
        content = self._contents.first(message_id, complete=True)
        if content is None:
            raise Misuse("no content is complete")
        self._contents.end(content, 200)
        outputs: list[Output] = [*self._held_replies(content, 200, None)]
        if content.held[0].success_report and content.message_id:
            outputs.append(self._success(content))
        return outputs

    def failed(self, status: int, comment: str, now: float, message_id: str | None = None) -> list[Output]:
        """The content cannot be kept. Complete or not, its sender is told `status`: at once if it waits for a reply.

        Without a `message_id` it is the content that has been waiting, or else open, for longest. Nothing, where
        there is none.
        """
        contents = self._contents
        content = contents.first(message_id, complete=True) or contents.first(message_id, complete=False)
        if content is None:
            return []
        contents.end(content, status)
        outputs: list[Output] = [*self._held_replies(content, status, comment)]
        chunk = self._chunk
        if chunk is not None and chunk.content is content:
            outputs += self._refuse(chunk, Fault(status, comment))
        return outputs + self._stop(status, comment)

    @property
    def deadline(self) -> float | None:
        """Never: how long a sender may be silent is the connection's business."""
        return None

    def wake(self, now: float) -> list[Output]:
        """Nothing is ever due."""
        return []

    def _current(self) -> _Chunk:
        if self._chunk is None:
            raise Misuse("no chunk is open")
        return self._chunk

    def _place(self, chunk: _Chunk) -> list[Output]:
        """Find or start the content that the chunk belongs to."""
        message_id = chunk.message_id
        status = self._contents.status(message_id)
        if status is not None:
            return [] if status == 200 else self._refuse(chunk, Fault(status, "stop sending"))
        content = self._contents.open(message_id)
        if content is None:
            return self._start(chunk)
        chunk.content = content
        if content.complete:
            return []
        byte_range = chunk.send.byte_range or WHOLE
        chunk.position = byte_range.start - 1
        fault = _other_type(content, chunk.send) or content.assembly.expect(byte_range)
        return [] if fault is None else self._abandon(chunk, content, fault)

    def _start(self, chunk: _Chunk) -> list[Output]:
        byte_range = chunk.send.byte_range or WHOLE
        content_type = chunk.send.content_type or ""
        content = Content(chunk.message_id, _media_type(content_type), Assembly(self._limit(content_type)))
        fault = self._unwelcome(chunk.send) or content.assembly.expect(byte_range)
        if fault is not None:
            self._contents.remember(chunk.message_id, fault.status)
            return [Declined(fault.why, fault.status, chunk.message_id), *self._refuse(chunk, fault)]
        self._contents.begin(content)
        chunk.content, chunk.position = content, byte_range.start - 1
        return [Started(content.message_id, chunk.send)]

    def _limit(self, content_type: str) -> int | None:
        expected = None if self.expected_size is None else self.expected_size + self.room(content_type)
        return min((size for size in (self.max_size, expected) if size is not None), default=None)

    def _unwelcome(self, send: Send) -> Fault | None:
        """Why no content may be started by this chunk."""
        if self._contents.is_over:
            return Fault(403, "one content per session")
        if send.content_type is None or not self.accepts(send.content_type):
            return Fault(415, "type not acceptable")
        if self._contents.is_full:
            return Fault(413, "too many contents at once")
        return None

    def _chunk_ended(self, chunk: _Chunk, content: Content, flag: Flag) -> list[Output]:
        assembly = content.assembly
        fault = assembly.last_ended(chunk.position) if flag is Flag.COMPLETE else None
        if fault is not None:
            return self._abandon(chunk, content, fault)
        if not assembly.whole:
            return self._reply(chunk, 200)
        content.held.append(chunk.send)
        self._contents.completed(content)
        return [Completed(assembly.received, content.message_id)]

    def _repeated(self, chunk: _Chunk, content: Content) -> list[Output]:
        """A chunk of a content that was complete when it began: the same answer as the others get."""
        if content.status is not None:
            return self._reply(chunk, content.status)
        if len(content.held) >= MAX_HELD:
            return self._reply(chunk, 413)
        content.held.append(chunk.send)
        return []

    def _abandon(self, chunk: _Chunk, content: Content, fault: Fault) -> list[Output]:
        self._contents.end(content, 413 if fault.status == 200 else fault.status)
        return [Abandoned(fault.why, fault.status, content.message_id), *self._refuse(chunk, fault)]

    def _refuse(self, chunk: _Chunk, fault: Fault) -> list[Output]:
        """Answer before the chunk has ended; the rest of it is not wanted (flow 10)."""
        chunk.content, chunk.undecided = None, False
        outputs = self._reply(chunk, fault.status, None if fault.status == 200 else fault.why)
        return outputs + self._stop(fault.status, fault.why, told=bool(outputs))

    def _stop(self, status: int, why: str, *, told: bool = True) -> list[Output]:
        """Flow 10: where one content is all there is, or its sender may not be told, signalling has to stop it."""
        if status != 413 or self._unwanted or (told and not self.one_content):
            return []
        self._unwanted = True
        return [Unwanted(why)]

    def _reply(self, chunk: _Chunk, status: int, comment: str | None = None) -> list[Output]:
        chunk.answered = True
        return [reply_to(chunk.send, status, comment, own=self.own)] if chunk.send.wants_reply(status) else []

    def _held_replies(self, content: Content, status: int, comment: str | None) -> list[Reply]:
        return [reply_to(send, status, comment, own=self.own) for send in content.held if send.wants_reply(status)]

    def _success(self, content: Content) -> Report:
        size = content.assembly.received
        whole = ByteRange(1, size, size)
        to_path = content.held[0].from_path
        return Report(self.tokens.word(ID_LENGTH), to_path, (self.own,), content.message_id, whole, 200, COMMENTS[200])


def _other_type(content: Content, send: Send) -> Fault | None:
    """E.9 rule 7: later chunks say what the first said, or nothing."""
    if send.content_type is None or _media_type(send.content_type) == content.media_type:
        return None
    return Fault(400, "Content-Type changed")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].rstrip(" \t").lower()

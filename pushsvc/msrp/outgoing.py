"""One content being sent over one MSRP session: chunks out, replies and reports in, at the end a receipt.

Reading the content and writing to the connection are the caller's.

    next_piece -> chunk -> next_piece -> chunk … (as far as the window allows)
                     replied -> Acknowledged                 all octets, no report asked for -> Delivered
                     reported                                all octets, a report asked for  -> Delivered
                     replied or reported with an error, or no reply in time                  -> Refused
                     no report in time, or neither replies nor reports were asked for        -> Unconfirmed
"""

from __future__ import annotations

import enum

import attrs

from pushsvc.errors import Misuse
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import (
    ID_LENGTH,
    ByteRange,
    FailureReport,
    Fields,
    Flag,
    Reply,
    Report,
    Send,
    encode,
    encode_head,
    end_line,
)
from pushsvc.msrp.ranges import Coverage
from pushsvc.msrp.uri import Path

DEFINITE_SIZE = 2048  # longer chunks must be interruptible, so their end is not said (RFC 4975 §7.1.1, PEERS 12)
FIRST_CHUNK = 65536  # octets: on a line of 64 kbit/s they take 8 s of the 30 s in which the reply has to come
PROMPT = 1 / 6  # of the time for a reply: a line that takes no longer gets longer chunks, which cost less per octet
MAX_UNANSWERED = 1024  # chunks remembered when only errors are replied to: an error comes soon or not at all
MAX_REPORTED = 1024  # separate ranges that a peer may report before it has to fill gaps


class ConfirmedBy(enum.StrEnum):
    """What says that the content arrived."""

    REPLIES = "replies"
    REPORT = "report"
    NONE = "none"


@attrs.frozen
class Piece:
    """The octets to send next: `size` of them from `offset` (counted from 0)."""

    offset: int
    size: int


@attrs.frozen
class Receipt:
    """Proof, or the lack of it, that a whole content of `size` octets arrived."""

    message_id: str
    size: int
    confirmed_by: ConfirmedBy


@attrs.frozen
class Acknowledged:
    """The first `octets` of the content have been acknowledged, without a gap."""

    octets: int


@attrs.frozen
class Delivered:
    """It arrived, all of it."""

    receipt: Receipt


@attrs.frozen
class Refused:
    """It did not arrive: the peer said `status`, or nothing in time (408). Write what `abort` gives.

    `acknowledged` counts as Outgoing.acknowledged does.
    """

    status: int
    comment: str
    acknowledged: int


@attrs.frozen
class Unconfirmed:
    """All of it was sent, but the proof that was waited for did not come, or none was to be expected.

    Replies prove nothing where a report was asked for: they may be a relay's (A-26).
    """

    receipt: Receipt


Output = Acknowledged | Delivered | Refused | Unconfirmed


@attrs.frozen
class _Unanswered:
    """A chunk that was written and not yet replied to."""

    offset: int
    size: int
    reply_by: float


@attrs.define
class Outgoing:
    """One content being sent. At most one of Delivered, Refused and Unconfirmed comes out, and nothing after it.

    `size`, `chunk` and `window` are octets; at most `window` of them are unanswered, but always one chunk may be.
    No chunk is longer than `chunk`. The first ones are not longer than FIRST_CHUNK either: what follows a prompt reply
    may be twice as long as the longest before, and what follows a late one is not longer than the first.
    The timeouts are seconds: for each reply since its chunk was written, for reports since the last reply.
    Every chunk repeats `headers` and the content type, as a relay may cut anew (A-30). A path of several URIs leads
    through relays, whose replies say nothing about the peer: ask for a success report then (E.13).
    """

    size: int
    to_path: Path
    from_path: Path
    tokens: Tokens
    content_type: str
    headers: Fields = ()
    chunk_size: int = attrs.field(default=65536, alias="chunk")
    window: int = 4 * 1024 * 1024
    response_timeout: float = 30.0
    report_timeout: float = 60.0
    success_report: bool = False
    failure_report: FailureReport = FailureReport.YES
    message_id: str = attrs.field(init=False)
    over: bool = attrs.field(default=False, init=False)
    _longest: int = attrs.field(init=False)  # octets that the next chunk may have
    _next: int = attrs.field(default=0, init=False)  # offset of the first octet that was not sent
    _all_sent: bool = attrs.field(default=False, init=False)
    _unanswered: dict[str, _Unanswered] = attrs.field(factory=dict, init=False)  # by transaction id, oldest first
    _unanswered_size: int = attrs.field(default=0, init=False)
    _reported: Coverage = attrs.field(factory=Coverage, init=False)
    _confirm_by: float | None = attrs.field(default=None, init=False)
    _ended: bool = attrs.field(default=False, init=False)  # "#" was written

    def __attrs_post_init__(self) -> None:
        self.message_id = self.tokens.word(ID_LENGTH)
        self._longest = min(self.chunk_size, FIRST_CHUNK)

    def next_piece(self) -> Piece | None:
        """What to read and hand to `chunk`. None: all was sent, or the window is full, or it is over."""
        if self.over or self._all_sent:
            return None
        size = min(self._longest, self.size - self._next)
        if self._unanswered_size and self._unanswered_size + size > self.window:
            return None
        return Piece(self._next, size)

    def chunk(self, piece: Piece, body: bytes, now: float) -> list[bytes]:
        """Head, body and tail of the chunk for `piece`, to be written together and at once; nothing if it is over.

        Misuse: `piece` is not what `next_piece` said, or `body` is of another size.
        """
        if self.over:
            return []
        if piece != self.next_piece() or len(body) != piece.size:
            raise Misuse("not the piece to send next")
        transaction_id = self._fresh_id(body)
        self._next += piece.size
        self._all_sent = self._next == self.size
        self._await_reply(transaction_id, piece, now)
        flag = Flag.COMPLETE if self._all_sent else Flag.MORE
        head = encode_head(self._send(transaction_id, piece))
        return [head, body, end_line(transaction_id, flag, has_content=True)]

    def owns(self, transaction_id: str) -> bool:
        """Whether a reply with this transaction id is for this content."""
        return transaction_id in self._unanswered

    def replied(self, reply: Reply, now: float) -> list[Output]:
        """A reply came. One that nobody waits for is ignored (PEERS 16, 18)."""
        if self.over or reply.transaction_id not in self._unanswered:
            return []
        if not 200 <= reply.status < 300:
            return self._refused(reply.status, reply.comment)
        before = self.acknowledged
        answered = self._unanswered.pop(reply.transaction_id)
        if self.failure_report is not FailureReport.YES:
            return []
        self._unanswered_size -= answered.size
        self._adapt(answered, now)
        return self._progress(before) + self._confirmed_by_replies(now)

    def reported(self, report: Report, now: float) -> list[Output]:
        """A REPORT came. Reports about other contents, or of a success nobody asked about, are ignored (PEERS 20)."""
        if self.over or report.message_id != self.message_id or report.status < 200:
            return []
        if report.status >= 300:
            return self._refused(report.status, report.comment)
        if not self.success_report:
            return []
        before = self.acknowledged
        self._note(report.byte_range)
        progress = self._progress(before)
        # PEERS 19: ranges in reports are often wrong. What came after the peer's last reply is about the whole content.
        replied = self._peer_replies and not self._unanswered
        if self._all_sent and (replied or self._reported.prefix == self.size):
            return progress + self._finished(Delivered(self._receipt(ConfirmedBy.REPORT)))
        return progress

    def abort(self, now: float) -> bytes:
        """Stop. What to write: a chunk that ends the content with "#", or nothing. To be called after Refused, too."""
        self.over = True
        if self._next == 0 or self._all_sent or self._ended:
            return b""
        self._ended = True
        head = self._send(self._fresh_id(b""), Piece(self._next, self.size - self._next))
        return encode(attrs.evolve(head, byte_range=ByteRange(self._next + 1, None, self.size)), b"", Flag.ABORTED)

    @property
    def acknowledged(self) -> int:
        """Octets from the first on, without a gap, that the peer has acknowledged by replies or success reports."""
        replied = 0
        if self._peer_replies:
            oldest = next(iter(self._unanswered.values()), None)
            replied = self._next if oldest is None else oldest.offset
        return max(replied, self._reported.prefix)

    @property
    def deadline(self) -> float | None:
        """When to call `wake`: a reply or report is overdue then."""
        if self.over:
            return None
        due = [self._confirm_by] if self._confirm_by is not None else []
        if self.failure_report is FailureReport.YES and self._unanswered:
            due.append(next(iter(self._unanswered.values())).reply_by)
        return min(due, default=None)

    def wake(self, now: float) -> list[Output]:
        """A reply or report is overdue, or there is none to wait for."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        if deadline != self._confirm_by:
            return self._refused(408, "no reply in time")
        return self._finished(Unconfirmed(self._receipt(ConfirmedBy.NONE)))

    @property
    def _peer_replies(self) -> bool:
        """Whether replies come, and from the peer itself."""
        return self.failure_report is FailureReport.YES and len(self.to_path) == 1

    def _fresh_id(self, body: bytes) -> str:
        """A transaction id that is not open, and whose end-line is not in `body` (PEERS 7: not even without CRLF)."""
        while True:
            transaction_id = self.tokens.word(ID_LENGTH)
            if transaction_id not in self._unanswered and b"-------" + transaction_id.encode() not in body:
                return transaction_id

    def _send(self, transaction_id: str, piece: Piece) -> Send:
        end = None if piece.size > DEFINITE_SIZE else piece.offset + piece.size
        return Send(
            transaction_id,
            self.to_path,
            self.from_path,
            self.message_id,
            ByteRange(piece.offset + 1, end, self.size),
            self.success_report,
            self.failure_report,
            self.content_type,
            self.headers,
        )

    def _await_reply(self, transaction_id: str, piece: Piece, now: float) -> None:
        self._unanswered[transaction_id] = _Unanswered(piece.offset, piece.size, now + self.response_timeout)
        if self.failure_report is FailureReport.YES:
            self._unanswered_size += piece.size
            return
        if len(self._unanswered) > MAX_UNANSWERED:
            del self._unanswered[next(iter(self._unanswered))]
        if self._all_sent:  # without reports nothing more can come, and it is complete now
            self._confirm_by = now + (self.report_timeout if self.success_report else 0.0)

    def _adapt(self, answered: _Unanswered, now: float) -> None:
        """Chunks as long as the line carries in good time."""
        prompt = answered.reply_by - now >= self.response_timeout * (1 - PROMPT)
        self._longest = min(self.chunk_size, max(self._longest, 2 * answered.size) if prompt else FIRST_CHUNK)

    def _confirmed_by_replies(self, now: float) -> list[Output]:
        """A-26: the replies to all chunks complete it, not the reply to the last one."""
        if not self._all_sent or self._unanswered:
            return []
        if not self.success_report:
            return self._finished(Delivered(self._receipt(ConfirmedBy.REPLIES)))
        self._confirm_by = now + self.report_timeout
        return []

    def _note(self, reported: ByteRange | None) -> None:
        """Remember what a success report is about, as far as it says so and we have sent it."""
        if reported is not None and reported.end is not None and self._reported.pieces < MAX_REPORTED:
            self._reported.add(max(reported.start - 1, 0), min(reported.end, self._next))

    def _progress(self, before: int) -> list[Output]:
        acknowledged = self.acknowledged
        return [Acknowledged(acknowledged)] if acknowledged > before else []

    def _receipt(self, confirmed_by: ConfirmedBy) -> Receipt:
        return Receipt(self.message_id, self.size, confirmed_by)

    def _refused(self, status: int, comment: str) -> list[Output]:
        return self._finished(Refused(status, comment, self.acknowledged))

    def _finished(self, output: Output) -> list[Output]:
        self.over = True
        return [output]

"""What MSRP peers say to each other: SEND, REPORT, replies, byte ranges; and how each is read and written.

The start-line and headers are a `Head`; the octets that may follow are not here but in `framer` (reading) and
`outgoing` (writing).
"""

from __future__ import annotations

import enum
import re

import attrs

from pushsvc.errors import BadChunk, Misuse
from pushsvc.msrp.uri import MsrpUri, Path, format_path

Fields = tuple[tuple[str, str], ...]

ID_LENGTH = 16  # of our transaction ids and Message-IDs: 95 bits; peers take 8 to 32 letters and digits (PEERS 13, 14)

CONTROLS = bytes(octet for octet in (*range(32), 127) if octet != ord("\t"))  # not allowed in a header

COMMENTS = {
    200: "OK",
    400: "Bad request",
    403: "Not allowed",
    408: "Timed out",
    413: "Stop sending",
    415: "Type not acceptable",
    481: "No such session",
    501: "Unknown method",
    506: "Bound elsewhere",
}


class FailureReport(enum.Enum):
    """Which replies the sender of a SEND wants (RFC 4975 §7.1.1)."""

    YES = "yes"
    PARTIAL = "partial"
    NO = "no"


class Flag(enum.Enum):
    """How an end-line continues its message."""

    COMPLETE = "$"
    MORE = "+"
    ABORTED = "#"


_RANGE = re.compile(r"(\*|-?[0-9]{1,18})-(\*|-?[0-9]{1,18})/(\*|-?[0-9]{1,18})")


@attrs.frozen
class ByteRange:
    """Octets `start` to `end` (counted from 1, both included) of `total`; None is written `*` and means unknown."""

    start: int
    end: int | None
    total: int | None

    @classmethod
    def parse(cls, text: str) -> ByteRange:
        """Take what peers write: `*` anywhere, `-1` for unknown, an end that cannot be. BadChunk: no range at all."""
        found = _RANGE.fullmatch(text)
        if found is None:
            raise BadChunk("Byte-Range is not a range")
        start, end, total = found.groups()
        return cls(
            1 if start[0] in "*-" else int(start),
            None if end[0] in "*-" else int(end),
            None if total[0] in "*-" else int(total),
        )

    def __str__(self) -> str:
        return f"{self.start}-{_or_star(self.end)}/{_or_star(self.total)}"


def _or_star(number: int | None) -> str:
    return "*" if number is None else str(number)


@attrs.frozen
class Send:
    """The head of one SEND. Without a content type it has no content and no blank line.

    `headers` are the others, in order (Content-Disposition, Content-Description, what we do not know).
    """

    transaction_id: str
    to_path: Path
    from_path: Path
    message_id: str | None
    byte_range: ByteRange | None
    success_report: bool = False
    failure_report: FailureReport = FailureReport.YES
    content_type: str | None = None
    headers: Fields = ()

    def wants_reply(self, status: int) -> bool:
        """Whether a reply of this status may be sent at all (RFC 4975 §7.1.1, E.8)."""
        match self.failure_report:
            case FailureReport.YES:
                return True
            case FailureReport.PARTIAL:
                return status >= 300
            case FailureReport.NO:
                return False


@attrs.frozen
class Report:
    """One REPORT. `status` is 0 when it could not be understood. It is never answered."""

    transaction_id: str
    to_path: Path
    from_path: Path
    message_id: str | None
    byte_range: ByteRange | None
    status: int
    comment: str = ""


@attrs.frozen
class Reply:
    """The answer to one request: "response" is the word of SIP here. `headers` are all but the paths."""

    transaction_id: str
    to_path: Path
    from_path: Path
    status: int
    comment: str = ""
    headers: Fields = ()


@attrs.frozen
class OtherRequest:
    """A request whose method is not ours (AUTH, NICKNAME, FILE_OFFSET, …); `headers` are all but the paths."""

    transaction_id: str
    method: str
    to_path: Path
    from_path: Path
    headers: Fields = ()


Head = Send | Report | Reply | OtherRequest


def reply_to(request: Send | OtherRequest, status: int, comment: str | None = None, *, own: MsrpUri) -> Reply:
    """The reply to `request`; without a `comment` the usual words for `status`. Ask `Send.wants_reply` first.

    A SEND is answered to the hop it came from, the leftmost URI of its From-Path; other methods to the whole
    reversed route (E.8, RFC 4976). `own` is our URI of the session; where there is none, the one that was asked for.
    """
    back = request.from_path[:1] if isinstance(request, Send) else request.from_path
    words = COMMENTS.get(status, "") if comment is None else comment
    return Reply(request.transaction_id, back, (own,), status, words)


def encode_head(head: Head) -> bytes:
    """The start-line and headers of `head`, and the blank line if content follows (RFC 4975 §9, PEERS 3, 4, 20).

    Misuse: a value of ours holds a line end, which would become a header of its own, or another control octet.
    """
    start, fields, content = _lines(head)
    paths = (("To-Path", format_path(head.to_path)), ("From-Path", format_path(head.from_path)))
    lines = [start, *(f"{name}: {value}" for name, value in (*paths, *fields)), "\r\n" if content else ""]
    octets = "\r\n".join(lines).encode("utf-8", "replace")
    if len(octets.translate(None, CONTROLS)) != len(octets) - 2 * (len(lines) - 1 + content):
        raise Misuse("line end or control octet inside an MSRP header")
    return octets


def end_line(transaction_id: str, flag: Flag, has_content: bool) -> bytes:
    """The end-line; after content it begins with the CRLF that belongs to it and not to the content."""
    before = "\r\n" if has_content else ""
    return f"{before}-------{transaction_id}{flag.value}\r\n".encode()


def encode(head: Head, body: bytes | None = None, flag: Flag = Flag.COMPLETE) -> bytes:
    """A whole chunk. `body` of a head without content type must be None; empty content is `b""`."""
    has_content = isinstance(head, Send) and head.content_type is not None
    if body is not None and not has_content:
        raise Misuse("content without a content type")
    return encode_head(head) + (body or b"") + end_line(head.transaction_id, flag, has_content)


def _lines(head: Head) -> tuple[str, list[tuple[str, str]], bool]:
    """The start-line, the fields after the paths in the order to send them, and whether content follows."""
    prefix = f"MSRP {head.transaction_id} "
    match head:
        case Send():
            return f"{prefix}SEND", _send_fields(head), head.content_type is not None
        case Report():
            status = f"000 {head.status:03} {head.comment}".rstrip(" ")
            return f"{prefix}REPORT", [*_message_fields(head), ("Status", status)], False
        case Reply():
            return f"{prefix}{head.status:03} {head.comment}".rstrip(" "), list(head.headers), False
        case OtherRequest():
            return f"{prefix}{head.method}", list(head.headers), False


def _send_fields(send: Send) -> list[tuple[str, str]]:
    content_type = [("Content-Type", send.content_type)] if send.content_type is not None else []
    return [*_message_fields(send), *send.headers, *content_type]


def _message_fields(head: Send | Report) -> list[tuple[str, str]]:
    fields = []
    if head.message_id is not None:
        fields.append(("Message-ID", head.message_id))
    if isinstance(head, Send):
        if head.success_report:
            fields.append(("Success-Report", "yes"))
        if head.failure_report is not FailureReport.YES:  # PEERS 20: never write the default
            fields.append(("Failure-Report", head.failure_report.value))
    if head.byte_range is not None:
        fields.append(("Byte-Range", str(head.byte_range)))
    return fields

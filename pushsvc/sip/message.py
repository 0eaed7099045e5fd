"""Requests and responses that are valid because they exist, and those that follow from another. Octets: codec.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from pushsvc.errors import BadMessage
from pushsvc.quoting import split_list
from pushsvc.sip.headers import Address, CSeq, Field, Headers, Via
from pushsvc.sip.uri import Uri

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity-Info",
    437: "Unsupported Certificate",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
}
"""The reason phrases of the registry; what we send is never a peer's text."""

_CLASSES = {1: "Progress", 2: "Success", 3: "Redirection", 4: "Bad Request", 5: "Server Failure", 6: "Refused"}
_ONLY_ONCE = frozenset({"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"})
_DIALOG_FORMING = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
MANDATORY = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
"""The headers that no message is without, and that every response repeats (RFC 3261 §8.2.6.2)."""
_OUR_HOPS = "70"  # RFC 3261 §8.1.1.6
_HOPS = {str(hops): hops for hops in range(256)}  # RFC 3261 §20.22

_call_id = re.compile(r"[^\x00-\x20\x7f]++").fullmatch


def reason_phrase(status: int) -> str:
    """The phrase for a status (100 to 699), that of its class when it has none of its own."""
    return REASONS.get(status) or _CLASSES[status // 100]


def _size_only(body: bytes) -> str:
    """Bodies do not belong into logs and failures."""
    return f"<{len(body)} octets>"


@attrs.frozen
class Core:
    """What every message carries exactly once, and its top Via, parsed (RFC 3261 §8.1.1)."""

    via: Via
    from_: Address
    to: Address
    call_id: str
    cseq: CSeq

    @classmethod
    def read(cls, headers: Headers) -> Core:
        """Raises BadMessage for one that is missing, repeated or malformed."""
        first, repeated = headers.index
        if repeated and not _ONLY_ONCE.isdisjoint(repeated):
            raise BadMessage(f"more than one {min(repeated & _ONLY_ONCE)}")
        try:
            via, from_, to, call_id, cseq = first["Via"], first["From"], first["To"], first["Call-ID"], first["CSeq"]
        except KeyError as missing:
            raise BadMessage(f"no {missing.args[0]}") from None
        if _call_id(call_id) is None:
            raise BadMessage("malformed Call-ID")
        return cls(Via.parse(_first_item(via)), Address.parse(from_), Address.parse(to), call_id, CSeq.parse(cseq))

    def under(self, via: Via) -> Core:
        """The same with another top Via."""
        return Core(via, self.from_, self.to, self.call_id, self.cseq)


class _Parsed:
    """What requests and responses have in common: the parsed view of their headers."""

    __slots__ = ()

    if TYPE_CHECKING:
        headers: Headers
        core: Core

    @property
    def via(self) -> Via:
        """The top Via."""
        return self.core.via

    @property
    def from_(self) -> Address:
        return self.core.from_

    @property
    def to(self) -> Address:
        return self.core.to

    @property
    def call_id(self) -> str:
        return self.core.call_id

    @property
    def cseq(self) -> CSeq:
        return self.core.cseq

    @property
    def contact(self) -> Address | None:
        """The first Contact, read when it is asked for. Raises BadMessage when it is malformed, or `*`."""
        text = self.headers.first.get("Contact")
        return None if text is None else Address.parse(_first_item(text))


@attrs.frozen(init=False)
class Request(_Parsed):
    """A valid SIP request.

    Building one raises BadMessage when Via, From, To, Call-ID or CSeq is missing, repeated or malformed, when
    CSeq names another method, or when Max-Forwards is no number. Contact is only read when it is asked for.
    """

    method: str
    uri: Uri
    headers: Headers
    body: bytes = attrs.field(repr=_size_only)
    core: Core = attrs.field(eq=False, repr=False)

    def __init__(self, method: str, uri: Uri, headers: Headers, body: bytes = b"", core: Core | None = None) -> None:
        """`core` is what reading `headers` would give, from who knows it already."""
        if core is None:
            core = Core.read(headers)
            _hops_left(headers)
        if core.cseq.method != method:
            raise BadMessage("CSeq names another method")
        self.__attrs_init__(method, uri, headers, body, core)

    @property
    def max_forwards(self) -> int:
        """Hops left; 70 when the header is not there (RFC 3261 §16.3)."""
        return _hops_left(self.headers)

    def evolve(self, **changes: Any) -> Request:
        """A copy with these attributes changed, valid again."""
        if "headers" in changes:
            changes["core"] = None
        return attrs.evolve(self, **changes)

    def with_via(self, via: Via) -> Request:
        """A copy whose top Via is this one."""
        headers = _with_top_via(self.headers, via)
        return Request(self.method, self.uri, headers, self.body, self.core.under(via))


@attrs.frozen(init=False)
class Response(_Parsed):
    """A valid SIP response. Building one raises BadMessage like a Request."""

    status: int
    reason: str
    headers: Headers
    body: bytes = attrs.field(repr=_size_only)
    core: Core = attrs.field(eq=False, repr=False)

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"", core: Core | None = None) -> None:
        """`core` is what reading `headers` would give, from who knows it already."""
        self.__attrs_init__(status, reason, headers, body, Core.read(headers) if core is None else core)

    def evolve(self, **changes: Any) -> Response:
        """A copy with these attributes changed, valid again."""
        if "headers" in changes:
            changes["core"] = None
        return attrs.evolve(self, **changes)

    def with_via(self, via: Via) -> Response:
        """A copy whose top Via is this one."""
        headers = _with_top_via(self.headers, via)
        return Response(self.status, self.reason, headers, self.body, self.core.under(via))


Message = Request | Response


def reply_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[Field] = (),
    body: bytes = b"",
) -> Response:
    """The response to a request (RFC 3261 §8.2.6): its Vias, From, To, Call-ID and CSeq, then `headers`.

    `to_tag` is set where To has none. Record-Route is kept where the response may form a dialog, Timestamp in a 100.
    """
    core, first = request.core, request.headers.first
    to_text = first["To"]
    if to_tag is not None and core.to.tag is None:
        to_text = f"{to_text};tag={to_tag}"
        core = Core(core.via, core.from_, core.to.with_parameter("tag", to_tag), core.call_id, core.cseq)
    fields = [
        *_all_of(request.headers, "Via"),
        ("From", first["From"]),
        ("To", to_text),
        ("Call-ID", core.call_id),
        ("CSeq", first["CSeq"]),
    ]
    if status == 100:
        fields += _all_of(request.headers, "Timestamp")
    elif status < 300 and request.method in _DIALOG_FORMING and request.to.tag is None:
        fields += _all_of(request.headers, "Record-Route")
    further = headers if isinstance(headers, Headers) else Headers(headers)
    made = Headers.trusted((*fields, *further.fields))
    return Response(status, reason or reason_phrase(status), made, body, core)


def _all_of(headers: Headers, name: str) -> list[Field]:
    return [(name, value) for value in headers.all(name)]


def cancel_of(invite: Request) -> Request:
    """The CANCEL of a request that was sent (RFC 3261 §9.1): same branch, same CSeq number."""
    return _hop_by_hop(invite, "CANCEL", invite.headers.first["To"], invite.to)


def ack_of(invite: Request, response: Response) -> Request:
    """The ACK of a final response other than 2xx (RFC 3261 §17.1.1.3): same branch, To of the response."""
    return _hop_by_hop(invite, "ACK", response.headers.first["To"], response.to)


def _hop_by_hop(invite: Request, method: str, to_text: str, to: Address) -> Request:
    first = invite.headers.first
    cseq = CSeq(invite.cseq.number, method)
    fields = (
        ("Via", _first_item(first["Via"])),
        ("Max-Forwards", _OUR_HOPS),
        *_all_of(invite.headers, "Route"),
        ("From", first["From"]),
        ("To", to_text),
        ("Call-ID", invite.call_id),
        ("CSeq", str(cseq)),
    )
    core = Core(invite.via, invite.from_, to, invite.call_id, cseq)
    return Request(method, invite.uri, Headers.trusted(fields), core=core)


def _first_item(text: str) -> str:
    """The first item of a header that may be a list. Raises BadMessage when it is empty."""
    if "," not in text:
        return text
    items = split_list(text)
    if not items:
        raise BadMessage("empty list")
    return items[0]


def _hops_left(headers: Headers) -> int:
    text = headers.first.get("Max-Forwards", _OUR_HOPS)
    hops = _HOPS.get(text.lstrip("0") or text[:1])
    if hops is None:
        raise BadMessage("malformed Max-Forwards")
    return hops


def _with_top_via(headers: Headers, via: Via) -> Headers:
    value = headers.first.get("Via", "")
    below = split_list(value)[1:] if "," in value else []
    return headers.with_first("Via", ", ".join([str(via), *below]))

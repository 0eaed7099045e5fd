"""Header fields of requests that open a dialog, and those of them that later requests in it repeat."""

from __future__ import annotations

from pushsvc.sip.headers import Headers, Via
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri

Fields = list[tuple[str, str]]

MAX_FORWARDS = "70"  # RFC 3261 §8.1.1.6

# What describes only the opening request, or is made anew by the dialog and the session timer.
_ONLY_OPENING = frozenset(
    {
        "from",
        "to",
        "accept-contact",
        "p-preferred-identity",
        "p-preferred-service",
        "session-expires",
        "min-se",
    }
)


def opening_request(
    method: str,
    target: SipUri,
    via: Via,
    tag: str,
    call_id: str,
    cseq: int,
    fields: Fields,
    body: bytes,
    route: SipUri | None = None,
) -> Request:
    """A request outside of any dialog (RFC 3261 §8.1.1). `fields` has From without tag and To among others."""
    parties = {name.lower(): value for name, value in fields if name.lower() in ("from", "to")}
    head: Fields = [
        ("Via", str(via)),
        ("Max-Forwards", MAX_FORWARDS),
        *([("Route", f"<{route}>")] if route is not None else []),
        ("From", f"{parties['from']};tag={tag}"),
        ("To", parties["to"]),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    others = [field for field in fields if field[0].lower() not in parties]
    return Request(method, target, Headers((*head, *others)), body)


def typed(fields: Fields, content_type: str) -> Fields:
    """The same for a body of another type."""
    return [(name, content_type if name.lower() == "content-type" else value) for name, value in fields]


def later(fields: Fields, *, with_body: bool) -> Fields:
    """The fields that every later INVITE, UPDATE and 2xx of the dialog carries; the session timer adds its own."""
    return [
        field
        for field in fields
        if field[0].lower() not in _ONLY_OPENING and (with_body or field[0].lower() != "content-type")
    ]

"""The shortest valid SIP messages; a test overrides what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pushsvc.sip.headers import Headers
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.uri import parse_uri

UDP_PEER = Hop("udp", "192.0.2.1", 5060)
TCP_PEER = Hop("tcp", "192.0.2.1", 40000, connection=1)


def make_request(
    method: str = "INVITE",
    *,
    uri: str = "sip:bob@192.0.2.2",
    via: str | Iterable[str] = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone",
    from_: str = "<sip:alice@example.com>;tag=a1",
    to: str = "<sip:bob@example.com>",
    call_id: str = "call1",
    cseq: int = 1,
    contact: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """A request as it would arrive from UDP_PEER; `via` may be several, `headers` come last."""
    vias = [via] if isinstance(via, str) else via
    fields = [
        *(("Via", value) for value in vias),
        ("Max-Forwards", "70"),
        ("From", from_),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        *([("Contact", contact)] if contact is not None else []),
        *headers,
    ]
    return Request(method, parse_uri(uri), Headers(tuple(fields)), body)


def make_invite(contact: str | None = "<sip:alice@192.0.2.1>", **overrides: Any) -> Request:
    """An INVITE outside of a dialog, with a Contact."""
    return make_request("INVITE", contact=contact, **overrides)


def make_response(
    request: Request,
    status: int = 200,
    *,
    to_tag: str | None = "b1",
    contact: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The response to a request; To gets the tag `b1`, except in a 100."""
    contacts = [("Contact", contact)] if contact is not None else []
    tag = None if status == 100 else to_tag
    return reply_to(request, status, to_tag=tag, headers=[*contacts, *headers], body=body)

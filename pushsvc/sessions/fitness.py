"""What a request can be refused for before anybody knows what it is about (RFC 3261 §8.2.1 to §8.2.3, D-SIP-5)."""

from __future__ import annotations

from collections.abc import Sequence

from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri

SUPPORTED = ("timer",)
SDP = "application/sdp"

_OFFERING = ("INVITE", "UPDATE")

Refusal = tuple[int, list[tuple[str, str]]]


def unfit(request: Request, allow: Sequence[str]) -> Refusal | None:
    """The status and headers to refuse a request with; None: it is fit to be looked at."""
    if request.method not in allow:
        return 405, [("Allow", ", ".join(allow))]
    if not isinstance(request.uri, SipUri):
        return 416, []
    unknown = [option for option in request.headers.values("require") if option.lower() not in SUPPORTED]
    if unknown:
        return 420, [("Unsupported", ", ".join(unknown))]
    return _unfit_body(request)


def _unfit_body(request: Request) -> Refusal | None:
    if not request.body:
        return None
    codings = [coding for coding in request.headers.values("content-encoding") if coding.lower() != "identity"]
    if codings:
        return 415, [("Accept-Encoding", "identity")]
    content_type = (request.headers.get("content-type") or "").split(";")[0].strip(" \t").lower()
    if request.method in _OFFERING and content_type != SDP:
        return 415, [("Accept", SDP)]
    return None

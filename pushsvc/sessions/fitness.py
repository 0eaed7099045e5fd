"""What a request can be refused for before anybody knows what it is about (RFC 3261 §8.2.1 to §8.2.3, D-SIP-5)."""

from __future__ import annotations

from collections.abc import Sequence

from pushsvc.errors import ProtocolError
from pushsvc.quoting import quoted
from pushsvc.sessions.offer_body import READABLE
from pushsvc.sip.message import Request
from pushsvc.sip.session_timer import too_small_headers
from pushsvc.sip.uri import SipUri

SUPPORTED = ("timer",)
ACCEPT = ("Accept", ", ".join(READABLE))

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
    if request.method in _OFFERING and content_type not in READABLE:
        return 415, [ACCEPT]
    return None


def unacceptable(error: ProtocolError, min_se: int) -> Refusal:
    """The status and headers to refuse an offer with, and why; `min_se` is the shortest interval that we take (s)."""
    special = {415: [ACCEPT], 422: too_small_headers(min_se)}.get(error.status, [])
    return error.status, [*special, ("Warning", f"399 pushsvc {quoted(error.reason)}")]

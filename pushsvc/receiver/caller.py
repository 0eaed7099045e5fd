"""Who calls: the identity that is known to be true, else what the caller says of itself (RFC 3325, D-SIP-12)."""

from __future__ import annotations

from pushsvc.errors import BadMessage
from pushsvc.receiver.policy import Caller
from pushsvc.sip.headers import Address
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri, Uri


def caller_of(request: Request) -> Caller:
    """The caller as a URI without parameters, and whether that URI is asserted.

    The request has come past `sip.trust_domain`, which leaves no assertion in it that is not to be believed.
    """
    asserted = _asserted(request)
    uri = request.from_.uri if asserted is None else asserted
    return Caller(str(_plain(uri)), asserted is not None)


def _asserted(request: Request) -> Uri | None:
    for value in request.headers.values("p-asserted-identity"):
        try:
            return Address.parse(value).uri
        except BadMessage:
            continue
    return None


def _plain(uri: Uri) -> Uri:
    return uri.aor() if isinstance(uri, SipUri) else uri

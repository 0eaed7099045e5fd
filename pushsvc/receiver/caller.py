"""Who calls: the identity that somebody trusted asserts, else what the caller says of itself (RFC 3325, D-SIP-12)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from pushsvc.errors import BadMessage
from pushsvc.receiver.policy import Caller
from pushsvc.sip.headers import Address
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri, Uri

Networks = Sequence[IPv4Network | IPv6Network]


def caller_of(request: Request, source: Hop, trusted: Networks) -> Caller:
    """The caller as a URI without parameters, and whether that URI is asserted."""
    asserted = _asserted(request) if _is_trusted(source.host, trusted) else None
    uri = request.from_.uri if asserted is None else asserted
    return Caller(str(_plain(uri)), asserted is not None)


def _asserted(request: Request) -> Uri | None:
    for value in request.headers.values("p-asserted-identity"):
        try:
            return Address.parse(value).uri
        except BadMessage:
            continue
    return None


def _is_trusted(host: str, trusted: Networks) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in trusted)


def _plain(uri: Uri) -> Uri:
    return uri.aor() if isinstance(uri, SipUri) else uri

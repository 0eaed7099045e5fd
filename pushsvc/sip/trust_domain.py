"""The border of our trust domain (RFC 3324, RFC 3325): whose word about identities counts, who has to prove its own.

A request that has passed it carries P-Asserted-Identity only where that is true: asserted by a peer inside of the
domain, or proved to us.
"""

from __future__ import annotations

from pushsvc.sip.authentication import Authentication, TurnedAway
from pushsvc.sip.hop import Hop, Networks, membership
from pushsvc.sip.message import Request

ASSERTIONS = ("P-Asserted-Identity", "P-Asserted-Service")
NEVER_ASKED = ("ACK", "CANCEL", "OPTIONS")  # RFC 3261 §22.1 for the first two; OPTIONS tells everybody the same
INSIDE = ("BYE", "INVITE", "UPDATE")  # belong to a dialog, which whoever began it has proved; a MESSAGE stands alone


class TrustDomain:
    """Peers in the `trusted` networks are inside. Where `authentication` has users, all others are asked."""

    def __init__(self, trusted: Networks = (), authentication: Authentication | None = None) -> None:
        self._is_trusted = membership(tuple(trusted))
        self._authentication = authentication

    def entered(self, request: Request, source: Hop, now: float) -> Request | TurnedAway:
        """The request with its true identity, without credentials for us; or the answer to one that may not enter."""
        if self._is_trusted(source.host):
            return request
        authentication = self._authentication
        if authentication is None or not authentication.has_users or not _is_asked(request):
            return _without_assertions(request)
        verdict = authentication.judge(request, source, now)
        if isinstance(verdict, TurnedAway):
            return verdict
        headers = request.headers.without(*ASSERTIONS, "Authorization").added(ASSERTIONS[0], f"<{verdict}>")
        return Request(request.method, request.uri, headers, request.body, request.core)


def _is_asked(request: Request) -> bool:
    if request.method in NEVER_ASKED:
        return False
    return request.to.tag is None or request.method not in INSIDE


def _without_assertions(request: Request) -> Request:
    if not any(name in request.headers for name in ASSERTIONS):
        return request
    return Request(request.method, request.uri, request.headers.without(*ASSERTIONS), request.body, request.core)

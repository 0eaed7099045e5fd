"""Session timers (RFC 4028): who refreshes a session, when, and when it is given up. The refresh itself is not here.

`refresher=uac` and `refresher=uas` mean the sides of the *request that carries them*, not of the session: when
the callee refreshes, it is the uac. A SessionTimer says it once and for all from our side: `we_refresh`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from pushsvc.errors import BadMessage
from pushsvc.sip.headers import Field, Headers, parse_parameters
from pushsvc.sip.message import Message, Request, Response
from pushsvc.sip.uri import find_parameter

SHORTEST = 90
"""Seconds: the floor of Session-Expires and Min-SE (RFC 4028 §4, §5)."""

USUAL = 1800
"""Seconds: the Session-Expires that RFC 4028 §4 recommends."""

_OPTION = "timer"
_MARGIN = 32.0  # seconds, RFC 4028 §10
_delta = re.compile(r"([0-9]{1,10})[ \t]*+(;.*+)?").fullmatch


@attrs.frozen
class SessionTimer:
    """What was agreed: a session without a refresh lives for `interval` seconds after its last 2xx."""

    interval: int
    we_refresh: bool
    peer_supports: bool = True

    @classmethod
    def agreed_by_answer(cls, response: Response) -> SessionTimer | None:
        """What a 2xx to our INVITE or UPDATE says; None: no timer (any more), also when it cannot be read.

        An interval below the floor is read as the floor: a peer must not make us refresh without pause.
        """
        try:
            asked = _session_expires(response.headers)
        except BadMessage:
            return None
        if asked is None:
            return None
        interval, refresher = asked
        return cls(max(interval, SHORTEST), refresher != "uas", _supports_timer(response.headers))

    @classmethod
    def agreed_by_us(
        cls, request: Request, interval: int = USUAL, min_se: int = SHORTEST, running: SessionTimer | None = None
    ) -> SessionTimer | None:
        """What our 2xx to an INVITE or UPDATE shall say (RFC 4028 §9); None: no timer.

        `interval` and `min_se` are our wishes in seconds, `running` is the session's timer so far. The peer's interval
        is lowered to ours where its Min-SE allows, never raised; its choice of refresher is kept. A request that asks
        for nothing keeps what is running, because a 2xx without Session-Expires would end it.

        Raises BadMessage: 422 when the interval is too small (`too_small_headers` go with it), 400 when unreadable.
        """
        supports = _supports_timer(request.headers)
        asked = _session_expires(request.headers)
        if asked is None:
            return running and cls(running.interval, running.we_refresh or not supports, supports)
        seconds, refresher = asked
        floor = max(min_se, SHORTEST)
        if seconds < floor and supports:
            raise BadMessage("Session-Expires too small", 422)
        if seconds < SHORTEST:
            # A proxy asked for it. Who does not know timers cannot be sent a 422.
            return None
        return cls(
            min(seconds, max(interval, floor, min_se_of(request) or 0)),
            # RFC 4028 §9 table 2; nobody but us can refresh when the peer does not know how.
            not supports or (refresher == "uas" if refresher else running is not None and running.we_refresh),
            supports,
        )

    def refresh_at(self, now: float) -> float | None:
        """When we have to refresh, counted from the last 2xx at `now`; None: the peer does."""
        return now + self.interval / 2 if self.we_refresh else None

    def expires_at(self, now: float) -> float:
        """When to end the session with BYE unless it was refreshed, counted from the last 2xx at `now`."""
        return now + self.interval - min(_MARGIN, self.interval / 3)

    def response_headers(self) -> list[Field]:
        """For our 2xx: the peer sent the request, we are its uas."""
        fields = [("Session-Expires", f"{self.interval};refresher={'uas' if self.we_refresh else 'uac'}")]
        return [("Require", _OPTION), *fields] if self.peer_supports else fields

    def request_headers(self) -> list[Field]:
        """For a later INVITE or UPDATE of ours, a refresh or not: we are its uac, and the roles stay."""
        return [("Session-Expires", f"{self.interval};refresher={'uac' if self.we_refresh else 'uas'}")]


def too_small_headers(min_se: int) -> list[Field]:
    """For a 422 of ours."""
    return [("Min-SE", str(max(min_se, SHORTEST)))]


def min_se_of(message: Message) -> int | None:
    """The shortest interval that the message allows, in seconds: after a 422 the one to try again with.

    None when it says nothing, or nothing readable.
    """
    found = _delta(message.headers.get("min-se") or "")
    return int(found[1]) if found is not None else None


def refresh_method(allowed: Iterable[str]) -> str:
    """UPDATE, which touches no SDP, where the values of the peer's Allow have it; else INVITE (RFC 4028 §7.4)."""
    return "UPDATE" if "UPDATE" in allowed else "INVITE"


def _supports_timer(headers: Headers) -> bool:
    tags = headers.values("supported") + headers.values("require")
    return any(tag.lower() == _OPTION for tag in tags)


def _session_expires(headers: Headers) -> tuple[int, str] | None:
    """Seconds and the refresher ("uac", "uas" or ""). Raises BadMessage."""
    text = headers.get("session-expires")
    if text is None:
        return None
    found = _delta(text)
    if found is None:
        raise BadMessage("malformed Session-Expires")
    refresher = (find_parameter(parse_parameters(found[2] or ""), "refresher") or "").lower()
    return int(found[1]), refresher if refresher in ("uac", "uas") else ""

"""The headers of an INVITE that offers a push, of the 200 that takes it, and of a MESSAGE that is one.

Via, Max-Forwards, Call-ID, CSeq, tags and Content-Length are not here: transactions, dialogs and the codec own them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from pushsvc.push.targeting import Targeting, accept_contact, contact
from pushsvc.sdp.dates import format_date
from pushsvc.sdp.description import one_line
from pushsvc.sip.headers import Address
from pushsvc.sip.uri import SipUri

Fields = list[tuple[str, str]]

SENDER_ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE")
RECEIVER_ALLOW = (*SENDER_ALLOW, "MESSAGE")

PUSH_ID = "Push-ID"
"""Header of our own in a MESSAGE: the same in every attempt, so that a receiver stores the push once."""

MAX_MESSAGE = 1300
"""Octets of a whole MESSAGE request; anything larger is pushed over MSRP [R-GEN-1, A-01]."""


def fits_message(request_size: int) -> bool:
    """Whether a MESSAGE of this many octets, headers and all, may be sent."""
    return request_size <= MAX_MESSAGE


def invite_headers(
    *,
    identity: SipUri,
    target: SipUri,
    contact_uri: SipUri,
    targeting: Targeting,
    display_name: str = "",
    session_expires: int | None = None,
    min_se: int | None = None,
    allow: Sequence[str] = SENDER_ALLOW,
    ims: bool = False,
) -> Fields:
    """From (without tag), To, and everything from Contact to Content-Type [R-PSA-EST-1 to 8].

    Intervals are seconds, None asks for no session timer; `ims` adds what TS 24.229 wants from the caller.
    """
    return [
        *_parties(identity, display_name, target),
        ("Contact", contact(contact_uri, attrs.evolve(targeting, applications=()))),
        *(("Accept-Contact", value) for value in accept_contact(targeting)),
        *(_preferred(identity, targeting) if ims else []),
        ("Allow", ", ".join(allow)),
        ("Supported", "timer"),
        *([] if session_expires is None else [("Session-Expires", f"{session_expires};refresher=uac")]),
        *([] if min_se is None else [("Min-SE", str(min_se))]),
        ("Content-Type", "application/sdp"),
    ]


def answer_headers(
    *,
    contact_uri: SipUri,
    targeting: Targeting,
    timer: Iterable[tuple[str, str]] = (),
    accept_contact_in_response: bool = True,
    allow: Sequence[str] = RECEIVER_ALLOW,
) -> Fields:
    """The headers of a 200 with an answer [A-05]; `timer` is what the session timer adds (Require, Session-Expires)."""
    service = attrs.evolve(targeting, applications=())
    return [
        ("Contact", contact(contact_uri, targeting)),
        *(("Accept-Contact", value) for value in accept_contact(service) if accept_contact_in_response),
        ("Allow", ", ".join(allow)),
        ("Supported", "timer"),
        *timer,
        ("Content-Type", "application/sdp"),
    ]


def message_headers(
    *,
    identity: SipUri,
    target: SipUri,
    targeting: Targeting,
    push_id: str,
    content_type: str,
    now: float,
    display_name: str = "",
    expires_in: int | None = None,
    content: Iterable[tuple[str, str]] = (),
    subject: str = "",
    ims: bool = False,
) -> Fields:
    """From (without tag), To, and everything from Accept-Contact to Content-Type.

    `now` is seconds since 1970, `expires_in` seconds; `content` comes from `content_headers`.
    """
    return [
        *_parties(identity, display_name, target),
        *(("Accept-Contact", value) for value in accept_contact(targeting)),
        *(_preferred(identity, targeting) if ims else []),
        ("Date", format_date(now, "GMT")),
        *([] if expires_in is None else [("Expires", str(expires_in))]),
        *([("Subject", one_line(subject))] if subject else []),
        (PUSH_ID, push_id),
        *content,
        ("Content-Type", content_type),
    ]


def _parties(identity: SipUri, display_name: str, target: SipUri) -> Fields:
    return [("From", str(Address(identity, display_name))), ("To", str(Address(target)))]


def _preferred(identity: SipUri, targeting: Targeting) -> Fields:
    service = [("P-Preferred-Service", targeting.service)] if targeting.service else []
    return [("P-Preferred-Identity", f"<{identity}>"), *service]

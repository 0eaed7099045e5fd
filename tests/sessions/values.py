"""The shortest valid things that sessions are made of."""

from __future__ import annotations

from typing import Any

import attrs

from pushsvc import sdp
from pushsvc.msrp.uri import MsrpUri
from pushsvc.sessions.fields import Fields, opening_request
from pushsvc.sessions.standing import Standing
from pushsvc.sip.credentials import Credentials
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Headers, Via
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.uri import SipUri
from tests.tokens import CountedTokens

VIA = Via("UDP", "192.0.2.10", 5060, (("branch", "z9hG4bKa"),))
BOB = SipUri.parse("sip:bob@192.0.2.20")

LOCAL = sdp.LocalEnd("192.0.2.10", 2855)
REMOTE = sdp.LocalEnd("192.0.2.20", 2855)

FIELDS: Fields = [
    ("From", "<sip:alice@example.com>"),
    ("To", "<sip:bob@192.0.2.20>"),
    ("Contact", "<sip:alice@192.0.2.10>"),
    ("Accept-Contact", '*;+g.3gpp.icsi-ref="x"'),
    ("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE"),
    ("Supported", "timer"),
    ("Session-Expires", "1800;refresher=uac"),
    ("Min-SE", "90"),
    ("Content-Type", "application/sdp"),
]


def path(name: str) -> tuple[MsrpUri, ...]:
    return (MsrpUri("msrps", "192.0.2.10", 2855, name),)


def file(name: str = "a", **changes: Any) -> sdp.FileOffer:
    """A file to offer; its transfer id and path are made of the name."""
    return attrs.evolve(sdp.FileOffer(f"{name}.txt", "text/plain", 7, bytes(20), f"id-{name}", path(name)), **changes)


def offer(*names: str, setup: str = "actpass") -> sdp.Description:
    """An offer of these files."""
    return sdp.offer(attrs.evolve(LOCAL, setup=setup), [file(name) for name in names or ("a",)], (1, 1))


def answer(offer: sdp.Description, *taken: bool) -> sdp.Description:
    """An answer that takes these lines; all of them, where none is named."""
    decisions = [
        sdp.Accepted(path(f"b{index}"), ("*",)) if take else sdp.Declined()
        for index, take in enumerate(taken or [True] * len(offer.sections))
    ]
    return sdp.answer(offer, decisions, REMOTE, (2, 1))


def invite(body: bytes = b"", fields: Fields = FIELDS, **changes: Any) -> Request:
    """An INVITE that opens a dialog."""
    request = opening_request("INVITE", BOB, VIA, "alice-tag", "call", 1, fields, body)
    return request.evolve(**changes) if changes else request


def accepted(request: Request, body: bytes = b"", *headers: tuple[str, str]) -> Response:
    """Its 200."""
    fields = [("Contact", "<sip:bob@192.0.2.20>"), *headers]
    return reply_to(request, 200, to_tag="bob-tag", headers=fields, body=body)


def callers_standing(*names: str) -> Standing:
    """How a session stands for who dialed it, everything taken."""
    ours = offer(*names)
    request = invite(sdp.format(ours))
    response = accepted(request)
    dialog, credentials = Dialog.from_answer(request, response), Credentials(None, CountedTokens("c"))
    return Standing(dialog, ours, answer(ours), FIELDS, None, credentials=credentials)


def within(dialog: Dialog, method: str, number: int = 1, *headers: tuple[str, str], body: bytes = b"") -> Request:
    """A request of the peer inside our dialog."""
    fields = {
        "Via": "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKb",
        "From": str(dialog.remote),
        "To": str(dialog.local),
        "Call-ID": dialog.call_id,
        "CSeq": f"{number} {method}",
    }
    return Request(method, dialog.contact, Headers((*fields.items(), *headers)), body)

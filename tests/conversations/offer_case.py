"""Offers that are written by hand, and the receiver with its policy and inbox that is called with them."""

from __future__ import annotations

from typing import Any

from pushsvc import sdp
from pushsvc.sip.message import Response
from tests.conversations.push_case import PushCase
from tests.conversations.stranger import Caller

SELECTOR = 'name:"notice.txt" type:text/plain size:62 hash:sha-1:' + ":".join(["9F"] * 20)
HEAD = f"""\
v=0
o=- 7 1 IN IP4 192.0.2.66
s=-
c=IN IP4 192.0.2.66
t=0 0
a=fingerprint:sha-256 {":".join(["D4"] * 32)}
"""


def line(
    *more: str,
    types: str | None = "text/plain",
    selector: str | None = SELECTOR,
    port: int = 2855,
    direction: str = "sendonly",
    path: str = "msrps://192.0.2.66:2855/s1;tcp",
    number: int = 1,
) -> str:
    """One media line of an offer, as a sender writes it."""
    attributes = [direction, *([] if types is None else [f"accept-types:{types}"]), "setup:actpass", f"path:{path}"]
    if selector is not None:
        attributes += [f"file-selector:{selector}", f"file-transfer-id:transfer{number}"]
    return f"m=message {port} TCP/TLS/MSRP *\n" + "".join(f"a={each}\n" for each in (*attributes, *more))


class OfferCase(PushCase):
    """A scripted caller, and the receiver it calls."""

    def begin(self, **accept: Any) -> None:  # type: ignore[override]
        super().begin(**({"types": ("text/plain", "image/*"), "max_size": 100_000} | accept))
        self.caller = Caller(self.network)

    def refused(self, body: str, *lines: str, log: list[str] | None = None) -> Response:
        """The refusal of an INVITE: logged once, and nothing is left of it."""
        self.log.events.clear()
        answer = self.caller.call(*lines, body=body)
        self.assertGreaterEqual(answer.status, 400)
        self.assertIsNotNone(answer.to.tag)
        if log is not None:
            self.assertEqual(self.log.troubles(), log)
        told = [text for text in self.log.troubles() if text.startswith(f"sip resp {answer.status}")]
        self.assertEqual(len(told), 1, self.log.troubles())
        self.assertEqual(self.caller.statuses().count(answer.status), 1)
        self.assert_nothing_left()
        return answer

    def answered(self, body: str, *lines: str) -> tuple[Response, list[sdp.MediaOffer]]:
        """The 200 to an INVITE and the lines of its answer; the session is hung up again, and nothing is left."""
        answer = self.caller.call(*lines, body=body)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.caller.hang_up().status, 200)
        self.assert_nothing_left()
        return answer, list(sdp.media(sdp.parse(answer.body)))

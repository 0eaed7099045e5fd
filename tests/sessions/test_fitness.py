"""What is refused before anybody looks at it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage, NotAcceptable, ProtocolError
from pushsvc.sessions.fitness import unacceptable, unfit
from pushsvc.sip.uri import OpaqueUri
from tests.sessions.values import FIELDS, invite

ALLOW = ("INVITE", "ACK", "MESSAGE")


class Unfit(SynchronousTestCase):
    """[D-SIP-5]"""

    def fields(self, **changes: str) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in FIELDS if name.replace("-", "_") not in changes]
        return [*kept, *((name.replace("_", "-"), value) for name, value in changes.items() if value)]

    def test_what_is_fine(self) -> None:
        self.assertIsNone(unfit(invite(b"v=0"), ALLOW))
        self.assertIsNone(unfit(invite(b""), ALLOW))
        self.assertIsNone(unfit(invite(b"v=0", self.fields(Content_Type="Application/SDP ; x=y")), ALLOW))
        self.assertIsNone(unfit(invite(b"v=0", self.fields(Content_Encoding="Identity", Require="Timer")), ALLOW))

    def test_what_is_not(self) -> None:
        """The first reason counts."""
        cases = {
            405: (invite(b"v=0"), ("BYE",), [("Allow", "BYE")]),
            416: (invite(b"v=0", uri=OpaqueUri("tel", "+1")), ALLOW, []),
            420: (invite(b"v=0", self.fields(Require="100rel, timer, x")), ALLOW, [("Unsupported", "100rel, x")]),
        }
        for status, (request, allow, headers) in cases.items():
            self.assertEqual(unfit(request, allow), (status, headers))

    def test_bodies(self) -> None:
        """A body that is not there has no type; only offers have to be SDP, or to have it in them (E.12)."""
        accept = ("Accept", "application/sdp, multipart/related, multipart/mixed")
        for fields in (self.fields(Content_Type="text/plain"), self.fields(Content_Type="")):
            self.assertEqual(unfit(invite(b"x", fields), ALLOW), (415, [accept]))
            self.assertIsNone(unfit(invite(b"", fields), ALLOW))
        for kind in ("multipart/mixed;boundary=b", "Multipart/Related"):
            self.assertIsNone(unfit(invite(b"x", self.fields(Content_Type=kind)), ALLOW))
        coded = invite(b"x", self.fields(Content_Encoding="identity, gzip"))
        self.assertEqual(unfit(coded, ALLOW), (415, [("Accept-Encoding", "identity")]))

    def test_offers_that_cannot_be_used(self) -> None:
        """Why, in words; and what would be accepted, where that is the matter."""
        why = ("Warning", '399 pushsvc "reason"')
        accept = ("Accept", "application/sdp, multipart/related, multipart/mixed")
        for error, headers in (
            (BadMessage("reason"), [why]),
            (NotAcceptable("reason"), [why]),
            (ProtocolError("reason", 415), [accept, why]),
            (BadMessage("reason", 422), [("Min-SE", "90"), why]),
        ):
            self.assertEqual(unacceptable(error, 90), (error.status, headers))

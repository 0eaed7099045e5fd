"""Headers of opening and later requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions.fields import later, opening_request
from pushsvc.sip.uri import SipUri
from tests.sessions.values import BOB, FIELDS, VIA


class Opening(SynchronousTestCase):
    """RFC 3261 §8.1.1."""

    def test_it_has_everything_once_and_in_order(self) -> None:
        """[R-PSA-EST-1] [R-PSA-EST-7]"""
        request = opening_request("INVITE", BOB, VIA, "t", "c", 7, FIELDS, b"body")
        self.assertEqual(
            [name for name, _ in request.headers],
            ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"] + [name for name, _ in FIELDS[2:]],
        )
        self.assertEqual((request.uri, request.to.uri, request.to.tag), (BOB, BOB, None))
        self.assertEqual((request.from_.tag, request.call_id, str(request.cseq)), ("t", "c", "7 INVITE"))
        self.assertEqual((request.max_forwards, request.body), (70, b"body"))

    def test_a_route_is_named_where_there_is_one(self) -> None:
        """[R-PSA-EST-11]"""
        route = SipUri.parse("sip:proxy.example.com;lr")
        request = opening_request("MESSAGE", BOB, VIA, "t", "c", 1, FIELDS, b"", route=route)
        self.assertEqual(request.headers.all("route"), ["<sip:proxy.example.com;lr>"])


class Later(SynchronousTestCase):
    """What every later request and 2xx repeats."""

    def test_what_only_the_opening_request_says_is_left_out(self) -> None:
        """The session timer writes its own headers, the dialog the parties."""
        names = [name for name, _ in later(FIELDS, with_body=True)]
        self.assertEqual(names, ["Contact", "Allow", "Supported", "Content-Type"])

    def test_without_a_body_there_is_no_content_type(self) -> None:
        """[D-SIP-14] But `timer` is still supported, or the peer would take over the refreshes (RFC 4028 §7.4)."""
        names = [name for name, _ in later(FIELDS, with_body=False)]
        self.assertEqual(names, ["Contact", "Allow", "Supported"])

"""Where a redirected request goes, and where it does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Response
from pushsvc.sip.redirection import MAX_TARGETS, Target, Targets
from pushsvc.sip.uri import SipUri
from tests.sip.values import make_request, make_response

BOB = SipUri.parse("sip:bob@example.com")
SOURCE = Hop("udp", "192.0.2.1", 5060)


def moved(*contacts: str, status: int = 302) -> Response:
    """A redirection to these Contacts."""
    headers = [("Contact", contact) for contact in contacts]
    return make_response(make_request(uri=str(BOB)), status, headers=headers)


class Redirections(SynchronousTestCase):
    """[D-SIP-10] One target after the other."""

    def setUp(self) -> None:
        self.targets = Targets(BOB)
        self.assertEqual(self.targets.next(), Target(BOB))

    def left(self) -> list[str]:
        """What is still tried, in order."""
        return [str(target.uri) for target in iter(self.targets.next, None)]

    def test_the_likeliest_first(self) -> None:
        """RFC 3261 §8.1.3.4: by q; where there is none it is as likely as can be."""
        contacts = "<sip:a@h>;q=0.3, sip:b@h;q=1.0", "<sip:c@h>", "<sip:d@h>;q=many", "<sip:e@h>;q=0.7"
        self.assertIsNone(self.targets.redirected(moved(*contacts), SOURCE))
        self.assertEqual(self.left(), ["sip:b@h", "sip:c@h", "sip:e@h", "sip:a@h", "sip:d@h"])

    def test_what_has_no_place_in_a_request_uri_is_left_out(self) -> None:
        self.targets.redirected(moved("<sip:a@h;transport=tcp;method=INVITE?Subject=x>"), SOURCE)
        self.assertEqual(self.left(), ["sip:a@h;transport=tcp"])

    def test_nothing_is_tried_twice(self) -> None:
        """RFC 3261 §8.1.3.4: once in the target set, by the rules of equivalence; a loop has an end."""
        self.assertIsNone(self.targets.redirected(moved("<sip:a@h>", "<sip:bob@EXAMPLE.com>", "<sip:a@H>"), SOURCE))
        self.assertEqual(self.left(), ["sip:a@h"])
        why = self.targets.redirected(moved("<sip:a@h>", f"<{BOB}>"), SOURCE)
        self.assertEqual((why, self.left()), ("it sends us to nowhere else that we can go to", []))

    def test_what_is_left_goes_on_when_another_leads_nowhere(self) -> None:
        self.targets.redirected(moved("<sip:a@h>", "<sip:b@h>"), SOURCE)
        self.targets.next()
        self.assertIsNone(self.targets.redirected(moved(f"<{BOB}>"), SOURCE))
        self.assertEqual(self.left(), ["sip:b@h"])

    def test_who_sends_us_round_and_round_does_so_only_so_often(self) -> None:
        for number in range(MAX_TARGETS):
            self.assertIsNone(self.targets.redirected(moved(f"<sip:a{number}@h>"), SOURCE))
            self.assertIsNotNone(self.targets.next())
        self.assertIsNotNone(self.targets.redirected(moved("<sip:a@h>"), SOURCE))
        self.setUp()
        self.targets.redirected(moved(*(f"<sip:a{number}@h>" for number in range(MAX_TARGETS + 1))), SOURCE)
        self.assertEqual(len(self.left()), MAX_TARGETS)

    def test_what_cannot_be_followed(self) -> None:
        """No address, none of SIP, rubbish."""
        for contacts in ((), ("<tel:+1>",), ("*",), ("<mailto:bob@example.com>", "rub bish"), ("<sip:a@h",)):
            self.assertIsNotNone(self.targets.redirected(moved(*contacts), SOURCE), contacts)
        self.assertEqual(self.left(), [])

    def test_which_are_followed(self) -> None:
        """305 names a proxy and 380 another service."""
        for status, followed in ((300, True), (301, True), (302, True), (305, False), (380, False), (399, False)):
            self.setUp()
            self.assertIs(self.targets.redirected(moved("<sip:a@h>", status=status), SOURCE) is None, followed, status)

    def test_nobody_takes_us_off_tls(self) -> None:
        """RFC 3261 §8.1.3.4 wants people to be told; there are none."""
        self.targets = Targets(SipUri.parse("sips:bob@example.com"))
        self.assertEqual(self.left(), ["sips:bob@example.com"])
        self.targets.redirected(moved("<sip:a@h>", "<sips:b@h>"), SOURCE)
        self.assertEqual(self.left(), ["sips:b@h"])

    def test_nobody_sends_us_to_our_own_machine(self) -> None:
        """But who is on it himself: he may speak to it anyway."""
        inside = ("sip:a@127.0.0.1", "sip:a@localhost", "sip:a@[::1]:80", "sip:a@0.0.0.0", "sip:a@169.254.169.254",
                  "sip:a@localhost.", "sip:a@[::ffff:127.0.0.1]",
                  "sip:a@224.0.0.1", "sip:a@h;maddr=127.0.0.1")  # fmt: skip
        for uri in inside:
            self.assertIsNotNone(self.targets.redirected(moved(f"<{uri}>"), SOURCE), uri)
        for uri in inside[:7]:
            self.assertIsNone(self.targets.redirected(moved(f"<{uri}>"), Hop("udp", "127.0.0.1", 5060)), uri)

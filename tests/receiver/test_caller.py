from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.receiver.caller import caller_of
from pushsvc.receiver.policy import Caller
from pushsvc.sip.headers import Headers
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from tests.sip.values import make_invite

CORE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))


class WhoCalls(SynchronousTestCase):
    """[D-SIP-12] [R-INF-1] [F-18] The operator's rules go by who somebody is, not by who they say they are."""

    def invite(self, *asserted: str) -> Request:
        invite = make_invite()
        fields = [(name, value) for name, value in invite.headers if name.lower() != "from"]
        own = [("From", '"Boss" <sip:boss@example.com;user=phone>;tag=1')]
        return invite.evolve(headers=Headers((*fields, *own, *(("P-Asserted-Identity", value) for value in asserted))))

    def caller(self, source: str, *asserted: str) -> Caller:
        return caller_of(self.invite(*asserted), Hop("udp", source, 5060), CORE)

    def test_a_trusted_core_vouches_for_its_users(self) -> None:
        for source in ("192.0.2.1", "2001:db8::1"):
            caller = self.caller(source, "<sip:push@example.com>")
            self.assertEqual(caller, Caller("sip:push@example.com", True))

    def test_a_stranger_cannot_assert_anything(self) -> None:
        caller = self.caller("198.51.100.7", "<sip:push@example.com>")
        self.assertEqual(caller, Caller("sip:boss@example.com", False))

    def test_what_cannot_be_read_is_passed_over(self) -> None:
        self.assertEqual(self.caller("192.0.2.1", "<<>>", "<tel:+123>").uri, "tel:+123")
        self.assertEqual(self.caller("192.0.2.1", "<<>>"), Caller("sip:boss@example.com", False))
        self.assertEqual(self.caller("192.0.2.1"), Caller("sip:boss@example.com", False))

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.receiver.caller import caller_of
from pushsvc.receiver.policy import Caller
from pushsvc.sip.headers import Headers
from tests.sip.values import make_invite


class WhoCalls(SynchronousTestCase):
    """[D-SIP-12] [R-INF-1] [F-18] The operator's rules go by who somebody is, not by who they say they are."""

    def caller(self, *asserted: str) -> Caller:
        invite = make_invite()
        fields = [(name, value) for name, value in invite.headers if name.lower() != "from"]
        own = [("From", '"Boss" <sip:boss@example.com;user=phone>;tag=1')]
        asserts = [("P-Asserted-Identity", value) for value in asserted]
        return caller_of(invite.evolve(headers=Headers((*fields, *own, *asserts))))

    def test_what_is_asserted_counts(self) -> None:
        """Whose assertions come this far is decided in sip.trust_domain."""
        self.assertEqual(self.caller("<sip:push@example.com;x=y>"), Caller("sip:push@example.com", True))

    def test_without_one_it_is_what_the_caller_says(self) -> None:
        self.assertEqual(self.caller(), Caller("sip:boss@example.com", False))

    def test_what_cannot_be_read_is_passed_over(self) -> None:
        self.assertEqual(self.caller("<<>>", "<tel:+123>").uri, "tel:+123")
        self.assertEqual(self.caller("<<>>"), Caller("sip:boss@example.com", False))

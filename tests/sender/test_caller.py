from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.caller import Caller
from pushsvc.sip.uri import SipUri
from tests.sender.values import job

ICSI = "urn:urn-7:3gpp-service.ims.icsi.oma.push"


class Speaking(SynchronousTestCase):
    """What our requests say about us and about whom they are for."""

    def setUp(self) -> None:
        self.caller = Caller(SipUri.parse("sip:push@example.com"), "Push", service=ICSI, require=True)
        self.contact = SipUri.parse("sip:push@192.0.2.10:5060;transport=tcp")

    def test_an_invite_names_service_and_application(self) -> None:
        """[R-PSA-EST-2] [R-PSA-EST-2m] [R-PSA-EST-3] [A-43]"""
        fields = self.caller.invite(job(application="mms.ua"), self.contact, 1800, 90)
        wanted = [value for name, value in fields if name == "Accept-Contact"]
        encoded = "urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.push"
        self.assertEqual(wanted, [f'*;+g.3gpp.icsi-ref="{encoded}";require', '*;+g.oma.pusheventapp="mms.ua"'])

    def test_an_invite_asks_for_a_session_timer(self) -> None:
        """[R-PSA-EST-4] [R-PSA-EST-5] [R-PSA-EST-6] [A-39]"""
        fields = dict(self.caller.invite(job(), self.contact, 1800, 90))
        self.assertEqual((fields["Supported"], fields["Session-Expires"]), ("timer", "1800;refresher=uac"))
        self.assertIn("INVITE", fields["Allow"])

    def test_a_message_ends_with_the_push(self) -> None:
        """[F-02] A message that arrives late is worse than none."""
        fields = dict(self.caller.message(job(title="Gate 3"), 3000.0))
        self.assertEqual((fields["Expires"], fields["Subject"]), ("600", "Gate 3"))
        self.assertEqual(fields["Push-ID"], "t" * 32)
        self.assertEqual(dict(self.caller.message(job(), 9e9))["Expires"], "0")

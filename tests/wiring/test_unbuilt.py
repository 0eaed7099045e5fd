from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import ReceiverConfig, Registration
from pushsvc.config.shared import Msrp, Sip
from pushsvc.config.values import Listen, Secret
from pushsvc.errors import ConfigErrors
from pushsvc.msrp.uri import MsrpUri
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.unbuilt import ignored, refuse_unsafe


class NotYet(SynchronousTestCase):
    """An operator is never left to believe that something is on which is not."""

    def test_an_address_that_says_tls_is_not_served_in_clear_text(self) -> None:
        with self.assertRaises(ConfigErrors) as caught:
            refuse_unsafe(ReceiverConfig(sip=Sip(listen=(Listen("tls", "127.0.0.1", 5061),))))
        self.assertIn("SIP over TLS is not built yet", str(caught.exception))
        refuse_unsafe(ReceiverConfig())

    def test_settings_without_effect_are_named(self) -> None:
        config = ReceiverConfig(
            sip=Sip(auth_password=Secret("x")),
            msrp=Msrp(relay=MsrpUri.parse("msrps://relay.example.com:2855;tcp")),
            registration=Registration(registrar=SipUri.parse("sip:core.example.com")),
        )
        self.assertEqual(list(ignored(config)), ["sip.auth_password", "msrp.relay", "registration.registrar"])
        self.assertEqual(list(ignored(ReceiverConfig())), [])

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import ReceiverConfig
from pushsvc.config.shared import Msrp
from pushsvc.msrp.uri import MsrpUri
from pushsvc.wiring.unbuilt import ignored


class NotYet(SynchronousTestCase):
    """An operator is never left to believe that something is on which is not."""

    def test_settings_without_effect_are_named(self) -> None:
        config = ReceiverConfig(
            msrp=Msrp(relay=MsrpUri.parse("msrps://relay.example.com:2855;tcp")),
        )
        self.assertEqual(list(ignored(config)), ["msrp.relay"])
        self.assertEqual(list(ignored(ReceiverConfig())), [])

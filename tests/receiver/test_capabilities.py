"""What we tell about ourselves to whoever asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.config.receiver import Accept
from pushsvc.receiver.capabilities import capabilities
from pushsvc.receiver.reception import Host


class Capabilities(SynchronousTestCase):
    def told(self, accept: Accept) -> sdp.MediaOffer:
        _, body = capabilities(Host(None, push.Targeting(), accept.types), sdp.LocalEnd("192.0.2.20", 2855), accept)
        (line,) = sdp.media(sdp.parse(body))
        return line

    def test_wrappers_are_among_what_is_taken(self) -> None:
        """[D-SIP-15] [D-MSRP-6] E.4."""
        line = self.told(Accept(types=("text/plain",)))
        self.assertEqual((line.accept_types, line.port), (push.announced(("text/plain",)), 0))
        self.assertIn("message/cpim", line.accept_types)
        self.assertEqual(self.told(Accept()).accept_types, ("*",))

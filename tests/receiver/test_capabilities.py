"""What we tell about ourselves to whoever asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.config.receiver import Accept
from pushsvc.receiver.capabilities import capabilities
from pushsvc.receiver.reception import Host
from pushsvc.sip.uri import SipUri


class Capabilities(SynchronousTestCase):
    def answer(self, accept: Accept, targeting: push.Targeting) -> tuple[dict[str, str], bytes]:
        contact, local = SipUri.parse("sip:alice@192.0.2.20:5070;transport=tcp"), sdp.LocalEnd("192.0.2.20", 2855)
        fields, body = capabilities(Host("alice", targeting, accept.types), local, accept.max_size, contact)
        return dict(fields), body

    def told(self, accept: Accept) -> sdp.MediaOffer:
        (line,) = sdp.media(sdp.parse(self.answer(accept, push.Targeting())[1]))
        return line

    def test_what_is_told_beside_the_description(self) -> None:
        """[D-SIP-15] [F-06] RFC 3261 §11.2: where to, what for, and which bodies; and nothing of the user."""
        service = "urn:urn-7:3gpp-service.ims.icsi.oma.push"
        fields, _ = self.answer(Accept(), push.Targeting(service, ("mms.ua",)))
        self.assertEqual(
            fields,
            {
                "Contact": "<sip:192.0.2.20:5070;transport=tcp>"
                ';+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.push";+g.oma.pusheventapp="mms.ua"',
                "Accept": "application/sdp, multipart/related, multipart/mixed",
                "Accept-Encoding": "identity",
                "Content-Type": "application/sdp",
            },
        )

    def test_wrappers_are_among_what_is_taken(self) -> None:
        """[D-SIP-15] [D-MSRP-6] E.4."""
        line = self.told(Accept(types=("text/plain",)))
        self.assertEqual((line.accept_types, line.port), (push.announced(("text/plain",)), 0))
        self.assertIn("message/cpim", line.accept_types)
        self.assertEqual(self.told(Accept()).accept_types, ("*",))

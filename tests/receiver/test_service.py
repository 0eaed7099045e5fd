"""push-receiver put together; each of its pieces has tests of its own."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.config.receiver import Accept, Inbox, ReceiverConfig
from pushsvc.config.shared import Sip
from pushsvc.config.values import Listen, Octets, Seconds
from pushsvc.net.observer import Observers
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.receiver.service import Receiving
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network, Product
from tests import sim
from tests.wiring.test_registration import HERE, Reactor


class Reload(SynchronousTestCase):
    """A new configuration while it runs."""

    def test_whoever_asks_hears_what_is_taken_now(self) -> None:
        """[D-SIP-15] And what needs a restart waits for it, as is logged."""
        sip = Sip(identity=SipUri.parse("sip:alice@example.com"), listen=(Listen("tcp", HERE, 5060),))
        config = ReceiverConfig(sip=sip, state_dir=Path(self.mktemp()))
        config.state_dir.mkdir()
        reactor = Reactor(sim.Network(), HERE)
        network = Network(config, reactor, Observers(), Product(allow=push.RECEIVER_ALLOW, max_sessions=1))
        network.listen()
        receiving = Receiving(config, reactor, network, ReceiverMetrics())
        accept = Accept(types=("text/plain",), max_size=Octets(1000), free_min=Octets(7))
        receiving.apply(attrs.evolve(config, accept=accept, inbox=Inbox(keep_partial=Seconds(0.0))))
        assert network.sessions.capabilities is not None
        _, body = network.sessions.capabilities()
        (line,) = sdp.media(sdp.parse(body))
        self.assertEqual((line.accept_types, line.max_size), (push.announced(("text/plain",)), 1000))
        limits = receiving.inbox.partials.limits
        self.assertEqual((limits.keep_for, limits.free_min), (3600.0, 7))

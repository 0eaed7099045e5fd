"""push-receiver put together; each of its pieces has tests of its own."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.config.receiver import Accept, Algorithm, Digest, Inbox, ReceiverConfig, Registration, User
from pushsvc.config.shared import Sip
from pushsvc.config.values import Listen, Octets, Seconds, Secret
from pushsvc.doctor.asking import Ear
from pushsvc.net.observer import Observers
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.receiver.service import Receiving
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.message import Response
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.daemon import IN_WHOLE
from pushsvc.wiring.network import Network, Product
from tests import sim
from tests.conversations.stranger import Caller
from tests.log_lines import LogLines
from tests.wiring.test_registration import HERE, Reactor


class ServiceCase(SynchronousTestCase):
    """A receiver on a simulated host, listening, and not started."""

    def setUp(self) -> None:
        self.sim = sim.Network()
        self.metrics = ReceiverMetrics()

    def begin(self, sip: Sip | None = None, **sections: Any) -> ReceiverConfig:
        """Gives its configuration."""
        alice = SipUri.parse("sip:alice@example.com")
        sip = attrs.evolve(
            sip or Sip(),
            identity=alice,
            listen=(
                Listen("udp", HERE, 5060),
                Listen("tcp", HERE, 5060),
            ),
        )
        config = ReceiverConfig(sip=sip, state_dir=Path(self.mktemp()), **sections)
        config.state_dir.mkdir()
        reactor = Reactor(self.sim, HERE)
        product = Product(allow=push.RECEIVER_ALLOW, max_sessions=1)
        self.network = Network(config, reactor, Observers(), product)
        self.network.listen()
        self.receiving = Receiving(config, reactor, self.network, self.metrics, Ear())
        return config


class FromAnybody(ServiceCase):
    """Whoever reaches the core reaches us, whatever we listen on."""

    def test_it_is_logged_when_nothing_says_who_may_send(self) -> None:
        """[F-18] The configuration is refused only where a listener is seen from outside (requirements E.12)."""
        registered = Registration(SipUri.parse("sip:example.com"))
        for accept, registration, logged in (
            (Accept(), registered, True),
            (Accept(open=True), registered, False),
            (Accept(allow=("sip:*@example.com",)), registered, False),
            (Accept(), Registration(), False),
        ):
            lines = LogLines(self)
            self.sim = sim.Network()
            self.begin(accept=accept, registration=registration)
            lines.stop()
            self.assertEqual(any("who may send" in line for line in lines.troubles()), logged, accept)


class Reload(ServiceCase):
    """A new configuration while it runs."""

    def test_whoever_asks_hears_what_is_taken_now(self) -> None:
        """[D-SIP-15] And what needs a restart waits for it, as is logged."""
        config = self.begin()
        accept = Accept(types=("text/plain",), max_size=Octets(1000), free_min=Octets(7))
        self.receiving.apply(attrs.evolve(config, accept=accept, inbox=Inbox(keep_partial=Seconds(0.0))))
        assert self.network.sessions.capabilities is not None
        _, body = self.network.sessions.capabilities()
        (line,) = sdp.media(sdp.parse(body))
        self.assertEqual((line.accept_types, line.max_size), (push.announced(("text/plain",)), 1000))
        limits = self.receiving.inbox.partials.limits
        self.assertEqual((limits.keep_for, limits.free_min), (3600.0, 7))


class Users(ServiceCase):
    """[F-18] Who has to prove who it is: from the configuration to the wire."""

    TRUSTED, OTHER = "192.0.2.65", "192.0.2.66"

    def setUp(self) -> None:
        super().setUp()
        sip = Sip(trusted_peers=(ip_network(f"{self.TRUSTED}/32"),))
        self.config = self.begin(sip, user=(User(name="door", password=Secret("secret")),))
        self.callers = {host: Caller(self.sim, host) for host in (self.TRUSTED, self.OTHER)}

    def say(self, host: str, *lines: str) -> Response:
        """A MESSAGE from there; its answer. 400: it came in, and is empty."""
        caller = self.callers[host]
        caller.say(caller.request("MESSAGE", f"Call-ID: {len(caller.heard)}", *lines), HERE)
        return caller.last()

    def test_the_realm_is_the_host_of_our_identity(self) -> None:
        answer = self.say(self.OTHER)
        self.assertEqual(answer.status, 401)
        (challenge,) = answer.headers.all("WWW-Authenticate")
        self.assertRegex(challenge, r'^Digest realm="example.com", nonce="[^"]+", algorithm=SHA-256, qop="auth"$')

    def test_trusted_peers_are_not_asked(self) -> None:
        self.assertEqual(self.say(self.TRUSTED).status, 400)

    def test_failures_are_counted(self) -> None:
        self.assertEqual(self.say(self.OTHER, "Authorization: Digest").status, 400)
        self.assertIn('authentication_failures_total{reason="malformed"} 1.0', self.metrics.exposition().decode())

    def test_reload(self) -> None:
        """Users come and go, and another realm with them, without a restart."""
        self.receiving.apply(attrs.evolve(self.config, user=()))
        self.assertEqual(self.say(self.OTHER).status, 400)
        digest = Digest("doors", (Algorithm.SHA_512_256, Algorithm.MD5))
        self.receiving.apply(attrs.evolve(self.config, digest=digest))
        challenges = challenges_of(self.say(self.OTHER))
        self.assertEqual(
            [(each.realm, each.algorithm) for each in challenges], [("doors", "SHA-512-256"), ("doors", "MD5")]
        )
        self.assertEqual({"digest", "user"} - set(IN_WHOLE), set())

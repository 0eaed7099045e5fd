"""A receiver at a core of its own on the simulated network, and its examination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push
from pushsvc.config.receiver import Action, ReceiverConfig, Registration, Rule, User
from pushsvc.config.sender import SenderConfig
from pushsvc.config.shared import Msrp, Sip, Tls
from pushsvc.config.values import Listen, Secret
from pushsvc.doctor.asking import Ear
from pushsvc.doctor.examination import Examination
from pushsvc.doctor.judgement.verdicts import Check, Verdict
from pushsvc.net.observer import Observers
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.receiver.service import Receiving
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network, Product
from tests import sim
from tests.core import CORE, Core
from tests.gate import Gate
from tests.wiring.test_registration import Reactor

HERE = "192.0.2.20"
PROXY = f"sip:{CORE};transport=tcp"
LISTEN = (Listen("udp", HERE, 5060), Listen("tcp", HERE, 5060))
# Nobody gets in by these, whoever he is; what goes round them goes round the policy.
NOBODY = (Rule(action=Action.DECLINE),)


class DoctorCase(SynchronousTestCase):
    """Alice's receiver. `core` is what stands at `CORE`: it registers, routes, and asks by `gate`."""

    ca: Path | None = None

    def begin(self, gate: Gate | None = None, **sip: Any) -> None:
        """`sip` are keys of that section that differ from what is right here."""
        self.net = sim.Network()
        self.core = Core(self.net, gate=gate)
        self.sip = Sip(
            **{
                "identity": SipUri.parse("sip:alice@example.com"),
                "listen": LISTEN,
                "outbound_proxy": SipUri.parse(PROXY),
                "auth_password": Secret("secret"),
                **sip,
            }
        )

    def receiver(
        self, msrp: Msrp | None = None, registrar: str | None = "sip:example.com", user: tuple[User, ...] = ()
    ) -> Examination:
        """A whole receiver that has registered by now."""
        config = ReceiverConfig(
            sip=self.sip,
            msrp=msrp or Msrp(listen=(Listen("tls", HERE, 2855),)),
            tls=Tls(ca=self.ca),
            registration=Registration(None if registrar is None else SipUri.parse(registrar)),
            rule=NOBODY,
            user=user,
            state_dir=self.directory(),
        )
        ear = Ear()
        self.network = self._network(config, ear)
        self.receiving = Receiving(config, self.reactor, self.network, ReceiverMetrics(), ear)
        self.receiving.presence.start()
        self.addCleanup(self.receiving.presence.abandon)
        self.net.settle(1.0)
        return Examination(config, self.network, self.reactor, ear, self.receiving.examined)

    def sender(self) -> Examination:
        config = SenderConfig(sip=self.sip, msrp=Msrp(listen=(Listen("tls", HERE, 2855),)), state_dir=self.directory())
        ear = Ear()
        self.network = self._network(config, ear)
        return Examination(config, self.network, self.reactor, ear)

    def directory(self) -> Path:
        directory = Path(self.mktemp())
        directory.mkdir()
        return directory

    def _network(self, config: Any, ear: Ear) -> Network:
        self.reactor = Reactor(self.net, HERE, nameResolver=Names())
        network = Network(config, self.reactor, Observers((ear,)), Product(push.RECEIVER_ALLOW, max_sessions=10))
        network.listen()
        return network

    def examined(self, examination: Examination) -> dict[str, Check]:
        """The worst verdict of each name; nothing is left of the examination but its verdicts."""
        began = self.net.clock.seconds()
        checks = self.net.run(examination.run())
        self.assertLess(self.net.clock.seconds() - began, 55.0)
        worst: dict[str, Check] = {}
        for check in checks:
            self.assertTrue(check.next or check.verdict in (Verdict.OK, Verdict.SKIPPED), check)
            before = worst.get(check.name)
            if before is None or rank(check) > rank(before):
                worst[check.name] = check
        return worst

    def assert_failed(self, check: Check, text: str, step: str) -> None:
        self.assertEqual(check.verdict, Verdict.FAILED, check)
        self.assertIn(text, check.text)
        self.assertIn(step, check.next)

    def assert_nothing_left(self) -> None:
        """No session, no transaction, no connection for content; and no timer but the registration's."""
        self.net.settle(100.0)
        self.assertEqual((self.network.sessions.alive, self.network.msrp.sessions), (0, 0))
        self.assertEqual((self.network.msrp.connections, self.network.agent.transactions), (0, 0))


def rank(check: Check) -> int:
    return (Verdict.SKIPPED, Verdict.OK, Verdict.WARNING, Verdict.FAILED).index(check.verdict)


class Names:
    """A name server of this world (`IHostnameResolver`)."""

    KNOWN = {"core.example.com": CORE, "here.example.com": HERE}

    def resolveHostName(self, receiver: Any, host: str) -> None:
        if host in self.KNOWN:
            receiver.addressResolved(IPv4Address("TCP", self.KNOWN[host], 0))
        receiver.resolutionComplete()

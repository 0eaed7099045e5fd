"""The receiver's registration, from the configuration to the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import ReceiverConfig, Registration
from pushsvc.config.shared import Sip
from pushsvc.config.values import Listen, Seconds
from pushsvc.net.observer import Observers
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network, Product
from pushsvc.wiring.registration import Presence, instance
from tests import sim
from tests.net.sides import BOB, Side
from tests.sip.values import make_response

HERE = "192.0.2.20"


@attrs.define(eq=False)
class Reactor(sim.Host):
    """A simulated host that can resolve names, as far as anybody asks."""

    nameResolver: object = None


class AtTheCore(SynchronousTestCase):
    """[F-05] A receiver whose core is Bob."""

    def setUp(self) -> None:
        self.network = sim.Network()
        self.bob = Side(self.network, BOB)
        self.bob.answer = lambda request, source: self.bob.agent.respond(
            make_response(request, headers=[("Expires", "600"), ("Service-Route", f"<sip:orig@{BOB};lr>")])
        )
        self.told: list[bool] = []

    def presence(self, registrar: str | None, *, waits: tuple[float, float] = (30.0, 1800.0), **sip: Any) -> Presence:
        reactor = Reactor(self.network, HERE)
        listen = (Listen("udp", HERE, 5060), Listen("tcp", HERE, 5060))
        config = ReceiverConfig(
            sip=Sip(identity=SipUri.parse("sip:alice@example.com"), listen=listen, **sip),
            registration=Registration(
                None if registrar is None else SipUri.parse(registrar),
                Seconds(600.0),
                first_wait=Seconds(waits[0]),
                longest_wait=Seconds(waits[1]),
            ),
            state_dir=Path(self.mktemp()),
        )
        config.state_dir.mkdir()
        network = Network(config, reactor, Observers(), Product(allow=("INVITE",), max_sessions=1))
        network.listen()
        return Presence(config, network, reactor, ['+g.oma.pusheventapp="mms.ua"'], self.told.append)

    def test_it_registers_the_identity_where_invites_find_it(self) -> None:
        """Over TCP, since offers of files are long; with what the device can and which one it is."""
        presence = self.presence(f"sip:{BOB};transport=tcp")
        presence.start()
        self.network.settle(1)
        ((request, _),) = self.bob.requests
        contact = request.headers.get("contact") or ""
        self.assertTrue(
            contact.startswith(f'<sip:alice@{HERE}:5060;transport=tcp;ob>;+g.oma.pusheventapp="mms.ua"'), contact
        )
        self.assertRegex(contact, r'\+sip\.instance="<urn:uuid:[0-9a-f-]{36}>";reg-id=1;expires=600$')
        self.assertEqual((self.told, presence.obstacles()), ([True], {}))
        account = presence.account()
        self.assertEqual(
            (account["registered"], account["registrar"], account["service_route"]),
            (True, f"sip:{BOB};transport=tcp", [f"<sip:orig@{BOB};lr>"]),
        )
        self.network.run(Deferred.fromCoroutine(presence.leave()))
        self.assertEqual((self.told, len(self.bob.requests)), ([True, False], 2))

    def test_it_goes_by_the_outbound_proxy(self) -> None:
        presence = self.presence("sip:example.com", outbound_proxy=SipUri.parse(f"sip:{BOB};transport=tcp"))
        presence.start()
        self.network.settle(1)
        ((request, _),) = self.bob.requests
        self.assertEqual(
            (str(request.uri), request.headers.get("route")), ("sip:example.com", f"<sip:{BOB};transport=tcp;lr>")
        )
        presence.abandon()

    def test_until_it_is_registered_it_is_not_ready(self) -> None:
        """Nobody can be pushed to who cannot be found; /readyz says why."""
        self.bob.answering(403)
        presence = self.presence(f"sip:{BOB};transport=tcp")
        self.assertEqual(presence.obstacles(), {"registration": "not registered: not answered yet"})
        presence.start()
        self.network.settle(1)
        self.assertEqual(presence.obstacles(), {"registration": "not registered: 403 Forbidden"})
        self.assertEqual((presence.account()["reason"], self.told), ("403 Forbidden", [False]))
        presence.abandon()
        self.network.settle(200)
        self.assertEqual(len(self.bob.requests), 1)

    def test_a_reload_tries_again_at_once(self) -> None:
        """Whoever has put right what was wrong does not wait for the end of a back-off."""
        self.bob.answering(403)
        presence = self.presence(f"sip:{BOB};transport=tcp")
        presence.start()
        self.network.settle(1)
        self.bob.answering(200)
        presence.again()
        self.network.settle(1)
        self.assertEqual((self.told, presence.obstacles()), ([False, True], {}))
        presence.abandon()

    def test_how_long_it_waits_is_configured(self) -> None:
        self.bob.answering(403)
        presence = self.presence(f"sip:{BOB};transport=tcp", waits=(2.0, 4.0))
        presence.start()
        self.network.settle(2 + 4 + 4 + 0.5)
        self.assertGreaterEqual(len(self.bob.requests), 4)
        presence.abandon()

    def test_without_a_registrar_nothing_is_amiss(self) -> None:
        """Peers that know our address need no core."""
        presence = self.presence(None)
        presence.start()
        presence.again()
        self.network.run(Deferred.fromCoroutine(presence.leave()))
        presence.abandon()
        self.assertEqual((presence.obstacles(), presence.account()["registered"], self.told), ({}, False, []))


class Instance(SynchronousTestCase):
    """The name of the device."""

    def test_it_is_the_same_after_a_restart(self) -> None:
        """A registrar replaces the binding of an instance, and would else keep one per restart (RFC 5626 §4.1)."""
        directory = Path(self.mktemp())
        directory.mkdir()
        first = instance(directory)
        self.assertEqual(instance(directory), first)
        other = Path(self.mktemp())
        other.mkdir()
        self.assertNotEqual(instance(other), first)
        self.assertEqual([path.name for path in directory.iterdir()], ["instance"])

    def test_a_file_that_holds_something_else_is_an_error_that_names_it(self) -> None:
        """A Contact without a name, or with rubbish in it, would be refused by the core, and nobody knew why."""
        directory = Path(self.mktemp())
        directory.mkdir()
        path = directory / "instance"
        for octets in (b"", b"urn:uuid:", b"\xff\xfe", b'urn:uuid:x">;evil="', b"urn:uuid:" + b"0" * 36):
            path.write_bytes(octets)
            error = self.assertRaises(OSError, instance, directory)
            self.assertIn(str(path), str(error))
            self.assertEqual(path.read_bytes(), octets)
        path.write_bytes(b"urn:uuid:00000000-0000-4000-8000-00000000000A\r\n")
        self.assertEqual(instance(directory), "urn:uuid:00000000-0000-4000-8000-00000000000A")

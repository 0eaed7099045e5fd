from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import attrs
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config import NotPermitted
from pushsvc.config.receiver import ReceiverConfig
from pushsvc.config.shared import Msrp, Sip, Tls
from pushsvc.config.values import Listen, Secret
from pushsvc.digest import Account
from pushsvc.errors import ConfigError, ConfigErrors
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_relay import Relay
from pushsvc.net.observer import Observers
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network, Product, account_of, msrp_settings, relay_of, tls_of
from tests import sim
from tests.identities import identity_of

LOOPBACK = (Listen("udp", "127.0.0.1", 5060), Listen("tcp", "127.0.0.1", 5061))


@attrs.define(eq=False)
class Reactor(sim.Host):
    """A simulated host that can resolve names, as far as anybody asks."""

    nameResolver: object = None


class TheNetworkSide(SynchronousTestCase):
    """From configuration to listeners."""

    def network(self, **sections: object) -> Network:
        config = ReceiverConfig(state_dir=Path(self.mktemp()), **sections)  # type: ignore[arg-type]
        reactor = Reactor(sim.Network(), "127.0.0.1")
        return Network(config, reactor, Observers(), Product(allow=("INVITE",), max_sessions=1))

    def test_listeners_say_where_they_really_are(self) -> None:
        """The ready file names ports that were chosen by the system."""
        network = self.network(
            sip=Sip(identity=SipUri.parse("sip:alice@example.com"), listen=LOOPBACK),
            msrp=Msrp(listen=(Listen("tls", "127.0.0.1", 0),)),
        )
        addresses = network.listen()
        self.assertEqual(addresses["sip"], {"udp": "127.0.0.1:5060", "tcp": "127.0.0.1:5061"})
        self.assertRegex(addresses["msrp"]["tls"], r"^127\.0\.0\.1:[1-9][0-9]+$")
        self.assertEqual(str(network.uri()), "sip:alice@127.0.0.1:5061;transport=tcp")

    def test_every_address_needs_a_name_for_it(self) -> None:
        """0.0.0.0 in a Contact reaches nobody."""
        with self.assertRaises(ConfigErrors) as caught:
            self.network(sip=Sip(listen=(Listen("udp", "0.0.0.0", 5060),)))
        self.assertIn("sip.advertise", str(caught.exception))

    def test_fingerprints_that_anybody_on_the_way_could_change_are_warned_of(self) -> None:
        """[D-TLS-1] E.10 rule 5: a self-signed certificate is only as good as the SIP that announces it."""
        exposed = (*LOOPBACK, Listen("udp", "192.0.2.1", 5060))
        for listen, warned in ((LOOPBACK, []), (exposed, ["udp:192.0.2.1:5060"])):
            with capturedLogs() as events:
                self.network(sip=Sip(listen=listen))
            self.assertEqual([event["listen"] for event in events if "listen" in event], warned)

    def test_a_password_that_anybody_may_ask_for_is_warned_of(self) -> None:
        """A callee that challenges us gets a digest, and may try passwords on it for as long as it likes."""
        for realm, warned in (("", 1), ("example.com", 0)):
            with capturedLogs() as events:
                self.network(sip=Sip(auth_password=Secret("opensesame"), realm=realm))
            self.assertEqual(sum("sip.realm" in event["log_format"] for event in events), warned)
            self.assertNotIn("opensesame", str(events))

    def test_the_environment_can_ask_for_tls_keys(self) -> None:
        """Loudly: at a level that nothing hides, since everything can be read then."""
        path = Path(self.mktemp())
        with self.environment(SSLKEYLOGFILE=str(path)), capturedLogs() as events:
            network = self.network()
        self.successResultOf(network.close())
        (warning,) = [event for event in events if event["log_level"] is LogLevel.error]
        self.assertEqual((warning["file"], path.read_bytes()), (str(path.absolute()), b""))

    def test_keys_that_cannot_be_written_are_a_mistake_of_the_configuration(self) -> None:
        """Told before anything listens, with the variable's name; a file that others can read is not permitted."""
        open_to_all = Path(self.mktemp())
        open_to_all.touch(mode=0o644)
        open_to_all.chmod(0o644)
        for path, kind in (("/nowhere/keys", ConfigError), (str(open_to_all), NotPermitted)):
            with self.environment(SSLKEYLOGFILE=path), self.assertRaises(ConfigErrors) as caught:
                self.network()
            (error,) = caught.exception.errors
            self.assertIs(type(error), kind)
            self.assertIn(f"environment: SSLKEYLOGFILE: {path}: ", str(error))

    @contextlib.contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def test_an_advertised_host_is_used_everywhere(self) -> None:
        network = self.network(
            sip=Sip(listen=(Listen("udp", "0.0.0.0", 5060),), advertise="push.example.com"),
            msrp=Msrp(listen=(Listen("tls", "0.0.0.0", 2855),)),
        )
        network.listen()
        self.assertEqual(network.uri().host, "push.example.com")
        self.assertEqual(network.floors.local_end(secure=True).host, "push.example.com")

    def test_tls_is_offered_unless_there_is_only_plain(self) -> None:
        """[A-34]"""
        plain, tls = Listen("tcp", "127.0.0.1", 0), Listen("tls", "127.0.0.1", 0)
        for listen, secure in (((plain,), False), ((tls,), True), ((plain, tls), True), ((), True)):
            self.assertIs(self.network(msrp=Msrp(listen=listen, allow_plain=True)).secure, secure)

    def test_who_we_are_to_whoever_challenges_us(self) -> None:
        """[D-SIP-9] [F-18] The user of the identity where none is named; nobody without a password."""
        alice = SipUri.parse("sip:alice@example.com")
        for sip, account in (
            (Sip(identity=alice), None),
            (Sip(identity=alice, auth_user="al"), None),
            (Sip(identity=alice, auth_password=Secret("x")), Account("alice", "x")),
            (Sip(identity=alice, auth_user="al", auth_password=Secret("x"), realm="r"), Account("al", "x", "r")),
        ):
            self.assertEqual(account_of(ReceiverConfig(sip=sip)), account)
        self.assertEqual(self.network(sip=sip).agent.account, account)

    def test_who_we_are_after_a_reload(self) -> None:
        """A password that was changed, and a certificate; a file that holds no authorities is noticed before that."""
        alice = Sip(identity=SipUri.parse("sip:alice@example.com"), auth_password=Secret("new"))
        network = self.network(sip=attrs.evolve(alice, auth_password=Secret("old")))
        before, renewed = network.identity, identity_of("renewed")
        broken = Path(self.mktemp())
        broken.write_text("nothing")
        self.assertRaises(ValueError, tls_of, ReceiverConfig(sip=alice, tls=Tls(ca=broken)), renewed)
        self.assertEqual((network.agent.account, network.identity), (Account("alice", "old"), before))
        config = ReceiverConfig(sip=alice)
        network.renew(config, tls_of(config, renewed))
        self.assertEqual((network.agent.account, network.identity), (Account("alice", "new"), renewed))

    def test_who_we_are_at_our_relay(self) -> None:
        """[F-19] The user of the identity where none is named; and content is offered over TLS, which it needs."""
        alice = Sip(identity=SipUri.parse("sip:alice@example.com"))
        uri = MsrpUri.parse("msrps://relay.example.com:2855;tcp")
        plain = (Listen("tcp", "127.0.0.1", 0),)
        for user, expected in (("", "alice"), ("al", "al")):
            msrp = Msrp(listen=plain, allow_plain=True, relay=uri, relay_user=user, relay_password=Secret("x"))
            self.assertEqual(relay_of(ReceiverConfig(sip=alice, msrp=msrp)), Relay(uri, Account(expected, "x")))
        network = self.network(sip=alice, msrp=msrp)
        self.assertTrue(network.secure)
        local = network.floors.local_end(secure=True)
        self.assertEqual((local.host, local.port, local.fingerprints), ("relay.example.com", 2855, ()))
        self.assertIsNone(relay_of(ReceiverConfig()))

    def test_our_own_certificate_stays_the_same(self) -> None:
        """Its fingerprint is what peers may have pinned."""
        network = self.network()
        again = Network(
            network._config, Reactor(sim.Network(), "127.0.0.1"), Observers(), Product(allow=(), max_sessions=1)
        )
        self.assertEqual(network.identity.der, again.identity.der)
        self.assertFalse(IReactorPluggableNameResolver.providedBy(network))

    def test_no_chunk_is_longer_than_the_window(self) -> None:
        """A window may be set without a thought for the chunks."""
        for msrp, chunk in ((Msrp(window=65536), 65536), (Msrp(chunk=2048), 2048), (Msrp(), 1 << 20)):
            settings = msrp_settings(ReceiverConfig(msrp=msrp), Product(allow=(), max_sessions=1))
            self.assertEqual(settings.transfer.chunk, chunk)

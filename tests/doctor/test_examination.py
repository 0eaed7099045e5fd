"""Whole examinations, of first systems as people set them up."""

from __future__ import annotations

from ipaddress import ip_network

import attrs

from pushsvc.config.receiver import User
from pushsvc.config.shared import Msrp, Setup
from pushsvc.config.values import Listen, Secret
from pushsvc.digest import Account
from pushsvc.doctor.judgement.verdicts import Check, Verdict
from pushsvc.sip.uri import SipUri
from tests.agents import Agent
from tests.core import CORE
from tests.doctor.case import HERE, DoctorCase
from tests.gate import Gate
from tests.net.authorities import authority
from tests.relays import RelayServer

TRUSTED = (ip_network(f"{CORE}/32"),)
EVERY_METHOD = ("REGISTER", "INVITE", "BYE", "OPTIONS")
OTHER = "192.0.2.30"
LISTEN_MSRP = (Listen("tls", HERE, 2855),)


def gate(**facts: object) -> Gate:
    return Gate(asked=EVERY_METHOD, **facts)  # type: ignore[arg-type]


def verdicts(found: dict[str, Check], *names: str) -> list[str]:
    return [found[name].verdict.value for name in names]


class Well(DoctorCase):
    """A system that works."""

    def test_a_receiver(self) -> None:
        """Everything is asked, the push to ourselves included, of which neither rules nor inbox hear."""
        self.begin(gate(), trusted_peers=TRUSTED)
        self.core.vouches = True
        examination = self.receiver()
        passed_on: list[object] = []
        self.receiving._reception._begin = lambda story, give_up: passed_on.append(story.close())  # type: ignore[method-assign]
        found = self.examined(examination)
        well = ("certificate", "listeners", "address", "proxy", "options", "credentials", "registration")
        well += ("own-address", "own-push", "caller")
        self.assertEqual(verdicts(found, *well), ["ok"] * len(well), found)
        rest = {name for name in found if name not in well}
        self.assertEqual(rest, {"configuration", "dns", "clock", "relay"})
        self.assertEqual({found[name].verdict for name in rest}, {Verdict.SKIPPED})
        self.assertEqual((passed_on, len(self.core.requests("BYE"))), ([], 1))
        self.assert_nothing_left()

    def test_a_second_examination_finds_the_same(self) -> None:
        """Nothing of the first stands in its way."""
        self.begin(gate(), trusted_peers=TRUSTED)
        examination = self.receiver()
        first, second = (self.examined(examination) for _ in range(2))
        self.assertEqual([each.verdict for each in first.values()], [each.verdict for each in second.values()])
        self.assert_nothing_left()

    def test_a_sender(self) -> None:
        """It is known by its password, and need not be registered anywhere."""
        self.begin(gate())
        found = self.examined(self.sender())
        self.assertEqual(verdicts(found, "proxy", "options", "credentials"), ["ok"] * 3)
        self.assertEqual(found.keys() & {"registration", "own-address", "own-push"}, set())
        self.assert_nothing_left()

    def test_without_a_core(self) -> None:
        """Peers that know our address need none; nothing is asked of anybody."""
        self.begin(outbound_proxy=None)
        found = self.examined(self.receiver(registrar=None))
        self.assertEqual(verdicts(found, "proxy", "registration", "own-address", "own-push"), ["skipped"] * 4)
        self.begin(outbound_proxy=None)
        self.assertEqual(verdicts(self.examined(self.sender()), "proxy", "credentials"), ["skipped"] * 2)
        self.assertEqual(self.core.heard, [])


class Passwords(DoctorCase):
    """What the core asks of us."""

    def assert_refused(self, text: str, step: str) -> None:
        """By both kinds of daemon, in one line with the step that helps."""
        found = self.examined(self.receiver())
        self.assert_failed(found["credentials"], text, step)
        self.assert_failed(found["registration"], text, step)
        self.assertEqual(verdicts(found, "own-address", "own-push"), ["skipped"] * 2)
        self.assertNotIn("s3cret", str(found))
        self.assert_nothing_left()

    def test_a_wrong_one(self) -> None:
        self.begin(gate(), auth_password=Secret("s3cret"))
        self.assert_refused("does not take our password", "sip.auth_password")

    def test_none(self) -> None:
        self.begin(gate(), auth_password=None)
        self.assert_refused('for realm "example.com", and there is no password', "set sip.auth_password")

    def test_one_for_another_realm(self) -> None:
        self.begin(gate(), realm="other.example.com")
        self.assert_refused('realm is "example.com", and ours is "other.example.com"', 'sip.realm = "example.com"')

    def test_a_digest_that_is_not_known(self) -> None:
        self.begin(gate(algorithms=("AKAv1-MD5",)))
        self.assert_refused("a digest that is not known", "SHA-256")

    def test_one_that_came_with_a_reload(self) -> None:
        """What is said is said of the account in use."""
        self.begin(gate(), auth_password=None)
        examination = self.receiver()
        self.network.agent.account = Account("carol", "s3cret", "other.example.com")
        found = self.examined(examination)
        self.assert_failed(found["credentials"], 'ours is "other.example.com"', "sip.realm")


class Addresses(DoctorCase):
    """Where the core is, and where we are."""

    def test_a_port_at_which_nobody_listens(self) -> None:
        self.begin(outbound_proxy=SipUri.parse(f"sip:{CORE}:5070;transport=tcp"))
        found = self.examined(self.receiver())
        self.assert_failed(found["proxy"], f"tcp:{CORE}:5070: nobody listens there", "sip.outbound_proxy")
        self.assert_failed(found["registration"], "not registered", "proxy")
        self.assertEqual(verdicts(found, "options", "own-address", "own-push"), ["skipped"] * 3)
        self.assert_nothing_left()

    def test_a_core_behind_a_wall(self) -> None:
        self.begin()
        examination = self.receiver()
        self.net.unplug(CORE)
        found = self.examined(examination)
        self.assert_failed(found["proxy"], "no answer", "firewalls")
        self.net.plug_in(CORE)

    def test_a_core_that_is_not_there_over_udp(self) -> None:
        """Nobody says so there."""
        self.begin(outbound_proxy=SipUri.parse(f"sip:{CORE}:5070;transport=udp"))
        found = self.examined(self.receiver())
        self.assertEqual(verdicts(found, "proxy"), ["warning"])
        self.assertIn("too large for UDP", found["proxy"].text)
        self.assert_failed(found["options"], "no answer to OPTIONS", "port and transport")
        self.assert_nothing_left()

    def test_a_name_that_nobody_knows(self) -> None:
        self.begin(outbound_proxy=SipUri.parse("sip:cor.example.com:5060;transport=tcp"))
        found = self.examined(self.receiver())
        self.assert_failed(found["dns"], "cor.example.com", "sip.outbound_proxy")
        self.assertEqual(verdicts(found, "proxy"), ["skipped"])

    def test_a_name(self) -> None:
        self.begin(gate(), outbound_proxy=SipUri.parse("sip:core.example.com:5060;transport=tcp"))
        found = self.examined(self.sender())
        self.assertEqual(found["dns"].text, f"address core.example.com: {CORE}")
        self.assertEqual(verdicts(found, "dns", "proxy"), ["ok"] * 2)

    def test_listening_on_loopback_only(self) -> None:
        """As it is before anybody has changed the example."""
        self.begin(listen=(Listen("udp", "127.0.0.1", 5060), Listen("tcp", "127.0.0.1", 5060)))
        found = self.examined(self.receiver())
        self.assert_failed(found["listeners"], "on loopback only", "sip.listen")

    def test_behind_a_nat(self) -> None:
        """[F-05] [F-19] Nobody connects to it, as docs/kamailio.md has it: the core calls over our connection."""
        self.begin(gate(), listen=(Listen("udp", "127.0.0.1", 5060),))
        self.core.outbound = True
        found = self.examined(self.receiver(Msrp(listen=LISTEN_MSRP, setup=Setup.ACTIVE)))
        names = ("listeners", "proxy", "registration", "own-address", "own-push")
        self.assertEqual(verdicts(found, *names), ["ok"] * len(names), found)
        self.assertIn("over our connection", found["listeners"].text)
        self.assertNotIn("address", found)
        self.assert_nothing_left()

    def test_a_listener_that_nobody_needs(self) -> None:
        """[F-05] The core has promised to call over our connection, whatever the Contact says."""
        loopback = (Listen("udp", "127.0.0.1", 5060), Listen("tcp", "127.0.0.1", 5060))
        self.begin(gate(), listen=loopback)
        self.core.outbound = True
        found = self.examined(self.receiver(Msrp(listen=LISTEN_MSRP, setup=Setup.ACTIVE)))
        self.assertEqual(verdicts(found, "listeners", "own-address", "own-push"), ["ok"] * 3, found)

    def test_an_address_that_is_not_ours(self) -> None:
        """The core knows us at a place where we are not."""
        self.begin(advertise="192.0.2.99")
        found = self.examined(self.receiver())
        self.assertEqual(verdicts(found, "address", "registration"), ["warning", "ok"])
        self.assertIn("sip.advertise", found["address"].next)
        self.assert_failed(found["own-address"], "cannot bring requests", "sip.advertise")
        self.assertEqual(verdicts(found, "own-push"), ["skipped"])
        self.assert_nothing_left()

    def test_a_name_of_ours_that_nobody_knows(self) -> None:
        self.begin(advertise="there.example.com")
        found = self.examined(self.sender())
        self.assertEqual(verdicts(found, "address"), ["warning"])
        self.assertIn("there.example.com", found["address"].text)

    def test_an_msrp_port_that_is_shut(self) -> None:
        """SIP goes by the core, content does not."""
        self.begin()
        examination = self.receiver()
        del self.net.listeners[(HERE, 2855)]
        found = self.examined(examination)
        self.assertEqual(verdicts(found, "address", "own-address"), ["warning", "ok"])
        self.assert_failed(found["own-push"], "cannot be reached over MSRP", f"{HERE}:2855")
        self.assert_nothing_left()


class AtTheCore(DoctorCase):
    """What it knows of us."""

    def test_a_user_that_it_does_not_have(self) -> None:
        self.begin()
        found = self.examined(self.receiver(registrar=None))
        self.assert_failed(found["own-address"], "knows no sip:alice@example.com: 404", "add the user")
        self.assertEqual(verdicts(found, "registration", "own-push"), ["skipped"] * 2)

    def test_a_core_that_has_forgotten_us(self) -> None:
        self.begin()
        examination = self.receiver()
        self.core.registered["sip:alice@example.com"] = ""
        found = self.examined(examination)
        self.assert_failed(found["own-address"], "does not know where", "registration")

    def test_a_core_that_takes_no_large_requests(self) -> None:
        """OPTIONS goes through, and no push does."""
        self.begin()
        examination = self.receiver()
        self.core.deaf = ("INVITE",)
        found = self.examined(examination)
        self.assertEqual(verdicts(found, "options", "own-address"), ["ok"] * 2)
        self.assert_failed(found["own-push"], "an INVITE with a file offer does not", "TCP")
        self.assert_nothing_left()

    def test_a_core_that_leaves_the_dialog(self) -> None:
        """A BYE that is lost keeps receivers waiting for hours."""
        self.begin()
        examination = self.receiver()
        self.core.deaf = ("BYE",)
        found = self.examined(examination)
        self.assert_failed(found["own-push"], "the BYE does not come back", "")
        self.assert_nothing_left()

    def test_a_core_that_has_something_against_options(self) -> None:
        """That is no harm."""
        self.begin(gate())
        self.core.options = 405
        found = self.examined(self.receiver())
        self.assertEqual(verdicts(found, "options", "own-push"), ["ok"] * 2)

    def test_another_device_of_the_same_user(self) -> None:
        """What it takes, we do not see."""
        self.begin()
        examination = self.receiver()
        other = Agent(self.net, OTHER, "other")
        kept = other.accept_everything()
        self.core.registered["sip:alice@example.com"] = f"sip:alice@{OTHER};transport=tcp"
        found = self.examined(examination)
        self.assertEqual(verdicts(found, "own-address", "own-push"), ["warning"] * 2)
        self.assertIn("another device", found["own-push"].text)
        self.assertEqual(len(kept), 1)
        self.net.settle(100.0)
        self.assertEqual(other.left(), [])

    def test_a_core_that_vouches_and_is_not_believed(self) -> None:
        """Everybody would be who he says."""
        self.begin()
        self.core.vouches = True
        found = self.examined(self.receiver())
        self.assertEqual(verdicts(found, "own-push", "caller"), ["ok", "warning"])
        self.assertEqual(found["caller"].next, f'set sip.trusted_peers = ["{CORE}/32"]')

    def test_a_core_that_our_own_users_are_asked_behind(self) -> None:
        """[F-18] It is us who turn the push away: the core is not to blame."""
        self.begin()
        examination = self.receiver(user=(User(name="door", password=Secret("x")),))
        found = self.examined(examination)
        self.assertEqual(verdicts(found, "own-address", "own-push", "caller"), ["ok", "warning", "ok"], found)
        self.assertIn(f"we asked {CORE} who it is", found["own-push"].text)
        self.assertIn(f'sip.trusted_peers = ["{CORE}/32"]', found["own-push"].next)
        self.assert_nothing_left()

    def test_our_own_refusal_is_told_from_the_cores(self) -> None:
        """There are sessions enough."""
        self.begin()
        examination = self.receiver()
        self.network.sessions.refusing = True
        found = self.examined(examination)
        self.assert_failed(found["own-push"], "came back to us, and was refused here: 503", "log of this daemon")

    def test_a_core_that_is_believed_and_does_not_vouch(self) -> None:
        self.begin(trusted_peers=TRUSTED)
        found = self.examined(self.receiver())
        self.assertEqual(verdicts(found, "caller"), ["warning"])
        self.assertIn("P-Asserted-Identity", found["caller"].text)


class Relays(DoctorCase):
    """The MSRP relay."""

    def examined_with(self, password: str) -> Check:
        self.begin()
        relay = RelayServer(self.net, "192.0.2.50", authority().issue("192.0.2.50"))
        msrp = Msrp(listen=(Listen("tls", HERE, 2855),), relay=relay.ours.uri, relay_user="device1")
        msrp = attrs.evolve(msrp, relay_password=Secret(password))
        self.certify()
        found = self.examined(self.receiver(msrp))
        self.assert_nothing_left()
        return found["relay"]

    def certify(self) -> None:
        self.ca = self.directory() / "ca.pem"
        authority().write(self.ca)

    def test_one_that_works(self) -> None:
        check = self.examined_with("relay-secret")
        self.assertEqual(check.verdict, Verdict.OK, check)

    def test_a_wrong_password(self) -> None:
        self.assert_failed(self.examined_with("x"), "192.0.2.50", "msrp.relay_password")

"""Registering over a connection that the core uses, too: RFC 5626, RFC 5627, and agents without a listener."""

from __future__ import annotations

from typing import Any

from pushsvc.net.sip_transport import PING, PING_SECONDS, PONG_SECONDS
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.registration import AFTER_A_LOSS
from tests.net.registering_case import INSTANCE, RegisteringTest, last_request
from tests.net.sides import ALICE, BOB, PORT, Side
from tests.sip.values import make_response
from tests.wires import listening


class Outbound(RegisteringTest):
    """[F-05] RFC 5626: the core finds us by the connection, and we say so."""

    REQUIRE = ("Require", "outbound")

    def contact_for(self, source: Hop) -> str:
        """The Contact of our answer to an INVITE from there."""
        return str(self.alice.agent.places.answering("alice", source))

    def flow(self, bob: Side) -> Hop:
        """The core's requests, as they come in over the connection that we registered on."""
        _, theirs = bob.requests[-1]
        self.alice.answering(200)
        bob.ask(to=f"sip:alice@{theirs.host}:{theirs.port};transport=tcp")
        self.network.settle(1)
        return self.alice.requests[-1][1]

    def test_dialogs_are_to_stay_on_the_connection_if_the_core_can(self) -> None:
        """`;ob` in the Contact, for what came over it; whoever connects to our listener finds us there."""
        bob = self.registrar(200, self.REQUIRE)
        self.registering.start()
        self.network.settle(1)
        self.assertEqual(self.contact_for(self.flow(bob)), f"sip:alice@{ALICE}:{PORT};transport=tcp;ob")
        self.assertEqual(
            self.contact_for(Hop("tcp", BOB, 40000, connection=99)), f"sip:alice@{ALICE}:{PORT};transport=tcp"
        )
        self.assertTrue(self.registering.status.outbound)
        self.stop()
        self.assertIsNone(self.alice.agent.places.flow)

    def test_a_core_that_cannot(self) -> None:
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        self.assertEqual(self.contact_for(self.flow(bob)), f"sip:alice@{ALICE}:{PORT};transport=tcp")
        self.assertFalse(self.registering.status.outbound)
        self.stop()

    def test_a_proxy_on_the_way_that_cannot(self) -> None:
        """439: the next REGISTER comes at once, and without reg-id."""
        bob = self.registrar(439)
        self.registering.start()
        self.network.settle(1)
        first, second = (request for request, _ in bob.requests)
        self.assertIn(";reg-id=1", first.headers.get("contact") or "")
        self.assertEqual(
            (second.headers.get("contact"), second.headers.get("supported")),
            (
                f'<sip:alice@{ALICE}:{PORT};transport=tcp>;+g.oma.pusheventapp="mms.ua";{INSTANCE};expires=600',
                "path",
            ),
        )
        self.stop()

    def test_by_datagrams_there_is_no_connection(self) -> None:
        """Keeping a NAT open for them would need STUN; INVITEs are to find our TCP listener."""
        bob = self.registrar()
        self.registering = self.made(registrar=f"sip:{BOB}")
        self.registering.start()
        self.network.settle(1)
        request = bob.requests[0][0]
        self.assertEqual((request.via.transport, request.headers.get("supported")), ("UDP", "path"))
        self.assertTrue((request.headers.get("contact") or "").startswith(f"<sip:alice@{ALICE}:{PORT};transport=tcp>"))
        self.assertNotIn("reg-id", request.headers.get("contact") or "")
        self.network.run(self.registering.stop())
        self.network.settle(10)  # what repeats the answers to datagrams
        self.stop()

    def test_pings_as_often_as_the_core_wants_them(self) -> None:
        """Flow-Timer 20: from 16 to 20 s. It says that it answers pings, so that the first missing answer counts."""
        wire = listening(self.network.host(BOB), PORT)
        self.registering.start()
        self.network.settle(1)
        headers = [("Expires", "600"), self.REQUIRE, ("Flow-Timer", "20")]
        wire.transport.write(encode(make_response(last_request(wire), headers=headers)))
        self.network.settle(15.5)
        self.assertFalse(wire.octets.endswith(2 * PING))
        self.network.settle(5)
        self.assertTrue(wire.octets.endswith(2 * PING))
        self.assertIsNone(wire.lost)
        self.network.settle(PONG_SECONDS)
        self.assertIsNotNone(wire.lost)
        self.network.settle(AFTER_A_LOSS)
        self.assertEqual(last_request(wire).cseq.number, 2)
        self.stop()

    def test_a_timer_longer_than_nats_remember_changes_nothing(self) -> None:
        wire = listening(self.network.host(BOB), PORT)
        self.registering.start()
        self.network.settle(1)
        headers = [("Expires", "600"), self.REQUIRE, ("Flow-Timer", "3600")]
        wire.transport.write(encode(make_response(last_request(wire), headers=headers)))
        self.network.settle(PING_SECONDS + 1)
        self.assertTrue(wire.octets.endswith(2 * PING))
        self.stop()


class Named(RegisteringTest):
    """[F-05] RFC 5627: the core gives the device a name that leads to it from everywhere."""

    GRUU = "sip:alice@example.com;gr=urn:uuid:0"

    def registered(self, **facts: Any) -> Side:
        bob = self.registrar(contact=f';pub-gruu="{self.GRUU}"')
        self.registering = self.made(**facts)
        self.registering.start()
        self.network.settle(1)
        return bob

    def contact_for(self, source: Hop, user: str = "alice", *, secure: bool = False) -> str:
        return str(self.alice.agent.places.answering(user, source, secure=secure))

    def test_sessions_through_the_core_go_by_it(self) -> None:
        """Not those with somebody else, or for another user; in a secure session its scheme is sips."""
        bob = self.registered(gruu=True)
        self.assertEqual(bob.requests[0][0].headers.get("supported"), "path, outbound, gruu")
        core, listener = Hop("tcp", BOB, 40000), f"sip:alice@{ALICE}:{PORT};transport=tcp"
        self.assertEqual(self.contact_for(core), self.GRUU)
        self.assertEqual(self.contact_for(Hop("tcp", "192.0.2.9", 40000)), listener)
        self.assertEqual(self.contact_for(core, "bob"), listener.replace("alice", "bob"))
        self.assertEqual(self.contact_for(core, secure=True), self.GRUU.replace("sip:", "sips:"))
        self.assertEqual(str(self.registering.status.gruu), self.GRUU)
        self.stop()

    def test_only_where_that_is_wanted(self) -> None:
        """A core may give such names, and not know them in a later request of the session."""
        bob = self.registered()
        self.assertEqual(bob.requests[0][0].headers.get("supported"), "path, outbound")
        self.assertEqual(self.contact_for(Hop("tcp", BOB, 40000)), f"sip:alice@{ALICE}:{PORT};transport=tcp")
        self.stop()


class WithoutAListener(RegisteringTest):
    """[F-05] Where we do not listen for TCP we are where our connection is, and it is opened before we say so."""

    def setUp(self) -> None:
        super().setUp()
        self.here = "192.0.2.8"
        self.alice = Side(self.network, self.here, listen=("udp",))
        self.registering = self.made()

    def test_the_contact_is_our_end_of_the_connection(self) -> None:
        """Via says the same; the core's requests come by it, and our answers name it again."""
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        request, source = bob.requests[0]
        place = f"{source.host}:{source.port}"
        self.assertNotEqual(source.port, PORT)
        self.assertEqual(f"{request.via.host}:{request.via.port}", place)
        self.assertIn(f"<sip:alice@{place};transport=tcp;ob>", request.headers.get("contact") or "")
        self.alice.answering(200)
        exchange = self.network.run(bob.ask(to=f"sip:alice@{place};transport=tcp"))
        self.assertEqual(exchange.response.status, 200)
        ours = self.alice.agent.places.answering("alice", self.alice.requests[0][1])
        self.assertEqual(str(ours), f"sip:alice@{place};transport=tcp")
        self.stop()

    def test_after_the_connection_was_cut_it_is_another(self) -> None:
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        self.network.run(bob.agent.stop())
        again = self.registrar()
        self.network.settle(AFTER_A_LOSS + 1)
        request, source = again.requests[0]
        self.assertEqual((request.via.host, request.via.port), (source.host, source.port))
        self.assertNotEqual(source.port, bob.requests[0][1].port)
        self.stop()

    def test_a_core_that_is_not_there(self) -> None:
        """The same words as ever."""
        self.registering.start()
        self.network.settle(5)
        self.assertRegex(self.told[0].reason or "", "cannot be reached")
        self.stop()

    def test_stopping_while_it_connects(self) -> None:
        self.network.unplug(BOB)
        self.registering.start()
        self.network.settle(1)
        self.network.run(self.alice.agent.stop())
        self.registering.abandon()
        self.network.settle(200)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

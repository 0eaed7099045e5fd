"""Registering at a registrar on the simulated network."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.net.registering import Binding, Registering, Status
from pushsvc.net.sip_transport import PING, PING_SECONDS, PONG, PONG_SECONDS
from pushsvc.sip.codec import StreamParser, encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.registration import AFTER_A_LOSS
from pushsvc.sip.uri import SipUri
from tests.gate import Gate
from tests.net.sides import ALICE, BOB, PORT, Side
from tests.sim import Network
from tests.sip.values import make_response
from tests.tokens import CountedTokens
from tests.wires import Wire, listening

URN = "urn:uuid:0"
INSTANCE = f'+sip.instance="<{URN}>"'


class RegisteringTest(SynchronousTestCase):
    """Alice registers at Bob, a registrar."""

    def setUp(self) -> None:
        self.network = Network()
        self.alice = Side(self.network, ALICE)
        self.told: list[Status] = []
        self.registering = self.made()

    def made(
        self, route: SipUri | None = None, registrar: str = f"sip:{BOB};transport=tcp", **facts: Any
    ) -> Registering:
        binding = Binding(
            registrar=SipUri.parse(registrar),
            identity=SipUri.parse("sip:alice@example.com"),
            contact=self.alice.agent.contact("alice", "tcp"),
            instance=URN,
            features=('+g.oma.pusheventapp="mms.ua"',),
            expires=600,
            route=route,
            **facts,
        )
        return Registering(self.alice.agent, self.network.clock, CountedTokens("r"), binding, self.told.append)

    def registrar(self, status: int = 200, *further: tuple[str, str], contact: str = "") -> Side:
        """One that grants all, with these headers as well, and a `contact` parameter."""
        bob = Side(self.network, BOB)

        def answer(request: Request, source: Hop) -> None:
            ours = f"{request.headers.get('contact')}{contact}"
            headers = [("Contact", ours), ("Service-Route", f"<sip:{BOB};lr>"), *further]
            bob.agent.respond(make_response(request, status, headers=headers if status == 200 else ()))

        bob.answer = answer
        return bob

    def stop(self) -> None:
        """Everything ends, and nothing is left."""
        self.network.run(self.registering.stop())
        self.network.run(self.alice.agent.stop())
        self.network.settle(200)
        self.assertEqual((self.alice.agent.transactions, self.network.clock.getDelayedCalls()), (0, []))


class Registers(RegisteringTest):
    """[F-05] What goes over the wire."""

    def test_the_request(self) -> None:
        """RFC 3261 §10.2: who, where, for how long, what it can; the same Call-ID and the next number each time."""
        bob = self.registrar()
        self.registering.start()
        self.network.settle(301)
        first, second = (request for request, _ in bob.requests)
        self.assertEqual((first.method, str(first.uri)), ("REGISTER", f"sip:{BOB};transport=tcp"))
        self.assertEqual(
            first.headers.get("contact"),
            f'<sip:alice@{ALICE}:{PORT};transport=tcp;ob>;+g.oma.pusheventapp="mms.ua";{INSTANCE};reg-id=1;expires=600',
        )
        self.assertEqual((str(first.to), first.from_.uri), ("<sip:alice@example.com>", first.to.uri))
        self.assertEqual(first.headers.get("supported"), "path, outbound")
        self.assertEqual((second.call_id, second.cseq.number), (first.call_id, first.cseq.number + 1))
        self.assertEqual(first.from_.tag, second.from_.tag)
        self.stop()

    def test_credentials_are_sent_ahead_with_every_refresh(self) -> None:
        """[D-SIP-9] [F-05] Flow 14: challenged once, the next number, and one Call-ID for all of it."""
        gate, bob = self.gated()
        self.registering.start()
        self.network.settle(301)
        self.assertEqual([each.cseq.number for each, _ in bob.requests], [1, 2, 3])
        self.assertEqual([(gate.given(each) or {})["nc"] for each in gate.passed], ["00000001", "00000002"])
        self.assertEqual((gate.challenges, len({each.call_id for each, _ in bob.requests})), (1, 1))
        self.assertTrue(self.registering.status.registered)
        self.stop()
        self.assertEqual([each.cseq.number for each in gate.passed], [2, 3, 4])

    def test_a_wrong_password_is_told(self) -> None:
        """[D-SIP-9] The account page says it, and nobody asks again for the time of a back-off."""
        _, bob = self.gated(password="another")
        self.registering.start()
        self.network.settle(10)
        why = '401 Unauthorized: wrong user or password for realm "example.com"'
        self.assertEqual((self.registering.status.registered, self.registering.status.reason), (False, why))
        self.assertEqual(len(bob.requests), 2)
        self.stop()

    def test_a_password_that_is_put_right(self) -> None:
        """[F-05] Then nobody waits for the end of a back-off."""
        gate, bob = self.gated(password="another")
        self.registering.start()
        for password in ("third", "another"):
            self.network.settle(1)
            self.assertFalse(self.registering.status.registered)
            self.alice.agent.account = Account("alice", password)
            self.registering.again()
        self.network.settle(1)
        self.assertTrue(self.registering.status.registered)
        self.registering.again()
        self.network.settle(1)
        self.assertEqual((len(bob.requests), gate.challenges), (6, 5))
        self.stop()

    def gated(self, password: str = "secret") -> tuple[Gate, Side]:
        """A registrar that asks for credentials, and Alice with an account."""
        gate, bob = Gate(401, password=password, asked=("REGISTER",)), self.registrar()
        granting = bob.answer

        def answer(request: Request, source: Hop) -> None:
            response = gate.refuses(request)
            if response is None:
                granting(request, source)
            else:
                bob.agent.respond(response)

        bob.answer = answer
        self.network.settle(1)
        self.alice = Side(self.network, "192.0.2.9", account=Account("alice", "secret"))
        self.registering = self.made()
        return gate, bob

    def test_it_goes_by_the_outbound_proxy(self) -> None:
        bob = self.registrar()
        self.registering = self.made(SipUri.parse(f"sip:{BOB};transport=tcp;lr"))
        self.registering.start()
        self.network.settle(1)
        self.assertEqual(bob.requests[0][0].headers.get("route"), f"<sip:{BOB};transport=tcp;lr>")
        self.stop()

    def test_what_it_tells(self) -> None:
        """For the account page, the metric and readiness."""
        self.registrar()
        self.registering.start()
        self.network.settle(1)
        (status,) = self.told
        self.assertEqual((status.registered, status.service_route), (True, (f"<sip:{BOB};lr>",)))
        self.assertAlmostEqual(status.until or 0, 600, places=0)
        self.stop()
        self.assertEqual(self.told[-1], Status())

    def test_it_gives_the_registration_back(self) -> None:
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        self.stop()
        self.assertTrue((bob.requests[-1][0].headers.get("contact") or "").endswith(";expires=0"))


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


class Fails(RegisteringTest):
    """[F-05] Nobody there, or nobody who wants us."""

    def test_a_refusal_is_told_and_tried_again_later(self) -> None:
        """Not at once: a wrong password does not become right, and a core that locks accounts would."""
        bob = self.registrar(403)
        self.registering.start()
        self.network.settle(14)
        self.assertEqual((self.told[0].registered, self.told[0].reason, len(bob.requests)), (False, "403 Forbidden", 1))
        self.network.settle(20)
        self.assertEqual(len(bob.requests), 2)
        self.stop()

    def test_a_core_that_comes_later(self) -> None:
        self.registering.start()
        self.network.settle(14)
        self.assertIn("cannot be reached", self.told[0].reason or "")
        self.registrar()
        self.network.settle(40)
        self.assertTrue(self.registering.status.registered)
        self.stop()

    def test_stopping_while_nobody_answers(self) -> None:
        """The service does not wait for the rest of 32 s: what was never granted need not be given back."""
        listening(self.network.host(BOB), PORT)
        self.registering.start()
        self.network.settle(5)
        self.stop()
        self.assertEqual(self.told, [Status()])


class Loses(RegisteringTest):
    """[F-05] RFC 5626: the connection is how the core finds us."""

    def test_a_connection_that_is_cut(self) -> None:
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        self.network.run(bob.agent.stop())
        bob = self.registrar()
        self.network.settle(AFTER_A_LOSS + 1)
        self.assertEqual(len(bob.requests), 1)
        self.stop()

    def test_the_connection_is_kept_by_pings(self) -> None:
        """Without them a NAT forgets it, and so do we, after two idle minutes."""
        bob = self.registrar()
        self.registering.start()
        self.network.settle(290)
        self.assertEqual(len(bob.requests), 1)
        self.network.settle(20)
        self.assertEqual(len({source.connection for _, source in bob.requests}), 1)
        self.stop()

    def test_a_connection_that_a_nat_forgot(self) -> None:
        """Whoever answered pings once and does no longer is gone, whatever TCP says."""
        wire = listening(self.network.host(BOB), PORT)
        self.registering.start()
        self.network.settle(1)
        wire.transport.write(encode(make_response(last_request(wire), headers=[("Expires", "600")])))
        self.network.settle(PING_SECONDS)
        wire.transport.write(PONG)
        self.network.settle(PING_SECONDS)
        self.assertTrue(wire.octets.endswith(2 * PING))
        self.assertIsNone(wire.lost)
        self.network.settle(PONG_SECONDS + 1)
        self.assertIsNotNone(wire.lost)
        self.network.settle(AFTER_A_LOSS)
        self.assertEqual(last_request(wire).cseq.number, 2)
        self.stop()

    def test_a_core_that_answers_no_pings(self) -> None:
        """Not all do; the connection is kept all the same."""
        wire = listening(self.network.host(BOB), PORT)
        self.registering.start()
        self.network.settle(1)
        wire.transport.write(encode(make_response(last_request(wire), headers=[("Expires", "600")])))
        self.network.settle(2.5 * PING_SECONDS)
        self.assertTrue(wire.octets.endswith(2 * PING))
        self.assertIsNone(wire.lost)
        self.stop()


def last_request(wire: Wire) -> Request:
    """The last request that came in."""
    *_, last = (event for event in StreamParser().feed(wire.octets) if isinstance(event, Request))
    return last

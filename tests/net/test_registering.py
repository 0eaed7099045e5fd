"""Registering at a registrar on the simulated network."""

from __future__ import annotations

from pushsvc.digest import Account
from pushsvc.net.registering import Status
from pushsvc.net.sip_transport import IDLE_SECONDS, PING, PING_SECONDS, PONG, PONG_SECONDS
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.registration import AFTER_A_LOSS
from pushsvc.sip.shares import Shares
from pushsvc.sip.uri import SipUri
from tests.gate import Gate
from tests.net.registering_case import INSTANCE, RegisteringTest, last_request
from tests.net.sides import ALICE, BOB, CAROL, PORT, Side
from tests.sip.values import make_response
from tests.wires import listening


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

    def test_a_core_that_brings_ever_more_in_vain(self) -> None:
        """[F-18] Strangers behind a core that nobody called trusted: their requests get 503, its connection stays."""
        self.alice = Side(self.network, "192.0.2.9", shares=Shares(rate=0.1, burst=2))
        self.registering = self.made()
        self.alice.answering(603)
        bob = self.registrar()
        self.registering.start()
        self.network.settle(1)
        _, ours = bob.requests[0]
        asked = [
            self.network.run(bob.ask("MESSAGE", to=f"sip:alice@{ours.host}:{ours.port};transport=tcp", cseq=number))
            for number in range(1, 10)
        ]
        self.assertEqual([each.response.status for each in asked], [603] * 3 + [503] * 6)
        self.network.settle(PING_SECONDS)
        self.assertEqual(len(bob.requests), 1)
        self.stop()

    def test_the_connection_to_a_core_that_another_has_taken_over_from(self) -> None:
        """RFC 5626 §4.2: we have one flow. The former one is pinged no more, and ends when it is idle."""
        first = listening(self.network.host(CAROL), PORT)
        self.registering = self.made(registrar="sip:both.example.com;transport=tcp")
        self.registering.start()
        self.network.settle(1)
        first.transport.write(encode(make_response(last_request(first), headers=[("Expires", "600")])))
        bob = self.registrar()
        self.network.settle(301)
        first.transport.write(encode(make_response(last_request(first), status=503)))
        self.network.settle(1)
        self.assertEqual((len(bob.requests), self.registering.status.registered), (1, True))
        before = len(first.octets)
        self.network.settle(IDLE_SECONDS + 1)
        self.assertEqual((first.octets[before:], first.lost is not None), (b"", True))
        self.assertEqual(len(bob.requests), 1)
        self.stop()

"""Alice, who registers at a registrar on the simulated network."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.registering import Binding, Registering, Status
from pushsvc.sip.codec import StreamParser
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri
from tests.net.sides import ALICE, BOB, Side
from tests.sim import Network
from tests.sip.values import make_response
from tests.tokens import CountedTokens
from tests.wires import Wire

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


def last_request(wire: Wire) -> Request:
    """The last request that came in."""
    *_, last = (event for event in StreamParser().feed(wire.octets) if isinstance(event, Request))
    return last

"""User agents on a simulated network: who asks, who answers, and what each was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.locate import Locator
from pushsvc.net.observer import Direction
from pushsvc.net.reaching import Exchange
from pushsvc.net.user_agent import UserAgent
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response
from pushsvc.sip.transaction import Settings
from pushsvc.sip.uri import SipUri
from tests.sim import Network, Weather
from tests.sip.values import make_request, make_response
from tests.tokens import CountedTokens

ALICE, BOB, CAROL = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ALICE_6, BOB_6 = "2001:db8::1", "2001:db8::2"
PORT = 5060
NAMES = {
    "bob.example.com": [BOB],
    "both.example.com": [CAROL, BOB],
    "six.example.com": [BOB_6, BOB],
    "inside.example.com": ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"],
    "half.example.com": ["127.0.0.1", BOB],
}
ENOUGH = 200.0  # longer than any timer of the transaction layer


class Notes:
    """An observer that counts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.resent = 0
        self.unreadable: list[str] = []

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        what = message.method if isinstance(message, Request) else str(message.status)
        self.lines.append(f"{direction.value} {hop.transport} {what}")

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self.unreadable.append(reason)

    def sip_retransmissions(self, count: int) -> None:
        self.resent += count

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None: ...


class Side:
    """A user agent, and what it was told."""

    def __init__(self, network: Network, address: str, listen: tuple[str, ...] = ("udp", "tcp"), **options: Any):
        self.network = network
        self.notes = Notes()
        self.agent = UserAgent(
            network.host(address),
            CountedTokens(address[-1]),
            Locator(lambda host: succeed(NAMES.get(host, []))),
            self.notes,
            Settings(),
            **options,
        )
        for transport in listen:
            self.agent.listen(transport, address, PORT)
        self.requests: list[tuple[Request, Hop]] = []
        self.strays: list[tuple[Response, Request | None]] = []
        self.answer: Callable[[Request, Hop], None] = lambda request, source: None
        self.agent.on_request = self._requested
        self.agent.on_stray = lambda response, invite: self.strays.append((response, invite))
        self.provisional: list[Response] = []

    def answering(self, *statuses: int) -> None:
        """Answer every request but ACK with these, one after the other."""

        def answer(request: Request, source: Hop) -> None:
            for status in statuses if request.method != "ACK" else ():
                self.agent.respond(make_response(request, status))

        self.answer = answer

    def ask(
        self,
        method: str = "OPTIONS",
        to: str = f"sip:bob@{BOB}",
        size: int = 0,
        cseq: int = 1,
        *,
        foreign: bool = False,
    ) -> Deferred[Exchange]:
        make, heard = self.make(method, size, cseq), self.provisional.append
        return Deferred.fromCoroutine(self.agent.request(make, SipUri.parse(to), heard, foreign=foreign))

    @staticmethod
    def make(method: str, size: int = 0, cseq: int = 1) -> Callable[[Via], Request]:
        return lambda via: make_request(method, via=str(via), body=b"x" * size, cseq=cseq)

    def methods(self) -> list[str]:
        return [request.method for request, _ in self.requests]

    def _requested(self, request: Request, source: Hop) -> None:
        self.requests.append((request, source))
        self.answer(request, source)


class AgentTest(SynchronousTestCase):
    """Alice asks, Bob answers."""

    weather = Weather()

    def setUp(self) -> None:
        self.network = Network(0, self.weather)
        self.alice = Side(self.network, ALICE)

    def result(self, asked: Deferred[Exchange]) -> Exchange:
        exchange: Exchange = self.network.run(asked)
        return exchange

    def assert_nothing_left(self, *sides: Side, seconds: float = ENOUGH) -> None:
        """No transaction, no timer, after the longest time that anything is remembered."""
        self.network.settle(seconds)
        self.assertEqual([side.agent.transactions for side in sides or (self.alice,)], [0] * max(1, len(sides)))
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

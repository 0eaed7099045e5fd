"""What conversations between two agents have in common: the network between them, and who said what."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net import reaching
from pushsvc.net.msrp_endpoint import MsrpEndpoint
from pushsvc.net.observer import Direction, Observer
from pushsvc.net.reaching import Make
from pushsvc.net.tls import fingerprint
from pushsvc.net.wirelog import WireLog
from pushsvc.sessions import Session
from pushsvc.sip.codec import parse
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response, reply_to
from tests.agents import Agent, Kept, Octets, left
from tests.identities import identity_of
from tests.log_lines import LogLines
from tests.sim import FIRST_EPHEMERAL_PORT, Network, Weather

ALICE, BOB = "192.0.2.10", "192.0.2.20"
TO_BOB = f"sip:bob@{BOB}"
EPHEMERAL = range(FIRST_EPHEMERAL_PORT, 65536)

NOTICE = Octets(b"Maintenance window 2026-03-02 01:00-03:00 UTC. Save your work.")


class Said:
    """An observer: what one agent sent, in a few words, into a list that all share; and every SIP message it saw."""

    def __init__(self, name: str, ladder: list[str], clock: IReactorTime) -> None:
        self._name = name
        self._ladder = ladder
        self._clock = clock
        self._times: list[tuple[str, float]] = []
        self.sent: list[Message] = []
        self.heard: list[Message] = []

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if direction is Direction.IN:
            self.heard.append(message)
            return
        self.sent.append(message)
        what = message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
        self._ladder.append(f"{self._name} {what}")
        self._times.append((what, self._clock.seconds()))

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self._ladder.append(f"{self._name} could not read: {reason}")

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if direction is Direction.OUT:
            self._ladder.append(f"{self._name} {summary}")

    def times(self, what: str) -> list[float]:
        """When it sent a SIP message that the ladder calls so."""
        return [at for each, at in self._times if each == what]

    def requests(self, method: str) -> list[Request]:
        """The requests of this method that it sent."""
        return [message for message in self.sent if isinstance(message, Request) and message.method == method]

    def responses(self, method: str) -> list[Response]:
        """The responses to this method that it sent."""
        return [message for message in self.sent if isinstance(message, Response) and message.cseq.method == method]


class MeddledNetwork(Network):
    """`meddle(message)` says how often a SIP datagram arrives: 0, it is lost; 1; 2, it is duplicated."""

    meddle: Callable[[Message], int] = staticmethod(lambda message: 1)

    def carry(self, datagram: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        message = parse(datagram)
        assert message is not None
        for _ in range(self.meddle(message)):
            super().carry(datagram, source, target)


class ConversationCase(SynchronousTestCase):
    """Alice pushes to Bob. However a conversation went, when all of it is closed nothing of it is left."""

    network: MeddledNetwork = None  # type: ignore[assignment]

    def tearDown(self) -> None:
        self.close_everything()

    def close_everything(self) -> None:
        """End what a conversation has left open, and see that it can be ended."""
        if self.network is None:
            return
        self.network.meddle = lambda message: 1
        for agent in (self.alice, self.bob):
            agent.sessions.close_all("the test is over")
        self.assert_nothing_left()
        self.log.stop()

    def begin(
        self,
        weather: Weather | None = None,
        seed: int = 0,
        *,
        udp: bool = False,
        alice: dict[str, Any] | None = None,
        bob: dict[str, Any] | None = None,
    ) -> None:
        """`udp`: SIP goes by datagrams however large; without it large requests, and all after them, go by TCP.

        `alice` and `bob` are facts of theirs as `Agent` takes them, `observers` on top of what everybody has.
        """
        self.close_everything()
        if udp:
            self.patch(reaching, "BIGGEST_DATAGRAM", 65000)
        self.network = MeddledNetwork(seed, weather)
        self.ladder: list[str] = []
        self.kept: list[Kept] = []
        self.log = LogLines(self)
        self.alice_said, self.bob_said = (Said(name, self.ladder, self.network.clock) for name in ("alice", "bob"))
        self.alice = self._agent(ALICE, "alice", self.alice_said, **(alice or {}))
        bobs = {"observers": (), **(bob or {})}
        bobs["observers"] += (WireLog(unlimited=True),)
        self.bob = self._agent(BOB, "bob", self.bob_said, **bobs)

    def _agent(self, address: str, name: str, said: Said, observers: tuple[Observer, ...] = (), **facts: Any) -> Agent:
        return Agent(self.network, address, name, observers=(said, *observers), **facts)

    def start(self, story: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Begin a story; time does not pass by that."""
        return Deferred.fromCoroutine(story)

    def run_story(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass until the story is told."""
        return self.network.run(self.start(story))

    def opened(self, *contents: Octets, **facts: Any) -> Session:
        """Alice's session with Bob, who takes everything; what he gets is in `kept`."""
        self.kept = self.bob.accept_everything()
        session = self.network.run(self.alice.dial(TO_BOB, *(contents or (NOTICE,)), **facts))
        assert isinstance(session, Session)
        self.network.settle(0.1)
        return session

    def connections(self) -> list[tuple[str, str]]:
        """Who opened MSRP connections, and to whom."""
        msrp = [stream for stream in self.network.streams if stream.remote[1] not in (5060, *EPHEMERAL)]
        return [(stream.local[0], stream.remote[0]) for stream in msrp]

    def session_of(self, agent: Agent) -> Session:
        """The only session that this agent has."""
        (session,) = agent.sessions._sessions.values()
        return session

    def received(self) -> list[bytes]:
        """The contents that Bob has got, whole ones only."""
        return [bytes(each.octets) for each in self.kept if each.finished]

    def impostor(self, agent: Agent) -> None:
        """The agent announces the certificate that it was given, and presents another one."""
        announced = fingerprint(agent.tls.identity.der)
        agent.tls.renew(identity_of("mallory"))
        honest = MsrpEndpoint.fingerprint.fget
        said = property(lambda endpoint: announced if endpoint is agent.msrp else honest(endpoint))
        self.patch(MsrpEndpoint, "fingerprint", said)

    def failed(self, deferred: Deferred[Any], *errors: type[Exception]) -> Any:
        """Let time pass until it fails with one of these errors; gives that."""
        with self.assertRaises(errors) as caught:
            self.network.run(deferred)
        return caught.exception

    def assert_near(self, first: float, second: float, within: float = 1.0) -> None:
        """Two moments or durations, in seconds."""
        self.assertLessEqual(abs(first - second), within, f"{first} is not {second}")

    def assert_nothing_left(self) -> None:
        """Promise 5: no session, no transaction, no timer, no connection with content, no part of one."""
        self.assertEqual(left(self.network, self.alice, self.bob), [])
        self.assertEqual([each.send for each in self.kept if not (each.finished or each.discarded)], [])

    def assert_logged(self, text: str) -> None:
        """A bug was caught at a root, and logged with this in its traceback."""
        failures = self.flushLoggedErrors()
        self.assertIn(text, "\n".join(str(failure) for failure in failures))


def intercept(agent: Agent, answer: Callable[[Request], Response | None]) -> None:
    """Let `answer` deal with the agent's requests first; what it gives None for goes on as usual."""
    passed_on = agent.agent.on_request

    def arrived(request: Request, source: Hop) -> None:
        response = answer(request)
        if response is None:
            passed_on(request, source)
        else:
            agent.agent.respond(response)

    agent.agent.on_request = arrived


def rewrite(agent: Agent, change: Callable[[bytes], bytes]) -> None:
    """Let the session descriptions that the agent sends be changed on their way."""
    respond, request = agent.agent.respond, agent.agent.request

    def changed(message: Any) -> Any:
        return message.evolve(body=change(message.body)) if message.body else message

    def requested(make: Make, *rest: Any, **options: Any) -> Any:
        return request(lambda via: changed(make(via)), *rest, **options)

    agent.agent.respond = lambda response: respond(changed(response))  # type: ignore[method-assign]
    agent.agent.request = requested  # type: ignore[method-assign]


def refuse(agent: Agent, method: str, status: int, *headers: tuple[str, str], times: int = 1000) -> None:
    """Let the agent refuse so many requests of this method inside dialogs."""
    left = [times]

    def answer(request: Request) -> Response | None:
        if request.method != method or request.to.tag is None or not left[0]:
            return None
        left[0] -= 1
        return reply_to(request, status, headers=headers)

    intercept(agent, answer)


def silence(agent: Agent, *methods: str) -> None:
    """Let the agent ignore requests of these methods inside dialogs."""
    passed_on = agent.agent.on_request

    def arrived(request: Request, source: Hop) -> None:
        if request.method not in methods or request.to.tag is None:
            passed_on(request, source)

    agent.agent.on_request = arrived

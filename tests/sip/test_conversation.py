"""Two transaction layers and a network that loses, doubles and reorders: every conversation ends and leaves nothing."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.codec import encode, parse
from pushsvc.sip.dialog import Dialog, dialog_id
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.invite import Acknowledgement, Answer, NoAck, Repeat, RepeatAck, Stray, Won
from pushsvc.sip.message import Message, Request, Response, cancel_of, reply_to
from pushsvc.sip.transaction import NoAnswer, RequestArrived, ResponseArrived, Settings, Transmit
from pushsvc.sip.transaction_layer import TransactionLayer
from pushsvc.sip.uri import SipUri
from tests.sip.values import make_invite, make_request

CALLER, CALLEE = Hop("udp", "192.0.2.1", 5060), Hop("udp", "192.0.2.2", 5060)
SETTINGS = Settings()
PATIENCE = 60.0  # of a caller that hears ringing and nothing else


@attrs.define
class SeededTokens:
    chance: random.Random

    def word(self, length: int) -> str:
        return "".join(self.chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))

    def fraction(self) -> float:
        return self.chance.random()


class Network:
    """Time, chance, and datagrams on their way."""

    def __init__(self, seed: int, loss: float, duplicate: float, jitter: float) -> None:
        self.chance = random.Random(seed)
        self.loss, self.duplicate, self.jitter = loss, duplicate, jitter
        self.now = 0.0
        self.ends: dict[Hop, End] = {}
        self.transcript: list[str] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, do))

    def carry(self, octets: bytes, source: Hop, target: Hop) -> None:
        for _ in range(1 + (self.chance.random() < self.duplicate)):
            lost = self.chance.random() < self.loss
            self.transcript.append(f"{self.now:.3f} {source} {octets[:20]!r}{' lost' if lost else ''}")
            if not lost:
                delay = 0.01 + self.chance.random() * self.jitter
                self.later(delay, lambda: self.ends[target].received(octets, source))

    def run(self) -> None:
        """Until nothing is left to happen; an hour is far beyond any timer."""
        while self.now < 3600 and (moment := self._next()) is not None:
            self.now = max(self.now, moment)
            for end in self.ends.values():
                end.wake()
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()

    def _next(self) -> float | None:
        moments = [end.deadline for end in self.ends.values()] + [at for at, _, _ in self._due[:1]]
        return min((moment for moment in moments if moment is not None), default=None)


class End:
    """One side: a layer, the answers it repeats, and what its user does."""

    def __init__(self, network: Network, own: Hop, other: Hop) -> None:
        self.network, self.own, self.other = network, own, other
        self.layer = TransactionLayer(SETTINGS, SeededTokens(network.chance))
        self.answer: Answer | None = None
        self.dialog: Dialog | None = None
        self.finals: list[str] = []
        network.ends[own] = self

    @property
    def deadline(self) -> float | None:
        moments = [self.layer.deadline, self.answer.deadline if self.answer else None]
        return min((moment for moment in moments if moment is not None), default=None)

    def wake(self) -> None:
        self.perform(self.layer.wake(self.network.now))
        if self.answer:
            self.perform(self.answer.wake(self.network.now))

    def received(self, octets: bytes, source: Hop) -> None:
        message = parse(octets)
        assert message is not None
        self.perform(self.layer.received(message, source, self.network.now))

    def perform(self, outputs: object) -> None:
        assert isinstance(outputs, list)
        for output in outputs:
            match output:
                case Transmit(message, hop):
                    self.transmit(message, hop)
                case Repeat(response):
                    self.respond(response)
                case NoAck():
                    self.finals.append("no ACK")
                    self.hang_up()
                case RequestArrived(request, _):
                    self.asked(request)
                case ResponseArrived(response, request):
                    self.answered(response)
                case NoAnswer(request, why):
                    self.finals.append(f"{request.method} {why.value}")

    def transmit(self, message: Message, hop: Hop) -> None:
        self.network.carry(encode(message), self.own, hop)

    def send(self, request: Request) -> None:
        self.perform(self.layer.request(request, self.other, self.network.now))

    def respond(self, response: Response) -> None:
        self.perform(self.layer.respond(response, self.network.now))

    def via(self) -> Via:
        word = self.layer.tokens.word(12)
        return Via("UDP", self.own.host, None, (("branch", f"z9hG4bK{word}"),))

    def hang_up(self) -> None:
        if self.dialog is not None:
            bye, self.dialog = self.dialog.request("BYE", self.via())
            self.send(bye)

    def asked(self, request: Request) -> None:
        if request.method == "BYE":
            known = self.dialog is not None and self.dialog.id == dialog_id(request)
            self.respond(reply_to(request, 200 if known else 481))
            self.answer = self.dialog = None

    def answered(self, response: Response) -> None:
        if response.status >= 200 and response.cseq.method != "INVITE":
            self.finals.append(f"{response.cseq.method} {response.status}")


class Caller(End):
    """Calls, hangs up a second after the answer, and cancels when it waits too long or was told to."""

    def __init__(self, network: Network, cancels: bool = False) -> None:
        super().__init__(network, CALLER, CALLEE)
        self.cancels, self.owed = cancels, Acknowledgement()
        self.invite = make_invite()
        self.ringing = self.over = self.cancelled = False

    def call(self) -> None:
        self.send(self.invite)

    def answered(self, response: Response) -> None:
        super().answered(response)
        if response.cseq.method != "INVITE":
            return
        if response.status < 200:
            if not self.ringing:
                self.ringing = True
                self.network.later(0.0 if self.cancels else PATIENCE, self.cancel)
        elif response.status < 300:
            self.accepted(response)
        else:
            self.over = True
            self.finals.append(f"INVITE {response.status}")

    def cancel(self) -> None:
        if not self.over and not self.cancelled:
            self.cancelled = True
            self.send(cancel_of(self.invite))

    def accepted(self, response: Response) -> None:
        for output in self.owed.answered(response):
            match output:
                case Won(response):
                    self.over = True
                    self.finals.append("INVITE 200")
                    self.dialog = Dialog.from_answer(self.invite, response)
                    ack = self.dialog.ack(self.invite.cseq.number, self.via())
                    self.owed.acknowledged(ack)
                    self.transmit(ack, self.other)
                    self.network.later(1.0, self.hang_up)
                case RepeatAck(ack):
                    self.transmit(ack, self.other)
                case Stray():
                    raise AssertionError("nobody forks here")


class Callee(End):
    """Rings, and answers with `status` after some seconds; OPTIONS at once."""

    def __init__(self, network: Network, status: int) -> None:
        super().__init__(network, CALLEE, CALLER)
        self.status = status
        self.calls = 0
        self.decided = False

    def asked(self, request: Request) -> None:
        super().asked(request)
        match request.method:
            case "INVITE":
                self.calls += 1
                self.network.later(self.network.chance.random(), lambda: self.ring(request))
                self.network.later(self.network.chance.random() * 3, lambda: self.decide(request))
            case "CANCEL":
                invite = self.layer.invite_cancelled_by(request)
                self.respond(reply_to(request, 200 if invite else 481, to_tag="callee"))
                if invite is not None and not self.decided:
                    self.decided = True
                    self.respond(reply_to(invite, 487, to_tag="callee"))
            case "ACK" if self.answer is not None:
                self.perform(self.answer.acked(request, self.network.now))
            case "OPTIONS":
                self.respond(reply_to(request, 200, to_tag="callee"))

    def ring(self, invite: Request) -> None:
        if not self.decided:
            self.respond(reply_to(invite, 180, to_tag="callee"))

    def decide(self, invite: Request) -> None:
        if self.decided:
            return
        self.decided = True
        if self.status >= 300:
            self.respond(reply_to(invite, self.status, to_tag="callee"))
            return
        ours = SipUri.parse("sip:192.0.2.2")
        self.dialog = Dialog.from_invite(invite, "callee", ours)
        ok = reply_to(invite, 200, to_tag="callee", headers=[("Contact", f"<{ours}>")])
        self.answer = Answer(ok, SETTINGS)
        self.perform(self.answer.start(self.network.now))


class ConversationTests(SynchronousTestCase):
    def converse(
        self, seed: int, status: int = 200, *, cancels: bool = False, loss: float = 0.3, duplicate: float = 0.1
    ) -> tuple[Network, Caller, Callee]:
        network = Network(seed, loss, duplicate, jitter=0.6)
        caller, callee = Caller(network, cancels), Callee(network, status)
        caller.call()
        network.run()
        for end in (caller, callee):
            self.assertEqual((end.layer.counts(), end.deadline), ((0, 0), None), f"seed {seed}")
        self.assertLessEqual(callee.calls, 1, f"seed {seed}")
        of_invite = [final for final in caller.finals if final.startswith("INVITE")]
        self.assertEqual(len(of_invite), 1, f"seed {seed}: {caller.finals}")
        return network, caller, callee

    def test_every_session_ends_and_leaves_nothing(self) -> None:
        """30% lost, 10% doubled, all reordered: INVITE, 200, ACK and BYE still meet, and no timer survives them."""
        talked = 0
        for seed in range(150):
            _, caller, callee = self.converse(seed)
            talked += caller.finals == ["INVITE 200", "BYE 200"]
            self.assertIsNone(callee.answer, f"seed {seed}")
        self.assertGreater(talked, 140)

    def test_every_refusal_arrives_or_times_out(self) -> None:
        """The caller hears the 486 once, however often it was sent."""
        heard = sum(self.converse(seed, 486)[1].finals == ["INVITE 486"] for seed in range(100))
        self.assertGreater(heard, 95)

    def test_every_cancel_ends_the_call_or_crosses_its_answer(self) -> None:
        """Whatever wins the race, both sides end with the same idea of it."""
        for seed in range(150):
            _, caller, callee = self.converse(seed, cancels=True)
            if "INVITE 487" in caller.finals:
                self.assertIsNone(callee.dialog, f"seed {seed}")
            if callee.answer is not None:
                self.fail(f"seed {seed}: a session stayed behind")

    def test_any_other_request_is_served_once(self) -> None:
        """OPTIONS and its kind: one answer or a timeout."""
        for seed in range(100):
            network = Network(seed, 0.3, 0.1, 0.6)
            caller, callee = Caller(network), Callee(network, 200)
            caller.send(make_request("OPTIONS"))
            network.run()
            self.assertIn(caller.finals, (["OPTIONS 200"], ["OPTIONS timeout"]))
            self.assertEqual((caller.layer.counts(), callee.layer.counts()), ((0, 0), (0, 0)), f"seed {seed}")

    def test_a_dead_network_ends_in_a_timeout(self) -> None:
        _, caller, callee = self.converse(1, loss=1.0)
        self.assertEqual((caller.finals, callee.finals), (["INVITE timeout"], []))

    def test_a_good_network_needs_no_repeats(self) -> None:
        """Once a 100 or 180 stops the INVITE in time nothing is sent twice."""
        for seed in range(20):
            network = Network(seed, 0.0, 0.0, 0.0)
            caller, callee = Caller(network), Callee(network, 200)
            caller.call()
            network.run()
            self.assertEqual((caller.layer.retransmissions, callee.layer.retransmissions), (0, 0))
            self.assertEqual(caller.finals, ["INVITE 200", "BYE 200"])

    def test_the_same_seed_gives_the_same_conversation(self) -> None:
        """A failure is reproduced by its seed."""
        self.assertEqual(self.converse(7)[0].transcript, self.converse(7)[0].transcript)

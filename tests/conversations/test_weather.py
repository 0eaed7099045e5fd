"""Sessions in bad weather, hundreds of them: each ends, and nothing is left. A failure names its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from twisted.internet.defer import Deferred, DeferredList

from pushsvc.errors import DeliveryError
from pushsvc.sessions import Invitation, Session
from tests.agents import Kept, Octets
from tests.conversations.case import TO_BOB, ConversationCase
from tests.conversations.steady import steady_tls
from tests.sim import Weather

STORM = {"loss": 0.3, "duplicate": 0.1, "jitter": 0.5}


class Story:
    """What Alice and Bob do in one conversation, made of a seed; both may do it at a bad time."""

    def __init__(self, case: ConversationCase, seed: int) -> None:
        self.case = case
        self.chance = random.Random(seed)
        self.delivered: list[bytes] = []
        self.errors: list[DeliveryError] = []
        self.kept: list[Kept] = []
        case.bob.sessions.on_invitation = self.invited

    def invited(self, invitation: Invitation) -> None:
        """Bob takes it, sometimes after a while, sometimes not at all, and sometimes hangs up later."""
        if self.chance.random() < 0.1:
            invitation.refuse(self.chance.choice((486, 488, 603)))
        elif self.chance.random() < 0.3:
            invitation.ring()
            self.case.network.clock.callLater(self.chance.random() * 5, self.accept, invitation)
        else:
            self.accept(invitation)

    def accept(self, invitation: Invitation) -> None:
        if not invitation.is_over:
            session = self.case.bob.accept(invitation, self.kept)
            if self.chance.random() < 0.1:
                self.case.network.clock.callLater(self.chance.random() * 20, session.close, "enough")

    async def told(self) -> None:
        """Dial, send, close some lines, offer more, hang up."""
        try:
            session = await self.dialed()
        except DeliveryError as error:
            self.errors.append(error)
            return
        await self.all_of(self.sent(session, line, content) for line, content in enumerate(self.contents))
        if self.chance.random() < 0.5:
            await self.more(session)
        await session.close()

    async def dialed(self) -> Session:
        self.contents = list(self.some_contents())
        target = TO_BOB + self.chance.choice(("", ";transport=tcp"))
        dialing = self.case.alice.dial(target, *self.contents, answer_timeout=60.0)
        if self.chance.random() < 0.05:
            self.case.network.clock.callLater(self.chance.random() * 5, dialing.cancel)
            dialing.addErrback(self._withdrawn)
        return await dialing

    def _withdrawn(self, failure):  # type: ignore[no-untyped-def]
        if failure.check(DeliveryError):
            return failure
        raise DeliveryError("withdrawn", retry=False)

    async def sent(self, session: Session, line: int, content: Octets) -> None:
        try:
            await session.lines[line].send(content)
            self.delivered.append(content.octets)
            if len(session.lines) > 1:
                await session.close_lines([line])
        except DeliveryError as error:
            self.errors.append(error)

    async def more(self, session: Session) -> None:
        contents = list(self.some_contents())
        try:
            lines = await session.offer_more(self.case.alice.call(TO_BOB, *contents).files)
        except DeliveryError as error:
            self.errors.append(error)
            return
        await self.all_of(
            self.sent(session, session.lines.index(line), content)
            for line, content in zip(lines, contents, strict=True)
        )

    async def all_of(self, stories) -> None:  # type: ignore[no-untyped-def]
        for succeeded, result in await DeferredList([Deferred.fromCoroutine(story) for story in stories]):
            if not succeeded:
                result.raiseException()

    def some_contents(self) -> Iterator[Octets]:
        for _ in range(self.chance.randint(1, 3)):
            yield Octets(self.chance.randbytes(self.chance.choice((0, 100, 5000, 70_000))))


class BadWeather(ConversationCase):
    """Loss, repetition, disorder, and streams that break."""

    def test_datagrams(self) -> None:
        """Promise 5: SIP over UDP at 30% loss; MSRP streams break now and then."""
        for seed in range(150):
            self.tell(seed, udp=True, cut=0.01 if seed % 2 else 0.0)

    def test_streams(self) -> None:
        """Promise 5: SIP over TCP, every stream in small pieces, and breaking anywhere."""
        for seed in range(200, 350):
            self.tell(seed, cut=0.02 if seed % 2 else 0.002, segment=500)

    def test_vanishing_peers(self) -> None:
        """Promise 5: one of the two machines is gone from some moment on."""
        for seed in range(400, 430):
            chance = random.Random(seed)
            gone = chance.choice(("192.0.2.10", "192.0.2.20"))
            self.tell(seed, udp=True, gone=gone, at=chance.random() * 5)

    def tell(self, seed: int, *, udp: bool = False, gone: str = "", at: float = 0.0, **weather: float) -> None:
        alice, bob = ({"tls": steady_tls(name)} for name in ("alice", "bob"))
        self.begin(Weather(**STORM | weather), seed, udp=udp, alice=alice, bob=bob)  # type: ignore[arg-type]
        if gone:
            self.network.clock.callLater(at, self.network.unplug, gone)
        story = Story(self, seed)
        try:
            self.run_story(story.told())
            got = [bytes(each.octets) for each in story.kept if each.finished]
            for octets in story.delivered:
                got.remove(octets)
            self.network.settle(2000.0 if gone else 0.0)
            self.assert_nothing_left()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n" + "\n".join(self.ladder[-40:])) from error

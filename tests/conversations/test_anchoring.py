"""Pushes through a middlebox that anchors media (RFC 6714, requirements E.11): c= and m= lead to it, the path does not.

The middlebox only passes octets on: TLS is between Alice and Bob, and each finds the other's fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.net.tls import Tls
from pushsvc.sessions import Invitation, Session
from tests.agents import MSRP_PORT
from tests.conversations.case import ALICE, BOB, NOTICE, TO_BOB, ConversationCase, refuse, rewrite
from tests.conversations.test_setups import without
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.sim import Network

MIDDLE, MIDDLE_PORT = "192.0.2.99", 7000
CEMA = b"a=msrp-cema"
BOTH = {"alice": {"cema": True}, "bob": {"cema": True}}
SHY = {"cema": True, "prefer_active": True}


class End(Protocol):
    """One of the two streams that the middlebox joins."""

    def __init__(self) -> None:
        self.other: Deferred[End] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._pass_on(lambda transport: transport.write(data))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._pass_on(lambda transport: transport.loseConnection())

    def _pass_on(self, deed: Callable[[Any], None]) -> None:
        def done(other: End) -> End:
            deed(other.transport)
            return other

        self.other.addCallback(done)


class Middlebox(Factory):
    """Joins who connects to it with an MSRP listener."""

    noisy = False

    def __init__(self, network: Network, target: str) -> None:
        self._host = network.host(MIDDLE)
        self._target = target
        self._host.listenTCP(MIDDLE_PORT, self)

    def buildProtocol(self, addr: object) -> End:
        near, far = End(), End()
        far.other.callback(near)
        endpoint = TCP4ClientEndpoint(self._host, self._target, MSRP_PORT)
        endpoint.connect(Factory.forProtocol(lambda: far)).chainDeferred(near.other)  # type: ignore[arg-type]
        return near


def anchored(body: bytes) -> bytes:
    """A session description as the middlebox hands it on."""
    body = re.sub(rb"c=IN IP4 \S+", b"c=IN IP4 " + MIDDLE.encode(), body)
    return re.sub(rb"m=message [1-9]\d* ", b"m=message %d " % MIDDLE_PORT, body)


class AnchoringTest(ConversationCase):
    """Alice pushes to Bob."""

    def pushes(self) -> Session:
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        return session

    def ended(self, session: Session) -> None:
        self.network.run(session.close())
        self.assert_nothing_left()

    def offers(self) -> list[bool]:
        """Whether each of Alice's offers had the attribute."""
        return [CEMA in invite.body for invite in self.alice_said.requests("INVITE")]

    def answers(self) -> list[bool]:
        return [CEMA in response.body for response in self.bob_said.responses("INVITE") if response.body]


class BothDoIt(AnchoringTest):
    """Offered and answered: who connects goes by c= and m=, and everything else by the path."""

    def test_the_sender_connects_to_the_anchor(self) -> None:
        """[D-TLS-1] [F-19] The fingerprint is that of who is behind it."""
        self.begin(**BOTH)
        rewrite(self.bob, anchored)
        Middlebox(self.network, BOB)
        session = self.pushes()
        self.assertEqual(self.connections(), [(ALICE, MIDDLE), (MIDDLE, BOB)])
        self.assertEqual((self.offers(), self.answers()), ([True], [True]))
        (line,) = sdp.media(sdp.parse(self.bob_said.responses("INVITE")[0].body))
        self.assertEqual((line.anchor, line.path[0].host), ((MIDDLE, MIDDLE_PORT), BOB))
        self.ended(session)

    def test_so_does_an_active_receiver(self) -> None:
        """With its bodiless SEND."""
        self.begin(alice={"cema": True}, bob=SHY)
        rewrite(self.alice, anchored)
        Middlebox(self.network, ALICE)
        session = self.pushes()
        self.assertEqual(self.connections(), [(BOB, MIDDLE), (MIDDLE, ALICE)])
        self.ended(session)

    def test_so_does_a_further_file(self) -> None:
        """Over the same connection."""
        self.begin(**BOTH)
        rewrite(self.bob, anchored)
        Middlebox(self.network, BOB)
        session = self.pushes()
        (line,) = self.run_story(session.offer_more(self.alice.call(TO_BOB, NOTICE).files))
        self.network.run(line.send(NOTICE))
        self.assertEqual((self.offers(), len(self.received())), ([True, True], 2))
        self.assertEqual(self.connections(), [(ALICE, MIDDLE), (MIDDLE, BOB)])
        self.ended(session)

    def test_nobody_is_in_between(self) -> None:
        """Then it makes no difference."""
        self.begin(**BOTH)
        session = self.pushes()
        self.assertEqual((self.answers(), self.connections()), ([True], [(ALICE, BOB)]))
        self.ended(session)

    def test_the_anchor_leads_to_somebody_else(self) -> None:
        """[D-TLS-1] Nothing is sent, and the session ends at once."""
        self.begin(**BOTH)
        rewrite(self.bob, anchored)
        mallory = self.network.host(MIDDLE)
        mallory.listenTCP(MIDDLE_PORT, Tls(identity_of("mallory")).server(Factory.forProtocol(Protocol)))
        self.kept = self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
        self.assertFalse(error.retry)
        self.assertLess(self.network.clock.seconds(), 1.0)
        self.assert_nothing_left()

    def test_without_a_fingerprint_the_name_is_that_of_the_path(self) -> None:
        """[D-TLS-1] RFC 6714: the middlebox has no certificate, and needs none."""
        for host, good in ((BOB, True), (MIDDLE, False)):
            file = authority().write(Path(self.mktemp()))
            self.begin(
                alice={"cema": True, "tls": Tls(identity_of("alice"), authority=file)},
                bob={"cema": True, "tls": Tls(authority().issue(host))},
            )
            rewrite(self.bob, lambda body: without(b"a=fingerprint")(anchored(body)))
            Middlebox(self.network, BOB)
            if good:
                self.ended(self.pushes())
                continue
            self.kept = self.bob.accept_everything()
            self.assertFalse(self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable).retry)
            self.assert_nothing_left()


class OneDoesIt(AnchoringTest):
    """Offered, and answered by a peer that knows only RFC 4975; or the other way round."""

    def test_nobody_is_in_between(self) -> None:
        """c= and m= are as the path: RFC 4975, and no second offer."""
        for bob in ({}, {"prefer_active": True}):
            self.begin(alice={"cema": True}, bob=bob)
            session = self.pushes()
            self.assertEqual((self.offers(), self.answers()), ([True], [False]))
            self.ended(session)

    def test_who_connects_need_not_ask_again(self) -> None:
        """It goes by c= and m=; who only waits has nothing to know of that."""
        self.begin(alice={"cema": True})
        rewrite(self.bob, anchored)
        Middlebox(self.network, BOB)
        session = self.pushes()
        self.assertEqual((self.offers(), self.connections()), ([True], [(ALICE, MIDDLE), (MIDDLE, BOB)]))
        self.ended(session)

    def test_who_waits_offers_again_without_it(self) -> None:
        """So that the middlebox, which has seen that this cannot be had, takes part in MSRP itself."""
        self.begin(alice={"cema": True}, bob={"prefer_active": True})
        rewrite(self.bob, anchored)
        self.patch(self.bob.msrp, "connect", self.once_asked_again(self.bob.msrp.connect))
        session = self.pushes()
        self.assertEqual((self.offers(), self.answers()), ([True, False], [False, False]))
        first, second = (sdp.parse(invite.body) for invite in self.alice_said.requests("INVITE"))
        self.assertEqual(second, sdp.without_cema(first))
        self.assertEqual(second.origin.version, first.origin.version + 1)
        (line,) = self.run_story(session.offer_more(self.alice.call(TO_BOB, NOTICE).files))
        self.network.run(line.send(NOTICE))
        self.assertEqual(self.offers(), [True, False, False])
        self.ended(session)

    def once_asked_again(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        async def connect_later(session: object, *, foreign: bool) -> None:
            while len(self.offers()) < 2:
                await self.wait(0.1)
            await connect(session, foreign=foreign)

        return connect_later

    def wait(self, seconds: float) -> Deferred[None]:
        waited: Deferred[None] = Deferred()
        self.network.clock.callLater(seconds, waited.callback, None)
        return waited

    def test_the_second_offer_is_refused(self) -> None:
        """There is no way, and nothing is left."""
        self.begin(alice={"cema": True}, bob={"prefer_active": True})
        rewrite(self.bob, anchored)
        self.patch(self.bob.msrp, "connect", self.once_asked_again(self.bob.msrp.connect))
        refuse(self.bob, "INVITE", 488)
        self.kept = self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Refused)
        self.assertEqual(error.status, 488)
        self.network.settle(0.1)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])
        self.assertEqual(self.kept, [])
        self.assert_nothing_left()

    def test_a_relay_that_does_not_know_it(self) -> None:
        """The relay's place is in the path, so it is offered again however the roles are."""
        self.begin(alice={"cema": True})
        relay = b"a=path:msrps://relay.example.com:2855;tcp msrps://"
        rewrite(self.bob, lambda body: anchored(body).replace(b"a=path:msrps://", relay))
        self.kept = self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
        self.assertIn("relay.example.com", error.reason)  # which the network of this test does not have
        self.assertEqual(self.offers(), [True, False])
        self.assert_nothing_left()

    def test_names_are_looked_up_before_they_are_compared(self) -> None:
        """A path by name and c= by address are one place, or they are two."""
        for address, offers in ((BOB, 1), (MIDDLE, 2)):
            names = {"bob.example.com": [address]}
            self.begin(alice={"cema": True, "names": names}, bob={"prefer_active": True})
            rewrite(self.bob, lambda body: body.replace(f"msrps://{BOB}".encode(), b"msrps://bob.example.com"))
            self.patch(self.bob.msrp, "connect", self.after_a_second(self.bob.msrp.connect))
            session = self.opened()
            self.assertEqual(len(self.offers()), offers)
            self.ended(session)

    def after_a_second(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        async def connect_later(session: object, *, foreign: bool) -> None:
            await self.wait(1.0)
            await connect(session, foreign=foreign)

        return connect_later

    def test_a_receiver_that_does_it_refuses_what_is_anchored_without_it(self) -> None:
        """[D-SDP-4] E.11: such a line has a problem, and 488 is answered where nothing else is offered."""
        self.begin(bob={"cema": True})
        rewrite(self.alice, anchored)
        self.bob.sessions.on_invitation = self.decide
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Refused)
        self.assertEqual(error.status, 488)
        (refusal,) = self.bob_said.responses("INVITE")
        self.assertIn("c= and m= lead elsewhere", refusal.headers.get("warning") or "")
        self.assertEqual(self.connections(), [])
        self.assert_nothing_left()

    def test_a_receiver_that_does_not_goes_by_the_path(self) -> None:
        """Whatever was offered: RFC 4975."""
        self.begin(alice={"cema": True}, bob={"prefer_active": True})
        rewrite(self.alice, anchored)
        session = self.pushes()
        self.assertEqual((self.answers(), self.connections()), ([False], [(BOB, ALICE)]))
        self.ended(session)

    def decide(self, invitation: Invitation) -> None:
        self.assertEqual([line.problem for line in invitation.lines], [sdp.Problem.ANCHORED])
        invitation.refuse(488, [("Warning", sdp.warning("bob.example.com", invitation.lines))])

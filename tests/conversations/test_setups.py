"""Who opens the MSRP connection (table E.11 of the requirements), and which session it is then for."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.errors import Refused, TimedOut, Unreachable
from pushsvc.net.msrp_connection import EARLY_SECONDS
from pushsvc.sessions import Invitation, Session
from pushsvc.sip.message import Request, Response, reply_to
from tests.agents import Octets
from tests.conversations.case import ALICE, BOB, NOTICE, TO_BOB, ConversationCase, rewrite

LARGE = Octets(bytes(3_000_000))


def without(start: bytes) -> Callable[[bytes], bytes]:
    """A change to session descriptions: lines that begin so are not there."""
    return lambda body: b"\r\n".join(line for line in body.split(b"\r\n") if not line.startswith(start))


class SetupTest(ConversationCase):
    """A push, and who connected for it."""

    def pushes(self, **facts: object) -> Session:
        session = self.opened(**facts)
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        return session

    def lines(self) -> tuple[sdp.MediaOffer, sdp.MediaOffer]:
        """The line as Alice offered it, and as Bob answered it."""
        bodies = self.alice_said.requests("INVITE")[0].body, self.bob_said.responses("INVITE")[0].body
        offered, answered = (sdp.media(sdp.parse(body))[0] for body in bodies)
        return offered, answered

    def setups(self) -> tuple[str | None, str | None]:
        offered, answered = self.lines()
        return offered.setup, answered.setup

    def ended(self, session: Session) -> None:
        self.network.run(session.close())
        self.assert_nothing_left()


class Setups(SetupTest):
    """The table."""

    def test_actpass_and_passive(self) -> None:
        """[R-PSA-200-2] The default: the sender connects."""
        self.begin()
        session = self.pushes()
        self.assertEqual((self.setups(), self.connections()), (("actpass", "passive"), [(ALICE, BOB)]))
        self.ended(session)

    def test_actpass_and_active(self) -> None:
        """[F-19] A receiver that cannot be reached connects, and says by a bodiless SEND which session it is."""
        self.begin(bob={"prefer_active": True})
        session = self.pushes()
        self.assertEqual((self.setups(), self.connections()), (("actpass", "active"), [(BOB, ALICE)]))
        self.assertIn("bob SEND 1-0/0", self.ladder)
        self.ended(session)

    def test_active_and_passive(self) -> None:
        """A sender that cannot be reached."""
        self.begin(bob={"prefer_active": True})
        session = self.pushes(setup="active")
        self.assertEqual((self.setups(), self.connections()), (("active", "passive"), [(ALICE, BOB)]))
        self.ended(session)

    def test_an_active_side_names_port_9(self) -> None:
        """E.11: in `m=` and path, on both sides, also for the lines that come later; who waits says where."""
        for setup, ports in (("active", (9, 2855)), ("actpass", (2855, 9))):
            self.begin(bob={"prefer_active": True})
            session = self.pushes(setup=setup)
            self.assertEqual(tuple(line.port for line in self.lines()), ports)
            self.assertEqual(tuple(line.path[0].port for line in self.lines()), ports)
            file = self.alice.call(TO_BOB, NOTICE).files
            (line,) = self.run_story(session.offer_more(file))
            self.assertEqual(line.view.port, ports[0])
            self.network.run(line.send(NOTICE))
            self.assertEqual(len(self.received()), 2)
            self.ended(session)

    def test_no_setup_in_the_answer(self) -> None:
        """A peer that knows only RFC 4975: the offerer connects [A-35]."""
        self.begin()
        rewrite(self.bob, without(b"a=setup"))
        session = self.pushes()
        self.assertEqual(self.connections(), [(ALICE, BOB)])
        self.ended(session)

    def test_no_setup_in_the_offer(self) -> None:
        """The same from the other side: none is answered, and the receiver waits, even one that would connect."""
        self.begin(bob={"prefer_active": True})
        rewrite(self.alice, without(b"a=setup"))
        session = self.pushes()
        self.assertEqual((self.setups()[1], self.connections()), (None, [(ALICE, BOB)]))
        self.ended(session)

    def test_holdconn_is_as_good_as_nothing(self) -> None:
        """Offered or answered."""
        self.begin(bob={"prefer_active": True})
        rewrite(self.alice, lambda body: body.replace(b"a=setup:actpass", b"a=setup:holdconn"))
        session = self.pushes()
        self.assertEqual((self.setups()[1], self.connections()), (None, [(ALICE, BOB)]))
        self.ended(session)
        self.begin()
        rewrite(self.bob, lambda body: body.replace(b"a=setup:passive", b"a=setup:holdconn"))
        session = self.pushes()
        self.assertEqual(self.connections(), [(ALICE, BOB)])
        self.ended(session)

    def test_passive_is_never_offered_but_taken(self) -> None:
        """[A-35] Such a peer waits, so we connect, whatever we prefer."""
        self.begin()
        rewrite(self.alice, lambda body: body.replace(b"a=setup:actpass", b"a=setup:passive"))
        session = self.pushes()
        self.assertEqual((self.setups()[1], self.connections()), ("active", [(BOB, ALICE)]))
        self.ended(session)

    def test_several_lines_of_an_active_receiver_share_its_connection(self) -> None:
        """[A-44] One bodiless SEND for each."""
        self.begin(bob={"prefer_active": True})
        session = self.opened(NOTICE, LARGE)
        self.network.run(session.lines[1].send(LARGE))
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.connections(), [(BOB, ALICE)])
        self.assertCountEqual(self.received(), [NOTICE.octets, LARGE.octets])
        self.ended(session)

    def test_an_active_receiver_that_does_not_come(self) -> None:
        """[A-41] The call fails after the bind timeout, and the session is ended."""
        self.begin(bob={"prefer_active": True})
        self.alice.msrp.stop_listening()
        self.kept = self.bob.accept_everything()
        self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable, TimedOut)
        self.assert_nothing_left()

    def test_an_active_receiver_that_is_silent(self) -> None:
        self.begin(bob={"prefer_active": True})
        self.kept = self.bob.accept_everything()
        self.patch(self.bob.msrp, "connect", _never)
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), TimedOut)
        self.assertEqual(error.reason, "the peer did not connect within 30 s")
        self.assertIn("alice BYE", self.ladder)
        self.assert_nothing_left()


class Early(SetupTest):
    """An active receiver whose bodiless SEND overtakes its 200."""

    def overtaken(self, seconds: float, *, status: int = 200) -> None:
        """Bob connects as soon as he has the INVITE; his answer, with this status, takes so many seconds."""
        self.begin(bob={"prefer_active": True})
        respond = self.bob.agent.respond

        def late(response: Response) -> None:
            if response.cseq.method == "INVITE":
                answers.append(response if status == 200 else reply_to(invites[0], status, to_tag="bob"))
            else:
                respond(response)

        def invited(invitation: Invitation) -> None:
            invites.append(invitation.request)
            session = self.bob.accept(invitation, self.kept)
            self.start(session._plane.reach(session.lines))
            self.bob.host.callLater(seconds, lambda: respond(answers[0]))

        answers: list[Response] = []
        invites: list[Request] = []
        self.kept = []
        self.bob.agent.respond = late  # type: ignore[method-assign]
        self.bob.sessions.on_invitation = invited

    def told(self) -> list[str]:
        """Who said what, without the 100."""
        return [line for line in self.ladder if line != "bob 100 INVITE"]

    def test_it_waits_for_the_answer(self) -> None:
        """[D-MSRP-3] And is answered 200 then: the peer need not try again."""
        self.overtaken(EARLY_SECONDS - 1)
        session = self.network.run(self.alice.dial(TO_BOB, NOTICE))
        self.network.settle(0.1)
        self.assertEqual(self.told(), ["alice INVITE", "bob SEND 1-0/0", "bob 200 INVITE", "alice ACK", "alice 200 OK"])
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual((self.received(), self.connections()), ([NOTICE.octets], [(BOB, ALICE)]))
        self.ended(session)

    def test_it_is_somebody_else(self) -> None:
        """[D-TLS-1] [D-MSRP-3] Nothing of it is taken before the fingerprint is known; then it is found out."""
        self.overtaken(2.0)
        self.impostor(self.bob)
        self.assertFalse(self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable).retry)
        self.assertNotIn("alice 200 OK", self.ladder)
        self.assertLess(self.network.clock.seconds(), 3.0)
        self.assert_nothing_left()

    def test_it_does_not_wait_for_ever(self) -> None:
        """[D-MSRP-3] 481, and the call fails when nobody comes after the answer, either."""
        self.overtaken(EARLY_SECONDS + 1)
        self.failed(self.alice.dial(TO_BOB, NOTICE), TimedOut)
        self.assertEqual(self.told()[:3], ["alice INVITE", "bob SEND 1-0/0", "alice 481 No such session"])
        self.assert_nothing_left()

    def test_the_answer_is_no(self) -> None:
        """[D-MSRP-3] Then there is no such session, and nothing of it is left."""
        self.overtaken(2.0, status=403)
        self.failed(self.alice.dial(TO_BOB, NOTICE), Refused)
        self.network.settle(0.1)
        self.assertEqual(self.ladder[-1], "alice 481 No such session")
        self.assert_nothing_left()


async def _never(session: object, *, foreign: bool) -> None:
    await Deferred()

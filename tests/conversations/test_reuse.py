"""Further files in a session that is there already (R-PSA-REL-0, flow 3, requirements E.5)."""

from __future__ import annotations

from pushsvc import sdp
from pushsvc.errors import Misuse, Refused, Unreachable
from pushsvc.sessions import Invitation, Send, Take, Wanted
from tests.agents import Kept, Octets
from tests.conversations.case import BOB, NOTICE, TO_BOB, refuse
from tests.conversations.reuse_case import DONE, ReuseCase


class Taken(ReuseCase):
    """Bob wants them, too."""

    def test_a_second_file_takes_the_line_over(self) -> None:
        """[R-PSA-REL-0] [D-SDP-2] Flow 3: same dialog, same connection; new selector, id and paths on both sides."""
        session = self.lingering()

        async def story() -> None:
            (line,) = await session.offer_more(self.alice.call(TO_BOB, DONE).files)
            self.assertIs(line, session.lines[0])
            await line.send(DONE)

        self.run_story(story())
        self.assertEqual(
            self.ladder, ["alice INVITE", "bob 200 INVITE", "alice ACK", "alice SEND 1-50/50", "bob 200 OK"]
        )
        self.assertEqual(self.received(), [NOTICE.octets, DONE.octets])
        self.assertEqual(len([stream for stream in self.network.streams if stream.remote == (BOB, 2855)]), 1)
        for messages in (self.alice_said.requests("INVITE"), self.bob_said.responses("INVITE")):
            first, second = (sdp.parse(message.body) for message in messages)
            self.assertEqual([first.origin.version, second.origin.version], [1, 2])
            self.assertEqual(first.origin.session_id, second.origin.session_id)
            before, after = sdp.media(first)[0], sdp.media(second)[0]
            self.assertNotEqual(before.path, after.path)
            self.assertNotEqual(before.transfer_id, after.transfer_id)
            self.assertNotEqual(before.selector, after.selector)
            self.assertEqual((before.port, after.port, before.setup), (2855, 2855, after.setup))
        first, second = self.alice_said.requests("INVITE")
        self.assertEqual((first.call_id, second.cseq.number, second.to.tag is None), (second.call_id, 2, False))
        self.assertEqual((len(session.lines), len(self.session_of(self.bob).lines)), (1, 1))
        self.assertEqual(self.bob.msrp.sessions, 1)
        self.end(session)

    def test_many_pushes_one_after_the_other(self) -> None:
        """[R-PSA-REL-0] [R-INF-4] Nothing grows but the version."""
        session = self.lingering()

        async def story() -> None:
            for _ in range(20):
                (line,) = await session.offer_more(self.alice.call(TO_BOB, DONE).files)
                await line.send(DONE)

        self.run_story(story())
        self.assertEqual(len(self.received()), 21)
        self.assertEqual((len(session.lines), self.alice.msrp.sessions, self.bob.msrp.sessions), (1, 1, 1))
        self.end(session)

    def test_more_files_than_free_lines(self) -> None:
        """[D-SDP-1] [R-FLOW-N] A busy line stays as it is; each further file has a line of its own at the end."""
        large = Octets(bytes(2_000_000))
        self.begin()
        session = self.opened(NOTICE, large)
        sending = session.lines[1].send(large)
        self.network.run(session.lines[0].send(NOTICE))
        lines = self.network.run(self.more(session, DONE, DONE))
        self.assertEqual([session.lines.index(line) for line in lines], [0, 2])
        for line in lines:
            self.network.run(line.send(DONE))
        self.network.run(sending)
        self.assertEqual(self.ports()[-1], [2855, 2855, 2855])
        self.assertEqual(self.alice_said.requests("INVITE")[0].body.split(b"m=")[2],
                         self.alice_said.requests("INVITE")[1].body.split(b"m=")[2])  # fmt: skip
        self.assertCountEqual(self.received(), [NOTICE.octets, large.octets, DONE.octets, DONE.octets])
        self.end(session)

    def test_a_closed_line_is_taken_over(self) -> None:
        """[D-SDP-1] A port-0 line may be reused."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.lines[0].send(NOTICE))
        self.run_story(session.close_lines([0]))
        (line,) = self.network.run(self.more(session, DONE))
        self.assertIs(line, session.lines[0])
        self.network.run(line.send(DONE))
        self.network.run(session.lines[1].send(NOTICE))
        self.assertEqual(self.ports(), [[2855, 2855], [0, 2855], [2855, 2855]])
        self.assertCountEqual(self.received(), [NOTICE.octets, NOTICE.octets, DONE.octets])
        self.end(session)

    def test_a_finished_line_that_was_never_closed_is_ended_by_its_successor(self) -> None:
        """E.5, fourth row: the MSRP session of the one before is forgotten on both sides."""
        session = self.lingering()
        old = session.lines[0].msrp
        assert old is not None
        self.network.run(self.more(session, DONE))
        self.assertIsNone(old.link)
        self.assertEqual((self.alice.msrp.sessions, self.bob.msrp.sessions), (1, 1))
        self.end(session)

    def test_somebody_is_asked_first(self) -> None:
        """[D-SIP-13] 180 meanwhile; the running transfer goes on; who calls is who called first."""
        session = self.lingering()
        asked: list[Invitation] = []
        self.bob.sessions.on_invitation = asked.append
        offering = self.more(session, DONE)
        self.network.settle(1.0)
        (invitation,) = asked
        self.assertIs(invitation.request.to.tag, None)
        self.assertEqual([line.index for line in invitation.lines], [0])
        self.assertEqual(invitation.lines[0].selector.size, DONE.size)  # type: ignore[union-attr]
        invitation.ring()
        self.network.settle(5.0)
        answered = self.bob.accept(invitation, self.kept)
        self.assertIs(answered, self.session_of(self.bob))
        (line,) = self.network.run(offering)
        self.network.run(line.send(DONE))
        self.assertEqual(
            self.ladder[:5], ["alice INVITE", "bob 100 INVITE", "bob 180 INVITE", "bob 200 INVITE", "alice ACK"]
        )
        self.assertRaises(Misuse, self.bob.accept, invitation, self.kept)
        self.end(session)

    def test_an_active_receiver_connects_for_the_further_file_too(self) -> None:
        """[A-44] Over the connection that it has."""
        session = self.lingering(bob={"prefer_active": True})
        (line,) = self.network.run(self.more(session, DONE))
        self.network.run(line.send(DONE))
        self.assertEqual([stream.local[0] for stream in self.network.streams if stream.remote[1] == 2855], [BOB])
        self.assertEqual(self.received()[-1], DONE.octets)
        self.end(session)

    def test_a_connection_that_broke_while_nothing_ran_is_opened_anew(self) -> None:
        """E.11: no silent reconnect on the same URIs, but a re-INVITE with new ones."""
        session = self.lingering()
        for stream in self.network.streams:
            if stream.remote[1] == 2855:
                stream.abortConnection()
        self.network.settle(5.0)
        (line,) = self.network.run(self.more(session, DONE))
        self.network.run(line.send(DONE))
        self.assertEqual(self.received(), [NOTICE.octets, DONE.octets])
        self.network.settle(60.0)
        self.assertTrue(session.is_alive)
        self.end(session)

    def test_the_interval_counts_from_the_further_offer(self) -> None:
        """RFC 4028 §7.4: a re-INVITE refreshes."""
        self.begin()
        session = self.opened(NOTICE, session_expires=90)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.settle(40.0)
        self.network.run(self.more(session, DONE))
        self.network.run(session.lines[0].send(DONE))
        self.ladder.clear()
        self.network.settle(40.0)
        self.assertEqual(self.ladder, [])
        self.network.settle(10.0)
        self.assertEqual(self.ladder, ["alice UPDATE", "bob 200 UPDATE"])
        self.end(session)

    def test_a_receiver_that_closes_a_line_while_more_is_offered(self) -> None:
        """[D-SIP-6] Both offers hold in the end."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        for line in session.lines:
            self.network.run(line.send(NOTICE))
        offering = self.more(session, DONE)
        closing = self.start(self.session_of(self.bob).close_lines([1]))
        (line,) = self.network.run(offering)
        self.network.run(closing)
        self.network.run(line.send(DONE))
        self.assertEqual([line.is_open for line in session.lines], [True, False])
        self.assertIn("alice 491 INVITE", self.ladder)
        self.end(session)


class Refusing(ReuseCase):
    """Bob does not want them."""

    def test_a_refused_offer_leaves_the_session_as_it_was(self) -> None:
        """[R-PSA-REL-0] [A-37] 488, and the next offer may be taken."""
        session = self.lingering()
        take = self.bob.sessions.on_invitation
        self.bob.sessions.on_invitation = lambda invitation: invitation.refuse(488)
        error = self.failed(self.more(session, DONE), Refused)
        self.assertEqual((error.status, session.is_alive), (488, True))
        self.assertEqual((self.alice.msrp.sessions, self.bob.msrp.sessions), (1, 1))
        self.assertTrue(session.lines[0].is_open)
        self.bob.sessions.on_invitation = take
        (line,) = self.network.run(self.more(session, DONE))
        self.network.run(line.send(DONE))
        self.assertEqual(self.received(), [NOTICE.octets, DONE.octets])
        self.end(session)

    def test_some_of_them_are_refused(self) -> None:
        """[R-PRA-INV-4a] Port 0 for those."""
        session = self.lingering()
        kept = self.kept
        self.bob.sessions.on_invitation = lambda invitation: self._take_only(invitation, 1)
        lines = self.network.run(self.more(session, NOTICE, DONE))
        self.assertEqual([line.is_open for line in lines], [False, True])
        self.assertEqual(self.answered_ports()[-1], [0, 2855])
        self.network.run(lines[1].send(DONE))
        self.failureResultOf(lines[0].send(NOTICE), Unreachable)
        self.assertEqual(bytes(kept[-1].octets), DONE.octets)
        self.end(session)

    def _take_only(self, invitation: Invitation, *wanted: int) -> None:
        def sink(send: Send) -> Kept:
            self.kept.append(Kept(send))
            return self.kept[-1]

        take = Take(Wanted(lambda type: True, sink), ("*",))
        takes = [take if line.index in wanted else None for line in invitation.lines]
        invitation.accept(takes, self.bob.describe_answer)

    def test_a_receiver_that_only_ever_gets_one_push(self) -> None:
        """A peer that takes no further files answers port 0 (RFC 3264 §6)."""
        session = self.lingering()
        self.bob.sessions.on_invitation = None
        error = self.failed(self.more(session, DONE), Refused)
        self.assertEqual((error.status, session.is_alive), (603, True))
        self.end(session)

    def test_a_receiver_that_drains(self) -> None:
        """[R-PRA-INV-2a] 503 for what is new; what was agreed goes on."""
        session = self.lingering()
        self.bob.sessions.refusing = True
        error = self.failed(self.more(session, DONE), Refused)
        self.assertEqual((error.status, error.retry_after, session.is_alive), (503, 30.0, True))
        self.end(session)

    def test_files_for_the_sender_are_declined(self) -> None:
        """Who only sends is offered nothing, and a line that is closed stays closed."""
        session = self.lingering()
        bob = self.session_of(self.bob)
        (line,) = self.run_story(bob.offer_more(self.bob.call(TO_BOB, DONE).files))
        self.assertFalse(line.is_open)
        self.assertEqual(self.ladder[:2], ["bob INVITE", "alice 200 INVITE"])
        self.end(session)

    def test_more_files_than_a_session_may_have_lines(self) -> None:
        """Nothing is asked, and nothing is left of it."""
        session = self.lingering()
        error = self.failed(self.more(session, *[DONE] * (sdp.MAX_MEDIA + 1)), Unreachable)
        self.assertEqual((error.retry, session.is_alive, self.ladder), (True, True, []))
        self.assertEqual(self.alice.msrp.sessions, 1)
        self.network.run(self.more(session, *[DONE] * sdp.MAX_MEDIA))
        self.assertEqual(len(session.lines), sdp.MAX_MEDIA)
        self.end(session)

    def test_a_peer_that_knows_the_session_no_more(self) -> None:
        """[A-37] 481: released."""
        session = self.lingering()
        refuse(self.bob, "INVITE", 481)
        self.assertEqual(self.failed(self.more(session, DONE), Refused).status, 481)
        self.assertFalse(session.is_alive)
        self.network.run(self.session_of(self.bob).when_ended())
        self.assert_nothing_left()

    def test_an_answer_whose_lines_cannot_be_used(self) -> None:
        session = self.lingering()
        respond = self.bob.agent.respond
        self.bob.agent.respond = lambda response: respond(  # type: ignore[method-assign]
            response.evolve(body=response.body.replace(b"a=path:", b"a=pfad:"))
        )
        error = self.failed(self.more(session, DONE), Unreachable)
        self.assertEqual((error.retry, session.is_alive), (False, False))
        self.assert_nothing_left()

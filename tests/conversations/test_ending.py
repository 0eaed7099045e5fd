"""How sessions end: by either side, at any time, answered or not, once."""

from __future__ import annotations

import attrs
from twisted.internet.defer import gatherResults

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.msrp.chunk import encode
from pushsvc.sessions import Ended
from tests.agents import Octets
from tests.conversations.case import BOB, NOTICE, TO_BOB, ConversationCase, refuse, silence
from tests.msrp.values import make_send

LARGE = Octets(bytes(5_000_000))


class Hanging(ConversationCase):
    """BYE."""

    def test_the_receiver_hangs_up_in_mid_transfer(self) -> None:
        """[R-PRA-REL-3] [A-41] [A-12] [F-15] Flow 9: 200 at once, the content ends with #, nothing of it is kept."""
        self.begin()
        session = self.opened(LARGE)
        sending = session.lines[0].send(LARGE)
        self.network.settle(0.5)
        self.ladder.clear()
        closed = self.session_of(self.bob).close("too much")
        error = self.failed(sending, Unreachable)
        self.assertTrue(error.retry)
        self.network.settle(1.0)
        self.assertEqual([line for line in self.ladder if "BYE" in line], ["bob BYE", "alice 200 BYE"])
        self.assertEqual(self.successResultOf(session.when_ended()), Ended("the peer hung up", ours=False))
        self.assertEqual(self.successResultOf(closed), Ended("too much", ours=True))
        self.assertEqual(self.received(), [])
        self.assertNotEqual(self.kept[0].discarded, "")
        self.assert_nothing_left()

    def test_the_sender_hangs_up_in_mid_transfer(self) -> None:
        """[R-PRA-REL-1] [R-PRA-REL-3] [F-15]"""
        self.begin()
        session = self.opened(LARGE)
        sending = session.lines[0].send(LARGE)
        self.network.settle(0.5)
        closed = session.close("changed our mind")
        self.failed(sending, Unreachable)
        self.network.settle(1.0)
        self.assertEqual(self.successResultOf(closed), Ended("changed our mind", ours=True))
        self.assertEqual(self.received(), [])
        self.assertNotEqual(self.kept[0].discarded, "")
        self.assert_nothing_left()

    def test_what_still_comes_for_a_session_that_was_ended(self) -> None:
        """[R-PRA-REL-3] Its path is forgotten: 481 on a connection that another session keeps open, nothing is kept,
        and that other session goes on."""
        self.begin()
        ended = self.opened()
        kept = self.kept
        other = self.opened()
        self.network.run(ended.lines[0].send(NOTICE))
        msrp = ended.lines[0].msrp
        assert msrp is not None
        late = attrs.evolve(make_send("late"), to_path=tuple(msrp.peer_path), from_path=(msrp.own,))
        self.network.run(ended.close())
        (connection,) = self.alice.msrp._connections
        self.ladder.clear()
        connection.transport.write(encode(late, b"too late"))
        self.network.settle(1.0)
        self.assertEqual([line.split()[:2] for line in self.ladder], [["bob", "481"]])
        self.network.run(other.lines[0].send(NOTICE))
        self.assertEqual([bytes(each.octets) for each in (*kept, *self.kept)], [NOTICE.octets] * 2)
        self.network.run(other.close())
        self.assert_nothing_left()

    def test_a_bye_that_nobody_answers_ends_the_session_all_the_same(self) -> None:
        """[R-PSA-REL-5] [A-27] 32 s later nothing of it is left."""
        self.begin()
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        silence(self.bob, "BYE")
        started = self.network.clock.seconds()
        self.assertEqual(self.network.run(session.close()), Ended("done", ours=True))
        self.assertEqual(self.network.clock.seconds() - started, 32.0)
        self.assertEqual((self.alice.sessions.alive, self.alice.msrp.sessions), (0, 0))
        self.assert_nothing_left()

    def test_any_answer_to_a_bye_ends_the_session(self) -> None:
        """[R-PSA-REL-5] [A-27]"""
        for status in (481, 408, 500, 603):
            self.begin()
            session = self.opened()
            refuse(self.bob, "BYE", status)
            self.assertEqual(self.network.run(session.close()), Ended("done", ours=True))
            self.assertEqual(self.ladder.count("alice BYE"), 1)
            self.network.run(self.session_of(self.bob).when_ended())
            self.assert_nothing_left()

    def test_closing_twice_is_closing_once(self) -> None:
        """The first reason counts, and both hear of the end."""
        self.begin()
        session = self.opened()
        both = gatherResults([session.close("first"), session.close("second")])
        self.assertEqual(self.network.run(both), [Ended("first", ours=True)] * 2)
        self.assertEqual(self.successResultOf(session.close("third")), Ended("first", ours=True))
        self.assertEqual(self.ladder.count("alice BYE"), 1)
        self.assert_nothing_left()

    def test_waiting_for_the_end_can_be_given_up(self) -> None:
        self.begin()
        session = self.opened()
        waiting = session.when_ended()
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_both_hang_up_at_once(self) -> None:
        self.begin()
        alice = self.opened()
        bob = self.session_of(self.bob)
        ends = self.network.run(gatherResults([alice.close("bye"), bob.close("bye")]))
        self.assertEqual(ends, [Ended("bye", ours=True)] * 2)
        self.assert_nothing_left()

    def test_the_dialog_is_over_with_our_bye(self) -> None:
        """RFC 3261 §15.1.1: what the peer still asks is 481, its own BYE is not."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        bob = self.session_of(self.bob)
        silence(self.alice, "BYE")
        bob.close()
        changing = self.start(session.close_lines([0]))
        self.network.settle(0.3)
        self.assertIn("bob 481 INVITE", self.ladder)
        self.failureResultOf(changing)
        self.assertFalse(session.is_alive)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])
        self.assert_nothing_left()

    def test_nothing_is_asked_or_sent_in_a_session_that_has_ended(self) -> None:
        """No wish hangs; to close what is closed is no failure."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.close())
        self.ladder.clear()
        self.failureResultOf(session.lines[0].send(NOTICE), Unreachable)
        self.successResultOf(self.start(session.close_lines([0])))
        self.failureResultOf(self.start(session.offer_more(self.alice.call(TO_BOB, NOTICE).files)), Unreachable)
        self.assertEqual(self.ladder, [])
        self.assert_nothing_left()

    def test_the_end_while_the_connection_is_being_made(self) -> None:
        """The call fails at once, not when the connection would have timed out."""
        self.begin()
        self.kept = self.bob.accept_everything()
        dialing = self.alice.dial(TO_BOB, NOTICE)
        self.network.settle(0.03)
        self.assertIn("alice ACK", self.ladder)
        self.assertNoResult(dialing)
        self.session_of(self.bob).close("not now")
        error = self.failed(dialing, Unreachable)
        self.assertEqual(error.reason, "the peer hung up")
        self.assertLess(self.network.clock.seconds(), 0.1)
        self.assert_nothing_left()

    def test_a_call_withdrawn_while_the_connection_is_being_made_is_ended(self) -> None:
        self.begin()
        self.kept = self.bob.accept_everything()
        dialing = self.alice.dial(TO_BOB, NOTICE)
        self.network.settle(0.03)
        dialing.addErrback(lambda failure: None)
        dialing.cancel()
        self.network.settle(1.0)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])
        self.assert_nothing_left()


class Everything(ConversationCase):
    """A service that stops."""

    def test_closing_everything_ends_every_session(self) -> None:
        """Whether we called or were called."""
        self.begin()
        self.opened()
        self.opened()
        self.assertEqual(self.alice.sessions.alive, 2)
        ends = self.network.run(self.alice.sessions.close_all("the service stops"))
        self.assertEqual(ends, [Ended("the service stops", ours=True)] * 2)
        self.opened()
        ends = self.network.run(self.bob.sessions.close_all("the service stops"))
        self.assertEqual(ends, [Ended("the service stops", ours=True)])
        self.assert_nothing_left()

    def test_closing_everything_with_nothing_open(self) -> None:
        self.begin()
        self.assertEqual(self.successResultOf(self.bob.sessions.close_all("the service stops")), [])
        self.assertEqual(self.successResultOf(self.bob.sessions.drain("the service stops")), [])

    def test_sockets_that_close_under_a_call(self) -> None:
        """Whoever waits hears of it."""
        self.begin()
        dialing = self.alice.dial(f"sip:bob@{BOB};transport=udp", NOTICE)
        self.network.settle(0.005)
        self.alice.agent.stop()
        self.failureResultOf(dialing, Withdrawn)
        self.network = None  # what a stopped agent still knows goes with its process

    def test_a_bug_in_a_session_ends_that_session_and_is_told(self) -> None:
        self.begin()
        session = self.opened()

        async def broken() -> None:
            raise ZeroDivisionError("a bug")

        session._spawn(broken())
        self.assertEqual(self.successResultOf(session.when_ended()).why, "internal error")
        self.assert_logged("ZeroDivisionError")
        self.network.run(self.session_of(self.bob).close())
        self.assert_nothing_left()

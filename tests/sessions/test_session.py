"""A session as its owner holds it. What it says on the wire is in `tests.conversations`."""

from __future__ import annotations

from pushsvc.sessions import Ended
from tests.agents import Octets
from tests.conversations.case import BOB, NOTICE, ConversationCase


class Holding(ConversationCase):
    """One that is open, and then is not."""

    def setUp(self) -> None:
        self.begin()
        self.session = self.opened(NOTICE, Octets(b"x"))

    def test_what_it_tells_of_itself(self) -> None:
        session, bob = self.session, self.session_of(self.bob)
        self.assertEqual((session.is_alive, session.peer, len(session.lines)), (True, f"tls:{BOB}:2855", 2))
        self.assertEqual((session.id[0], session.id[1], session.id[2]), (bob.id[0], bob.id[2], bob.id[1]))
        self.network.run(session.close())
        self.assertEqual((session.is_alive, session.peer), (False, ""))
        self.assertEqual([line.is_open for line in session.lines], [False, False])

    def test_everyone_who_waits_hears_of_the_end_with_its_reason(self) -> None:
        waiting = [self.session.when_ended() for _ in range(3)]
        self.session.close("first")
        self.session.close("second")
        self.assertFalse(self.session.is_alive)
        self.network.settle(1.0)
        expected = Ended("first", ours=True)
        self.assertEqual([self.successResultOf(each) for each in waiting], [expected] * 3)
        self.assertEqual(self.successResultOf(self.session.when_ended()), expected)

    def test_somebody_who_waits_may_close_something_else(self) -> None:
        """Or the same session: nothing nests."""
        self.session.when_ended().addCallback(lambda ended: self.session.close("again"))
        self.session_of(self.bob).close("enough")
        self.network.settle(1.0)
        self.assertEqual(self.successResultOf(self.session.when_ended()), Ended("the peer hung up", ours=False))
        self.assert_nothing_left()

    def test_a_method_that_means_no_session_is_not_dealt_with(self) -> None:
        """But it counts, or it could be played again."""
        bob = self.session_of(self.bob)
        dialog = self.session.dialog
        request, _ = dialog.request("MESSAGE", self.alice_said.requests("INVITE")[0].via)
        self.assertFalse(bob.received(request))
        self.assertTrue(bob.received(request))
        self.network.settle(0.1)
        self.assertTrue(bob.is_alive)

"""pushsvc.sessions.room: how many sessions there may be, and of whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions.room import Room
from pushsvc.sip.hop import Hop

CORE, ONE, OTHER = (Hop("tcp", f"192.0.2.{number}", 5060) for number in (5, 1, 2))


class Rooms(SynchronousTestCase):
    """[F-18] Room for four sessions; the core is trusted."""

    def setUp(self) -> None:
        self.room = Room(4, lambda source: source != CORE)
        self.alive = 0

    def enter(self, source: Hop) -> bool:
        if not self.room.has(source, self.alive):
            return False
        self.room.entered(source)
        self.alive += 1
        return True

    def test_one_source_gets_a_half(self) -> None:
        """Who opens sessions and does nothing with them cannot keep out the others."""
        self.assertEqual([self.enter(ONE) for _ in range(3)], [True, True, False])
        self.assertEqual([self.enter(OTHER) for _ in range(3)], [True, True, False])

    def test_a_trusted_one_gets_all(self) -> None:
        """It speaks for many callers."""
        self.assertEqual([self.enter(CORE) for _ in range(5)], [True] * 4 + [False])

    def test_what_is_over_makes_room(self) -> None:
        """And leaves nothing behind."""
        for _ in range(10):
            self.assertTrue(self.enter(ONE))
            self.room.left(ONE)
            self.alive -= 1
        self.assertEqual(len(self.room), 0)

    def test_there_is_always_room_for_one(self) -> None:
        """A device that takes one push at a time."""
        self.assertTrue(Room(1, lambda source: True).has(ONE, 0))

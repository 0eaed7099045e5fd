"""pushsvc.sessions.room: how many sessions there may be, and of whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions import room
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


class Forged(SynchronousTestCase):
    """[F-18] Calls by datagrams, from addresses where nobody may be: room for eight, four for all of these together."""

    def setUp(self) -> None:
        self.room = Room(8, lambda source: source.host != CORE.host)

    def flood(self, first: int = 1) -> list[Hop]:
        """Those of a hundred who got in."""
        inside: list[Hop] = []
        for number in range(first, first + 100):
            source = Hop("udp", f"198.51.100.{number}", 5060)
            if self.room.has(source, len(inside)):
                self.room.entered(source)
                inside.append(source)
        return inside

    def test_they_share_a_half(self) -> None:
        """And who comes by a stream, or has proved itself before, has the rest; so has the core."""
        known = Hop("udp", "192.0.2.9", 5060)
        self.room.proved(known)
        self.assertEqual(len(self.flood()), 4)
        self.assertFalse(self.room.has(Hop("udp", "192.0.2.8", 5060), 4))
        for source in (known, ONE, Hop("udp", CORE.host, 5060)):
            self.assertTrue(self.room.has(source, 4), source)

    def test_who_acknowledges_is_none_of_them(self) -> None:
        """Its place is free for the next one."""
        inside = self.flood()
        self.room.proved(inside[0])
        self.assertTrue(self.room.has(Hop("udp", "192.0.2.8", 5060), 4))

    def test_what_is_over_makes_room(self) -> None:
        """Whether it proved anything or not."""
        for first in (1, 101):
            inside = self.flood(first)
            self.assertEqual(len(inside), 4)
            self.room.proved(inside[0])
            for source in inside:
                self.room.left(source)
        self.assertEqual(len(self.room), 0)

    def test_those_that_are_remembered_are_bounded(self) -> None:
        """The one that proved itself longest ago has to do it again, and what it has open counts again."""
        self.patch(room, "MAX_PROVED", 3)
        inside = self.flood()
        for source in inside:
            self.room.proved(source)
        self.assertTrue(self.room.has(inside[0], 4))
        self.room.entered(Hop("udp", "192.0.2.7", 5060))
        self.room.entered(Hop("udp", "192.0.2.8", 5060))
        self.assertTrue(self.room.has(inside[0], 6))
        self.room.entered(inside[0])
        self.assertFalse(self.room.has(inside[0], 7))
        self.assertTrue(self.room.has(inside[1], 7))
        for source in [*inside, inside[0], Hop("udp", "192.0.2.7", 5060), Hop("udp", "192.0.2.8", 5060)]:
            self.room.left(source)
        self.assertEqual(len(self.flood(101)), 4)

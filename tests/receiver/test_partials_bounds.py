"""First parts are bounded: in time, number, octets and by the room on the disk; and they end."""

from __future__ import annotations

import errno

from pushsvc.receiver import partials as partials_module
from pushsvc.receiver.inbox import PROBE_EVERY
from pushsvc.receiver.partials import Limits
from tests.receiver.inboxes import arriving
from tests.receiver.partials_case import CONTENT, HALF, HOUR, MIB, KeepingCase, file_id


class Bounds(KeepingCase):
    """Promise 6: no peer makes us hold more than the limits."""

    def test_after_its_time_it_is_gone(self) -> None:
        self.cut(name="one")
        self.clock.advance(1800)
        self.cut(name="two")
        self.clock.advance(1799)
        self.assertEqual(len(self.kept()), 2)
        self.clock.advance(1)
        self.assertEqual(self.kept(), [("two", HALF)])
        self.clock.advance(1800)
        self.assert_nothing_left()

    def test_the_oldest_of_a_sender_gives_way(self) -> None:
        """One sender has a quarter of the space."""
        content = bytes(600_000)
        for name in ("one", "two"):
            self.cut(len(content) - 1, content, name=name)
            self.clock.advance(1)
        self.cut(name="other", sender="sip:other@example.com")
        self.assertEqual([name for name, _ in self.kept()], ["two", "other"])
        self.assertEqual(len(self.files("tmp")), 4)

    def test_one_that_is_larger_than_a_senders_share_is_not_kept(self) -> None:
        self.cut(MIB + 1, bytes(2 * MIB))
        self.assert_nothing_left()

    def test_the_oldest_of_all_gives_way(self) -> None:
        content = bytes(MIB)
        for number in range(5):
            self.cut(MIB - 1, content, sender=f"sip:{number}@example.com", name=str(number))
            self.clock.advance(1)
        self.assertEqual([name for name, _ in self.kept()], ["1", "2", "3", "4"])

    def test_no_sender_has_very_many(self) -> None:
        self.patch(partials_module, "MAX_OF_SENDER", 3)
        for number in range(5):
            self.cut(name=str(number))
            self.clock.advance(1)
        self.assertEqual([name for name, _ in self.kept()], ["2", "3", "4"])

    def test_there_are_not_very_many(self) -> None:
        self.patch(partials_module, "MAX_PARTIALS", 3)
        for number in range(5):
            self.cut(sender=f"sip:{number}@example.com", name=str(number))
            self.clock.advance(1)
        self.assertEqual([name for name, _ in self.kept()], ["2", "3", "4"])

    def test_one_of_each_file(self) -> None:
        self.cut(1000)
        self.cut(2000)
        self.assertEqual(self.kept(), [("gate.jpg", 2000)])
        self.assertEqual(len(self.files("tmp")), 2)

    def test_none_where_the_rest_could_be_of_either_of_two_pushes(self) -> None:
        """It would be joined to the other's, kept under its id, and the other taken for a repetition: one is lost."""
        self.cut()
        self.cut(key="another push")
        self.assert_nothing_left()
        self.cut()
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])

    def test_other_limits_hold_at_once(self) -> None:
        self.cut(name="one")
        self.inbox.partials.change(Limits(HOUR, HALF - 1))
        self.assertEqual(self.kept(), [])
        self.inbox.partials.change(Limits(HOUR, 4 * MIB))
        self.cut(name="two")
        self.inbox.partials.change(Limits(0.0, 4 * MIB))
        self.assert_nothing_left()
        self.cut(name="three")
        self.assert_nothing_left()


class Space(KeepingCase):
    """First parts are the first to go when the disk is full."""

    def setUp(self) -> None:
        super().setUp()
        self.room = 10 * MIB
        self.patch(self.disk, "free", lambda: self.room - sum(octets for _, octets in self.kept()))
        self.inbox.partials.change(Limits(HOUR, 40 * MIB, free_min=MIB))

    def test_they_take_no_room_from_others(self) -> None:
        before = self.inbox.free()
        self.cut(MIB, bytes(2 * MIB))
        self.assertEqual(self.inbox.free(), before)

    def test_a_new_content_has_what_it_needs(self) -> None:
        """And `free_min` stays free."""
        for name in ("one", "two", "three"):
            self.cut(2 * MIB, bytes(3 * MIB), name=name)
            self.clock.advance(1)
        self.room = 12 * MIB
        part = self.inbox.part(arriving(size=6 * MIB), 1 << 30)
        self.assertEqual([name for name, _ in self.kept()], ["two", "three"])
        part.discard()

    def test_a_rest_has_what_it_needs(self) -> None:
        """The first part of another file goes for it."""
        self.cut(MIB, bytes(3 * MIB), name="other")
        self.clock.advance(1)
        self.cut(MIB, bytes(4 * MIB))
        self.room = 5 * MIB - 1
        self.go_on(MIB, file_id(bytes(4 * MIB))).discard()
        self.assert_nothing_left()

    def test_a_full_disk_that_failed_works_again_without_them(self) -> None:
        """While nothing is taken nobody asks for room: they would keep the disk full for as long as they are kept."""
        self.cut()
        self.room = HALF
        self.inbox.partials.change(Limits(HOUR, 40 * MIB))
        self.inbox.broken(OSError(errno.ENOSPC, "No space left on device"))
        self.clock.advance(PROBE_EVERY)
        self.assertTrue(self.inbox.writable)
        self.assert_nothing_left()

    def test_nothing_is_kept_on_a_disk_without_room(self) -> None:
        self.room = MIB
        self.cut()
        self.assert_nothing_left()

    def test_a_full_inode_table_refuses_the_content_and_leaves_nothing(self) -> None:
        self.disk.fail("note", OSError(errno.ENOSPC, "No space left on device"))
        self.assertRaises(OSError, self.begin)
        self.assert_nothing_left()

    def test_a_file_that_cannot_be_removed_is_logged_and_forgotten(self) -> None:
        self.cut()
        self.disk.fail("drop", OSError(errno.EIO, "Input/output error"), always=True)
        self.clock.advance(HOUR)
        self.disk.heal()
        self.assertEqual(self.kept(), [])
        self.assertEqual(len(self.files("tmp")), 2)
        self.restart()
        self.clock.advance(HOUR)
        self.assert_nothing_left()


class Ending(KeepingCase):
    def test_the_whole_file_makes_its_first_part_needless(self) -> None:
        self.cut()
        self.finish(self.begin(), CONTENT)
        self.assert_nothing_left()

    def test_the_same_file_of_another_push_does_not(self) -> None:
        self.cut()
        self.finish(self.begin(key="another push"), CONTENT)
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.finish(self.go_on(), CONTENT[HALF:])
        self.assertEqual(len(self.entries()), 2)

    def test_what_was_completed_by_its_rest_is_known_by_its_first_id(self) -> None:
        """Promise 3: the 200 was lost, and the sender offers the whole file again."""
        self.cut()
        self.finish(self.go_on(), CONTENT[HALF:])
        part = self.begin()
        part.write(0, memoryview(CONTENT))
        self.assertFalse(self.successResultOf(part.finish()).fresh)
        self.assertEqual(len(self.entries()), 1)
        self.assert_nothing_left()

    def test_a_first_part_whose_rest_did_not_come_is_kept_on(self) -> None:
        """For the time that was left to it."""
        self.cut()
        self.clock.advance(1000)
        partial = self.inbox.partials.claim(file_id(), HALF)
        assert partial is not None
        self.assertEqual((self.kept(), len(self.files("tmp"))), ([], 2))
        self.inbox.partials.give_back(partial)
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.clock.advance(2600)
        self.assert_nothing_left()

    def test_a_newer_one_came_meanwhile(self) -> None:
        self.cut(1000)
        partial = self.inbox.partials.claim(file_id(), 1000)
        assert partial is not None
        self.cut(2000)
        self.inbox.partials.give_back(partial)
        self.assertEqual((self.kept(), len(self.files("tmp"))), ([("gate.jpg", 2000)], 2))

    def test_one_of_another_push_came_meanwhile(self) -> None:
        """Neither is kept, as where both were cut."""
        self.cut()
        partial = self.inbox.partials.claim(file_id(), HALF)
        assert partial is not None
        self.cut(key="another push")
        self.inbox.partials.give_back(partial)
        self.assert_nothing_left()

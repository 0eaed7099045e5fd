"""First parts on real files: kept, found again, continued, bounded, and gone in the end."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator

import attrs

from pushsvc.errors import Refused
from pushsvc.receiver import part as part_module
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.partials import MAX_DONE, NOTE, Limits
from pushsvc.receiver.wrapped import wrapping_of
from tests.receiver.inboxes import FailingDisk, arriving
from tests.receiver.partials_case import CONTENT, HALF, HOUR, MIB, KeepingCase, file_id


class Joining(KeepingCase):
    def test_the_rest_is_joined_and_checked_as_a_whole(self) -> None:
        """[F-14] [D-MSRP-4] The entry is the file, under the id of the transfer that began it."""
        self.cut()
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        entry = self.finish(self.go_on(), CONTENT[HALF:])
        self.assertEqual((entry.size, entry.about.key), (len(CONTENT), "first"))
        self.assertEqual(entry.sha256, hashlib.sha256(CONTENT).hexdigest())
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": CONTENT})
        self.assert_nothing_left()

    def test_no_further_sync_for_a_part_that_is_cut(self) -> None:
        """What a power cut takes away, the SHA-1 of the whole file tells."""
        self.disk.calls.clear()
        self.cut()
        self.assertEqual(self.disk.calls, ["create", "note", "create", "write", "write"])

    def test_octets_that_come_again_replace_those_that_were_kept(self) -> None:
        """The sender goes on behind what it knows of; we may have more."""
        self.cut(HALF + 1000)
        part = self.go_on(HALF)
        self.assertEqual((part.size, part.in_a_row), (HALF, HALF))
        (name,) = self.files("tmp") - {name for name in self.files("tmp") if name.endswith(NOTE)}
        self.assertEqual((self.path / "tmp" / name).stat().st_size, HALF)
        self.finish(part, CONTENT[HALF:])
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": CONTENT})

    def test_more_than_is_kept_is_not_there(self) -> None:
        self.cut(HALF)
        self.assertTrue(self.inbox.partials.has(file_id(), HALF))
        self.assertFalse(self.inbox.partials.has(file_id(), HALF + 1))
        self.assertIsNone(self.inbox.partials.claim(file_id(), HALF + 1))

    def test_only_the_same_file_of_the_same_sender(self) -> None:
        self.cut()
        for other in ({"sender": "sip:other@example.com"}, {"asserted": True}, {"name": "x"}, {"sha1": b""}):
            self.assertFalse(self.inbox.partials.has(file_id(**other), 1), other)
        self.assertFalse(self.inbox.partials.has(attrs.evolve(file_id(), size=5), 1))

    def test_a_rest_of_other_octets_is_refused_and_nothing_is_kept(self) -> None:
        """[D-MSRP-4] So that the next try begins with the first octet."""
        self.cut()
        part = self.go_on()
        part.write(0, memoryview(CONTENT[:HALF][::-1]))
        self.assertEqual(self.failureResultOf(part.finish(), Refused).value.status, 400)
        self.assertEqual(self.entries(), [])
        self.assert_nothing_left()

    def test_a_rest_longer_than_the_file_is_not_written(self) -> None:
        self.cut()
        part = self.go_on()
        self.assertRaises(Refused, part.write, 0, memoryview(CONTENT[HALF:] + b"x"))
        self.assert_nothing_left()

    def test_cut_again_and_again(self) -> None:
        self.cut(1000)
        for octets in (20_000, HALF, 90_000):
            (_, before), *_ = self.kept()
            part = self.go_on(before)
            part.write(0, memoryview(CONTENT)[before:octets])
            part.cut()
            self.assertEqual(self.kept(), [("gate.jpg", octets)])
        self.assertEqual(self.finish(self.go_on(90_000), CONTENT[90_000:]).about.key, "first")
        self.assert_nothing_left()

    def test_only_what_came_in_a_row_counts(self) -> None:
        """A gap is not known to be filled."""
        part = self.begin()
        for offset in (0, 1000, 5000, 3000):
            part.write(offset, memoryview(CONTENT)[offset : offset + 1000])
        part.write(500, memoryview(CONTENT)[500:700])
        part.cut()
        self.assertEqual(self.kept(), [("gate.jpg", 2000)])

    def test_nothing_came(self) -> None:
        self.begin().cut()
        self.assert_nothing_left()

    def test_given_up_and_not_cut(self) -> None:
        """E.9 rule 3: `#` drops the content."""
        part = self.begin()
        part.write(0, memoryview(CONTENT)[:HALF])
        part.discard("given up by its sender")
        part.cut()
        self.assert_nothing_left()

    def test_a_wrapped_content_is_not_kept(self) -> None:
        """The octets of the file are not where they are on the wire."""
        about = arriving(type="message/cpim", size=len(CONTENT), sha1=file_id().sha1)
        wrapping = wrapping_of(about, lambda type: True)
        assert wrapping is not None
        part = self.inbox.part(about, 1 << 30, wrapping, file_id())
        part.write(0, memoryview(CONTENT)[:HALF])
        part.cut()
        self.assert_nothing_left()

    def test_a_content_that_says_nothing_of_itself_is_not_kept(self) -> None:
        part = self.inbox.part(arriving(), 1 << 30)
        part.write(0, memoryview(CONTENT)[:HALF])
        part.cut()
        self.assert_nothing_left()


class Settling(KeepingCase):
    """Whoever offers the rest at once may find the first part still busy."""

    def test_a_part_is_cut_by_the_dialog_that_sends_it(self) -> None:
        part = self.begin()
        part.write(0, memoryview(CONTENT)[:HALF])
        self.inbox.parts.cut(file_id(), "another call")
        self.inbox.parts.cut(file_id(name="another"), "call")
        self.assertFalse(part.is_over)
        self.inbox.parts.cut(file_id(), "call")
        self.successResultOf(self.inbox.parts.settled(file_id()))
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.assertRaises(OSError, part.write, HALF, memoryview(b"more"))

    def test_a_sync_behind_is_waited_for(self) -> None:
        self.patch(part_module, "SYNC_EVERY", 1000)
        self.threads.held = True
        self.cut()
        settled = self.inbox.parts.settled(file_id())
        self.assertNoResult(settled)
        self.successResultOf(self.inbox.parts.settled(file_id(name="another")))
        self.threads.release()
        self.successResultOf(settled)
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.threads.held = False

    def test_a_part_whose_sync_fails_is_not_kept(self) -> None:
        """A later sync would succeed, and the octets be gone."""
        self.patch(part_module, "SYNC_EVERY", 1000)
        self.threads.held = True
        self.disk.fail("sync_octets", OSError(errno.EIO, "Input/output error"))
        self.cut()
        self.threads.release()
        self.threads.held = False
        self.assertEqual((self.files("tmp"), self.kept()), (set(), []))
        self.clock.advance(10)

    def test_a_content_that_is_being_made_durable_is_waited_for(self) -> None:
        part = self.begin()
        part.write(0, memoryview(CONTENT))
        self.threads.held = True
        part.finish()
        settled = self.inbox.parts.settled(file_id())
        self.assertNoResult(settled)
        self.assertFalse(self.inbox.partials.is_done(file_id(), "call"))
        while self.threads.release():
            pass
        self.threads.held = False
        self.successResultOf(settled)
        self.assertTrue(self.inbox.partials.is_done(file_id(), "call"))
        self.assertFalse(self.inbox.partials.is_done(file_id(), "another call"))

    def test_the_same_file_for_another_push_is_not_known_before_it_is_complete(self) -> None:
        """Else its rest would be acknowledged, and be nowhere."""
        self.finish(self.begin(), CONTENT)
        self.assertTrue(self.inbox.partials.is_done(file_id(), "call"))
        part = self.begin(key="another push")
        self.assertFalse(self.inbox.partials.is_done(file_id(), "call"))
        part.discard("given up")
        self.assertFalse(self.inbox.partials.is_done(file_id(), "call"))

    def test_completed_files_are_not_remembered_for_ever(self) -> None:
        for number in range(MAX_DONE + 1):
            self.inbox.partials.done(file_id(), "key", f"call{number}")
        self.assertFalse(self.inbox.partials.is_done(file_id(), "call0"))
        self.assertTrue(self.inbox.partials.is_done(file_id(), "call1"))


class Restarting(KeepingCase):
    """A stop, a kill: what had come can still be gone on with."""

    def test_a_stop_keeps_what_runs(self) -> None:
        part = self.begin()
        part.write(0, memoryview(CONTENT)[:HALF])
        self.restart()
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.finish(self.go_on(), CONTENT[HALF:])
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": CONTENT})
        self.assert_nothing_left()

    def test_a_kill_keeps_what_runs(self) -> None:
        part = self.begin()
        part.write(0, memoryview(CONTENT)[:HALF])
        self.inbox._close()  # the process is gone; its files are as they are
        self.inbox = self.new_inbox(FailingDisk(self.path.absolute()))
        self.successResultOf(self.inbox.start())
        self.assertEqual(self.kept(), [("gate.jpg", HALF)])
        self.finish(self.go_on(), CONTENT[HALF:])
        self.assertEqual(self.entries()[0].about.key, "first")
        self.assert_nothing_left()

    def test_its_time_goes_on_while_we_are_away(self) -> None:
        self.cut()
        for path in (self.path / "tmp").iterdir():
            os.utime(path, (self.clock.seconds() - HOUR + 10,) * 2)
        self.restart()
        self.assertEqual(len(self.kept()), 1)
        self.clock.advance(10)
        self.assert_nothing_left()

    def test_a_file_of_a_moment_to_come_is_as_new(self) -> None:
        """The clock was set back; nothing stays for longer than its time."""
        self.cut()
        for path in (self.path / "tmp").iterdir():
            os.utime(path, (self.clock.seconds() + 10 * HOUR,) * 2)
        self.restart()
        self.clock.advance(HOUR)
        self.assert_nothing_left()

    def test_what_cannot_be_a_first_part_is_removed(self) -> None:
        self.cut()
        (name,) = (name for name in self.files("tmp") if not name.endswith(NOTE))
        file, note = self.path / "tmp" / name, self.path / "tmp" / (name + NOTE)
        good = json.loads(note.read_text())
        too_small, no_hash = json.dumps({**good, "size": HALF - 1}), json.dumps({**good, "sha1": "x"})
        for text in ("{", "[]", "{}", no_hash, too_small, *self.foreign(good)):
            file.write_bytes(CONTENT[:HALF])
            note.write_text(text)
            self.restart()
            self.assertEqual((self.repaired.leftovers, self.files("tmp")), (2, set()), text)
        for lone in (file, note):
            lone.write_text("alone")
            self.restart()
            self.assertEqual(self.files("tmp"), set())
        file.write_bytes(b"")
        note.write_text(json.dumps(good))
        self.restart()
        self.assertEqual(self.files("tmp"), set())
        file.mkdir()
        note.mkdir()
        self.restart()
        self.assertEqual(self.kept(), [])
        file.rmdir()
        note.rmdir()

    def foreign(self, good: dict[str, object]) -> Iterator[str]:
        """Notes that nobody here wrote, each of a kind that once was not survived."""
        yield "[" * 60_000
        yield json.dumps({**good, "size": float("inf")})
        yield json.dumps({**good, "sender": []})
        yield json.dumps({**good, "name": {}})

    def test_only_octets_before_the_first_hole_count(self) -> None:
        """As far as the file system knows; the rest is the SHA-1's."""
        part = self.begin(bytes(MIB))
        part.write(0, memoryview(bytes(8192)))
        part.write(MIB - 4096, memoryview(bytes(4096)))
        self.restart()
        ((_, octets),) = self.kept()
        self.assertEqual(octets, 8192)

    def test_a_file_that_is_in_the_inbox_already_is_not_written_to(self) -> None:
        """The kill came between its new name and the end of its old one."""
        part = self.begin()
        part.write(0, memoryview(CONTENT))
        self.inbox._close()
        (name,) = (name for name in self.files("tmp") if not name.endswith(NOTE))
        os.link(self.path / "tmp" / name, self.path / name)
        self.inbox = self.new_inbox()
        self.successResultOf(self.inbox.start())
        self.assertEqual((self.kept(), self.files("tmp")), ([], set()))

    def test_an_inbox_that_keeps_nothing_clears_what_another_configuration_left(self) -> None:
        self.cut()
        self.limits = Limits()
        self.restart()
        self.assert_nothing_left()

    def test_a_first_part_that_somebody_took_away_cannot_be_continued(self) -> None:
        self.cut()
        partial = self.inbox.partials.claim(file_id(), HALF)
        assert partial is not None
        Disk.drop(self.disk, partial.file)
        self.assertRaises(FileNotFoundError, self.inbox.rest, arriving(), partial, HALF)
        self.assertFalse(bool(self.inbox.parts))

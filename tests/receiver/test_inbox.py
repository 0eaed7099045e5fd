from __future__ import annotations

import base64
import errno
import hashlib
import json
import os

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse, Refused
from pushsvc.receiver import inbox_writer
from pushsvc.receiver.inbox import LOOK_AGAIN, PROBE_EVERY, SPREAD_AFTER
from pushsvc.receiver.inbox_entry import stored_name
from pushsvc.receiver.inbox_publish import SMALL
from pushsvc.receiver.inbox_repair import Repaired
from pushsvc.sessions import MAX_ICON, Icon
from tests.receiver.inboxes import InboxCase, arriving

LARGE = bytes(range(256)) * 200


class Keeping(InboxCase):
    """What was received is there: as an entry, as a file, as its sidecar, and once."""

    def test_a_received_content_is_an_entry_with_its_file(self) -> None:
        for content in (LARGE, b"small", b""):
            entry = self.put(content, name=f"{len(content)}.jpg", title="Gate 3", size=len(content))
            self.assertEqual(entry.size, len(content))
            self.assertEqual(entry.sha1, hashlib.sha1(content).hexdigest())
            self.assertEqual(entry.sha256, hashlib.sha256(content).hexdigest())
            self.assertEqual((self.path / entry.file).read_bytes(), content)
            self.assertEqual((self.path / entry.file).stat().st_mode & 0o777, 0o600)
        self.assertEqual([entry.size for entry in self.entries()], [0, 5, len(LARGE)])
        self.assertEqual(len(self.arrived), 3)

    def test_the_sidecar_says_what_the_api_says(self) -> None:
        entry = self.put(LARGE, key="t1", title="Gate 3", description="d", disposition="render", application="mms.ua")
        sidecar = json.loads((self.path / f"{entry.file}.json").read_text())
        self.assertEqual(
            sidecar,
            {
                "id": entry.id, "from": "sip:push@example.com", "asserted": False, "to": "sip:alice@example.com",
                "name": "gate.jpg", "type": "image/jpeg", "size": len(LARGE), "sha1": entry.sha1,
                "sha256": entry.sha256, "title": "Gate 3", "description": "d", "disposition": "render",
                "application": "mms.ua", "mode": "msrp", "call_id": "8c1d@push1",
                "received_at": "2026-09-21T14:13:20.000Z", "path": f"{self.path.absolute()}/{entry.file}",
                "state": "new", "key": "t1",
            },
        )  # fmt: skip

    def test_an_icon_is_kept_with_its_content(self) -> None:
        """[F-13] Whoever reads the directory finds it in the sidecar, whole."""
        icon = Icon("image/png", bytes(range(256)) * 128)
        self.assertEqual(len(icon.octets), MAX_ICON)
        for content in (LARGE, b"small"):
            entry = self.put(content, icon=icon)
            sidecar = json.loads((self.path / f"{entry.file}.json").read_text())
            self.assertEqual({**sidecar["icon"], "base64": ""}, {"type": "image/png", "size": MAX_ICON, "base64": ""})
            self.assertEqual(base64.b64decode(sidecar["icon"]["base64"]), icon.octets)
        self.restart()
        self.assertEqual([entry.about.icon for entry in self.entries()], [icon, icon])

    def test_nothing_is_seen_before_it_is_complete(self) -> None:
        """Half a picture in the inbox would be shown, or worse, run."""
        part = self.inbox.part(arriving(), 1 << 30)
        part.write(0, memoryview(LARGE))
        self.assertEqual((self.entries(), self.files(), len(self.files("tmp"))), ([], set(), 1))

    def test_the_same_key_enters_once(self) -> None:
        """A sender whose acknowledgement was lost sends again."""
        first = self.put(LARGE, key="t1")
        again = self.inbox.part(arriving(key="t1", name="again.jpg"), 1 << 30)
        again.write(0, memoryview(LARGE))
        kept = self.successResultOf(again.finish())
        self.assertEqual((kept.fresh, kept.entry), (False, first))
        self.assertEqual((self.entries(), len(self.arrived)), ([first], 1))
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": LARGE})

    def test_two_with_one_key_at_the_same_time_enter_once(self) -> None:
        for size in (10, len(LARGE)):
            parts = [self.inbox.part(arriving(key=f"k{size}"), 1 << 30) for _ in range(2)]
            for part in parts:
                part.write(0, memoryview(LARGE)[:size])
            self.threads.held = True
            kept = [part.finish() for part in parts]
            while self.threads.release():
                pass
            self.threads.held = False
            self.assertEqual(sorted(self.successResultOf(one).fresh for one in kept), [False, True])

    def test_other_content_under_a_known_key_is_refused(self) -> None:
        """Never overwritten, never passed for the same."""
        self.put(LARGE, key="t1")
        refused = self.failureResultOf(self.inbox.store(arriving(key="t1"), b"other"), Refused).value
        self.assertEqual((refused.status, refused.retry), (413, False))
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": LARGE})

    def test_keys_of_different_senders_are_different(self) -> None:
        self.put(b"a", key="t1")
        self.put(b"b", key="t1", sender="sip:other@example.com")
        self.put(b"c")
        self.put(b"c")
        self.assertEqual(len(self.entries()), 4)

    def test_a_known_key_can_be_asked_for(self) -> None:
        """A receiver that knows need not receive."""
        entry = self.put(LARGE, key="t1")
        seen = self.successResultOf(self.inbox.known("sip:push@example.com", "t1"))
        assert seen is not None
        self.assertEqual((seen.entry, seen.sha256), (entry, entry.sha256))
        self.assertEqual(self.successResultOf(self.inbox.known("sip:push@example.com", "t2")), None)

    def test_a_deleted_entry_is_gone_and_does_not_come_again(self) -> None:
        entry = self.put(LARGE, key="t1")
        self.assertTrue(self.successResultOf(self.inbox.delete(entry.id)))
        self.assertFalse(self.successResultOf(self.inbox.delete(entry.id)))
        self.assertEqual((self.entries(), self.files()), ([], set()))
        part = self.inbox.part(arriving(key="t1"), 1 << 30)
        part.write(0, memoryview(LARGE))
        kept = self.successResultOf(part.finish())
        self.assertEqual((kept.fresh, kept.entry, self.files()), (False, None, set()))

    def test_an_entry_is_opened(self) -> None:
        entry = self.put(b"a")
        self.assertTrue(self.successResultOf(self.inbox.opened(entry.id)))
        self.assertFalse(self.successResultOf(self.inbox.opened("inb_none")))
        self.assertEqual((self.entries(state="new"), len(self.entries(state="opened"))), ([], 1))
        self.restart()
        found = self.successResultOf(self.inbox.entry(entry.id))
        assert found is not None
        self.assertEqual(found.state, "opened")

    def test_entries_come_in_pages_newest_first(self) -> None:
        for number in range(5):
            self.put(b"%d" % number, name=f"{number}.txt")
        names, below = [], 1 << 60
        while page := self.entries(below=below, limit=2):
            names += [entry.about.name for entry in page]
            below = page[-1].sequence
        self.assertEqual(names, ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"])

    def test_contents_are_read_from_where_they_are(self) -> None:
        entry = self.put(LARGE)
        with self.inbox.open_content(entry) as file:
            self.assertEqual(os.pread(file.fileno(), 5, 1), LARGE[1:6])
        (self.path / entry.file).unlink()
        self.assertRaises(FileNotFoundError, self.inbox.open_content, entry)

    def test_everything_is_there_after_a_restart(self) -> None:
        entries = [self.put(LARGE, name="a"), self.put(b"b", name="b")]
        self.restart()
        self.assertEqual(self.repaired, Repaired())
        self.assertEqual(self.entries(), entries[::-1])

    def test_only_one_process_may_use_an_inbox(self) -> None:
        """Two would each think that what the other writes was left behind by a kill."""
        other = self.new_inbox()
        self.assertEqual(self.failureResultOf(other.start(), OSError).value.errno, errno.EBUSY)
        self.put(b"still works")

    def test_large_contents_are_not_for_store(self) -> None:
        self.assertRaises(Misuse, self.inbox.store, arriving(), bytes(SMALL + 1))


class ForeignNames(InboxCase):
    """A peer's name is shown, cleaned, and never a path."""

    NAMES = (
        "../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "x\0.jpg", "x\r\n.jpg", ".index.db", ".lock",
        "tmp", "con", "a" * 5000, "\u202egpj.exe", "é" * 300 + ".jpeg", "-rf", "*", "name.json", "x.\u0130P",
    )  # fmt: skip

    def test_no_name_decides_a_path(self) -> None:
        """[D-MSRP-5]"""
        before = {path for path in self.path.parent.rglob("*") if self.path not in path.parents}
        for name in self.NAMES:
            for content in (b"s", LARGE):
                entry = self.put(content, name=name)
                self.assertRegex(entry.file, r"\A20260921T141320Z-[0-9]{12}\.[a-z0-9]{1,8}\Z")
                self.assertNotRegex(entry.about.name, r"[/\\\x00-\x1f\u202e]")
        self.assertEqual({path for path in self.path.parent.rglob("*") if self.path not in path.parents}, before)
        self.assertEqual(len(self.files()), 4 * len(self.NAMES))

    def test_texts_and_types_are_cleaned_too(self) -> None:
        entry = self.put(b"x", title="a\x1b[31m\r\nb", description="d" * 5000, type="text/html\r\nX: y")
        self.assertEqual(entry.about.title, "a [31m  b")
        self.assertEqual(len(entry.about.description or ""), 1024)
        self.assertEqual(entry.about.type, "application/octet-stream")

    def test_a_link_in_the_way_is_not_followed(self) -> None:
        """Somebody who may write there must not make us write elsewhere."""
        victim = self.path.parent / "victim"
        victim.write_text("mine")
        name = stored_name(self.clock.seconds(), f"{self.tokens.number + 1:012}", "gate.jpg")
        (self.path / "tmp" / name).symlink_to(victim)
        self.assertRaises(FileExistsError, self.inbox.part, arriving(), 1 << 30)
        self.assertEqual(victim.read_text(), "mine")

    def test_extensions_are_short_and_plain(self) -> None:
        names = ("a.JPG", "a.tar.gz", "a", "a.", "a.superlongextension", "a.p\u00e9", "a.b c", ".bashrc", "a.json")
        found = [stored_name(0, "w" * 12, name).partition(".")[2] for name in names]
        self.assertEqual(found, ["jpg", "gz", "bin", "bin", "bin", "bin", "bin", "bashrc", "json"])


class Together(InboxCase):
    """Many small contents share one sync."""

    def store_many(self, count: int) -> None:
        self.threads.held = True
        stored = [self.inbox.store(arriving(name=f"{number}.txt", key=f"k{number}"), b"x") for number in range(count)]
        while not all(one.called for one in stored) and self.threads.release():
            pass
        self.threads.held = False
        self.assertEqual({self.successResultOf(one).fresh for one in stored}, {True})

    def test_many_are_durable_with_few_syncs(self) -> None:
        """A thousand alarms in a second must not wait for a thousand syncs."""
        commits = []
        commit = self.inbox._index.commit
        self.inbox._index.commit = lambda: (commits.append(1), commit())  # type: ignore[method-assign]
        self.store_many(100)
        self.assertLessEqual(len(commits), 5)

    def test_their_files_follow_when_it_is_quiet(self) -> None:
        self.store_many(100)
        self.assertLess(len(self.arrived), 10)
        self.clock.pump([SPREAD_AFTER] * 5)
        self.assertEqual(len(self.arrived), 100)
        self.assert_in_order(self.inbox, self.path, {f"{number}.txt": b"x" for number in range(100)})

    def test_who_looks_finds_the_files_already_there(self) -> None:
        self.store_many(100)
        for entry in self.entries(limit=10):
            self.assertEqual((self.path / entry.file).read_bytes(), b"x")
        found = self.successResultOf(self.inbox.entry(self.entries(limit=50)[-1].id))
        assert found is not None
        self.assertTrue((self.path / found.file).exists())
        self.clock.pump([SPREAD_AFTER] * 5)
        self.assertEqual(len(self.arrived), 100)

    def test_more_than_can_wait_get_their_files_first(self) -> None:
        """A flood must not fill the index with contents that nobody can see."""
        self.patch(inbox_writer, "MAX_WAITING", 8)
        self.patch(inbox_writer, "MAX_TOGETHER", 4)
        waiting = []
        broken = self.inbox._writer._publish_some
        self.inbox._writer._publish_some = (  # type: ignore[method-assign]
            lambda: (waiting.append(self.inbox._writer.waiting), broken())
        )
        self.store_many(40)
        self.assertLess(max(waiting), 8)
        self.clock.pump([SPREAD_AFTER] * 5)
        self.assertEqual(len(self.arrived), 40)

    def test_one_alone_has_its_file_when_it_is_answered_for(self) -> None:
        self.successResultOf(self.inbox.store(arriving(), b"x"))
        self.assertEqual((len(self.arrived), len(self.files())), (1, 2))

    def test_one_that_is_deleted_before_it_has_its_file_never_gets_one(self) -> None:
        self.store_many(3)
        self.tokens.number += 1
        ids = [self.inbox._index.page(None, 1 << 60, 10)[index].id for index in range(3)]
        for entry_id in ids:
            self.assertTrue(self.successResultOf(self.inbox.delete(entry_id)))
        self.clock.pump([SPREAD_AFTER] * 5)
        self.assertEqual((self.files(), self.entries(), self.inbox._writer.waiting), (set(), [], 0))
        self.successResultOf(self.inbox.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_stop_waits_for_their_files(self) -> None:
        self.store_many(50)
        self.successResultOf(self.inbox.stop())
        self.assertEqual((len(self.arrived), len(self.files())), (50, 100))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Room(InboxCase):
    def test_what_running_transfers_need_is_not_promised_twice(self) -> None:
        free = self.inbox.free()
        part = self.inbox.part(arriving(size=1 << 30), 1 << 30)
        promised = free - self.inbox.free()
        self.assertLess(abs(promised - (1 << 30)), 1 << 28)
        part.discard()

    def test_the_disk_is_not_asked_for_each_of_many_messages(self) -> None:
        """It takes as long as to read one, and what it says is hardly ever news."""
        asked = []
        disk = self.inbox._disk
        free = disk.free
        self.patch(disk, "free", lambda: asked.append(1) or free())
        for _ in range(10):
            self.clock.advance(LOOK_AGAIN / 4)
            self.inbox.free()
        self.assertEqual(len(asked), 3)

    def test_an_inbox_that_takes_nothing_has_no_room(self) -> None:
        self.inbox.broken(OSError(errno.EIO, "I/O error"))
        self.assertEqual((self.inbox.free(), self.inbox.writable), (None, False))


class Stopping(InboxCase):
    def test_a_stop_gives_up_what_is_not_complete_and_finishes_what_is(self) -> None:
        running = self.inbox.part(arriving(name="running"), 1 << 30)
        running.write(0, memoryview(LARGE))
        complete = self.inbox.part(arriving(name="complete"), 1 << 30)
        complete.write(0, memoryview(LARGE))
        self.threads.held = True
        kept = complete.finish()
        stopped = self.inbox.stop()
        self.assertRaises(OSError, self.inbox.part, arriving(), 1)
        while self.threads.release():
            pass
        self.threads.held = False
        self.successResultOf(kept)
        self.successResultOf(stopped)
        self.restart()
        self.assert_in_order(self.inbox, self.path, {"complete": LARGE})

    def test_a_stop_is_allowed_twice_and_before_any_start(self) -> None:
        self.successResultOf(self.inbox.stop())
        self.successResultOf(self.inbox.stop())
        self.successResultOf(self.new_inbox().stop())

    def test_a_stopped_inbox_keeps_nothing(self) -> None:
        self.successResultOf(self.inbox.stop())
        self.failureResultOf(self.inbox.store(arriving(), b"x"), OSError)
        self.clock.advance(PROBE_EVERY * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Entries(SynchronousTestCase):
    def test_names_sort_by_time(self) -> None:
        self.assertEqual(stored_name(1.5, "a" * 12, "x.png"), "19700101T000001Z-aaaaaaaaaaaa.png")

"""Directories as they are found: damaged, older, meddled with."""

from __future__ import annotations

import errno
import json
import sqlite3

from pushsvc.receiver.inbox_index import KEYS_KEPT
from pushsvc.receiver.inbox_repair import Repaired
from pushsvc.sessions import MAX_ICON, Icon
from tests.receiver.inboxes import InboxCase, arriving

LARGE = bytes(range(256)) * 200


class Found(InboxCase):
    """A start puts right what it can, and says what it could not."""

    def test_parts_of_an_earlier_life_are_removed(self) -> None:
        (self.path / "tmp" / "20260921T141320Z-000000000009.jpg").write_bytes(b"half")
        (self.path / "tmp" / "folder").mkdir()
        self.restart()
        self.assertEqual(self.repaired, Repaired(leftovers=2))
        self.assertEqual(self.files("tmp"), {"folder"})

    def test_a_lost_index_is_made_again(self) -> None:
        """All that is needed for it lies beside the contents."""
        contents = {"a.jpg": LARGE, "b.txt": b"small", "c": b""}
        entries = [self.put(content, name=name, key=name, title="T") for name, content in contents.items()]
        self.successResultOf(self.inbox.stop())
        for name in (".index.db", ".index.db-wal", ".index.db-shm"):
            (self.path / name).unlink(missing_ok=True)
        self.restart()
        self.assertEqual(self.repaired, Repaired(adopted=3))
        self.assert_in_order(self.inbox, self.path, contents)
        self.assertEqual({entry.id for entry in self.entries()}, {entry.id for entry in entries})
        self.assertEqual(self.entries()[0].about.title, "T")
        self.assertFalse(self.successResultOf(self.inbox.store(arriving(key="b.txt"), b"small")).fresh)

    def test_icons_are_found_again_where_contents_are(self) -> None:
        """[F-13] In the sidecar of a large content, in the index of a small one that a kill left without its file."""
        icon = Icon("image/png", bytes(MAX_ICON))
        long = dict.fromkeys(("sender", "to", "call_id", "application"), "sip:" + "x" * 8000 + "@h")
        self.put(LARGE, name="large", icon=icon, **long)
        self.successResultOf(self.inbox.stop())
        for name in (".index.db", ".index.db-wal", ".index.db-shm"):
            (self.path / name).unlink(missing_ok=True)
        self.restart()
        self.assertEqual((self.repaired, self.entries()[0].about.icon), (Repaired(adopted=1), icon))
        small = self.put(b"small", name="small", icon=icon)
        index = self.inbox._index
        with index.change():
            index.add_waiting(small.sequence, b"small")
        for suffix in ("", ".json"):
            (self.path / (small.file + suffix)).unlink()
        self.restart()
        self.assert_in_order(self.inbox, self.path, {"large": LARGE, "small": b"small"})
        self.assertEqual([entry.about.icon for entry in self.entries()], [icon, icon])

    def test_a_damaged_index_is_set_aside_and_made_again(self) -> None:
        self.put(LARGE)
        for damage in (b"no database at all" * 1000, b"SQLite format 3\0" + b"\xff" * 5000):
            self.successResultOf(self.inbox.stop())
            (self.path / ".index.db").write_bytes(damage)
            self.restart()
            self.assertEqual(self.repaired, Repaired(adopted=1, index_damaged=True))
            self.assert_in_order(self.inbox, self.path, {"gate.jpg": LARGE})
            self.assertEqual((self.path / ".index.db.damaged").read_bytes(), damage)

    def test_arrivals_that_a_kill_left_untold_are_told_at_start(self) -> None:
        """A hook must not miss a picture because the power went at the wrong moment."""
        large, small = self.put(LARGE, name="large"), self.put(b"small", name="small")
        index = self.inbox._index
        with index.change():
            index.remove(large.id, with_key=True)
            index.add_waiting(small.sequence, b"small")
        self.arrived.clear()
        self.restart()
        self.assertEqual([entry.id for entry in self.arrived], [small.id, large.id])
        self.assert_in_order(self.inbox, self.path, {"large": LARGE, "small": b"small"})

    def test_a_lost_index_does_not_tell_everything_again(self) -> None:
        self.put(LARGE)
        self.successResultOf(self.inbox.stop())
        for name in (".index.db", ".index.db-wal", ".index.db-shm"):
            (self.path / name).unlink(missing_ok=True)
        self.arrived.clear()
        self.restart()
        self.assertEqual((len(self.entries()), self.arrived), (1, []))

    def test_an_index_that_cannot_be_opened_is_no_damaged_one(self) -> None:
        """Nothing is thrown away because something is in the way for now."""
        self.put(LARGE)
        self.successResultOf(self.inbox.stop())
        (self.path / ".index.db").rename(self.path / "kept")
        (self.path / ".index.db").mkdir()
        self.failureResultOf(self.new_inbox().start(), OSError)
        (self.path / ".index.db").rmdir()
        (self.path / "kept").rename(self.path / ".index.db")
        self.restart()
        self.assertEqual(len(self.entries()), 1)

    def test_an_index_of_a_later_version_is_left_alone(self) -> None:
        """Going back to an older version must not cost the inbox."""
        self.successResultOf(self.inbox.stop())
        db = sqlite3.connect(self.path / ".index.db")
        db.execute("PRAGMA user_version = 99")
        db.close()
        inbox = self.new_inbox()
        error = self.failureResultOf(inbox.start(), OSError).value
        self.assertEqual(error.errno, errno.EINVAL)
        db = sqlite3.connect(self.path / ".index.db")
        db.execute("PRAGMA user_version = 1")
        db.close()

    def test_an_entry_whose_file_was_taken_away_goes(self) -> None:
        """Who processes the directory and moves files out of it is right to do so, and gets none of them twice."""
        self.put(LARGE, key="t1", name="taken.jpg")
        self.put(b"x", name="left")
        entry = self.entries()[1]
        (self.path / entry.file).unlink()
        self.restart()
        self.assertEqual(self.repaired, Repaired(orphans=1, lost=1))
        self.assert_in_order(self.inbox, self.path, {"left": b"x"})
        self.assertFalse(self.successResultOf(self.inbox.known("sip:push@example.com", "t1")) is None)

    def test_contents_that_their_sidecar_does_not_fit_are_not_believed(self) -> None:
        """After a power cut a name may be there and its octets not."""
        self.put(LARGE, name="good")
        entry = self.put(LARGE[1:], name="torn")
        sidecar = json.loads((self.path / f"{entry.file}.json").read_text())
        self.successResultOf(self.inbox.delete(entry.id))
        good = json.dumps(sidecar)
        for content, text in ((LARGE, good), (LARGE[1:], "{"), (LARGE[1:], "[]"), (LARGE[1:], '{"id": 1}')):
            (self.path / entry.file).write_bytes(content)
            (self.path / f"{entry.file}.json").write_text(text)
            self.restart()
            self.assertEqual(self.repaired, Repaired(orphans=1))
            self.assert_in_order(self.inbox, self.path, {"good": LARGE})

    def test_lone_halves_are_removed(self) -> None:
        self.put(LARGE, name="good")
        (self.path / "20260921T141320Z-aaaaaaaaaaaa.jpg").write_bytes(b"no sidecar")
        (self.path / "20260921T141320Z-bbbbbbbbbbbb.jpg.json").write_text("{}")
        self.restart()
        self.assertEqual(self.repaired, Repaired(orphans=2))
        self.assert_in_order(self.inbox, self.path, {"good": LARGE})

    def test_foreign_files_are_left_alone(self) -> None:
        (self.path / "README").write_text("mine")
        (self.path / "notes.json").write_text("mine")
        (self.path / "folder").mkdir()
        self.restart()
        self.assertEqual(self.repaired, Repaired())
        self.assertEqual(self.files(), {"README", "notes.json", "folder"})

    def test_somebodys_copy_of_an_entry_is_no_second_entry(self) -> None:
        entry = self.put(LARGE)
        for suffix in ("", ".json"):
            copy = self.path / f"20260921T141320Z-cccccccccccc.jpg{suffix}"
            copy.write_bytes((self.path / f"{entry.file}{suffix}").read_bytes())
        self.restart()
        self.assertEqual((self.repaired, len(self.entries())), (Repaired(), 1))

    def test_keys_are_kept_for_days_and_while_they_are_few(self) -> None:
        self.put(b"x", key="t1")
        self.clock.advance(KEYS_KEPT * 2)
        self.restart()
        self.assertFalse(self.successResultOf(self.inbox.known("sip:push@example.com", "t1")) is None)

    def test_old_keys_beyond_very_many_are_forgotten(self) -> None:
        self.patch(__import__("pushsvc.receiver.inbox_index", fromlist=["x"]), "KEYS_AT_LEAST", 2)
        for number in range(5):
            self.put(b"x", key=f"t{number}")
            self.clock.advance(1)
        self.clock.advance(KEYS_KEPT)
        self.restart()
        known = [self.successResultOf(self.inbox.known("sip:push@example.com", f"t{number}")) for number in range(5)]
        self.assertEqual([seen is not None for seen in known], [False, False, True, True, True])

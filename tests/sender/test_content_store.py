"""Contents on the disk: whole or not at all, and never a second try after a failed sync."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import PushsvcError
from pushsvc.sender import content_store
from pushsvc.sender.content_store import SMALL, ContentStore, NoRoom, StoreBroken, Upload
from tests.sender.outbox_case import CountingTokens, at_once

BIG = bytes(range(256)) * 200


def fail_with(code: int) -> Any:
    def call(*args: Any) -> None:
        raise OSError(code, os.strerror(code))

    return call


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.store = ContentStore(self.directory, at_once, CountingTokens(), floor=0)
        self.store.start()

    def upload(self, octets: bytes = BIG, step: int = 7000) -> Upload:
        upload = self.store.receive()
        for start in range(0, len(octets), step):
            self.assertIsNone(upload.write(octets[start : start + step]))
        return upload

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.directory.iterdir())


class Keeping(StoreCase):
    def test_a_content_is_named_by_its_hash_and_only_when_it_is_whole(self) -> None:
        upload = self.upload()
        self.assertEqual(self.names(), ["0000000000000000000001.part"])
        upload.publish()
        self.store.sync_names()
        digest = hashlib.sha256(BIG).hexdigest()
        self.assertEqual((upload.size, upload.sha256), (len(BIG), digest))
        self.assertEqual(upload.sha1, hashlib.sha1(BIG, usedforsecurity=False).hexdigest())
        self.assertEqual(self.names(), [digest])
        self.assertEqual(self.store.path(digest).read_bytes(), BIG)

    def test_the_file_is_for_us_alone(self) -> None:
        upload = self.upload()
        upload.publish()
        self.assertEqual(self.store.path(upload.sha256).stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.directory.stat().st_mode & 0o077, 0)

    def test_a_small_content_never_touches_the_disk(self) -> None:
        """Most pushes are a few hundred octets; a sync for each would be most of their cost."""
        upload = self.upload(bytes(SMALL))
        self.assertEqual((upload.small(), self.names()), (bytes(SMALL), []))
        upload.discard()

    def test_one_octet_more_is_a_file_with_all_octets(self) -> None:
        upload = self.upload(bytes(SMALL), step=1000)
        upload.write(b"x")
        self.assertIsNone(upload.small())
        upload.publish()
        self.assertEqual(self.store.path(upload.sha256).read_bytes(), bytes(SMALL) + b"x")

    def test_the_same_content_twice_is_one_file(self) -> None:
        for _ in range(2):
            upload = self.upload()
            upload.publish()
        self.assertEqual(self.names(), [upload.sha256])

    def test_publishing_twice_is_harmless(self) -> None:
        """The outbox does its work again when another piece of it failed."""
        upload = self.upload()
        upload.publish()
        upload.publish()
        upload.discard()
        self.assertEqual(self.names(), [upload.sha256])

    def test_a_discarded_content_leaves_nothing(self) -> None:
        upload = self.upload()
        upload.discard()
        upload.discard()
        self.assertEqual(self.names(), [])

    def test_a_long_upload_waits_for_the_disk_now_and_then(self) -> None:
        """So that the last sync is short, and a fast client cannot fill the memory with what is not written yet."""
        waiting: list[Any] = []
        self.patch(content_store, "SYNC_EVERY", 50_000)
        self.store.in_thread = lambda call: waiting.append(call) or Deferred()  # type: ignore[assignment, func-returns-value]
        upload = self.store.receive()
        self.assertIsNone(upload.write(bytes(49_999)))
        self.assertNoResult(upload.write(b"x"))
        self.assertEqual(len(waiting), 1)

    def test_discarding_waits_for_a_sync_that_runs(self) -> None:
        """Closing a file under another thread's sync could sync, or close, somebody else's file."""
        running: list[Deferred[None]] = []

        def in_thread(call: Any) -> Deferred[None]:
            running.append(Deferred())
            return running[-1].addCallback(lambda _: call())

        upload = self.upload()
        self.store.in_thread = in_thread  # type: ignore[assignment]
        upload.synced()
        upload.discard()
        self.assertEqual(len(running), 1)
        running[0].callback(None)
        running[1].callback(None)
        self.assertEqual(self.names(), [])


class Starting(StoreCase):
    def test_what_never_became_a_content_is_removed_at_the_start(self) -> None:
        upload = self.upload()
        upload.publish()
        self.upload()
        self.store.lay_out("1-0", b"hello")
        self.store.start()
        self.assertEqual(self.names(), [upload.sha256])

    def test_only_old_contents_may_be_orphans(self) -> None:
        """A file comes a moment before its row."""
        upload = self.upload()
        upload.publish()
        written = self.store.path(upload.sha256).stat().st_mtime
        self.upload()
        self.assertEqual(self.store.old_names(written + 3599), [])
        self.assertEqual(self.store.old_names(written + 3601), [upload.sha256])

    def test_the_floor_is_a_share_of_the_disk_within_reason(self) -> None:
        store = ContentStore(self.directory, at_once, CountingTokens())
        for blocks, floor in ((10**6, 256 * 2**20), (10**7, 10**7 * 4096 // 20), (10**9, 4 * 2**30)):
            self.patch(os, "statvfs", lambda path, blocks=blocks: _Disk(blocks, 10**9))
            store = ContentStore(self.directory, at_once, CountingTokens())
            store.start()
            self.patch(os, "statvfs", lambda path, floor=floor: _Disk(1, floor // 4096 + 2))
            self.assertEqual([store.has_room(4096), store.has_room(12288)], [True, False])


class _Disk:
    f_frsize = 4096

    def __init__(self, blocks: int, free: int) -> None:
        self.f_blocks, self.f_bavail = blocks, free


class LaidOut(StoreCase):
    def test_a_small_content_is_laid_out_to_be_sent_and_cleared_away(self) -> None:
        path = self.store.lay_out("7-0", b"hello")
        self.assertEqual((self.store.lay_out("7-0", b"hello"), path.read_bytes()), (path, b"hello"))
        self.assertEqual(self.store.old_names(4e9), [])
        self.store.clear_away("7-0")
        self.store.clear_away("7-0")
        self.assertEqual(self.names(), [])

    def test_half_a_copy_does_not_stay(self) -> None:
        def half(path: Path, octets: bytes) -> int:
            path.open("wb").write(octets[:2])
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(Path, "write_bytes", half)
        self.assertRaises(NoRoom, self.store.lay_out, "7-0", b"hello")
        self.assertEqual(self.names(), [])


class Failing(StoreCase):
    def test_a_full_disk_is_no_broken_disk(self) -> None:
        self.patch(os, "write", fail_with(errno.ENOSPC))
        upload = self.store.receive()
        self.assertRaises(NoRoom, upload.write, BIG)
        self.assertFalse(self.store.is_broken)

    def test_a_sync_that_failed_is_never_tried_again(self) -> None:
        """After a failed sync the next one may succeed with the octets gone."""
        upload = self.upload()
        self.patch(os, "fsync", fail_with(errno.EIO))
        self.assertRaises(StoreBroken, upload.publish)
        self.patch(os, "fsync", lambda descriptor: None)
        self.assertRaises(StoreBroken, upload.publish)
        upload.discard()
        self.assertEqual(self.names(), [])

    def test_nothing_is_published_until_a_new_file_could_be_synced(self) -> None:
        broken, good = self.upload(), self.upload()
        sync = os.fsync
        self.patch(os, "fsync", fail_with(errno.EIO))
        self.assertRaises(StoreBroken, broken.publish)
        self.assertFalse(self.successResultOf(self.store.probe()))
        os.fsync = sync
        good.publish()
        self.assertRaises(StoreBroken, self.store.sync_names)
        self.assertTrue(self.successResultOf(self.store.probe()))
        self.assertFalse(self.store.is_broken)
        self.store.sync_names()
        self.assertNotIn("probe", "".join(self.names()))

    def test_a_directory_that_cannot_be_synced_breaks_the_store(self) -> None:
        self.patch(os, "fsync", fail_with(errno.EIO))
        self.assertRaises(StoreBroken, self.store.sync_names)
        self.assertTrue(self.store.is_broken)

    def test_a_long_upload_stops_at_the_floor(self) -> None:
        """An upload of unknown length must not take the last octet."""
        self.patch(content_store, "SYNC_EVERY", 10_000)
        self.patch(self.store, "has_room", lambda size: False)
        self.assertRaises(NoRoom, self.store.receive().write, BIG)

    def test_no_failure_is_worse_than_a_pushsvc_error(self) -> None:
        for code in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE):
            self.patch(os, "open", fail_with(code))
            self.assertRaises(PushsvcError, self.store.receive().write, BIG)

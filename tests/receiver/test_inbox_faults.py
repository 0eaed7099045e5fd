"""Disks that fail, at every call, once and for good."""

from __future__ import annotations

import errno
import os

from pushsvc.receiver.inbox import PROBE_EVERY
from tests.receiver.inboxes import CHANGES, InboxCase, arriving

LARGE = bytes(range(256)) * 200
ERRORS = (OSError(errno.EIO, "Input/output error"), OSError(errno.ENOSPC, "No space left on device"))


class Failing(InboxCase):
    """What cannot be made durable is not acknowledged, leaves nothing, and stops the taking of more until it works."""

    def send(self, name: str, content: bytes, *, whole: bool) -> OSError | None:
        """As a sender: the error that it hears of, None for an acknowledgement."""
        about = arriving(name=name, key=f"key of {name}")
        try:
            if whole:
                done = self.inbox.store(about, content)
            else:
                part = self.inbox.part(about, 1 << 30)
                part.write(0, memoryview(content))
                done = part.finish()
        except OSError as error:
            return error
        failed: list[OSError] = []
        done.addErrback(lambda failure: failed.append(failure.value))
        self.assertTrue(done.called)
        return failed[0] if failed else None

    def check(self, call: str, error: OSError, content: bytes, *, whole: bool) -> bool:
        """Whether the fault was met. Afterwards the disk is healthy, and everything is sent again, as senders do."""
        self.put(b"before", name="before")
        self.disk.calls.clear()
        self.disk.fail(call, error)
        heard = self.send("x", content, whole=whole)
        met = call in self.disk.calls
        self.disk.heal()
        self.clock.advance(PROBE_EVERY)
        self.assertTrue(self.inbox.writable, call)
        if heard is not None:
            self.assertEqual(self.send("x", content, whole=whole), None)
        self.assert_in_order(self.inbox, self.path, {"before": b"before", "x": content})
        self.restart()
        self.assert_in_order(self.inbox, self.path, {"before": b"before", "x": content})
        for entry in self.entries():
            self.successResultOf(self.inbox.delete(entry.id))
        self.tokens.number += 1
        return met

    def walk(self, content: bytes, *, whole: bool) -> set[str]:
        met = set()
        for call in CHANGES:
            for error in ERRORS:
                self.setUp()
                if self.check(call, error, content, whole=whole):
                    met.add(call)
        return met

    def test_a_large_content_survives_a_fault_of_any_call(self) -> None:
        self.assertEqual(self.walk(LARGE, whole=False), {"create", "write", "sync", "publish", "sync_directory"})

    def test_a_small_content_survives_a_fault_of_any_call(self) -> None:
        met = self.walk(b"small", whole=True)
        self.assertEqual(met, {"create", "write", "sync", "drop", "replace", "sync_directory"})

    def test_a_failed_commit_acknowledges_nothing_and_leaves_nothing(self) -> None:
        for content, whole in ((LARGE, False), (b"small", True)):
            self.setUp()
            commit = self.inbox._index.commit
            self.inbox._index.commit = lambda: _raise(ERRORS[0])  # type: ignore[method-assign]
            self.assertEqual(self.send("x", content, whole=whole), ERRORS[0])
            self.assertEqual((self.files(), self.files("tmp")), (set(), set()))
            self.inbox._index.commit = commit  # type: ignore[method-assign]
            self.clock.advance(PROBE_EVERY)
            self.assertEqual(self.send("x", content, whole=whole), None)
            self.assert_in_order(self.inbox, self.path, {"x": content})

    def test_a_commit_that_failed_and_is_found_after_all_does_not_shut_its_sender_out(self) -> None:
        """A failed sync may leave the commit in the log; its file is gone, its sender was told so and comes again."""
        for content, whole in ((LARGE, False), (b"small", True)):
            commit = self.inbox._index.commit
            self.inbox._index.commit = lambda commit=commit: (commit(), _raise(ERRORS[0]))  # type: ignore
            self.assertEqual(self.send(f"{whole}", content, whole=whole), ERRORS[0])
            self.restart()
            self.assertEqual(self.send(f"{whole}", content, whole=whole), None)
        self.assert_in_order(self.inbox, self.path, {"False": LARGE, "True": b"small"})

    def test_what_could_not_even_be_removed_is_an_entry_after_the_next_start(self) -> None:
        """Then its sender, coming again, hears that it is known; it is in the inbox once."""
        self.disk.fail("remove", ERRORS[0], always=True)
        self.inbox._index.commit = lambda: _raise(ERRORS[0])  # type: ignore[method-assign]
        self.assertEqual(self.send("x", LARGE, whole=False), ERRORS[0])
        self.restart()
        self.assertEqual(self.send("x", LARGE, whole=False), None)
        self.assert_in_order(self.inbox, self.path, {"x": LARGE})

    def test_a_change_that_failed_does_not_stand_in_the_way_of_the_next(self) -> None:
        entry = self.put(LARGE)
        commit = self.inbox._index.commit
        for change in (self.inbox.opened, self.inbox.delete):
            self.inbox._index.commit = lambda: _raise(ERRORS[0])  # type: ignore[method-assign]
            self.failureResultOf(change(entry.id), OSError)
            self.inbox._index.commit = commit  # type: ignore[method-assign]
            self.assertTrue(self.successResultOf(change(entry.id)))

    def test_a_part_whose_file_cannot_be_removed_is_removed_at_the_next_start(self) -> None:
        part = self.inbox.part(arriving(), 1 << 30)
        self.disk.fail("drop", ERRORS[0])
        part.discard("BYE")
        self.assertFalse(self.inbox.writable)
        self.restart()
        self.assertEqual(self.files("tmp"), set())

    def test_short_writes_are_gone_on_with(self) -> None:
        """A system call may write less than it was given, and says so."""
        pwrite = os.pwrite
        self.patch(os, "pwrite", lambda fd, octets, offset: pwrite(fd, octets[:1000], offset))
        self.assertEqual(self.send("x", LARGE, whole=False), None)
        self.assert_in_order(self.inbox, self.path, {"x": LARGE})

    def test_all_that_waits_for_a_failed_sync_fails(self) -> None:
        """A second sync of the same would say yes, and the octets be gone."""
        self.threads.held = True
        stored = [self.inbox.store(arriving(name=f"{number}"), b"x") for number in range(10)]
        self.inbox._index.commit = lambda: _raise(ERRORS[0])  # type: ignore[method-assign]
        self.release()
        self.assertEqual([self.failureResultOf(one, OSError).value for one in stored], [ERRORS[0]] * 10)

    def test_what_waits_behind_a_failed_sync_leaves_nothing(self) -> None:
        """It was durable below tmp, where nobody would have looked for it before the next start."""
        parts = [self.inbox.part(arriving(name=f"{number}", key=f"{number}"), 1 << 30) for number in range(3)]
        for part in parts:
            part.write(0, memoryview(LARGE))
        self.disk.fail("sync_directory", ERRORS[1], always=True)
        self.threads.held = True
        finished = [part.finish() for part in parts]
        self.release()
        self.assertEqual([self.failureResultOf(one, OSError).value for one in finished], [ERRORS[1]] * 3)
        self.assertEqual(self.files("tmp"), set())

    def release(self) -> None:
        """Let the thread do what was held, and what comes of that."""
        while self.threads.release():
            pass
        self.threads.held = False

    def test_a_broken_disk_takes_nothing_until_a_probe_succeeds(self) -> None:
        self.disk.fail("sync", ERRORS[0], always=True)
        self.assertEqual(self.send("x", LARGE, whole=False), ERRORS[0])
        for content, whole in ((LARGE, False), (b"small", True)):
            error = self.send("x", content, whole=whole)
            assert error is not None
            self.assertEqual(error.errno, errno.EROFS)
        self.clock.pump([PROBE_EVERY] * 3)
        self.assertFalse(self.inbox.writable)
        self.disk.heal()
        self.clock.advance(PROBE_EVERY)
        self.assertEqual(self.send("x", LARGE, whole=False), None)
        self.assertEqual(self.files("tmp"), set())

    def test_what_is_there_can_still_be_read_and_deleted(self) -> None:
        """Deleting is how a full disk gets better."""
        entry = self.put(LARGE)
        self.disk.fail("write", ERRORS[1], always=True)
        self.send("x", LARGE, whole=False)
        self.assertEqual(self.entries(), [entry])
        self.assertTrue(self.successResultOf(self.inbox.delete(entry.id)))

    def test_a_content_that_was_complete_when_the_disk_broke_leaves_nothing(self) -> None:
        part = self.inbox.part(arriving(), 1 << 30)
        part.write(0, memoryview(LARGE))
        self.inbox.broken(ERRORS[0])
        self.failureResultOf(part.finish(), OSError)
        self.assertEqual(self.files("tmp"), set())


def _raise(error: OSError) -> None:
    raise error

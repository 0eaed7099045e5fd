from __future__ import annotations

import errno
import hashlib
import itertools
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from pushsvc.errors import Refused
from pushsvc.receiver import part as part_module
from pushsvc.receiver.inbox import PROBE_EVERY
from pushsvc.receiver.inbox_publish import SMALL
from tests.receiver.inboxes import InboxCase, arriving

LARGE = bytes(range(256)) * 200
EIO = OSError(errno.EIO, "Input/output error")


class Writing(InboxCase):
    """Octets in whatever order a peer sends them."""

    def pieces(self, content: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
        edges = [0, *sorted(cuts), len(content)]
        return [(start, content[start:end]) for start, end in itertools.pairwise(edges)]

    def check(self, content: bytes, pieces: list[tuple[int, bytes]]) -> None:
        part = self.inbox.part(arriving(sha1=hashlib.sha1(content).digest(), size=len(content)), 1 << 30)
        for offset, octets in pieces:
            part.write(offset, memoryview(octets))
        entry = self.successResultOf(part.finish()).entry
        assert entry is not None
        self.assertEqual((self.path / entry.file).read_bytes(), content)
        self.assertEqual(entry.sha256, hashlib.sha256(content).hexdigest())

    def test_pieces_in_every_order_make_the_same_content(self) -> None:
        """Chunks of different connections of one path may overtake each other."""
        for content in (b"abcdefgh", LARGE):
            size = len(content)
            for order in itertools.permutations(self.pieces(content, [size // 4, size // 2, size * 3 // 4])):
                self.check(content, list(order))

    def test_what_comes_again_replaces_what_was_there(self) -> None:
        """A resent chunk is the one that counts, hashed as it is on the disk."""
        self.check(b"abcdef", [(0, b"abc"), (1, b"XY"), (1, b"bcdef")])
        self.check(b"abcdef", [(0, b"XXXXXX"), (0, b"abcdef")])
        self.check(b"abcdef", [(3, b"XXX"), (0, b"abc"), (3, b"def")])
        self.check(b"abcdef", [(3, b"def"), (0, b"abc"), (3, b"def")])

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=30)), max_size=8))
    def test_any_history_of_writes_is_hashed_as_it_ends(self, writes: list[tuple[int, bytes]]) -> None:
        content = bytearray()
        for offset, octets in writes:
            if octets:
                content.extend(bytes(max(0, offset + len(octets) - len(content))))
                content[offset : offset + len(octets)] = octets
        self.check(bytes(content), [(offset, octets) for offset, octets in writes if octets])

    def test_octets_are_only_lent(self) -> None:
        """The buffer that they come in is used again for the next ones."""
        part = self.inbox.part(arriving(), 1 << 30)
        buffer = bytearray(LARGE)
        part.write(0, memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        entry = self.successResultOf(part.finish()).entry
        assert entry is not None
        self.assertEqual((self.path / entry.file).read_bytes(), LARGE)


class Checking(InboxCase):
    """What came must be what was announced."""

    def assert_refused(self, content: bytes, status: int, **facts: object) -> None:
        part = self.inbox.part(arriving(**facts), 1 << 30)
        part.write(0, memoryview(content))
        error = self.failureResultOf(part.finish(), Refused).value
        self.assertEqual((error.status, error.protocol, error.retry), (status, "msrp", False))
        self.assertEqual((self.files(), self.files("tmp"), self.entries()), (set(), set(), []))
        self.assertTrue(self.inbox.writable)

    def test_another_hash_is_refused(self) -> None:
        """One flipped octet of a gigabyte is not what was sent. [D-MSRP-4]"""
        for content in (b"small", LARGE):
            self.assert_refused(content, 400, sha1=hashlib.sha1(b"other").digest())

    def test_too_few_octets_are_refused(self) -> None:
        """[D-MSRP-4]"""
        self.assert_refused(b"abc", 400, size=4)

    def test_an_octet_too_many_is_not_written(self) -> None:
        for facts, limit in (({"size": 4}, 1 << 30), ({}, 4)):
            part = self.inbox.part(arriving(**facts), limit)
            part.write(0, memoryview(b"abcd"))
            error = self.assertRaises(Refused, part.write, 4, memoryview(b"e"))
            self.assertEqual((error.status, error.retry), (413, False))
            self.assertRaises(OSError, part.write, 0, memoryview(b"a"))
            self.failureResultOf(part.finish(), OSError)
            self.assertEqual(self.files("tmp"), set())
        self.assertTrue(self.inbox.writable)

    def test_a_far_offset_makes_no_file_of_that_size(self) -> None:
        """[D-MSRP-5] no allocation from what a peer claims."""
        part = self.inbox.part(arriving(), 1 << 20)
        self.assertRaises(Refused, part.write, 1 << 40, memoryview(b"x"))
        self.assertEqual(self.files("tmp"), set())


class Ending(InboxCase):
    def test_a_discarded_content_leaves_nothing(self) -> None:
        part = self.inbox.part(arriving(), 1 << 30)
        part.write(0, memoryview(LARGE))
        part.discard("the peer hung up")
        part.discard("again")
        self.assertEqual(self.files("tmp"), set())
        self.assertEqual(bool(self.inbox.parts), False)

    def test_a_session_that_ends_while_its_content_is_made_durable_does_not_undo_it(self) -> None:
        part = self.inbox.part(arriving(), 1 << 30)
        part.write(0, memoryview(LARGE))
        self.threads.held = True
        kept = part.finish()
        part.discard("BYE")
        kept.cancel()
        self.failureResultOf(kept)
        while self.threads.release():
            pass
        self.threads.held = False
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": LARGE})

    def test_the_sink_of_a_session_is_what_a_part_is(self) -> None:
        """`net` knows parts as sinks."""
        part = self.inbox.part(arriving(), 1 << 30)
        self.assertEqual(part.size, 0)
        part.write(2, memoryview(b"x"))
        self.assertEqual(part.size, 3)
        part.discard("")


class SyncingBehind(InboxCase):
    """Large contents become durable on their way, so that the last sync is short."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(part_module, "SYNC_EVERY", 100_000)

    def write_much(self) -> tuple[part_module.Part, bytes]:
        part = self.inbox.part(arriving(), 1 << 30)
        for index in range(10):
            part.write(index * len(LARGE), memoryview(LARGE))
        return part, LARGE * 10

    def test_syncs_go_on_behind(self) -> None:
        part, content = self.write_much()
        self.assertEqual(self.disk.calls.count("sync_octets"), 5)
        self.successResultOf(part.finish())
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": content})

    def test_what_is_synced_and_hashed_leaves_the_memory_to_others(self) -> None:
        """Not what is still to be read for its hashes."""
        self.patch(part_module, "HASH_EVERY", 250_000)
        forgotten: list[int] = []
        self.patch(os, "posix_fadvise", lambda fd, offset, length, advice: forgotten.append(length))
        part, content = self.write_much()
        self.assertEqual(forgotten, [5 * len(LARGE)] * 3)
        self.patch(os, "posix_fadvise", lambda *_: None)
        self.successResultOf(part.finish())
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": content})

    def test_one_at_a_time(self) -> None:
        self.threads.held = True
        part, _ = self.write_much()
        kept = part.finish()
        self.assertEqual(self.threads.release(), 1)
        while self.threads.release():
            pass
        self.threads.held = False
        self.successResultOf(kept)

    def test_a_failed_sync_behind_fails_the_content(self) -> None:
        """The next sync would succeed, and the octets be gone."""
        self.disk.fail("sync_octets", EIO)
        part, _ = self.inbox.part(arriving(), 1 << 30), None
        part.write(0, memoryview(LARGE))
        part.write(len(LARGE), memoryview(LARGE))
        self.assertRaises(OSError, part.write, 2 * len(LARGE), memoryview(LARGE))
        self.assertEqual((self.files("tmp"), self.inbox.writable), (set(), False))
        self.clock.advance(PROBE_EVERY)
        self.assertTrue(self.inbox.writable)

    def test_a_sync_behind_that_fails_after_the_last_octet_fails_the_content(self) -> None:
        self.threads.held = True
        self.disk.fail("sync_octets", EIO)
        part, _ = self.write_much()
        kept = part.finish()
        while self.threads.release():
            pass
        self.threads.held = False
        self.assertEqual(self.failureResultOf(kept, OSError).value, EIO)
        self.assertEqual((self.files(), self.files("tmp")), (set(), set()))

    def test_a_discard_waits_for_the_sync_behind(self) -> None:
        """Closing a file under a sync would sync another one, opened meanwhile."""
        self.threads.held = True
        part, _ = self.write_much()
        part.discard("BYE")
        self.assertEqual(len(self.files("tmp")), 1)
        self.threads.release()
        self.threads.held = False
        self.assertEqual((self.files("tmp"), bool(self.inbox.parts)), (set(), False))


class HashingBehind(InboxCase):
    """Large contents are hashed on their way, so that the last reply does not wait for it."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(part_module, "HASH_EVERY", 100_000)
        self.part = self.inbox.part(arriving(), 1 << 30)

    def write(self, *indexes: int, content: bytes = LARGE) -> None:
        for index in indexes:
            self.part.write(index * len(LARGE), memoryview(content))

    def assert_kept(self, content: bytes) -> None:
        kept = self.part.finish()
        while self.threads.release():
            pass
        self.threads.held = False
        self.successResultOf(kept)
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": content})

    def test_it_goes_on_behind_and_the_rest_is_hashed_at_the_end(self) -> None:
        """One thread at a time; what came meanwhile is for the next."""
        self.threads.held = True
        self.write(0, 1, 2, 3)
        self.assertEqual(self.threads.release(), 1)
        self.write(4)
        self.assertEqual(self.threads.release(), 1)
        self.write(5)
        self.assert_kept(LARGE * 6)

    def test_what_changes_after_it_was_hashed_is_hashed_again(self) -> None:
        """Whether a thread is at it or was."""
        other = LARGE[::-1]
        for held in (False, True):
            self.setUp()
            self.threads.held = held
            self.write(0, 1, 2, 3)
            self.write(1, content=other)
            self.assert_kept(LARGE + other + LARGE * 2)

    def test_what_is_behind_a_gap_waits(self) -> None:
        """Hashes know one direction only."""
        self.threads.held = True
        self.write(0, 2, 3, 4)
        self.assertEqual(self.threads.release(), 0)
        self.write(1)
        self.assert_kept(LARGE * 5)

    def test_a_discard_waits_for_it(self) -> None:
        """After closing the file it would read another one, opened meanwhile."""
        self.threads.held = True
        self.write(0, 1, 2)
        self.part.discard("BYE")
        self.assertEqual(len(self.files("tmp")), 1)
        self.threads.release()
        self.threads.held = False
        self.assertEqual((self.files("tmp"), bool(self.inbox.parts)), (set(), False))

    def test_a_read_that_fails_behind_is_tried_again_at_the_end(self) -> None:
        """Its octets are on the disk or they are not: the last word has who reads them all."""

        def broken(*args: object) -> int:
            raise EIO

        patched = self.patch(os, "preadv", broken)
        self.write(0, 1, 2)
        patched.restore()
        self.assert_kept(LARGE * 3)


class SmallAndLarge(InboxCase):
    def test_contents_just_below_and_above_the_border_are_kept_alike(self) -> None:
        contents = {f"{size}": bytes(size) for size in (SMALL - 1, SMALL, SMALL + 1)}
        for name, content in contents.items():
            self.put(content, name=name)
        self.assert_in_order(self.inbox, self.path, contents)

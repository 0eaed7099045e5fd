"""Wrapped contents in the inbox: only what is inside becomes an entry, whatever the order in which it came."""

from __future__ import annotations

import errno
import hashlib
import itertools
from typing import Any

from pushsvc import push, sdp
from pushsvc.errors import Refused
from pushsvc.receiver import wrapped
from pushsvc.receiver.inbox_entry import Arriving
from pushsvc.receiver.inbox_publish import SMALL
from pushsvc.receiver.part import Part
from pushsvc.receiver.wrapped import Wrapping, wrapping_of
from tests.push.wrappers import cpim, kind, multipart
from tests.receiver.inboxes import InboxCase, arriving

LARGE = bytes(range(256)) * 2000
EIO = OSError(errno.EIO, "Input/output error")


def anything(type: str) -> bool:
    return True


def wrapping(about: Arriving, accepts: Any = anything, selected: str | None = None) -> Wrapping:
    """The wrapping of a file that was announced as `selected` with the size that `about` has."""
    selector = sdp.FileSelector(None, selected, about.size, None)
    made = wrapping_of(about, accepts, selector, is_disposed=about.disposition is not None)
    assert made is not None
    return made


class WrappedCase(InboxCase):
    def part_for(self, accepts: Any = anything, selected: str | None = None, **facts: Any) -> Part:
        about = arriving(**({"type": "message/cpim"} | facts))
        return self.inbox.part(about, 1 << 30, wrapping(about, accepts, selected))

    def keep(self, part: Part, octets: bytes) -> Arriving:
        part.write(0, memoryview(octets))
        entry = self.successResultOf(part.finish()).entry
        assert entry is not None
        return entry.about

    def assert_no_trace(self) -> None:
        self.assertEqual((self.files(), self.files("tmp"), self.entries()), (set(), set(), []))
        self.assertEqual((bool(self.inbox.parts), self.inbox.writable), (False, True))


class Unwrapping(WrappedCase):
    def test_what_is_inside_is_what_is_kept(self) -> None:
        """[D-MSRP-6] [D-MSRP-4] Size and hash are those of the file, as is the entry; below and above the border."""
        for content in (b"", b"Gate 3", bytes(SMALL - 10), bytes(SMALL), LARGE):
            sha1 = hashlib.sha1(content).digest()
            part = self.part_for(name=f"{len(content)}.png", size=len(content), sha1=sha1)
            self.assertEqual(self.keep(part, cpim(content, "image/png")).type, "image/png")
        self.assert_in_order(
            self.inbox,
            self.path,
            {f"{len(each)}.png": each for each in (b"", b"Gate 3", bytes(SMALL - 10), bytes(SMALL), LARGE)},
        )

    def test_pieces_in_every_order_and_overlapping(self) -> None:
        """The wrapper's head may come last, and may be sent again."""
        octets = cpim(LARGE, "image/png")
        size = len(octets)
        edges = [0, 30, size // 2, size * 3 // 4, size]
        pieces = [(start, octets[start:end]) for start, end in itertools.pairwise(edges)]
        for number, order in enumerate(itertools.permutations([*pieces, (0, octets[:40])], 5)):
            part = self.part_for(name=str(number), size=len(LARGE), sha1=hashlib.sha1(LARGE).digest())
            for offset, piece in order:
                part.write(offset, memoryview(piece))
            self.successResultOf(part.finish())
        self.assert_in_order(self.inbox, self.path, {str(index): LARGE for index in range(number + 1)})

    def test_moving_is_done_in_pieces(self) -> None:
        """No content is in memory as a whole."""
        self.patch(wrapped, "PIECE", 1000)
        self.keep(self.part_for(size=len(LARGE)), cpim(LARGE))
        self.assertGreater(self.disk.calls.count("write"), len(LARGE) // 1000)
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": LARGE})

    def test_a_part_of_a_multipart(self) -> None:
        """[D-MSRP-6] Also inside message/cpim."""
        body = multipart(("text/plain", b"plain"), ("image/png", LARGE))
        self.keep(self.part_for(type=kind("alternative"), name="one"), body)
        self.keep(self.part_for(name="two"), cpim(body, kind("alternative")))
        self.assert_in_order(self.inbox, self.path, {"one": LARGE, "two": LARGE})

    def test_a_multipart_that_stays_whole(self) -> None:
        """No octet of it is moved."""
        body = multipart(("text/html", b"<p>"), ("image/png", LARGE))
        about = self.keep(self.part_for(type=kind("related")), body)
        self.assertEqual((about.type, self.disk.calls.count("cut")), (kind("related"), 0))
        self.assert_in_order(self.inbox, self.path, {"gate.jpg": body})

    def test_what_is_said_outside_counts_before_what_is_said_inside(self) -> None:
        """A selector and a SEND were agreed and checked; a wrapper is whatever its sender wrote."""
        inside = (
            ("Content-Disposition", 'render; filename="../in.txt"'),
            ("Content-Description", "in"),
            ("From", "<sip:boss@example.com>"),
        )
        known = self.keep(
            self.part_for(name="out.txt", description="out", disposition="attachment"), cpim(b"x", "text/x", *inside)
        )
        self.assertEqual(
            (known.name, known.description, known.disposition, known.type), ("out.txt", "out", "attachment", "text/x")
        )
        known = self.keep(self.part_for(name=""), cpim(b"x", "text/x", *inside))
        self.assertEqual((known.name, known.description, known.disposition), ("_in.txt", "in", "render"))
        self.assertEqual(known.sender, "sip:push@example.com")

    def test_inner_words_are_made_harmless(self) -> None:
        """[D-MSRP-5]"""
        head = b"From: <sip:a>\r\n\r\nContent-Type: \xff\xfe\r\nContent-Description: a\x07b\xff\r\n\r\n"
        known = self.keep(self.part_for(), head + b"x")
        self.assertEqual((known.type, known.description), ("application/octet-stream", "a b\ufffd"))
        self.restart()
        self.assertEqual(len(self.entries()), 1)

    def test_only_wrappers_around_the_file_are_taken_off(self) -> None:
        """A multipart that was selected as one is the file."""
        selector = sdp.FileSelector(None, "Multipart/Mixed", 10, None)
        self.assertIsNone(wrapping_of(arriving(type=kind("mixed")), anything, selector))
        self.assertIsNone(wrapping_of(arriving(type="text/plain"), anything))
        self.assertIsNotNone(wrapping_of(arriving(type="message/cpim"), anything, selector))
        self.assertIsNotNone(wrapping_of(arriving(type=kind("mixed")), anything))


class Refusing(WrappedCase):
    """Nothing is left of any of these."""

    def assert_refused(self, status: int, octets: bytes, accepts: Any = anything, **facts: Any) -> None:
        part = self.part_for(accepts, **facts)
        part.write(0, memoryview(octets))
        error = self.failureResultOf(part.finish(), Refused).value
        self.assertEqual((error.status, error.protocol), (status, "msrp"), error.reason)
        self.assert_no_trace()

    def test_another_hash_or_size_inside(self) -> None:
        """[D-MSRP-4] The wrapper's own are nobody's business."""
        for content in (b"small", LARGE):
            octets = cpim(content)
            self.assert_refused(400, octets, sha1=hashlib.sha1(octets).digest())
            self.assert_refused(400, octets, size=len(content) + 1)
            self.assert_refused(400, octets, size=len(content) - 1)

    def test_a_type_that_is_not_taken(self) -> None:
        """[R-PRA-INV-1]"""
        for content in (b"small", LARGE):
            self.assert_refused(415, cpim(content, "image/png"), lambda type: type == "text/plain")

    def test_wrappers_that_cannot_be_read(self) -> None:
        self.assert_refused(400, b"rubbish" * 10)
        self.assert_refused(400, b"")
        self.assert_refused(413, b"x" * 20_000)
        self.assert_refused(400, b"rubbish" * 10_000, type="multipart/mixed; boundary=x")
        self.assert_refused(415, b"Require: Vital\r\n\r\n\r\nx")

    def test_a_wrapper_has_so_much_room_and_not_an_octet_more(self) -> None:
        """[D-MSRP-5] Around a file whose size was announced."""
        for more in (0, 1):
            part = self.part_for(size=4)
            part.write(0, memoryview(bytes(4 + push.WRAPPER_ROOM)))
            if more:
                self.assertRaises(Refused, part.write, 4 + push.WRAPPER_ROOM, memoryview(b"x"))
            else:
                part.discard()
            self.assert_no_trace()

    def test_the_limit_counts_the_wrapper(self) -> None:
        """RFC 4975 §8.6: max-size is that of the whole MSRP message."""
        about = arriving(type="message/cpim", size=4)
        part = self.inbox.part(about, 100, wrapping(about))
        self.assertRaises(Refused, part.write, 0, memoryview(bytes(101)))
        self.assert_no_trace()

    def test_a_disk_that_fails_while_the_content_is_moved(self) -> None:
        for call in ("write", "cut", "sync"):
            part = self.part_for()
            part.write(0, memoryview(cpim(LARGE)))
            self.disk.fail(call, EIO)
            self.failureResultOf(part.finish(), OSError)
            self.assertEqual((self.files(), self.files("tmp"), self.inbox.writable), (set(), set(), False), call)
            self.clock.advance(10.0)
            self.assertTrue(self.inbox.writable)

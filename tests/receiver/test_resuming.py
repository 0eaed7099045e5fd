"""What the lines of an offer say of rests, and what the receiver has to say to that."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.receiver.partials import WORTH, FileId
from pushsvc.receiver.policy import Caller
from pushsvc.receiver.resuming import Known, Rest, file_of, rest_of

CALLER = Caller("sip:push@example.com", asserted=True)
SIZE = 2 * WORTH
HASH = bytes(20)
FILE = sdp.FileSelector("gate.jpg", "image/jpeg", SIZE, HASH)
FILE_ID = FileId("sip:push@example.com", True, "gate.jpg", SIZE, HASH)


def line(file_range: sdp.FileRange | None = None, selector: sdp.FileSelector | None = FILE) -> sdp.MediaOffer:
    return sdp.MediaOffer(
        0, "message", 2855, "TCP/TLS/MSRP", True, "192.0.2.10", selector=selector, file_range=file_range
    )


class Lines(SynchronousTestCase):
    def test_a_range_of_the_whole_file_is_a_whole_file(self) -> None:
        """E.2 offers one."""
        for file_range in (None, sdp.FileRange(1), sdp.FileRange(1, SIZE)):
            self.assertIsNone(rest_of(line(file_range), CALLER))
        self.assertIsNone(rest_of(line(sdp.FileRange(1), None), CALLER))

    def test_a_rest_goes_to_the_end_of_its_file(self) -> None:
        for file_range in (sdp.FileRange(1001), sdp.FileRange(1001, SIZE)):
            self.assertEqual(rest_of(line(file_range), CALLER), Rest(FILE_ID, 1000))
        self.assertEqual(rest_of(line(sdp.FileRange(SIZE)), CALLER), Rest(FILE_ID, SIZE - 1))

    def test_ranges_that_nothing_can_be_joined_to(self) -> None:
        """Short of the end, beyond it, and behind it."""
        for first, last in ((1, SIZE - 1), (1001, SIZE - 1), (1001, SIZE + 1), (1, SIZE + 1), (SIZE + 1, None)):
            self.assertEqual(rest_of(line(sdp.FileRange(first, last)), CALLER), Rest(None, first - 1), (first, last))

    def test_a_rest_of_a_file_that_is_not_described(self) -> None:
        """Hash and size are what it is found and checked by."""
        for selector in (None, attrs.evolve(FILE, sha1=None), attrs.evolve(FILE, size=None)):
            for last in (None, SIZE):
                self.assertEqual(rest_of(line(sdp.FileRange(1001, last), selector), CALLER), Rest(None, 1000))

    def test_small_files_are_not_worth_it(self) -> None:
        small = attrs.evolve(FILE, size=WORTH - 1)
        self.assertIsNone(file_of(line(selector=small), CALLER))
        self.assertIsNotNone(file_of(line(selector=attrs.evolve(FILE, size=WORTH)), CALLER))

    def test_a_name_is_what_can_be_shown_of_it(self) -> None:
        """As the entry's would be."""
        for name in (None, "../gate.jpg"):
            named = file_of(line(selector=attrs.evolve(FILE, name=name)), CALLER)
            assert named is not None
            self.assertNotIn("/", named.name)


class AlreadyThere(SynchronousTestCase):
    def test_what_is_known_is_acknowledged_and_dropped(self) -> None:
        """Its sender missed the last 200."""
        known = Known(1000)
        known.write(0, memoryview(b"x"))
        known.cut("the connection was lost")
        known.discard("given up")
        known.release()
        self.successResultOf(known.finish())

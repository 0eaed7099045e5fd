"""A content as a peer takes it."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.sender.content import OpenContent, opened
from pushsvc.sender.packing import Packed, Unfit, packed
from tests.sender.values import content, job

SENDER = "sip:push@example.com"
OCTETS = bytes(range(256)) * 3


class Packing(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.mktemp())
        file = content(OCTETS, path)
        self.job = job(file, created_at=1772357400.5, title="Gate 3")
        context = opened(self.job, file)
        self.content: OpenContent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def packed(self, *accepted: str, max_size: int | None = None) -> Packed:
        view = sdp.MediaOffer(0, "message", 2855, "TCP/TLS/MSRP", True, "192.0.2.20", accept_types=accepted)
        return packed(self.content, self.job, SENDER, attrs.evolve(view, max_size=max_size))

    def test_as_it_is(self) -> None:
        """Nothing is copied, nothing is counted otherwise."""
        for whole in (self.packed("*"), self.packed(), packed(self.content, self.job, SENDER, None)):
            self.assertEqual((whole.content_type, whole.size, whole.head), ("text/plain", len(OCTETS), b""))
            self.assertEqual(whole.headers, self.content.headers)
            self.assertEqual((whole.read(3, 5), whole.of_content(7)), (OCTETS[3:8], 7))

    def test_wrapped(self) -> None:
        """[F-12] [A-28] E.7 (5): its headers are outside and inside."""
        whole = self.packed("message/cpim")
        head = push.read_head(whole.read(0, whole.size))
        self.assertEqual((whole.content_type, whole.headers), (push.CPIM, self.content.headers))
        self.assertEqual(
            head.headers, (("From", f"<{SENDER}>"), ("To", f"<{self.job.to}>"), ("DateTime", "2026-03-01T09:30:00Z"))
        )
        self.assertEqual(head.mime, (("Content-Type", "text/plain"), *self.content.headers))
        self.assertEqual((whole.size, head.size), (head.size + len(OCTETS), len(whole.head)))

    def test_every_range_of_a_wrapped_content_can_be_read(self) -> None:
        whole = self.packed("message/cpim")
        everything = whole.head + OCTETS
        self.assertEqual(whole.read(0, whole.size), everything)
        edge = len(whole.head)
        for start in (0, 1, edge - 1, edge, edge + 1, len(everything)):
            for size in (0, 1, 2, 300):
                if start + size <= whole.size:
                    self.assertEqual(whole.read(start, size), everything[start : start + size], (start, size))
        self.assertRaises(OSError, whole.read, 1, whole.size)

    def test_octets_of_the_file_are_counted_from_its_first(self) -> None:
        whole = self.packed("message/cpim")
        edge = len(whole.head)
        self.assertEqual([whole.of_content(octets) for octets in (0, edge, edge + 1)], [0, 0, 1])
        self.assertEqual(whole.of_content(whole.size), len(OCTETS))

    def test_what_the_peer_would_refuse(self) -> None:
        """[F-12] [D-MSRP-2] With MSRP's status, and in words."""
        error = self.assertRaises(Unfit, self.packed, "a/b", "c/d", "e/f", "g/h")
        self.assertEqual((error.status, error.protocol, error.retry), (415, "local", False))
        self.assertEqual(error.reason, "the peer takes a/b, c/d, e/f …, not text/plain")
        wrapped = self.packed("message/cpim").size
        for type, size in (("*", len(OCTETS)), ("message/cpim", wrapped)):
            self.packed(type, max_size=size)
            error = self.assertRaises(Unfit, self.packed, type, max_size=size - 1)
            self.assertEqual((error.status, error.reason), (413, f"the peer takes {size - 1} octets, not {size}"))

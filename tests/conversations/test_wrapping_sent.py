"""Our sender, and peers that want contents wrapped in message/cpim, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sessions import Send, Take, Wanted
from tests.agents import Agent, Kept, left
from tests.conversations.push_case import PushCase
from tests.pushing import SendingSide
from tests.sim import Network

ALICE = "192.0.2.20"
MAP = b"<svg>" + bytes(range(256)) * 17 + b"</svg>"


class Sending(SynchronousTestCase):
    """Our sender pushes to a peer that answers as the test says and keeps what it gets."""

    def begin(self, *accept: str, wrapped: Sequence[str] = (), max_size: int | None = None) -> None:
        self.network = Network()
        directory = Path(self.mktemp())
        directory.mkdir()
        self.sender = SendingSide(self.network, directory)
        self.peer = Agent(self.network, ALICE, "alice")
        self.kept: list[Kept] = []
        wanted = Wanted(lambda type: True, self._sink)
        take = Take(wanted, accept, max_size, tuple(wrapped))
        self.peer.sessions.on_invitation = lambda invitation: invitation.accept(
            [take for _ in invitation.lines], self.peer.describe_answer
        )

    def _sink(self, send: Send) -> Kept:
        self.kept.append(Kept(send))
        return self.kept[-1]

    def push(self, *contents: bytes, type: str = "image/svg+xml") -> AttemptResult:
        job = self.sender.job(*contents)
        files = (*job.contents[:-1], attrs.evolve(job.contents[-1], type=type))
        delivered: Deferred[AttemptResult] = self.sender.deliver(attrs.evolve(job, contents=files))
        result = self.network.run(delivered)
        assert isinstance(result, AttemptResult)
        return result

    def assert_nothing_left(self) -> None:
        self.assertEqual(left(self.network, self.sender.stack, self.peer), [])

    def test_a_peer_that_wants_it_wrapped_gets_it_wrapped(self) -> None:
        """[F-12] [A-28] E.7 (5): cpim first, or the type among the wrapped ones alone; the headers stand twice."""
        for accept, wrapped in (
            (("message/cpim", "text/plain"), ("image/*",)),
            (("text/plain", "message/cpim"), ("image/svg+xml",)),
            (("message/cpim",), ()),
        ):
            self.begin(*accept, wrapped=wrapped)
            result = self.push(MAP)
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            self.assertEqual(result.octets_acknowledged, len(MAP))
            (kept,) = self.kept
            self.assertEqual(kept.send.content_type, "message/cpim")
            outside = dict(kept.send.headers)
            self.assertIn(f"size={len(MAP)}", outside["Content-Disposition"])
            head = push.read_head(bytes(kept.octets))
            self.assertEqual(bytes(kept.octets[head.size :]), MAP)
            self.assertEqual(dict(head.mime), {"Content-Type": "image/svg+xml", **outside})
            self.assertEqual(
                dict(head.headers),
                {
                    "From": "<sip:push@example.com>",
                    "To": f"<sip:alice@{ALICE}>",
                    "DateTime": "1970-01-01T00:00:00Z",
                },
            )
            assert kept.send.byte_range is not None
            self.assertEqual(kept.send.byte_range.total, head.size + len(MAP))
            self.assert_nothing_left()

    def test_progress_counts_octets_of_the_file(self) -> None:
        """Never more than there are, never less than before."""
        self.begin("message/cpim")
        content = bytes(500_000)
        self.push(content)
        progress = self.sender.progress
        self.assertEqual(progress, sorted(progress))
        self.assertEqual(progress[-1], (len(content), len(content)))
        self.assertLessEqual(max(sent for sent, _ in progress), len(content))
        self.assert_nothing_left()

    def test_a_peer_that_takes_it_as_it_is_gets_it_so(self) -> None:
        """[F-12]"""
        for accept in (("*",), ("image/svg+xml", "message/cpim"), ("image/*",), ()):
            self.begin(*accept)
            self.assertIsNone(self.push(MAP).failure)
            self.assertEqual([(k.send.content_type, bytes(k.octets)) for k in self.kept], [("image/svg+xml", MAP)])
            self.assert_nothing_left()

    def test_nothing_is_sent_that_the_answer_excludes(self) -> None:
        """[F-12] The file counts as refused, for good, and the session ends."""
        for accept, wrapped in ((("text/plain",), ()), (("message/cpim", "text/plain"), ()), (("text/plain",), ("*",))):
            self.begin(*accept, wrapped=wrapped)
            result = self.push(MAP)
            self.assertEqual([(file.result, file.code) for file in result.files], [(FileState.REFUSED, 415)])
            self.assertIn("text/plain, not image/svg+xml", str(result.failure))
            self.assertEqual((self.kept, result.octets_acknowledged, result.msrp_status), ([], 0, None))
            self.assert_nothing_left()

    def test_the_files_beside_it_arrive(self) -> None:
        self.begin("text/plain")
        result = self.push(b"text", MAP)
        self.assertEqual(
            [(file.result, file.code) for file in result.files],
            [(FileState.DELIVERED, 200), (FileState.REFUSED, 415)],
        )
        self.assertEqual([bytes(each.octets) for each in self.kept], [b"text"])
        self.assert_nothing_left()

    def test_the_peers_max_size_counts_the_wrapper(self) -> None:
        """[D-MSRP-2] RFC 4975 §8.6; what is larger is not begun."""
        self.begin("message/cpim")
        self.push(MAP)
        whole = len(self.kept[0].octets)
        for accept, max_size, taken in (
            ("message/cpim", whole, True),
            ("message/cpim", whole - 1, False),
            ("*", len(MAP), True),
            ("*", len(MAP) - 1, False),
        ):
            self.begin(accept, max_size=max_size)
            (file,) = self.push(MAP).files
            expected = (FileState.DELIVERED, 200) if taken else (FileState.REFUSED, 413)
            self.assertEqual(((file.result, file.code), len(self.kept)), (expected, taken))
            self.assert_nothing_left()


class Both(PushCase):
    """Our sender and our receiver."""

    def test_an_operator_may_want_everything_wrapped(self) -> None:
        """[F-12] [D-MSRP-6] What goes in comes out; the second time it is known."""
        self.begin(types=("message/cpim", "text/plain"))
        content = bytes(range(256)) * 2000
        for _ in range(2):
            result = self.push(self.sender.job(content))
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            self.assertEqual(result.octets_acknowledged, len(content))
            self.assertEqual(self.receiver.contents(), [content])
        about = self.receiver.arrived[0].about
        self.assertEqual((about.type, about.name, about.disposition), ("text/plain", "file0.txt", "attachment"))
        self.assert_nothing_left()

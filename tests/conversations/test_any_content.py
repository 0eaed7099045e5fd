"""Content is opaque: whatever its type is called and whatever is in it, it comes out as it went in."""

from __future__ import annotations

import attrs

from pushsvc.sender.job import FileState
from tests.conversations import push_case

# WBXML, a message in itself, and a type that only its users know.
TYPES = ("application/vnd.wap.sic", "application/vnd.wap.slc", "message/rfc822", "application/octet-stream", "x-gate/x")
EVERY_OCTET = bytes(range(256))
ODD = (EVERY_OCTET, b"\x00", b"\r\n\r\n", b"\r\n-------aaaa$\r\n", "größer €".encode(), b"\x1f\x8b\x08\x00gzip?")


class AnyContent(push_case.PushCase):
    """[F-08] [F-11] By MSRP and by MESSAGE, in both eight-bit clean: no coding, no line ends mended."""

    def test_it_comes_out_as_it_went_in(self) -> None:
        """[F-04] Each type with each of the octets, both unchanged, by the way that was asked for."""
        for mode in ("msrp", "message"):
            self.begin()
            for type_ in TYPES:
                for octets in ODD:
                    job = self.sender.job(octets, mode=mode)
                    (content,) = job.contents
                    named = attrs.evolve(content, type=type_, transfer_id=f"{len(self.receiver.arrived)}-{mode}")
                    result = self.push(attrs.evolve(job, contents=(named,), push_id=f"psh_{named.transfer_id}"))
                    self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], (type_, octets))
                    self.assertEqual(result.mode, mode)
                    self.assertEqual(self.receiver.arrived[-1].about.type, type_)
            self.assertEqual(self.receiver.contents(), [*ODD] * len(TYPES))
            self.assert_nothing_left()

    def test_no_coding_is_put_on_it(self) -> None:
        """gzip only where it was offered: we offer and use none."""
        self.begin()
        for mode in ("msrp", "message"):
            self.push(self.sender.job(EVERY_OCTET, mode=mode))
        sent = [each for each in self.sender_said.sent if each.body]
        self.assertGreaterEqual(len(sent), 2)
        for name in ("content-encoding", "content-transfer-encoding"):
            self.assertEqual([each.headers.get(name) for each in sent], [None] * len(sent))

"""How streams are cut into messages. What Wireshark says of them takes Wireshark: `make wire`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.capture.judge import BIG, frames_of, messages_of, shortened

OPTIONS = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
MESSAGE = b"MESSAGE sip:a@b SIP/2.0\r\nl: 5\r\n\r\nshort"
TRYING = b"SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n"
SEND = b"MSRP a1b2 SEND\r\nTo-Path: x\r\n\r\n-------a1b2\r\n-------a1b2+\r\n"
OK = b"MSRP a1b2 200 OK\r\nTo-Path: x\r\n-------a1b2$\r\n"


class Cutting(SynchronousTestCase):
    """One side of a stream."""

    def cut(self, by: Callable[[bytes, list[str]], Iterator[bytes]], octets: bytes) -> list[bytes]:
        findings: list[str] = []
        found = list(by(octets, findings))
        self.assertEqual(findings, [])
        return found

    def test_sip_by_its_lengths(self) -> None:
        """A body need not end with a line end, and between messages there may be keep-alives."""
        said = [MESSAGE, OPTIONS, TRYING]
        self.assertEqual(self.cut(messages_of, b"\r\n\r\n" + b"".join(said) + b"\r\n"), said)

    def test_msrp_by_its_end_lines(self) -> None:
        """What only looks like one is content."""
        self.assertEqual(self.cut(frames_of, SEND + OK), [SEND, OK])

    def test_what_was_cut_off_is_left_out(self) -> None:
        """A process was killed, or a connection broken, as tests do."""
        for by, whole in ((messages_of, MESSAGE), (frames_of, SEND)):
            self.assertEqual(self.cut(by, whole + whole[:-1]), [whole])

    def test_a_big_chunk_keeps_its_head_and_its_end_line(self) -> None:
        """Wireshark reads no packet of its size."""
        head, _, end = SEND.partition(b"-------a1b2\r\n")
        big = head + b"x" * 2 * BIG + b"\r\n" + end
        self.assertLess(len(shortened(big)), BIG)
        self.assertEqual((shortened(big)[: len(head)], shortened(big)[-len(end) :]), (head, end))
        self.assertIs(shortened(SEND), SEND)

    def test_anything_else_is_a_finding(self) -> None:
        for by, whole in ((messages_of, OPTIONS), (frames_of, SEND)):
            findings: list[str] = []
            self.assertEqual(list(by(whole + b"junk in between\r\n\r\n" + whole, findings)), [whole])
            self.assertEqual(len(findings), 1)

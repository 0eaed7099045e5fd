"""Single frames as other stacks write them: what is read of them, wherever a read ends (PEERS 1 to 20).

Whole conversations with those stacks are in tests/conversations/test_peer_quirks*.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import ByteRange, Flag, Head, OtherRequest, Reply, Report, Send
from pushsvc.msrp.framer import Begun, Ended
from pushsvc.msrp.uri import parse_path

from .values import heard

US = "msrp://192.0.2.30:2855/s3ss10n;tcp"
YOU = "msrp://192.0.2.20:2855/rrr;tcp"
ACTIVE = "msrp://127.0.0.1:9/1795344325913;tcp"

Read = tuple[Head, bytes, Flag]


def send(transaction_id: str, message_id: str | None, written: ByteRange | None, **facts: object) -> Send:
    """A SEND from US to YOU."""
    head = Send(transaction_id, parse_path(YOU), parse_path(US), message_id, written)
    return attrs.evolve(head, **{"content_type": "text/plain", **facts})  # type: ignore[arg-type]


def reply(transaction_id: str, comment: str, *headers: tuple[str, str], status: int = 200) -> Reply:
    return Reply(transaction_id, parse_path(YOU), parse_path(US), status, comment, headers)


FRAMES: dict[str, tuple[str, Read]] = {
    "msrplib, Byte-Range before Message-ID (4)": (
        "MSRP 7c5bd8a1f2e30b49 SEND\nTo-Path: {you}\nFrom-Path: {us}\nByte-Range: 1-*/5\nMessage-ID: 83a0c9d1\n"
        "Content-Type: text/plain\n\nhello\n-------7c5bd8a1f2e30b49$\n",
        (send("7c5bd8a1f2e30b49", "83a0c9d1", ByteRange(1, None, 5)), b"hello", Flag.COMPLETE),
    ),
    "msrplib, keep-alive (27)": (
        "MSRP 7c5 SEND\nTo-Path: {you}\nFrom-Path: {us}\nKeep-Alive: yes\nMessage-ID: 83a0\n-------7c5$\n",
        (send("7c5", "83a0", None, content_type=None, headers=(("Keep-Alive", "yes"),)), b"", Flag.COMPLETE),
    ),
    "rcsjta, port 9 and no Byte-Range (10, 26)": (
        f"MSRP 5f0c1e SEND\nTo-Path: {{you}}\nFrom-Path: {ACTIVE}\nMessage-ID: 1a2b3c\n-------5f0c1e$\n",
        (
            send("5f0c1e", "1a2b3c", None, content_type=None, from_path=parse_path(ACTIVE)),
            b"",
            Flag.COMPLETE,
        ),
    ),
    "rcsjta, -1 as total (12)": (
        "MSRP 5f0c1f SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 1a2b\nByte-Range: 1-5/-1\n"
        "Content-Type: text/plain\n\nhello\n-------5f0c1f+\n",
        (send("5f0c1f", "1a2b", ByteRange(1, 5, None)), b"hello", Flag.MORE),
    ),
    "tinyMSRP, a millisecond counter, and a blank line without a body (1, 13)": (
        "MSRP 1732440000123 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 1732440000124\n\n"
        "-------1732440000123$\n",
        (send("1732440000123", "1732440000124", None, content_type=None), b"", Flag.COMPLETE),
    ),
    "node-lib, Byte-Range last (4)": (
        "MSRP 2kg0 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 3940000000.2k\nContent-Type: text/plain\n"
        "Byte-Range: 1-5/5\n\nhello\n-------2kg0$\n",
        (send("2kg0", "3940000000.2k", ByteRange(1, 5, 5)), b"hello", Flag.COMPLETE),
    ),
    "msrp-java, an empty message (12)": (
        "MSRP f3a9c0de SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 5f0c1e9a\nByte-Range: 1-0/0\n"
        "-------f3a9c0de$\n",
        (send("f3a9c0de", "5f0c1e9a", ByteRange(1, 0, 0), content_type=None), b"", Flag.COMPLETE),
    ),
    "FreeSWITCH, a UUID (14)": (
        "MSRP 6f1b2c3d4e5f6a70 SEND\nTo-Path: {you}\nFrom-Path: {us}\n"
        "Message-ID: 9e2b7c1a-54f0-4a61-8d11-0c3f5d2e7a90\nByte-Range: 1-5/5\nContent-Type: text/plain\n\n"
        "hello\n-------6f1b2c3d4e5f6a70$\n",
        (
            send("6f1b2c3d4e5f6a70", "9e2b7c1a-54f0-4a61-8d11-0c3f5d2e7a90", ByteRange(1, 5, 5)),
            b"hello",
            Flag.COMPLETE,
        ),
    ),
    "libmsrp, blanks and case (3)": (
        "MSRP 49fi SEND\nTo-Path:{you}\nfrom-path:  {us}\nMessage-id:12339sdq\nByte-Range : 1-5/5\n"
        "content-type: text/plain\n\nhello\n-------49fi$\n",
        (send("49fi", "12339sdq", ByteRange(1, 5, 5)), b"hello", Flag.COMPLETE),
    ),
    "msrp-java, a reply without a comment (15)": (
        "MSRP f3a9c0de 200\nTo-Path: {you}\nFrom-Path: {us}\n-------f3a9c0de$\n",
        (reply("f3a9c0de", ""), b"", Flag.COMPLETE),
    ),
    "tinyMSRP, a reply with a Byte-Range (15)": (
        "MSRP 1732440000123 200 OK\nTo-Path: {you}\nFrom-Path: {us}\nByte-Range: 1-5/5\n-------1732440000123$\n",
        (reply("1732440000123", "OK", ("Byte-Range", "1-5/5")), b"", Flag.COMPLETE),
    ),
    "Kamailio, a reply with a Message-ID (15)": (
        "MSRP 7c5b 200 OK\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 83a0c9d1\n-------7c5b$\n",
        (reply("7c5b", "OK", ("Message-ID", "83a0c9d1")), b"", Flag.COMPLETE),
    ),
    "tinyMSRP, an answer to a REPORT (17)": (
        "MSRP r1 200 Report received\nTo-Path: {you}\nFrom-Path: {us}\n-------r1$\n",
        (reply("r1", "Report received"), b"", Flag.COMPLETE),
    ),
    "FreeSWITCH, Status before Byte-Range, and the SEND's id (4, 13)": (
        "MSRP 7c5b REPORT\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nStatus: 000 200 OK\nByte-Range: 1-5/5\n"
        "-------7c5b$\n",
        (
            Report("7c5b", parse_path(YOU), parse_path(US), "m1", ByteRange(1, 5, 5), 200, "OK"),
            b"",
            Flag.COMPLETE,
        ),
    ),
    "libmsrp, one digit of namespace (3)": (
        "MSRP 49fj REPORT\nTo-Path: {you}\nFrom-Path: {us}\nMessage-id:m1\nStatus : 0 200\n-------49fj$\n",
        (Report("49fj", parse_path(YOU), parse_path(US), "m1", None, 200, ""), b"", Flag.COMPLETE),
    ),
    "sipsimple, a method of its own (28)": (
        "MSRP 7c5c FILE_OFFSET\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\n-------7c5c$\n",
        (
            OtherRequest("7c5c", "FILE_OFFSET", parse_path(YOU), parse_path(US), (("Message-ID", "m1"),)),
            b"",
            Flag.COMPLETE,
        ),
    ),
}


class PeerFrames(SynchronousTestCase):
    """[D-MSRP-1] Whole, in every two pieces, octet by octet, and behind blank lines (5)."""

    def test_each_is_read(self) -> None:
        """What is read is the same, however it was cut."""
        for name, (text, (head, body, flag)) in FRAMES.items():
            octets = text.replace("\n", "\r\n").replace("{us}", US).replace("{you}", YOU).encode()
            expected = ([Begun(head), *([body] if body else []), Ended(flag)], True)
            self.assertEqual(heard(octets), expected, name)
            self.assertEqual(heard(b"\r\n\r\n" + octets + b"\r\n"), expected, name)
            self.assertEqual(heard(*(octets[at : at + 1] for at in range(len(octets)))), expected, name)
            for cut in range(len(octets)):
                self.assertEqual(heard(octets[:cut], octets[cut:]), expected, (name, cut))

"""Octets to read: one small message of each kind, and the torture messages."""

from __future__ import annotations

from pathlib import Path

INVITE = (
    b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone\r\n"
    b"From: <sip:alice@example.com>;tag=a1\r\n"
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: call1\r\n"
    b"CSeq: 1 INVITE\r\n"
)
"""An INVITE without the empty line that ends its headers."""

OK = b"SIP/2.0 200 OK\r\n" + INVITE.partition(b"\r\n")[2]
"""Its answer, without the empty line too."""

TWO_FILES = (Path(__file__).parent.parent / "wire/cheatsheet/multi_invite.bin").read_bytes()
"""An INVITE in two parts (requirements E.3): a description of two files, and the icon of one."""

TORTURE = Path(__file__).parent.parent / "torture"
SAMPLES = [path.read_bytes() for path in sorted(TORTURE.glob("*/*.*"))]


def made(extra: bytes = b"", body: bytes = b"") -> bytes:
    """INVITE with more header lines, its end and a body."""
    return INVITE + extra + b"\r\n" + body

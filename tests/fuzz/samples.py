"""The seed corpus: torture messages and flows as they are in the tree, and the octets that the wire of each is made of."""

from __future__ import annotations

from pathlib import Path

from tests.sip.samples import SAMPLES as TORTURE

WIRE = Path(__file__).parent.parent / "wire"

SIP_WORDS = (
    b"\r\n", b"\r\n\r\n", b"\r\n ", b"\r", b"\n", b"\0", b"\x1b[31m", b"\xe2\x80\xae", b"\xff", b'"', b'\\"', b"<", b">",
    b",", b";", b"=", b"%00", b"%", b"SIP/2.0", b"INVITE ", b"CANCEL ", b"BYE ", b"ACK ", b"sip:", b"sips:", b"tel:+1",
    b";tag=", b";branch=z9hG4bK", b";rport", b";received=", b";lr", b"[::1]", b"4294967296", b"-1", b"00000000001",
    "²".encode(), b"Content-Length: ", b"\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKb", b"\r\nRecord-Route: <sip:a;lr>",
    b"\r\nContact: *", b"\r\nRequire: x", b"\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"", b"To\x01: ", b"To : ",
)  # fmt: skip


def wire(*patterns: str) -> list[bytes]:
    """The files of tests/wire that fit one of these patterns."""
    return [path.read_bytes() for pattern in patterns for path in sorted(WIRE.glob(pattern))]


def sip() -> list[bytes]:
    """Messages, good and tortured."""
    return [*wire("*/*-sip-*.bin", "cheatsheet/multi_invite.bin"), *TORTURE]


def descriptions() -> list[bytes]:
    """Session descriptions."""
    found = wire("cheatsheet/*.sdp")
    for message in sip():
        body = message.partition(b"\r\n\r\n")[2]
        if body.startswith(b"v=0"):
            found.append(body)
    return found


def msrp() -> list[bytes]:
    """MSRP frames."""
    return wire("*/*-msrp-*.bin", "cheatsheet/m_*.bin", "cheatsheet/auth-*.bin")

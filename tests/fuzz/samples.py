"""The seed corpus: torture messages and flows as they are in the tree, and what they are made of."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.target import words
from tests.sip.samples import SAMPLES as TORTURE

WIRE = Path(__file__).parent.parent / "wire"

SIP_WORDS = words(r"""
    \r\n \r\n\r\n \r\n\x20 \r \n \x00 \x1b[31m \xe2\x80\xae \xff " \\" < > , ; = %00 % SIP/2.0 INVITE\x20
    CANCEL\x20 BYE\x20 ACK\x20 sip: sips: tel:+1 ;tag= ;branch=z9hG4bK ;rport ;received= ;lr [::1] 4294967296
    -1 00000000001 \xc2\xb2 Content-Length:\x20 \r\nVia:\x20SIP/2.0/UDP\x20a;branch=z9hG4bKb
    \r\nRecord-Route:\x20<sip:a;lr> \r\nContact:\x20* \r\nRequire:\x20x
    \r\nWWW-Authenticate:\x20Digest\x20realm="a",\x20nonce="b" To\x01:\x20 To\x20:\x20
""")


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

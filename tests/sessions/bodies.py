"""Bodies of INVITEs: descriptions, parts, and pictures that they name."""

from __future__ import annotations

from pushsvc import sdp
from pushsvc.sessions.offer_body import Icon
from pushsvc.sip.codec import parse
from pushsvc.sip.message import Request
from tests.sessions.values import FIELDS, LOCAL, file, invite
from tests.sip.samples import TWO_FILES

PNG = Icon("image/png", b"\x89PNG\r\n\x1a\n\r\n--\x00")
CID = "1@example.com"
SDP = "Content-Type: application/sdp"


def invite_of_two_files() -> Request:
    """E.3."""
    request = parse(TWO_FILES)
    assert isinstance(request, Request)
    return request


def offering(*icons: str | None) -> sdp.Description:
    """An offer of files whose icons have these Content-IDs."""
    return sdp.offer(LOCAL, [file(f"{index}", icon=icon) for index, icon in enumerate(icons)], (1, 1))


def carried(content_type: str, body: bytes) -> Request:
    """An INVITE with this body."""
    fields = [(name, content_type if name == "Content-Type" else value) for name, value in FIELDS]
    return invite(body, fields)


def part(octets: bytes, *fields: str) -> bytes:
    """One body part, its boundary `b` before it."""
    return b"--b\r\n" + "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n" + octets + b"\r\n"


def multipart(*parts: bytes, kind: str = "related", more: str = "") -> Request:
    return carried(f"multipart/{kind};boundary=b{more}", b"".join([*parts, b"--b--"]))


def picture(*fields: str, octets: bytes = PNG.octets, kind: str = "image/png") -> bytes:
    return part(octets, f"Content-Type: {kind}", f"Content-ID: <{CID}>", *fields)


NAMED = offering(CID)
DESCRIBED = part(sdp.format(NAMED), SDP)

"""Contents in wrappers: message/cpim and multiparts, as octets."""

from __future__ import annotations

from collections.abc import Sequence

from pushsvc.push.cpim import write_head
from pushsvc.sip.headers import Headers
from pushsvc.sip.multipart import Part, join

EDGE = "edge"


def cpim(content: bytes, type: str = "text/plain", *mime: tuple[str, str]) -> bytes:
    """A message/cpim around this."""
    return write_head([("From", "<sip:push@example.com>")], [("Content-Type", type), *mime]) + content


def multipart(*parts: tuple[str, bytes], extra: Sequence[tuple[str, str]] = ()) -> bytes:
    """The body of a multipart with these parts, by type and octets."""
    return join([Part(Headers([("Content-Type", type), *extra]), octets) for type, octets in parts], EDGE)


def kind(subtype: str) -> str:
    return f'multipart/{subtype}; boundary="{EDGE}"'

"""The messages of a flow of the specification (`tests/wire`), and what two conversations have in common.

A message is brought into a form in which only what is said is left: ids, hosts and fingerprints are named in the order
in which a conversation first says them, headers are sorted, and what depends on the length of names is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pushsvc.msrp.framer import Begun, Data, Ended, Framer
from pushsvc.sip.codec import encode, parse
from tests.conversations import transcript

DIRECTORY = Path(__file__).parent.parent / "wire"

_HOSTS = {"192.0.2.10": "sender.example.com", "192.0.2.20": "receiver.example.com"}
_DROPPED = re.compile(r"(?:;received=[0-9.]+|;rport(?:=[0-9]+)?|, SUBSCRIBE|, NOTIFY|\"Push Sender\" )")
_IDS = (
    ("branch", re.compile(r"(?<=;branch=)z9hG4bK\w+")),
    ("tag", re.compile(r"(?<=;tag=)\w+")),
    ("call", re.compile(r"(?<=^Call-ID: )\S+", re.MULTILINE)),
    ("session", re.compile(r"(?<=:2855/)\w+")),
    ("transaction", re.compile(r"(?<=^MSRP )\w+|(?<=^-------)\w+", re.MULTILINE)),
    ("message", re.compile(r"(?<=^Message-ID: )\w+", re.MULTILINE)),
    ("transfer", re.compile(r"(?<=^a=file-transfer-id:)\w+", re.MULTILINE)),
    ("origin", re.compile(r"(?<=^o=- )\d+", re.MULTILINE)),
    ("fingerprint", re.compile(r"(?<=^a=fingerprint:sha-256 )[0-9A-F:]+", re.MULTILINE)),
)


class Form:
    """One conversation's names. Two of the same form say the same."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, text: str) -> list[str]:
        """The lines of a message: what it is, its headers sorted, its body as it is."""
        text = _DROPPED.sub("", text.replace("\r\n", "\n")).replace("sip:push-sender@", "sip:sender@")
        for address, host in _HOSTS.items():
            text = text.replace(address, host)
        for kind, pattern in _IDS:
            text = pattern.sub(lambda found, kind=kind: self._name(kind, found[0]), text)  # type: ignore[misc]
        head, _, body = text.partition("\n\n")
        first, *headers = head.splitlines()
        kept = sorted(line for line in headers if not line.startswith("Content-Length:"))
        return [first, *kept, *body.strip().splitlines()]

    def _name(self, kind: str, id: str) -> str:
        count = sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(f"{kind} {id}", f"{kind}{count + 1}")


def kept(flow: str) -> list[str]:
    """The texts of our own conversation's messages, in order, as `tests/transcripts` has them."""
    text = (transcript.DIRECTORY / f"{flow}.txt").read_text(encoding="utf-8")
    return [message.partition("\n\n")[2] for message in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]]


def messages_of(flow: str) -> list[str]:
    """The texts of a flow's messages, in order; contents of MSRP are counted and not shown."""
    return [_text(path.read_bytes()) for path in sorted((DIRECTORY / flow).iterdir())]


def _text(octets: bytes) -> str:
    if not octets.startswith(b"MSRP "):
        message = parse(octets)
        assert message is not None
        return encode(message).decode()
    return "".join(_frames(octets))


def _frames(octets: bytes) -> Iterator[str]:
    size = 0
    for event in Framer().feed(octets):
        match event:
            case Begun():
                head = event.head
            case Data():
                size += len(event.octets)
            case Ended():
                yield transcript.frame_text(head, size, event)

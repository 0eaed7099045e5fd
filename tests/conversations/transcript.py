"""A conversation as text: every SIP message and every MSRP frame in the order in which they arrive."""

from __future__ import annotations

import os
from pathlib import Path
from weakref import WeakKeyDictionary

from pushsvc.msrp.chunk import Head, Reply, Report, Send, encode_head
from pushsvc.msrp.framer import Begun, Data, Ended, Framer
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.observer import Direction
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request

DIRECTORY = Path(__file__).parent.parent / "transcripts"
REWRITE = "PUSHSVC_REWRITE_TRANSCRIPTS"
"""Set in the environment, transcripts are written and not compared; the diff is for the review."""


class Transcript:
    """Listens at both ends. `names` are those of the hosts by their address."""

    def __init__(self, names: dict[str, str]) -> None:
        self.ladder: list[str] = []
        self.messages: list[tuple[str, str]] = []  # who said it, and its text
        self._names = names
        self._paragraphs: list[str] = []
        self._framers: WeakKeyDictionary[MsrpConnection, Framer] = WeakKeyDictionary()
        self._open: dict[MsrpConnection, tuple[Head, int]] = {}

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._paragraphs)

    def observer(self, name: str) -> Hears:
        """What the agent of this name observes with."""
        return Hears(name, self)

    def sip(self, hearer: str, message: Message, hop: Hop) -> None:
        what = message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
        self._note(self._names.get(hop.host, hop.host), hearer, hop.transport, what, encode(message).decode())

    def msrp(self, connection: MsrpConnection, data: bytes) -> None:
        """Octets that this connection is about to read."""
        if connection not in self._framers:
            self._framers[connection] = Framer()
        for event in self._framers[connection].feed(data):
            match event:
                case Begun():
                    self._open[connection] = (event.head, 0)
                case Data():
                    head, size = self._open[connection]
                    self._open[connection] = (head, size + len(event.octets))
                case Ended():
                    self._framed(connection, *self._open.pop(connection), event)

    def _framed(self, connection: MsrpConnection, head: Head, size: int, ended: Ended) -> None:
        transport = connection.transport
        sender, hearer = (self._names[end.host] for end in (transport.getPeer(), transport.getHost()))  # type: ignore[union-attr]
        self._note(sender, hearer, "msrp", _what(head), frame_text(head, size, ended))

    def _note(self, sender: str, hearer: str, way: str, what: str, text: str) -> None:
        self.ladder.append(f"{sender} {what}")
        self.messages.append((sender, text))
        number = len(self.ladder)
        self._paragraphs.append(f"=== {number}. {sender} to {hearer}, {way}: {what}\n\n" + text.replace("\r\n", "\n"))


class Hears:
    """An observer that passes on what one agent hears."""

    def __init__(self, name: str, transcript: Transcript) -> None:
        self._name = name
        self._transcript = transcript

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if direction is Direction.IN:
            self._transcript.sip(self._name, message, hop)

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None: ...


def compared(name: str, text: str) -> str:
    """The transcript of that name as it is kept; `text` itself where it is to be written anew."""
    path = DIRECTORY / f"{name}.txt"
    if os.environ.get(REWRITE):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def frame_text(head: Head, size: int, ended: Ended) -> str:
    """A chunk as text, with so many octets of content that are not shown."""
    content = f"<{size} octets>\r\n" if size else ""
    return encode_head(head).decode() + content + f"-------{head.transaction_id}{ended.flag.value}\r\n"


def _what(head: Head) -> str:
    match head:
        case Send():
            return f"SEND {head.byte_range}"
        case Report():
            return f"REPORT {head.status}"
        case Reply():
            return f"{head.status}"
        case _:
            return head.method

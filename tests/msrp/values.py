"""The shortest valid MSRP things; a test overrides what it is about. And a framer's events in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path as FilePath

from pushsvc.msrp.chunk import ByteRange, FailureReport, Fields, Flag, Reply, Report, Send, encode
from pushsvc.msrp.framer import Begun, Data, Ended, Event, Framer, StreamBroken
from pushsvc.msrp.uri import MsrpUri

SENDER = MsrpUri.parse("msrps://s.example.com:2855/sss;tcp")
RECEIVER = MsrpUri.parse("msrps://r.example.com:2855/rrr;tcp")
WIRE = FilePath(__file__).parent.parent / "wire"


class CountedTokens:
    """Words in a fixed order: "0000000000000001", "…2" and so on."""

    def __init__(self) -> None:
        self.count = 0

    def word(self, length: int) -> str:
        self.count += 1
        return f"{self.count:0{length}}"

    def fraction(self) -> float:
        return 0.0


def make_send(
    transaction_id: str = "tid1",
    *,
    message_id: str | None = "mid1",
    byte_range: tuple[int, int | None, int | None] | None = (1, None, None),
    content_type: str | None = "text/plain",
    success_report: bool = False,
    failure_report: FailureReport = FailureReport.YES,
    headers: Fields = (),
) -> Send:
    """A SEND from SENDER to RECEIVER."""
    return Send(
        transaction_id,
        (RECEIVER,),
        (SENDER,),
        message_id,
        ByteRange(*byte_range) if byte_range is not None else None,
        success_report,
        failure_report,
        content_type,
        headers,
    )


def make_reply(transaction_id: str = "tid1", status: int = 200, comment: str = "OK") -> Reply:
    """RECEIVER's reply to a SEND of SENDER."""
    return Reply(transaction_id, (SENDER,), (RECEIVER,), status, comment)


def make_report(
    message_id: str = "mid1", byte_range: tuple[int, int | None, int | None] = (1, 5, 5), status: int = 200
) -> Report:
    """RECEIVER's report about a content of SENDER."""
    return Report("rep1", (SENDER,), (RECEIVER,), message_id, ByteRange(*byte_range), status, "OK")


def wire(body: bytes = b"hello", flag: Flag = Flag.COMPLETE, transaction_id: str = "tid1") -> bytes:
    """A SEND with this content, as it travels."""
    return encode(make_send(transaction_id), body, flag)


def msrp_files() -> dict[str, bytes]:
    """The MSRP frames of the specification's flows and cheat-sheet, by file name."""
    files = sorted([*WIRE.glob("flow*/*.bin"), *WIRE.glob("cheatsheet/m_*.bin")])
    frames = {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}
    return {name: octets for name, octets in frames.items() if octets.startswith(b"MSRP ")}


def joined(events: Iterable[Event]) -> list[Begun | bytes | Ended]:
    """The events with neighbouring octets of content put together: what must not depend on how a stream was cut."""
    plain: list[Begun | bytes | Ended] = []
    for event in events:
        if not isinstance(event, Data):
            plain.append(event)
        elif plain and isinstance(plain[-1], bytes):
            plain[-1] += bytes(event.octets)
        else:
            plain.append(bytes(event.octets))
    return plain


def heard(*reads: bytes, framer: Framer | None = None) -> tuple[list[Begun | bytes | Ended], bool]:
    """What a framer makes of these reads, and whether it could read on after them."""
    framer = framer or Framer()
    events: list[Event] = []
    for read in reads:
        try:
            events += framer.feed(read)
        except StreamBroken as broken:
            return joined(events + broken.events), False
    return joined(events), True

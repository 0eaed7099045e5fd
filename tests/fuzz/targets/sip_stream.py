"""A stream of messages, whole and in pieces: the same events, whatever the cuts; nothing after the framing is lost."""

from __future__ import annotations

from pushsvc.sip.codec import Event, Malformed, StreamParser, encode
from tests.fuzz import samples
from tests.fuzz.target import Frame, Target, holds, pieces_of
from tests.fuzz.targets.sip_datagram import INVITE, one_message


def run(octets: bytes) -> None:
    whole = StreamParser()
    events = whole.feed(octets)
    cut = StreamParser()
    in_pieces = [event for piece in pieces_of(octets) for event in cut.feed(piece)]
    holds(_told(events) == _told(in_pieces), "cuts change what is read")
    holds(whole.partial == cut.partial, "cuts change what is held")
    fatal = [event for event in events if isinstance(event, Malformed) and event.fatal]
    holds(not fatal or events[-1] is fatal[0], "something was read after the framing was lost")
    for event in events:
        if isinstance(event, Malformed) and event.reply is not None:
            one_message(encode(event.reply))


def _told(events: list[Event]) -> list[object]:
    """Which status octets get that cannot be read may depend on how much of them had come when that was known."""
    return [event.fatal if isinstance(event, Malformed) else event for event in events]


def _samples() -> list[bytes]:
    found = samples.sip()
    return [
        *found,
        *(one + other for one, other in zip(found, found[3:], strict=False)),
        INVITE + b"\r\n\r\n\r\n" + INVITE,
    ]


TARGET = Target(
    "sip-stream",
    run,
    _samples,
    (*samples.SIP_WORDS, INVITE, b"Content-Length: 5\r\n"),
    longest=8192,
    weight=2,
    limit=1 << 20,
    frames=(Frame(most=65536), Frame(INVITE[: INVITE.index(b"\r\n") + 2]), Frame(INVITE), Frame(b"A" * 100)),
    units=(INVITE, b"X: y\r\n", b"\r\n"),
)

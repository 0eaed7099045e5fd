"""Octets read by the codec, for tests to compare."""

from __future__ import annotations

from pushsvc.sip.codec import DEFAULT_LIMITS, Event, Limits, Malformed, StreamParser, parse
from pushsvc.sip.message import Message


def read(datagram: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    message = parse(datagram, limits)
    assert message is not None
    return message


def plain(events: list[Event]) -> list[object]:
    """Events that can be compared: errors are equal when they say the same."""
    return [
        (event.error.reason, event.error.status, event.reply, event.fatal) if isinstance(event, Malformed) else event
        for event in events
    ]


def feed(*pieces: bytes, limits: Limits = DEFAULT_LIMITS) -> list[object]:
    parser = StreamParser(limits)
    return [event for piece in pieces for event in plain(parser.feed(piece))]

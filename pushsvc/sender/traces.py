"""What went over the wire for each push, as a ladder. Kept in memory for the newest pushes, without bodies."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from pushsvc.api.fields import time_text
from pushsvc.sender.job import Job
from pushsvc.sender.outcome import one_line
from pushsvc.sessions import Direction
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request

MAX_PUSHES = 500
MAX_EVENTS = 400  # of one push: twelve attempts with several files fit
WIDTH = 62  # columns between the two ends of a ladder


@attrs.define
class Event:
    """One arrow: when it went first, which way, and how many alike went without another protocol's in between."""

    at: float
    attempt: int
    direction: Direction
    protocol: str
    text: str
    peer: str
    octets: int = 0
    count: int = 1

    @property
    def kind(self) -> tuple[Direction, str, str]:
        """What is alike: the chunks of a transfer, and their replies."""
        return self.direction, self.protocol, self.text.split(" ")[0]


@attrs.define
class Trace:
    """Every arrow of one push."""

    push_id: str
    target: str
    events: list[Event] = attrs.Factory(list)
    dropped: int = 0

    def add(self, event: Event) -> None:
        """Keep it, joined with its like since the last change of protocol."""
        for earlier in reversed(self.events):
            if earlier.protocol != event.protocol or event.protocol == "sip":
                break
            if earlier.kind == event.kind:
                earlier.text = _joined(earlier.text, event.text)
                earlier.count += 1
                earlier.octets += event.octets
                return
        if len(self.events) >= MAX_EVENTS:
            self.dropped += 1
        else:
            self.events.append(event)

    def ladder(self) -> str:
        """The arrows between sender and receiver, one a line, in the order in which they began."""
        head = f"{'push-sender':>22}{self.target:>{WIDTH}}"
        lines = [f"{self.push_id}", head, _rail("")]
        start = self.events[0].at if self.events else 0.0
        lines += [f"{event.at - start:12.3f} s {_arrow(event)}" for event in self.events]
        if self.dropped:
            lines.append(f"{self.dropped} further arrows were not kept")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"push": self.push_id, "dropped": self.dropped, "events": [_event_json(event) for event in self.events]}


class Traces:
    """An observer that files traffic by push."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._calls: OrderedDict[str, tuple[Trace, int]] = OrderedDict()

    def of(self, push_id: str) -> Trace | None:
        """The trace of a push; None: it was not tried since the start, or it is too old."""
        return self._traces.get(push_id)

    def began(self, call_id: str, job: Job) -> None:
        """Traffic with this Call-ID belongs to this attempt."""
        trace = self._traces.setdefault(job.push_id, Trace(job.push_id, job.to))
        self._calls[call_id] = (trace, job.attempt)
        for table in (self._traces, self._calls):
            while len(table) > MAX_PUSHES:
                table.popitem(last=False)

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        text = f"{message.method} {message.uri}" if isinstance(message, Request) else _status(message)
        self._add(message.call_id, direction, "sip", text, str(hop), len(message.body))

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        self._add(call_id, direction, "msrp", summary, peer, size)

    def _add(self, call_id: str, direction: Direction, protocol: str, text: str, peer: str, octets: int) -> None:
        found = self._calls.get(call_id)
        if found is not None:
            trace, attempt = found
            trace.add(Event(self._clock.seconds(), attempt, direction, protocol, one_line(text), peer, octets))


def _status(response: Any) -> str:
    return f"{response.status} {response.reason} ({response.cseq.method})"


def _joined(first: str, last: str) -> str:
    """`SEND 1-65536/300000` and `SEND 262145-300000/300000` are `SEND 1-300000/300000`."""
    start, dash, _ = first.partition("-")
    return start + dash + last.partition("-")[2] if dash else last


def _arrow(event: Event) -> str:
    times = f" x{event.count}" if event.count > 1 else ""
    label = f" {event.protocol.upper()} {event.text}{times} "[: WIDTH - 4]
    line = label.center(WIDTH - 2, "-")
    return _rail(f"{line}>" if event.direction is Direction.OUT else f"<{line}")


def _rail(inside: str) -> str:
    return f"|{inside:{WIDTH - 1}}|" if inside else " " * 15 + f"|{' ' * (WIDTH - 1)}|"


def _event_json(event: Event) -> dict[str, Any]:
    return {
        "at": time_text(event.at),
        "attempt": event.attempt,
        "direction": event.direction.value,
        "protocol": event.protocol,
        "text": event.text,
        "peer": event.peer,
        "octets": event.octets,
        "count": event.count,
    }

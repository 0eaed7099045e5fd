"""Server-sent events: what happened lately, and what happens, to who listens. What the events say is their maker's."""

# mypy: allow-untyped-calls
# (Twisted Web is not annotated.)

from __future__ import annotations

import json
from collections import deque

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from pushsvc.api.answer import Streamed
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource

KEPT = 1000  # events that a client that was away can still hear
MAX_LISTENERS = 64
HEARTBEAT = 15.0  # seconds; proxies and readers give up after 30 to 60 of silence


@attrs.frozen
class Event:
    """One thing that happened, already written as a client reads it."""

    number: int
    text: bytes


class EventLog:
    """The last `KEPT` events and who listens. Their ids are `<start>-<number>`, to know those of an earlier life."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self._life = f"{int(clock.seconds() * 1000):x}"
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._listeners: set[Listener] = set()
        self.next_number = 1

    def publish(self, kind: str, value: object) -> None:
        """Something happened: a word and a JSON value."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        event = f"id: {self._life}-{self.next_number}\nevent: {kind}\ndata: {text}\n\n"
        self._events.append(Event(self.next_number, event.encode()))
        self.next_number += 1
        for listener in tuple(self._listeners):
            listener.catch_up()

    def event_from(self, number: int) -> Event | None:
        """The first event that is still kept and has this number or a later one; None when all is told."""
        index = max(0, number - self._events[0].number) if self._events else 0
        return self._events[index] if index < len(self._events) else None

    def number_after(self, last_id: str | None) -> int:
        """The first number that a client wants which heard `last_id` last; None: only what is still to come."""
        if last_id is None:
            return self.next_number
        life, _, number = last_id.partition("-")
        if life != self._life or not (number.isascii() and number.isdigit() and len(number) < 16):
            return 1
        return int(number) + 1

    def listen(self, request: ApiRequest, number: int) -> Deferred[None]:
        """Write the events from `number` on to this request until its client goes away."""
        listener = Listener(self, request, number)
        self._listeners.add(listener)
        listener.begin()
        return listener.ended

    def left(self, listener: Listener) -> None:
        """This one listens no longer."""
        self._listeners.discard(listener)

    @property
    def crowded(self) -> bool:
        return len(self._listeners) >= MAX_LISTENERS

    def close(self) -> None:
        """End every stream: the daemon stops."""
        for listener in tuple(self._listeners):
            listener.end()


@implementer(IPushProducer)
class Listener:
    """One client that listens. What it is too slow to take stays in the log, not in memory of its own."""

    def __init__(self, log: EventLog, request: ApiRequest, number: int) -> None:
        self._log = log
        self._request = request
        self._number = number
        self._paused = False
        self._heartbeat: IDelayedCall | None = None
        self.ended: Deferred[None] = Deferred(lambda _: self._forget())

    def begin(self) -> None:
        """Send the headers and what it missed."""
        self._request.registerProducer(self, True)
        self._request.write(b": listening\n\n")
        self.catch_up()
        self._beat_later()

    def catch_up(self) -> None:
        """Write what it has not had yet."""
        while not self._paused and (event := self._log.event_from(self._number)):
            self._number = event.number + 1
            self._request.write(event.text)

    def end(self) -> None:
        """End the answer."""
        self._forget()
        self._request.unregisterProducer()
        self.ended.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self.catch_up()

    def stopProducing(self) -> None:
        self._paused = True

    def _beat_later(self) -> None:
        self._heartbeat = self._log.clock.callLater(HEARTBEAT, self._beat)

    def _beat(self) -> None:
        if not self._paused:
            self._request.write(b":\n\n")
        self._beat_later()

    def _forget(self) -> None:
        self._log.left(self)
        if self._heartbeat is not None:
            self._heartbeat.cancel()


class EventStream(ApiResource):
    """`GET`: the events as text/event-stream; `Last-Event-ID` resumes."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def render_GET(self, request: ApiRequest) -> Streamed:
        if self._log.crowded:
            raise Problem(503, "too-many-listeners", "too many listen already", headers=[("Retry-After", "30")])
        number = self._log.number_after(request.header("Last-Event-ID"))
        return Streamed(lambda to: self._log.listen(to, number), headers=(("Content-Type", "text/event-stream"),))

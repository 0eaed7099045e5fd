"""Contents coming in over an MSRP session: runs the `Incoming` rules and keeps the octets in a sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import DeliveryError, Misuse, Refused, TimedOut
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import Flag, Reply, Report, Send
from pushsvc.msrp.incoming import Abandoned, Completed, Declined, Incoming, Output, Started, Store, Unwanted, no_room
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.alarm import Alarm

CANNOT_KEEP = 413  # the one code that makes every sender stop (RFC 4975 §10.5)
TRICKLE = 4096  # octets that a content brings, if it does not end, within each stall timeout: slower is no transfer


class Sink(Protocol):
    """Where one received content goes."""

    def write(self, offset: int, octets: memoryview) -> None:
        """Keep these octets; they are only lent. Raises OSError."""

    def finish(self) -> Deferred[Any]:
        """Every octet is there. Fires when they are durable; fails with Refused when they are not wanted after all."""

    def cut(self, why: str) -> None:
        """The content is not completed by this session; its rest may come by another."""

    def discard(self, why: str) -> None:
        """The content will not be completed."""


@attrs.frozen
class Wanted:
    """What may come in: by type, by size in octets, and one content only where a file was agreed.

    `room` tells how many octets a content of a type may have beyond `expected_size`.
    `make_sink` may raise OSError when nothing can be kept now.
    """

    accepts: Callable[[str], bool]
    make_sink: Callable[[Send], Sink]
    max_size: int | None = None
    expected_size: int | None = None
    one_content: bool = True
    room: Callable[[str], int] = no_room


def _no_sink(send: Send) -> Sink:
    raise Misuse("content was accepted where none is wanted")


# A side that only sends still answers bodiless SENDs: keep-alives, and the opening one (requirements D-SDP-3).
NOTHING = Wanted(accepts=lambda media_type: False, make_sink=_no_sink)


class Receiving:
    """The receiving half of a session.

    `transmit` takes replies and reports. `failed` is told, once, why nothing more can come: TimedOut when the sender
    fell silent, Refused when what it sends is too much. `done` is told of each content that came to its end.
    """

    log = Logger()

    def __init__(
        self,
        own: MsrpUri,
        wanted: Wanted,
        clock: IReactorTime,
        stall_timeout: float,
        transmit: Callable[[Reply | Report], None],
        failed: Callable[[DeliveryError], None],
        tokens: Tokens,
        done: Callable[[], None] = lambda: None,
        call_id: str = "",
    ) -> None:
        self._wanted = wanted
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._transmit = transmit
        self._tell_failed = failed
        self._tell_done = done
        self._call_id = call_id
        self._silence = Alarm(clock, self._stalled)
        self._trickled = 0  # octets since the alarm was set
        self._sinks: dict[str, Sink] = {}  # by Message-ID
        self._finishing = 0  # contents that are complete and being made durable
        self._answered = 0  # contents that came to an end, whichever
        self._closed = False
        self._failed = False
        self._incoming = Incoming(
            own,
            wanted.accepts,
            tokens,
            max_size=wanted.max_size,
            expected_size=wanted.expected_size,
            room=wanted.room,
            one_content=wanted.one_content,
        )

    @property
    def is_done(self) -> bool:
        """Whether a content has come to its end, and none is under way."""
        return self._answered > 0 and not self._sinks and not self._finishing

    def begun(self, send: Send) -> None:
        self._perform(self._incoming.begun(send, self._clock.seconds()))

    def data(self, octets: memoryview) -> None:
        self._trickled += len(octets)
        if self._sinks and self._trickled >= TRICKLE:
            self._listen()
        self._perform(self._incoming.data(octets, self._clock.seconds()))

    def ended(self, flag: Flag) -> None:
        self._perform(self._incoming.ended(flag, self._clock.seconds()))

    def close(self, why: str) -> None:
        """Nothing more comes in; what is not complete is cut, what is being made durable stays."""
        self._closed = True
        for message_id in list(self._sinks):
            self._drop(message_id, why, is_cut=True)

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Store():
                    self._store(output)
                case Reply() | Report():
                    self._transmit(output)
                case Started():
                    self._start(output)
                case Completed():
                    self._complete(output.message_id)
                case Abandoned():
                    self._log_refusal(output.status, output.why)
                    self._drop(output.message_id, output.why)
                case Declined():
                    self._log_refusal(output.status, output.why)
                case Unwanted():
                    self._fail(Refused(CANNOT_KEEP, output.why, protocol="msrp"))

    def _log_refusal(self, status: int, why: str) -> None:
        self.log.info("content declined: {why}", why=why, status=status, call_id=self._call_id)

    def _start(self, started: Started) -> None:
        try:
            self._sinks[started.message_id] = self._wanted.make_sink(started.send)
        except OSError as error:
            self._cannot_keep(started.message_id, error)
        else:
            self._listen()

    def _listen(self) -> None:
        """It counts from here whether anything comes in."""
        self._trickled = 0
        self._silence.after(self._stall_timeout)

    def _store(self, output: Store) -> None:
        sink = self._sinks.get(output.message_id)
        if sink is not None:
            try:
                sink.write(output.offset, output.octets)
            except OSError as error:
                self._cannot_keep(output.message_id, error)

    def _cannot_keep(self, message_id: str, error: OSError) -> None:
        self._give_up(message_id, self._log_cannot_keep(error))

    def _log_cannot_keep(self, error: OSError) -> str:
        why = error.strerror or "cannot be stored"
        self.log.error("received content cannot be kept: {why}", why=why, call_id=self._call_id)
        return why

    def _give_up(self, message_id: str, why: str, *, is_cut: bool = False) -> None:
        self._perform(self._incoming.failed(CANNOT_KEEP, why, self._clock.seconds(), message_id))
        self._drop(message_id, why, is_cut=is_cut)  # last: its owner may end the session at that

    def _complete(self, message_id: str) -> None:
        sink = self._take(message_id)
        if sink is not None:
            self._finishing += 1
            kept = maybeDeferred(sink.finish).addBoth(self._finished)
            kept.addCallbacks(lambda _: self._stored(message_id), lambda why: self._not_stored(message_id, why))
            kept.addErrback(lambda bug: self.log.failure("a bug: a content was not answered", bug))
            kept.addBoth(lambda _: self._tell_done())

    def _finished(self, result: Any) -> Any:
        self._finishing -= 1
        self._answered += 1
        return result

    def _stored(self, message_id: str) -> None:
        if not self._closed:
            self._perform(self._incoming.stored(self._clock.seconds(), message_id))

    def _not_stored(self, message_id: str, failure: Failure) -> None:
        error = failure.value
        status, why = CANNOT_KEEP, "cannot be stored"
        if isinstance(error, Refused):
            status, why = error.status, error.reason
            self._log_refusal(status, why)
        elif isinstance(error, OSError):
            self._log_cannot_keep(error)
        else:
            self.log.failure("a bug: received content could not be kept", failure)
        if not self._closed:
            self._perform(self._incoming.failed(status, why, self._clock.seconds(), message_id))

    def _take(self, message_id: str) -> Sink | None:
        sink = self._sinks.pop(message_id, None)
        if not self._sinks:
            self._silence.clear()
        return sink

    def _drop(self, message_id: str, why: str, *, is_cut: bool = False) -> None:
        sink = self._take(message_id)
        if sink is not None:
            self._answered += 1
            if is_cut:
                sink.cut(why)
            else:
                sink.discard(why)
            self._tell_done()

    def _stalled(self) -> None:
        """Should its sender go on after all, it hears at once that it is too late (requirements F, transfer stall)."""
        failed, self._failed = self._failed, True  # first: one end is enough
        for message_id in list(self._sinks):
            self._give_up(message_id, "the sender stopped sending", is_cut=True)
        if not failed:
            self._tell_failed(TimedOut(f"hardly any octets for {self._stall_timeout:g} s"))

    def _fail(self, error: DeliveryError) -> None:
        if not self._failed:
            self._failed = True
            self._tell_failed(error)

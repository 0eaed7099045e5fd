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

NOT_WANTED = 413  # stop, for good (RFC 4975 §10.5)
NOT_NOW = 481  # nothing is wrong with the content: this session is over, and another may bring it
TRICKLE = 4096  # octets that a content brings, if it does not end, within each stall timeout: slower is no transfer


class Sink(Protocol):
    """Where one received content goes."""

    def write(self, offset: int, octets: memoryview) -> None:
        """Keep these octets; they are only lent. Raises OSError when that cannot be, Refused when it shall not."""

    def finish(self) -> Deferred[Any]:
        """Every octet is there. Fires when they are durable; fails as `write` does."""

    def cut(self, why: str) -> None:
        """The content is not completed by this session; its rest may come by another."""

    def discard(self, why: str) -> None:
        """The content will not be completed."""


@attrs.frozen
class Wanted:
    """What may come in: by type, by size in octets, and one content only where a file was agreed.

    `room` tells how many octets a content of a type may have beyond `expected_size`.
    `make_sink` may raise OSError when nothing can be kept now. `refused` is told the status of each that is refused.
    """

    accepts: Callable[[str], bool]
    make_sink: Callable[[Send], Sink]
    max_size: int | None = None
    expected_size: int | None = None
    one_content: bool = True
    room: Callable[[str], int] = no_room
    refused: Callable[[int], None] = lambda status: None


def _no_sink(send: Send) -> Sink:
    raise Misuse("content was accepted where none is wanted")


# A side that only sends still answers bodiless SENDs: keep-alives, and the opening one (requirements D-SDP-3).
NOTHING = Wanted(accepts=lambda media_type: False, make_sink=_no_sink)


class Receiving:
    """The receiving half of a session.

    `transmit` takes replies and reports. `failed` is told, once, why nothing more can come: TimedOut when the sender
    fell silent, Refused when what it sends is too much, or cannot be kept now (`retry`). `done` is told of each content
    that came to its end.
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
                    self._fail(Refused(NOT_WANTED, output.why, protocol="msrp"))

    def _log_refusal(self, status: int, why: str) -> None:
        self.log.info("content declined: {why}", why=why, status=status, call_id=self._call_id)
        self._wanted.refused(status)

    def _start(self, started: Started) -> None:
        try:
            self._sinks[started.message_id] = self._wanted.make_sink(started.send)
        except OSError:
            self._give_up(started.message_id, self._refusal(Failure()))
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
            except (OSError, Refused):
                self._give_up(output.message_id, self._refusal(Failure()))

    def _refusal(self, failure: Failure) -> Refused:
        """What the sender is told of this, which is logged."""
        match error := failure.value:
            case Refused():
                self._log_refusal(error.status, error.reason)
                return error
            case OSError():
                why = error.strerror or "cannot be stored"
                self.log.error("received content cannot be kept: {why}", why=why, call_id=self._call_id)
                return Refused(NOT_NOW, why, protocol="msrp", retry=True)
        self.log.failure("a bug: received content could not be kept", failure)
        return Refused(NOT_WANTED, "cannot be stored", protocol="msrp")

    def _give_up(self, message_id: str, refusal: Refused, *, is_cut: bool = False) -> None:
        self._refuse(message_id, refusal)
        self._drop(message_id, refusal.reason, is_cut=is_cut)  # last: its owner may end the session at that

    def _refuse(self, message_id: str, refusal: Refused) -> None:
        now = self._clock.seconds()
        self._perform(self._incoming.failed(refusal.status, refusal.reason, now, message_id))
        if refusal.retry:
            self._fail(refusal)

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
        refusal = self._refusal(failure)
        if not self._closed:
            self._refuse(message_id, refusal)

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
        refusal = Refused(NOT_WANTED, "the sender stopped sending", protocol="msrp")
        for message_id in list(self._sinks):
            self._give_up(message_id, refusal, is_cut=True)
        if not failed:
            self._tell_failed(TimedOut(f"hardly any octets for {self._stall_timeout:g} s"))

    def _fail(self, error: DeliveryError) -> None:
        if not self._failed:
            self._failed = True
            self._tell_failed(error)

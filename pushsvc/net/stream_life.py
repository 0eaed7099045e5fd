"""How a stream lives with its peer, whatever it carries: deadlines, flow control in both directions, and the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorTime

from pushsvc.net.alarm import Alarm

# SECURITY part 5, deadlines.
HANDSHAKE_SECONDS = 10.0
WRITE_STALLED_SECONDS = 30.0


class StreamLife:
    """One stream's. Once it is `closing` nothing more can be sent; `is_full` says that the transport has enough.

    `idled()` is told when `idle`, which its owner sets, has rung. `partial` is how many seconds something unfinished
    may take, `unread` how many octets of answers are held for a peer that reads nothing before we read nothing more.
    """

    def __init__(self, clock: IReactorTime, idled: Callable[[], None], *, partial: float, unread: int) -> None:
        self.closing = False
        self.is_full = False
        self.idle = Alarm(clock, idled)
        self._partial_seconds = partial
        self._most_unread = unread
        self._unread = 0
        self._held = False
        self._partial = Alarm(clock, self.drop)
        self._stalled = Alarm(clock, self.drop)

    def begin(self, transport: Any, producer: IPushProducer, *, secure: bool) -> None:
        """The stream is up, and a `secure` one begins to shake hands."""
        self._transport = transport
        transport.setTcpNoDelay(True)
        transport.registerProducer(producer, True)
        if secure:
            self._partial.after(HANDSHAKE_SECONDS)

    def ready(self, idle: float) -> None:
        """Octets can be sent; it may be idle for so many seconds at first."""
        self._partial.clear()
        if not self.closing:
            self.idle.after(idle)

    # -- the end of it

    def close(self) -> None:
        """What was written still goes out, if the peer reads it in time."""
        if not self.closing:
            self.closing = True
            self.idle.clear()
            self._partial.clear()
            self._stalled.after(WRITE_STALLED_SECONDS)
            # A transport stays open for as long as it has a producer that is paused.
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def drop(self) -> None:
        """Too slow or broken: nothing more in either direction."""
        self.closing = True
        self._transport.abortConnection()

    def lost(self) -> None:
        """The stream is gone."""
        self.closing = True
        for alarm in (self.idle, self._partial, self._stalled):
            alarm.clear()

    # -- what comes in

    def heard(self, *, unfinished: bool, progress: bool) -> None:
        """Octets were read: whether something is unfinished now, and whether something else ended by them.

        Each thing has its time; on a busy stream there is always one that has begun.
        """
        if self.closing or not unfinished:
            self._partial.clear()
        elif progress or not self._partial.is_set:
            self._partial.after(self._partial_seconds)

    def hold(self) -> None:
        """Read nothing more for now."""
        self._held = True
        self._transport.pauseProducing()

    def go_on(self) -> None:
        """Read on, unless the peer does not."""
        self._held = False
        self._read_on()

    # -- what goes out

    def full(self) -> None:
        """The peer reads slower than we write: it gets as long as a stalled write may take."""
        self.is_full = True
        if not self._stalled.is_set:
            self._stalled.after(WRITE_STALLED_SECONDS)

    def drained(self) -> None:
        """The transport takes more."""
        self.is_full = False
        self._stalled.clear()
        was_unread, self._unread = self._unread > self._most_unread, 0
        if was_unread:
            self._read_on()

    def answered(self, octets: int) -> None:
        """So much was written: a peer that reads nothing cannot make us hold the answers to ever more requests."""
        if self.is_full:
            before, self._unread = self._unread, self._unread + octets
            if before <= self._most_unread < self._unread:
                self._transport.pauseProducing()

    def _read_on(self) -> None:
        if not self._held and self._unread <= self._most_unread and not self.closing:
            self._transport.resumeProducing()

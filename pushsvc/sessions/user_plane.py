"""The media lines of a session and the connections that carry them (requirements E.11); what is agreed is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.errors import DeliveryError, Refused, TimedOut, Unreachable
from pushsvc.msrp.uri import Path
from pushsvc.net.alarm import Alarm
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.line import Line


class UserPlane:
    """Who has to connect, and what when nobody does.

    `carried()` is told when a connection carries one of the lines, `lost(line, error)` when the peer of one went
    silent, sends what is too much or cannot be kept, or turned out to be somebody else, `dead(why)` when there is none
    that a connection carries, for too long, `done()` when the content of a line has come to its end, `moved()` when our
    relay leads to one by another path. `foreign` is that of the dialog.
    """

    def __init__(
        self,
        floors: Floors,
        lines: Sequence[Line],
        carried: Callable[[], None],
        lost: Callable[[Line, DeliveryError], None],
        dead: Callable[[str], None],
        done: Callable[[], None] = lambda: None,
        moved: Callable[[], None] = lambda: None,
        *,
        foreign: bool = False,
    ) -> None:
        self.lines: list[Line] = []
        self._floors = floors
        self._tell_carried = carried
        self._tell_lost = lost
        self._tell_dead = dead
        self._tell_done = done
        self._tell_moved = moved
        self._foreign = foreign
        self._unconnected = Alarm(floors.clock, self._look)
        for index, line in enumerate(lines):
            self.put(index, line)

    @property
    def is_used(self) -> bool:
        """Whether any line is open."""
        return any(line.is_open for line in self.lines)

    @property
    def is_done(self) -> bool:
        """Whether no line has anything more to carry."""
        return all(line.msrp is None or line.msrp.is_done for line in self.lines)

    @property
    def paths(self) -> dict[int, Path]:
        """How the lines are reached that are open, by index."""
        return {index: line.msrp.path for index, line in enumerate(self.lines) if line.msrp is not None}

    @property
    def heard_at(self) -> float:
        """When octets came last over a connection that carries a line, in seconds of the clock; 0.0: none does."""
        links = (line.msrp.link for line in self.lines if line.msrp is not None)
        return max((link.heard_at for link in links if link is not None), default=0.0)

    def put(self, index: int, line: Line) -> None:
        """A line for this place, or for the one behind the last; what was there is closed."""
        for before in self.lines[index : index + 1]:
            self.close(before)
        self.lines[index : index + 1] = [line]
        if line.msrp is not None:
            self._watch(line, line.msrp)

    def close(self, line: Line) -> None:
        """The line carries nothing any more."""
        msrp = line.closed()
        if msrp is not None:
            msrp.on_bound = lambda: None
            msrp.on_failed = lambda error: None
            msrp.on_done = lambda: None
            msrp.on_moved = lambda: None
            self._floors.msrp.close(msrp)
            self._expect_if_needed()

    def ended(self, line: Line) -> None:
        """The peer has closed it."""
        line.is_ended = True
        self.close(line)

    def release(self) -> None:
        """Let go of everything."""
        for line in self.lines:
            self.close(line)
        self._unconnected.clear()

    def expect(self) -> None:
        """The peer has to connect soon (requirements F, MSRP binding)."""
        self._unconnected.after(self._floors.bind_timeout)

    def stop_expecting(self) -> None:
        """The session is ending anyway."""
        self._unconnected.clear()

    async def carry(self, lines: Sequence[Line], answered: Sequence[sdp.MediaOffer]) -> None:
        """As offerer: have these lines carried as the answer says. Raises Unreachable or TimedOut."""
        for line, view in zip(lines, answered, strict=True):
            msrp = line.msrp
            if msrp is None or msrp.link is not None:
                continue
            if line.impostor is not None:  # it was here before the answer
                raise line.impostor
            if sdp.offerer_connects(line.view.setup, view.setup):
                await self._floors.msrp.connect(msrp, foreign=self._foreign)
            else:
                await self._bound(line, msrp)

    async def reach(self, lines: Sequence[Line]) -> None:
        """As active answerer: connect, and say which session this is (E.11). Raises Unreachable."""
        for line in lines:
            msrp = line.msrp
            if msrp is not None and msrp.link is None:
                await self._floors.msrp.connect(msrp, foreign=self._foreign)
                msrp.greet()

    # -- ours

    def _watch(self, line: Line, msrp: MsrpSession) -> None:
        msrp.on_bound = self._carried
        msrp.on_failed = lambda error: self._failed(line, error)
        msrp.on_done = self._tell_done
        msrp.on_moved = self._tell_moved

    def _bound(self, line: Line, msrp: MsrpSession) -> Deferred[None]:
        """The peer is the active side: it has to come, in time, and to be the one that was announced."""
        bound: Deferred[None] = Deferred()
        seconds = self._floors.bind_timeout

        def came() -> None:
            self._watch(line, msrp)
            self._carried()
            if not bound.called:
                bound.callback(None)

        def failed(error: DeliveryError) -> None:
            self._watch(line, msrp)
            if not bound.called:
                bound.errback(error)

        def too_late(result: object, timeout: float) -> None:
            raise TimedOut(f"the peer did not connect within {timeout:g} s")

        msrp.on_bound, msrp.on_failed = came, failed
        return bound.addTimeout(seconds, self._floors.clock, onTimeoutCancel=too_late)

    def _carried(self) -> None:
        self._unconnected.clear()
        self._tell_carried()

    def _failed(self, line: Line, error: DeliveryError) -> None:
        if isinstance(error, Unreachable) and not error.retry:
            line.impostor = error
        if isinstance(error, (TimedOut, Refused)) or not error.retry:
            self._tell_lost(line, error)
        else:
            self._expect_if_needed()
            self._tell_done()

    def _expect_if_needed(self) -> None:
        """A lost connection does not come back. The peer may hang up, or offer the rest again; else we hang up."""
        if not self._is_carried and not self._unconnected.is_set:
            self.expect()

    @property
    def _is_carried(self) -> bool:
        return any(line.msrp is not None and line.msrp.link is not None for line in self.lines)

    def _look(self) -> None:
        if not self._is_carried:
            self._tell_dead("no MSRP connection to carry it")

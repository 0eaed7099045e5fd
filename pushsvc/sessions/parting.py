"""Our wish to end a session: it is fulfilled at once, once the peer has our 200, or once nothing is under way."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from pushsvc.net.alarm import Alarm

GRACE = 1.0  # seconds between a content's end and our BYE: time for its 200, and for a BYE of the peer's own


class Parting:
    """The first reason counts. `close(why)` says BYE.

    `is_unacked()`: a 200 of ours waits for its ACK; `is_done()`: there is nothing more to carry.
    """

    def __init__(
        self,
        clock: IReactorTime,
        close: Callable[[str], None],
        is_unacked: Callable[[], bool],
        is_done: Callable[[], bool],
    ) -> None:
        self._close = close
        self._is_unacked = is_unacked
        self._is_done = is_done
        self._once_acked: str | None = None
        self._once_done: str | None = None
        self._grace = Alarm(clock, self._close_if_done)

    def wish(self, why: str) -> None:
        """End it as soon as it may be."""
        if self._is_unacked():
            # RFC 3261 §15: a callee says no BYE before the ACK.
            self._once_acked = self._once_acked or why
        else:
            self._close(why)

    def wish_when_done(self, why: str) -> None:
        """End it once nothing is under way in it: at once, or a moment after the last content's end."""
        self._once_done = why
        self._close_if_done()

    def acked(self) -> bool:
        """The ACK came; gives whether it was waited for to end."""
        if self._once_acked is None:
            return False
        self._close(self._once_acked)
        return True

    def never_acked(self) -> None:
        """The peer is not there, or does not know that there is a session (RFC 3261 §13.3.1.4)."""
        self._close(self._once_acked or "the 200 was never acknowledged")

    def done(self) -> None:
        """A content is over. Its 200 goes by another way than our BYE, and must not be overtaken by it."""
        if self._once_done is not None:
            self._grace.after(GRACE)

    def stop(self) -> None:
        """The session is over."""
        self._grace.clear()

    def _close_if_done(self) -> None:
        if self._once_done is not None and self._is_done():
            self.wish(self._once_done)

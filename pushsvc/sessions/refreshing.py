"""The session interval (RFC 4028): our refreshes in time, the end when nobody refreshed, and the end without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.logger import Logger

from pushsvc.errors import DeliveryError
from pushsvc.net.alarm import Alarm
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.standing import Standing

QUIET_SECONDS = 300.0  # SECURITY part 5: how long a peer that has agreed to no interval may say nothing at all
SHORTEST_WAIT = 5.0  # seconds between two tries of a refresh: it is bounded, and a busy peer gets time


class Refreshing:
    """`refresh()` asks the peer, `expired(why)` is told when the session has had its time.

    Without an interval a session lasts for as long as its peer says something: `heard_at()` is when that was last.
    """

    log = Logger()

    def __init__(
        self,
        floors: Floors,
        standing: Standing,
        refresh: Callable[[], Awaitable[None]],
        expired: Callable[[str], None],
        heard_at: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._clock = floors.clock
        self._standing = standing
        self._refresh = refresh
        self._tell_expired = expired
        self._heard_at = heard_at
        self._spawn = spawn
        self._expires_at = 0.0
        self._alarm = Alarm(floors.clock, self._due)

    def restart(self) -> None:
        """A 2xx to an INVITE or UPDATE was sent or came: the interval counts from now."""
        now, timer = self._clock.seconds(), self._standing.timer
        if timer is None:
            self._alarm.set(now + QUIET_SECONDS)
        else:
            self._expires_at = timer.expires_at(now)
            self._alarm.set(timer.refresh_at(now) or self._expires_at)

    def stop(self) -> None:
        self._alarm.clear()

    def _due(self) -> None:
        now = self._clock.seconds()
        if self._standing.timer is None:
            self._look(now, self._heard_at() + QUIET_SECONDS)
        elif now >= self._expires_at:
            self._tell_expired("the session interval ran out")
        else:
            self._alarm.set(self._expires_at)
            self._spawn(self._try())

    def _look(self, now: float, quiet_until: float) -> None:
        if now >= quiet_until:
            self._tell_expired(f"nothing came for {QUIET_SECONDS:g} s, and no session interval was agreed on")
        else:
            self._alarm.set(quiet_until)

    async def _try(self) -> None:
        """One that was refused is tried again in the middle of the time that is left (flow 8c)."""
        try:
            await self._refresh()
        except DeliveryError as error:
            call_id = self._standing.dialog.call_id
            self.log.warn("session refresh failed: {reason}", reason=error.reason, call_id=call_id)
            now = self._clock.seconds()
            wait = (self._expires_at - now) / 2
            if self._alarm.is_set and wait >= SHORTEST_WAIT:
                self._alarm.set(now + wait)

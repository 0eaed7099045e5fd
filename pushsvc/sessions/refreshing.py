"""The session interval (RFC 4028): our refreshes in time, and the end when nobody refreshed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.logger import Logger

from pushsvc.errors import DeliveryError
from pushsvc.net.alarm import Alarm
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.standing import Standing

SHORTEST_WAIT = 5.0  # seconds between two tries of a refresh: it is bounded, and a busy peer gets time


class Refreshing:
    """`refresh()` asks the peer, `expired()` is told when the session has had its time."""

    log = Logger()

    def __init__(
        self,
        floors: Floors,
        standing: Standing,
        refresh: Callable[[], Awaitable[None]],
        expired: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._clock = floors.clock
        self._standing = standing
        self._refresh = refresh
        self._tell_expired = expired
        self._spawn = spawn
        self._expires_at = 0.0
        self._alarm = Alarm(floors.clock, self._due)

    def restart(self) -> None:
        """A 2xx to an INVITE or UPDATE was sent or came: the interval counts from now."""
        now, timer = self._clock.seconds(), self._standing.timer
        if timer is None:
            self._alarm.clear()
        else:
            self._expires_at = timer.expires_at(now)
            self._alarm.set(timer.refresh_at(now) or self._expires_at)

    def stop(self) -> None:
        self._alarm.clear()

    def _due(self) -> None:
        if self._clock.seconds() >= self._expires_at:
            self._tell_expired()
        else:
            self._alarm.set(self._expires_at)
            self._spawn(self._try())

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

"""Sessions whose files have all arrived, kept for a while: the next push to the same goes by them (A-21, A-23)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pushsvc.sessions import Ended, Session

Key = tuple[str, str | None]
"""What has to be the same for another push: target and application. Identity and service are the process's own."""


class Lingering:
    """At most one session for each key, each ended by a BYE when its time is up."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[Key, tuple[Session, IDelayedCall]] = {}

    def keep(self, key: Key, session: Session) -> None:
        """The session's work is done; it ends when its time is up, or when the peer ends it."""
        self.end(key)
        if self._seconds <= 0 or not session.is_alive:
            session.close()
            return
        self._kept[key] = (session, self._clock.callLater(self._seconds, self.end, key))
        session.when_ended().addCallback(lambda _: self._forget(key, session))

    def take(self, key: Key) -> Session | None:
        """The session that lingers for this key, to be used again; it is not ended from here any more."""
        if key not in self._kept:
            return None
        session, time_up = self._kept.pop(key)
        if time_up.active():
            time_up.cancel()
        return session

    def end(self, key: Key) -> None:
        """End the session that lingers for this key, if one does."""
        session = self.take(key)
        if session is not None:
            session.close()

    def end_all(self) -> Deferred[list[Ended]]:
        """End them all; fires when they have ended."""
        sessions = [session for session, _ in self._kept.values()]
        for key in list(self._kept):
            self.end(key)
        return gatherResults([session.when_ended() for session in sessions])

    def _forget(self, key: Key, session: Session) -> None:
        if key in self._kept and self._kept[key][0] is session:
            self.take(key)

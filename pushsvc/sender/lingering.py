"""Sessions whose files have all arrived, kept for a while before their BYE (rules A-21 and A-23)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pushsvc.sessions import Ended, Session


class Lingering:
    """At most one session per target lingers: another push there ends the one before, so that peers do not fill up."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[str, tuple[Session, IDelayedCall]] = {}

    def keep(self, target: str, session: Session) -> None:
        """The session's work is done; it ends when its time is up, or when the peer ends it."""
        self.end(target)
        if self._seconds <= 0:
            session.close()
            return
        self._kept[target] = (session, self._clock.callLater(self._seconds, self.end, target))
        session.when_ended().addCallback(lambda _: self._forget(target, session))

    def end(self, target: str) -> None:
        """End the session that lingers for this target, if one does."""
        if target in self._kept:
            session, time_up = self._kept.pop(target)
            if time_up.active():
                time_up.cancel()
            session.close()

    def end_all(self) -> Deferred[list[Ended]]:
        """End them all; fires when they have ended."""
        sessions = [session for session, _ in self._kept.values()]
        for target in list(self._kept):
            self.end(target)
        return gatherResults([session.when_ended() for session in sessions])

    def _forget(self, target: str, session: Session) -> None:
        if target in self._kept and self._kept[target][0] is session:
            self._kept.pop(target)[1].cancel()

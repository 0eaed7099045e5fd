"""The session interval."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Refused
from pushsvc.sessions.refreshing import Refreshing
from pushsvc.sip.session_timer import SessionTimer
from tests.sessions.scripted import ScriptedAgent, floors_on
from tests.sessions.values import callers_standing


class Intervals(SynchronousTestCase):
    """[R-PSA-200-1b] Seconds after the last 2xx."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.happened: list[tuple[str, float]] = []
        self.standing = callers_standing()
        self.answers: list[Deferred[None]] = []
        self.heard_at = 0.0
        self.refreshing = Refreshing(
            floors_on(ScriptedAgent(), self.clock),
            self.standing,
            self._refresh,
            self._expired,
            lambda: self.heard_at,
            self._spawn,
        )

    def _expired(self, why: str) -> None:
        self.why = why
        self._happen("expired")

    def _happen(self, what: str) -> None:
        self.happened.append((what, self.clock.seconds()))

    async def _refresh(self) -> None:
        self._happen("refresh")
        answer: Deferred[None] = Deferred()
        self.answers.append(answer)
        await answer

    def _spawn(self, story: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(story)

    def start(self, interval: int, *, we_refresh: bool) -> None:
        self.standing.timer = SessionTimer(interval, we_refresh)
        self.refreshing.restart()

    def test_we_refresh_at_half_the_interval(self) -> None:
        self.start(300, we_refresh=True)
        self.clock.advance(150.0)
        self.assertEqual(self.happened, [("refresh", 150.0)])
        self.refreshing.restart()
        self.answers.pop().callback(None)
        self.clock.advance(150.0)
        self.assertEqual(self.happened[1:], [("refresh", 300.0)])

    def test_we_watch_where_the_peer_refreshes(self) -> None:
        """The interval minus 32 s, or minus a third of a short one."""
        for interval, expires_in in ((1800, 1768.0), (90, 60.0)):
            started = self.clock.seconds()
            self.start(interval, we_refresh=False)
            self.clock.advance(expires_in - 0.1)
            self.assertEqual(self.happened, [])
            self.clock.advance(0.1)
            self.assertEqual(self.happened, [("expired", started + expires_in)])
            self.happened.clear()

    def test_a_refresh_that_nobody_answers_lengthens_nothing(self) -> None:
        self.start(300, we_refresh=True)
        self.clock.pump([150.0, 118.0])
        self.assertEqual(self.happened, [("refresh", 150.0), ("expired", 268.0)])

    def test_a_refused_one_is_tried_again_halfway_to_the_end(self) -> None:
        """Until less than five seconds would lie between two tries."""
        self.start(300, we_refresh=True)
        for _ in range(600):
            self.clock.advance(0.5)
            if self.answers:
                self.answers.pop().errback(Refused(500, "no"))
        when = [at for what, at in self.happened if what == "refresh"]
        self.assertEqual([round(at) for at in when], [150, 209, 238, 254, 261])
        self.assertEqual(self.happened[-1], ("expired", 268.0))

    def test_without_a_timer_nothing_is_refreshed(self) -> None:
        """[D-SES-1] A 2xx without Session-Expires switches it off; the session lives on what comes."""
        self.start(300, we_refresh=True)
        self.standing.timer = None
        self.refreshing.restart()
        for _ in range(20):
            self.clock.advance(299.0)
            self.heard_at = self.clock.seconds()
        self.assertEqual(self.happened, [])

    def test_without_a_timer_silence_is_the_end(self) -> None:
        """Promise 5: nothing else would ever tell that the peer is not there any more."""
        self.standing.timer = None
        self.refreshing.restart()
        self.clock.advance(100.0)
        self.heard_at = 100.0
        self.clock.advance(299.9)
        self.assertEqual(self.happened, [])
        self.clock.advance(0.1)
        self.assertEqual(self.happened, [("expired", 400.0)])
        self.assertEqual(self.why, "nothing came for 300 s, and no session interval was agreed on")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_is_stopped_for_good(self) -> None:
        """Even when a refresh fails later."""
        self.start(300, we_refresh=True)
        self.clock.advance(150.0)
        self.refreshing.stop()
        self.answers.pop().errback(Refused(500, "no"))
        self.clock.advance(4000.0)
        self.assertEqual((self.happened, self.clock.getDelayedCalls()), ([("refresh", 150.0)], []))

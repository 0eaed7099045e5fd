"""Deadlines and flow control of one stream, whatever it carries."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.stream_life import HANDSHAKE_SECONDS, WRITE_STALLED_SECONDS, StreamLife

PARTIAL, UNREAD = 15.0, 1000


class Transport:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return lambda: self.told.append(name)


class Lives(SynchronousTestCase):
    """One stream that is up."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = Transport()
        self.rung: list[float] = []
        self.life = StreamLife(
            self.clock, lambda: self.rung.append(self.clock.seconds()), partial=PARTIAL, unread=UNREAD
        )
        self.life.begin(self.transport, None, secure=False)  # type: ignore[arg-type]

    def assert_told(self, *names: str) -> None:
        self.assertEqual(self.transport.told, list(names))
        self.transport.told.clear()

    def test_a_handshake_has_its_time_and_then_the_peer_may_be_idle_for_a_while(self) -> None:
        """Two deadlines, one after the other."""
        for seconds, told in ((HANDSHAKE_SECONDS - 1, []), (HANDSHAKE_SECONDS, ["abortConnection"])):
            self.life.begin(self.transport, None, secure=True)  # type: ignore[arg-type]
            self.clock.advance(seconds)
            self.assert_told(*told)
            self.life.ready(5.0)
            self.clock.advance(5.0)
        self.assertEqual(self.rung, [HANDSHAKE_SECONDS + 4.0])

    def test_silence_is_told_to_the_owner(self) -> None:
        """Who knows whether there is a reason for it."""
        self.life.idle.after(5.0)
        self.clock.advance(5.0)
        self.assertEqual(self.rung, [5.0])
        self.assert_told()

    def test_something_unfinished_has_its_time_and_no_more(self) -> None:
        """However much of it trickles in."""
        self.life.heard(unfinished=True, progress=False)
        for _ in range(2):
            self.clock.advance(PARTIAL / 2 - 1)
            self.life.heard(unfinished=True, progress=False)
        self.assert_told()
        self.clock.advance(2)
        self.assert_told("abortConnection")
        self.assertTrue(self.life.closing)

    def test_what_ends_in_time_is_forgotten_and_the_next_has_its_own(self) -> None:
        """Reads end anywhere: on a busy stream there is always one that has begun."""
        for _ in range(5):
            self.life.heard(unfinished=True, progress=True)
            self.clock.advance(PARTIAL - 1)
        self.life.heard(unfinished=False, progress=True)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assert_told()

    def test_a_peer_that_does_not_read_is_dropped(self) -> None:
        """Unless it goes on in time."""
        self.life.full()
        self.clock.advance(WRITE_STALLED_SECONDS - 1)
        self.life.drained()
        self.clock.advance(WRITE_STALLED_SECONDS)
        self.assert_told()
        self.life.full()
        self.clock.advance(1)
        self.life.full()
        self.clock.advance(WRITE_STALLED_SECONDS - 1)
        self.assert_told("abortConnection")

    def test_a_peer_that_reads_no_answers_is_not_read_from(self) -> None:
        """Once, and on when it does."""
        self.life.answered(10 * UNREAD)
        self.life.full()
        self.life.answered(UNREAD)
        self.assert_told()
        self.life.answered(1)
        self.life.answered(1)
        self.assert_told("pauseProducing")
        self.life.drained()
        self.life.full()
        self.life.drained()
        self.assert_told("resumeProducing")

    def test_reading_goes_on_when_both_reasons_to_stop_are_gone(self) -> None:
        """Whichever is the last."""
        for last in ("drained", "go_on"):
            self.life.full()
            self.life.answered(UNREAD + 1)
            self.life.hold()
            self.assert_told("pauseProducing", "pauseProducing")
            first = "go_on" if last == "drained" else "drained"
            getattr(self.life, first)()
            self.assert_told()
            getattr(self.life, last)()
            self.assert_told("resumeProducing")

    def test_closing_says_so_once_and_gives_the_peer_its_time_to_read(self) -> None:
        """What was written still goes out."""
        self.life.idle.after(5.0)
        self.life.close()
        self.life.close()
        self.assert_told("unregisterProducer", "loseConnection")
        self.life.heard(unfinished=True, progress=True)
        self.life.hold()
        self.life.go_on()
        self.assert_told("pauseProducing")
        self.clock.advance(WRITE_STALLED_SECONDS)
        self.assert_told("abortConnection")
        self.assertEqual(self.rung, [])

    def test_one_that_is_lost_has_no_timers(self) -> None:
        """However it stood."""
        self.life.idle.after(5.0)
        self.life.heard(unfinished=True, progress=True)
        self.life.full()
        self.life.lost()
        self.assertEqual((self.life.closing, self.clock.getDelayedCalls()), (True, []))

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.body import Feed, NoBody, WholeBody
from pushsvc.api.problem import Problem


class Recording:
    """A consumer that writes down what happens to it, and waits where it is told to."""

    limit = 100

    def __init__(self) -> None:
        self.events: list[object] = []
        self.waits: list[Deferred[None]] = []
        self.wait = False
        self.error: Exception | None = None

    def write(self, octets: bytes) -> Deferred[None] | None:
        if self.error:
            raise self.error
        self.events.append(octets)
        if not self.wait:
            return None
        self.waits.append(Deferred())
        return self.waits[-1]

    def finish(self) -> str:
        self.events.append("finish")
        return "made of it"

    def abandon(self) -> None:
        self.events.append("abandon")


class Feeding(SynchronousTestCase):
    """Octets to a consumer, in order, one write at a time."""

    def setUp(self) -> None:
        self.consumer = Recording()
        self.errors: list[BaseException] = []
        self.reading = True
        self.feed = Feed(self.consumer, pause=self.pause, resume=self.resume, failed=self.errors.append)

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def test_a_consumer_that_is_never_busy_gets_all_at_once(self) -> None:
        self.feed.received(b"a")
        self.feed.received(b"b")
        self.assertEqual(self.successResultOf(self.feed.ended()), "made of it")
        self.assertEqual(self.consumer.events, [b"a", b"b", "finish"])

    def test_what_comes_while_it_is_busy_is_kept_and_joined(self) -> None:
        """A chunked body of one octet a chunk must not become a thousand writes."""
        self.consumer.wait = True
        for octets in (b"a", b"b", b"c"):
            self.feed.received(octets)
        self.assertEqual((self.consumer.events, self.reading), ([b"a"], False))
        ended = self.feed.ended()
        self.consumer.waits[0].callback(None)
        self.assertEqual(self.consumer.events, [b"a", b"bc"])
        self.assertNoResult(ended)
        self.consumer.waits[1].callback(None)
        self.successResultOf(ended)
        self.assertTrue(self.reading)

    def test_a_write_that_is_done_at_once_leaves_nothing_waiting(self) -> None:
        done: Deferred[None] = Deferred()
        done.callback(None)

        class Prompt(Recording):
            def write(self, octets: bytes) -> Deferred[None]:
                super().write(octets)
                return done

        feed = Feed(prompt := Prompt(), pause=self.pause, resume=self.resume, failed=self.errors.append)
        feed.received(b"a")
        feed.received(b"b")
        self.assertEqual((prompt.events, self.reading), ([b"a", b"b"], True))

    def test_an_octet_too_many_fails_it_once(self) -> None:
        self.feed.received(b"x" * 100)
        self.feed.received(b"y")
        self.feed.received(b"z")
        self.assertEqual([getattr(error, "status", None) for error in self.errors], [413])
        self.assertEqual(self.consumer.events, [b"x" * 100, "abandon"])

    def test_a_failed_write_abandons_and_nothing_is_finished(self) -> None:
        self.consumer.error = Problem(507, "full", "no room")
        self.feed.received(b"a")
        self.assertNoResult(self.feed.ended())
        self.assertEqual((self.errors, self.consumer.events), ([self.consumer.error], ["abandon"]))

    def test_a_write_that_fails_late_abandons_what_was_kept(self) -> None:
        self.consumer.wait = True
        self.feed.received(b"a")
        self.feed.received(b"b")
        self.consumer.waits[0].errback(OSError("gone"))
        self.assertEqual(self.consumer.events, [b"a", "abandon"])
        self.assertEqual(len(self.errors), 1)

    def test_an_abandoned_body_is_abandoned_once(self) -> None:
        self.feed.abandon()
        self.feed.abandon()
        self.feed.received(b"a")
        self.assertEqual(self.consumer.events, ["abandon"])

    def test_a_finished_body_is_not_abandoned(self) -> None:
        self.successResultOf(self.feed.ended())
        self.feed.abandon()
        self.assertEqual(self.consumer.events, ["finish"])


class Consumers(SynchronousTestCase):
    def test_a_whole_body_is_its_octets(self) -> None:
        body = WholeBody(10)
        body.write(b"a")
        body.write(b"b")
        self.assertEqual((body.limit, body.finish()), (10, b"ab"))

    def test_no_body_is_nothing(self) -> None:
        body: Any = NoBody()
        self.assertEqual((body.limit, body.finish()), (0, None))

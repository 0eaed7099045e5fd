from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.events import EventLog
from pushsvc.receiver.decisions import Change, Pending
from pushsvc.receiver.events import AT_ONCE, MOST_QUEUED, Events, HookQueue
from pushsvc.receiver.inbox_entry import Entry
from pushsvc.receiver.policy import Caller
from tests.receiver.inboxes import arriving


def entry(number: int = 1) -> Entry:
    return Entry(
        id=f"inb_{number}", file=f"{number}.jpg", received_at=0.0, size=1, sha1="a", sha256="b", about=arriving()
    )  # fmt: skip


class Recording:
    """A hook whose runs a test ends."""

    name = "recording"

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.running: list[Deferred[None]] = []

    def run(self, entry: Entry, value: dict[str, Any]) -> Deferred[None]:
        self.ran.append(entry.id)
        self.running.append(Deferred())
        return self.running[-1]


class Queues(SynchronousTestCase):
    """One hook for many contents, a few at a time."""

    def setUp(self) -> None:
        self.hook = Recording()
        self.queue = HookQueue(self.hook)

    def test_only_a_few_run_at_once(self) -> None:
        """A hundred pictures in a second must not start a hundred programs."""
        for number in range(AT_ONCE + 2):
            self.queue.put(entry(number), {})
        self.assertEqual(len(self.hook.ran), AT_ONCE)
        self.hook.running[0].callback(None)
        self.assertEqual(self.hook.ran, [f"inb_{number}" for number in range(AT_ONCE + 1)])

    def test_a_hook_that_fails_does_not_stop_the_others(self) -> None:
        for number in range(AT_ONCE + 1):
            self.queue.put(entry(number), {})
        self.hook.running[0].errback(OSError("no such program"))
        self.assertEqual(len(self.hook.ran), AT_ONCE + 1)

    def test_a_hook_that_raises_is_one_that_fails(self) -> None:
        def run(entry: Entry, value: dict[str, Any]) -> Deferred[None]:
            raise OSError("no more processes")

        self.hook.run = run  # type: ignore[method-assign]
        for number in range(AT_ONCE * 3):
            self.queue.put(entry(number), {})

    def test_what_waits_is_bounded(self) -> None:
        for number in range(AT_ONCE + MOST_QUEUED + 5):
            self.queue.put(entry(number), {})
        for running in self.hook.running:
            running.callback(None)
        self.assertEqual(len(self.hook.ran), AT_ONCE + MOST_QUEUED)

    def test_a_stop_ends_what_runs_and_starts_nothing(self) -> None:
        for number in range(AT_ONCE + 2):
            self.queue.put(entry(number), {})
        self.queue.stop()
        self.queue.put(entry(99), {})
        self.assertEqual(len(self.hook.ran), AT_ONCE)
        self.assertTrue(all(running.called for running in self.hook.running))


class Telling(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = EventLog(Clock())
        self.hook = Recording()
        self.events = Events(self.log, "/inbox", [self.hook])

    def told(self) -> list[str]:
        events = [self.log.event_from(number) for number in range(1, self.log.next_number)]
        return [event.text.decode().split("\n", 1)[1].strip() for event in events if event is not None]

    def test_a_received_content_is_told_to_listeners_and_hooks(self) -> None:
        self.events.received(entry())
        (text,) = self.told()
        self.assertTrue(text.startswith("event: push.received\n"))
        self.assertIn('"path":"/inbox/1.jpg"', text)
        self.assertEqual(self.hook.ran, ["inb_1"])

    def test_what_people_do_is_told_to_listeners_only(self) -> None:
        self.events.changed("inb_1", "opened")
        self.events.decision(Change.ASKED, Pending("dec_1", Caller("sip:a@b", False), (), 0.0, 30.0))
        self.assertEqual(self.told()[0], 'event: push.opened\ndata: {"id":"inb_1"}')
        self.assertIn("event: decision.asked", self.told()[1])
        self.assertEqual(self.hook.ran, [])

    def test_a_stop_ends_all(self) -> None:
        self.events.received(entry())
        self.events.stop()
        self.assertTrue(self.hook.running[0].called)

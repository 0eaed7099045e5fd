from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.events import HEARTBEAT, KEPT, MAX_LISTENERS, EventLog, EventStream
from pushsvc.api.site import ApiSite
from tests.api.client import RawClient, tree


class Events(SynchronousTestCase):
    """Server-sent events: what happens, to who listens, without losing any over a broken connection."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.log = EventLog(self.clock)
        self.site = ApiSite(tree(events=EventStream(self.log)), self.clock)

    def listen(self, last_id: str | None = None) -> RawClient:
        client = RawClient(self.site)
        field = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.start = client.send(f"GET /events HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode())
        return client

    def told(self, octets: bytes) -> list[str]:
        return [line[6:].decode() for line in octets.split(b"\n") if line.startswith(b"data: ")]

    def test_what_happens_is_told_at_once(self) -> None:
        client = self.listen()
        self.assertIn(b"text/event-stream", self.start)
        self.log.publish("push.received", {"id": "é"})
        self.assertIn('id: f4240-1\nevent: push.received\ndata: {"id":"é"}\n\n'.encode(), client.take())

    def test_who_was_away_hears_what_it_missed(self) -> None:
        for number in range(5):
            self.log.publish("n", number)
        self.listen("f4240-2")
        self.assertEqual(self.told(self.start), ["2", "3", "4"])
        self.listen("f4240-5")
        self.assertEqual(self.told(self.start), [])

    def test_who_comes_first_hears_what_comes(self) -> None:
        self.log.publish("n", 0)
        self.listen()
        self.assertEqual(self.told(self.start), [])

    def test_an_id_of_an_earlier_life_gets_everything(self) -> None:
        """Rather twice than never."""
        self.log.publish("n", 0)
        for last_id in ("0-77", "f4240-x", "", "f4240-" + "9" * 5000, "f4240-²"):
            self.listen(last_id)
            self.assertEqual(self.told(self.start), ["0"], last_id)

    def test_only_the_latest_events_are_kept(self) -> None:
        for number in range(KEPT + 3):
            self.log.publish("n", number)
        self.listen("f4240-1")
        self.assertEqual(self.told(self.start)[0], "3")
        self.assertEqual(len(self.told(self.start)), KEPT)

    def test_a_slow_listener_costs_no_memory_and_misses_nothing_that_is_kept(self) -> None:
        client = self.listen()
        client.channel.pauseProducing()
        for number in range(10):
            self.log.publish("n", number)
        self.assertEqual(client.take(), b"")
        client.channel.resumeProducing()
        self.assertEqual(self.told(client.take()), [str(number) for number in range(10)])

    def test_silence_is_broken_every_15_seconds(self) -> None:
        """Or something on the way takes the connection for dead."""
        client = self.listen()
        self.clock.pump([HEARTBEAT] * 10)
        self.assertEqual(client.take().count(b":\n\n"), 10)
        self.assertFalse(client.ended)

    def test_who_goes_away_leaves_nothing(self) -> None:
        client = self.listen()
        client.lose()
        self.log.publish("n", 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_many_listeners_are_refused(self) -> None:
        for _ in range(MAX_LISTENERS):
            self.listen()
        self.listen()
        self.assertIn(b"503", self.start)

    def test_a_stop_ends_every_stream_in_order(self) -> None:
        client = self.listen()
        self.log.close()
        self.assertTrue(client.take().endswith(b"0\r\n\r\n"))
        client.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

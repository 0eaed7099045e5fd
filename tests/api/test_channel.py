"""One connection's limits, by raw octets and a clock."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.answer import NO_CONTENT, Answer, Streamed, json_answer
from pushsvc.api.body import BodyConsumer, WholeBody
from pushsvc.api.channel import SiteLimits
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from tests.api.client import RawClient, new_site, tree

KIB = 1024
GET = b"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(length: int, *more: bytes) -> bytes:
    fields = (b"POST /things HTTP/1.1", b"Host: localhost", b"Content-Length: %d" % length, *more)
    return b"\r\n".join(fields) + b"\r\n\r\n"


CHUNKED = b"POST /things HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class Slow:
    """A consumer that is busy until it is told otherwise."""

    limit = 1 << 40

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.busy: Deferred[None] | None = None
        self.abandoned = 0

    def write(self, octets: bytes) -> Deferred[None]:
        self.writes.append(octets)
        self.busy = Deferred()
        return self.busy

    def finish(self) -> int:
        return sum(map(len, self.writes))

    def abandon(self) -> None:
        self.abandoned += 1

    def go_on(self) -> None:
        assert self.busy is not None
        self.busy.callback(None)


class Things(ApiResource):
    """What a test posts to; its answer waits when `answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.consumer: BodyConsumer = WholeBody(100 * KIB)
        self.seen: list[Any] = []
        self.answer: Deferred[Any] | None = None

    def open_body(self, request: ApiRequest) -> BodyConsumer:
        return self.consumer

    def render_GET(self, request: ApiRequest) -> Any:
        return NO_CONTENT if self.answer is None else self.answer

    def render_POST(self, request: ApiRequest) -> Answer:
        self.seen.append(request.body)
        return json_answer(len(self.seen))


class ChannelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.things = Things()
        self.site, self.clock = new_site(tree(things=self.things))

    def client(self, **options: Any) -> RawClient:
        client = RawClient(self.site, **options)
        self.addCleanup(client.lose)
        return client

    def trickle(self, client: RawClient, octets: bytes, seconds: float) -> None:
        """One of these octets a second."""
        for index in range(int(seconds)):
            if client.ended:
                return
            client.send(octets[index % len(octets) :][:1])
            self.clock.advance(1)


class Headers(ChannelCase):
    """A client has 15 seconds for a header, whatever it sends meanwhile."""

    def test_a_client_that_says_nothing_is_closed_after_15_seconds(self) -> None:
        client = self.client()
        self.clock.advance(14.9)
        self.assertFalse(client.ended)
        self.clock.advance(0.2)
        self.assertTrue(client.ended)

    def test_a_client_that_trickles_its_header_is_closed_all_the_same(self) -> None:
        """Twisted alone would keep it for ever: its timeout begins anew with each octet."""
        client = self.client()
        self.trickle(client, b"GET /things HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 100, 17)
        self.assertTrue(client.ended)
        self.assertLess(self.clock.seconds(), 17)

    def test_a_second_request_has_its_own_15_seconds(self) -> None:
        client = self.client()
        client.send(GET)
        self.clock.advance(14)
        client.send(GET[:10])
        self.clock.advance(14)
        self.assertIn(b"204", client.send(GET[10:]))

    def test_an_idle_connection_is_closed_after_15_seconds(self) -> None:
        client = self.client()
        client.send(GET)
        self.clock.advance(15)
        self.assertTrue(client.ended)

    def test_a_connection_that_does_not_close_is_dropped(self) -> None:
        """A peer that takes nothing must not keep a socket by not taking it."""
        client = self.client()
        self.clock.advance(15)
        self.clock.advance(15)
        self.assertTrue(client.transport.disconnected)

    def test_an_endless_header_line_is_cut_off(self) -> None:
        client = self.client()
        client.send(b"GET /" + b"a" * 70 * KIB)
        self.assertTrue(client.ended)

    def test_too_many_header_octets_are_refused(self) -> None:
        client = self.client()
        answer = client.send(GET[:-2] + b"X: " + b"y" * 17 * KIB + b"\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400") or client.ended)

    def test_two_lengths_are_refused(self) -> None:
        """Two readers of one connection would disagree about where the next request begins."""
        for more in (b"Content-Length: 6", b"Transfer-Encoding: chunked"):
            client = self.client()
            self.assertIn(b"400", client.send(post(5, more) + b"12345"))
            self.assertTrue(client.ended)
        self.assertEqual(self.things.seen, [])

    def test_a_length_with_a_sign_is_refused(self) -> None:
        for length in (b"+5", b"-5", b"0x5", b"5 5", b"\xd9\xa5"):
            wire = b"POST /things HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n12345"
            self.assertIn(b"400", self.client().send(wire))
        self.assertEqual(self.things.seen, [])

    def test_a_connection_serves_100_requests_and_says_that_it_is_the_last(self) -> None:
        client = self.client()
        for _ in range(99):
            self.assertNotIn(b"close", client.send(GET))
        self.assertIn(b"Connection: close", client.send(GET))
        self.assertTrue(client.ended)


class Targets(ChannelCase):
    """Requests that are no requests."""

    def test_a_request_names_its_host_once(self) -> None:
        for fields in (b"", b"Host: localhost\r\nHost: localhost\r\n"):
            self.assertIn(b"400", self.client().send(b"GET /things HTTP/1.1\r\n" + fields + b"\r\n"))
        self.assertIn(b"204", self.client().send(b"GET /things HTTP/1.0\r\n\r\n"))

    def test_a_host_that_is_none_is_refused(self) -> None:
        for host in (b"a b", b"user@localhost", b"localhost:", b"localhost:99999999", b"\xff"):
            self.assertIn(b"403", self.client().send(b"GET /things HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"), host)

    def test_a_target_must_be_a_path(self) -> None:
        for target in (b"*", b"http://localhost/things", b"localhost:80", b"things"):
            self.assertIn(b"400", self.client().send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"))

    def test_a_line_that_is_no_request_line_is_refused(self) -> None:
        for line in (b"GET", b"GET /", b"GET / HTTP/2.0", b"G@T / HTTP/1.1", b"GET / / HTTP/1.1", b"\x16\x03\x01\x02"):
            client = self.client()
            self.assertIn(b"400", client.send(line + b"\r\n\r\n"), line)
            self.assertTrue(client.ended)


class Bodies(ChannelCase):
    """A body is refused before it is read, or streamed as fast as its consumer takes it."""

    def test_a_body_that_is_too_long_is_refused_before_any_of_it_is_read(self) -> None:
        client = self.client()
        answer = client.send(post(200 * KIB, b"Expect: 100-continue"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer)
        self.assertNotIn(b"100 Continue", answer)
        self.assertTrue(client.transport.half_closed)

    def test_a_refused_client_is_listened_to_for_a_moment(self) -> None:
        """Closing with octets unread resets the connection, and the client never reads why."""
        client = self.client()
        client.send(post(200 * KIB) + b"x" * 1000)
        self.assertEqual(client.send(b"y" * 64 * KIB), b"")
        self.assertFalse(client.transport.disconnected)
        self.clock.advance(3)
        self.assertTrue(client.transport.disconnected)

    def test_a_chunked_body_that_becomes_too_long_is_refused_on_the_way(self) -> None:
        client = self.client()
        client.send(CHUNKED)
        answer = b"".join(client.send(b"10000\r\n" + b"x" * 64 * KIB + b"\r\n") for _ in range(2))
        self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer)
        self.assertEqual(client.send(b"0\r\n\r\n" + GET), b"")
        self.assertEqual(self.things.seen, [])

    def test_a_chunked_body_arrives_whole_however_it_is_cut(self) -> None:
        body = b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"
        for cut in range(len(body)):
            self.things.consumer = WholeBody()
            client = self.client()
            client.send(CHUNKED + body[:cut])
            client.send(body[cut:])
        self.assertEqual(self.things.seen, [b"abcd"] * len(body))

    def test_a_bad_chunk_is_refused(self) -> None:
        client = self.client()
        self.assertIn(b"400", client.send(CHUNKED + b"zz\r\n"))
        self.assertTrue(client.ended)

    def test_every_cut_of_two_pipelined_requests_gives_the_same_answers(self) -> None:
        wire = post(4) + b"abcd" + post(2) + b"ef"
        for cut in range(len(wire)):
            self.things.consumer = WholeBody()
            self.things.seen.clear()
            client = self.client()
            first = client.send(wire[:cut])
            self.assertEqual((first + client.send(wire[cut:])).count(b"200 OK"), 2)

    def test_a_client_waits_for_100_continue_only_when_its_body_is_wanted(self) -> None:
        client = self.client()
        self.assertEqual(client.send(post(4, b"Expect: 100-continue")), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertIn(b"200 OK", client.send(b"abcd"))

    def test_a_trickled_body_is_refused_after_30_seconds(self) -> None:
        """A thousand such clients would hold a thousand connections, and half a file each."""
        client = self.client()
        client.send(post(100 * KIB))
        self.trickle(client, b"x", 29)
        self.assertFalse(client.ended)
        self.clock.advance(1.1)
        self.assertIn(b"408", client.take())
        self.assertTrue(client.ended)

    def test_a_slow_body_that_keeps_its_pace_is_taken(self) -> None:
        """16 KiB a second is a bad line, no attack."""
        self.things.consumer = WholeBody(1 << 20)
        client = self.client()
        client.send(post(60 * 17 * KIB))
        for _ in range(59):
            self.assertEqual(client.send(b"x" * 17 * KIB), b"")
            self.clock.advance(1)
        self.assertIn(b"200 OK", client.send(b"x" * 17 * KIB))

    def test_reading_pauses_while_the_consumer_is_busy(self) -> None:
        """A disk that is slower than the network must not fill the memory."""
        slow = self.things.consumer = Slow()
        client = self.client()
        client.send(post(9) + b"abc")
        self.assertEqual(client.transport.producerState, "paused")
        client.send(b"def")
        self.assertEqual(slow.writes, [b"abc"])
        slow.go_on()
        self.assertEqual(slow.writes, [b"abc", b"def"])
        slow.go_on()
        self.assertEqual(client.transport.producerState, "producing")
        client.send(b"ghi")
        slow.go_on()
        self.assertEqual(self.things.seen, [9])

    def test_time_in_which_we_do_not_read_is_not_the_clients(self) -> None:
        slow = self.things.consumer = Slow()
        client = self.client()
        client.send(post(6) + b"abc")
        self.clock.advance(1000)
        slow.go_on()
        self.clock.advance(29)
        client.send(b"def")
        slow.go_on()
        self.assertIn(b"200 OK", client.take())

    def test_a_consumer_that_fails_ends_the_request_with_its_problem(self) -> None:
        class Full(WholeBody):
            def write(self, octets: bytes) -> None:
                raise Problem(507, "full", "no room")

        self.things.consumer = Full()
        client = self.client()
        self.assertIn(b"HTTP/1.1 507", client.send(post(6) + b"abc"))
        self.assertTrue(client.ended)

    def test_a_consumer_that_fails_late_is_heard_as_well(self) -> None:
        slow = self.things.consumer = Slow()
        client = self.client()
        client.send(post(3) + b"abc")
        assert slow.busy is not None
        slow.busy.errback(Problem(507, "full", "no room"))
        self.assertIn(b"HTTP/1.1 507", client.take())
        self.assertEqual((self.things.seen, slow.abandoned), ([], 1))

    def test_a_body_that_ends_early_is_abandoned(self) -> None:
        slow = self.things.consumer = Slow()
        client = self.client()
        client.send(post(6) + b"abc")
        client.lose()
        self.assertEqual((slow.abandoned, self.things.seen), (1, []))

    def test_our_own_mistake_is_a_500_that_says_nothing_more(self) -> None:
        class Broken(WholeBody):
            def write(self, octets: bytes) -> None:
                raise ZeroDivisionError("secret")

        self.things.consumer = Broken()
        answer = self.client().send(post(3) + b"abc")
        self.assertIn(b"HTTP/1.1 500", answer)
        self.assertNotIn(b"secret", answer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_compressed_body_is_refused(self) -> None:
        self.assertIn(b"415", self.client().send(post(3, b"Content-Encoding: gzip")))


class Answers(ChannelCase):
    """An answer that nobody takes, or that nobody waits for any longer."""

    def test_an_answer_of_which_nothing_more_is_taken_is_dropped_after_30_seconds(self) -> None:
        self.things.answer = Deferred()
        client = self.client()
        client.send(GET)
        client.channel.pauseProducing()
        self.clock.advance(31)
        self.assertTrue(client.transport.disconnected)

    def test_an_answer_that_is_taken_slowly_goes_on(self) -> None:
        self.things.answer = Deferred()
        client = self.client()
        client.send(GET)
        for _ in range(5):
            client.channel.pauseProducing()
            self.clock.advance(20)
            client.channel.resumeProducing()
            self.clock.advance(20)
        self.things.answer.callback(NO_CONTENT)
        self.assertIn(b"204", client.take())

    def test_a_question_that_fails_after_its_client_has_gone_is_only_logged(self) -> None:
        self.things.answer = Deferred(lambda asked: asked.errback(ZeroDivisionError()))
        client = self.client()
        client.send(GET)
        client.lose()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_client_that_waits_for_nothing_more_after_close_is_answered(self) -> None:
        client = self.client()
        self.assertIn(b"204", client.send(GET[:-2] + b"Connection: close\r\n\r\n" + GET))
        self.assertTrue(client.ended)
        self.assertEqual(client.send(GET), b"")

    def test_a_question_whose_client_has_gone_is_cancelled(self) -> None:
        cancelled: list[object] = []
        self.things.answer = Deferred(cancelled.append)
        client = self.client()
        client.send(GET)
        client.lose()
        self.assertEqual(len(cancelled), 1)

    def test_a_change_is_finished_although_its_client_has_gone(self) -> None:
        """It was asked for, whole; half of it done would be worse than all of it."""
        done: Deferred[Any] = Deferred()

        class Change(ApiResource):
            def render_POST(self, request: ApiRequest) -> Deferred[Any]:
                return done

        site, _ = new_site(tree(things=Change()))
        client = RawClient(site)
        client.send(post(0))
        client.lose()
        self.assertFalse(done.called)
        done.callback(NO_CONTENT)

    def test_half_an_answer_is_cut_off(self) -> None:
        """Ended in order, a client would take it for the whole."""

        def begin(request: ApiRequest) -> Deferred[None]:
            request.write(b"half")
            raise OSError("gone")

        class Half(ApiResource):
            def render_GET(self, request: ApiRequest) -> Streamed:
                return Streamed(begin, size=8)

        site, _ = new_site(tree(things=Half()))
        client = RawClient(site)
        self.assertTrue(client.send(GET).endswith(b"half"))
        self.assertTrue(client.transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_no_answer_names_the_software(self) -> None:
        self.assertNotIn(b"server:", self.client().send(GET).lower())


class Crowds(ChannelCase):
    """How many may be connected."""

    def test_the_connections_of_one_source_are_bounded(self) -> None:
        self.site.limits = SiteLimits(connections_per_source=2)
        clients = [self.client(peer="192.0.2.7") for _ in range(3)]
        self.assertEqual([client.channel is None for client in clients], [False, False, True])
        self.assertIsNotNone(self.client(peer="192.0.2.8").channel)
        clients[0].lose()
        self.assertIsNotNone(self.client(peer="192.0.2.7").channel)

    def test_loopback_is_not_one_source(self) -> None:
        """There, everybody has the same address."""
        self.site.limits = SiteLimits(connections_per_source=2)
        self.assertNotIn(None, [self.client().channel for _ in range(10)])

    def test_all_connections_are_bounded(self) -> None:
        self.site.limits = SiteLimits(connections=3)
        clients = [self.client() for _ in range(4)]
        self.assertEqual([client.channel is None for client in clients], [False, False, False, True])

    def test_idle_connections_can_be_closed(self) -> None:
        """A stop must not wait for clients that keep a connection in case they need it."""
        idle, busy = self.client(), self.client()
        idle.send(GET)
        self.things.answer = Deferred()
        busy.send(GET)
        self.site.close_idle()
        self.assertEqual((idle.ended, busy.ended), (True, False))

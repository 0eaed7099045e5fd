"""The ways of a request to its peer: big ones over TCP, several addresses, connections that are lost."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from pushsvc.digest import Account
from pushsvc.errors import TimedOut, Unreachable
from pushsvc.net.ailing import REST
from pushsvc.net.sip_transport import IDLE_SECONDS
from pushsvc.sip.codec import StreamParser, encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response
from tests.net.sides import BOB, CAROL, PORT, AgentTest, Side
from tests.sip.values import make_request, make_response
from tests.wires import listening


def challenge_or_ok(request: Request) -> Response:
    """A server that wants to see credentials, whichever."""
    if "Authorization" in request.headers:
        return make_response(request)
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    return make_response(request, 401, headers=[challenge])


class BigRequests(AgentTest):
    """[D-SIP-1] More than 1300 octets."""

    def test_go_over_tcp(self) -> None:
        """An INVITE with a file offer nearly always is that big."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        exchange = self.result(self.alice.ask(size=1300))
        self.assertEqual((str(exchange.hop), exchange.request.via.transport), (f"tcp:{BOB}:{PORT}", "TCP"))
        self.assertEqual(bob.notes.lines, ["in tcp OPTIONS", "out tcp 200"])
        self.assertEqual(self.result(self.alice.ask(size=0, cseq=2)).hop.transport, "udp")
        self.assert_nothing_left(self.alice, bob)

    def test_the_limit_is_on_the_whole_request(self) -> None:
        """[D-SIP-1] 1300 octets go by datagram, 1301 do not."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        via = self.alice.agent.via(Hop("udp", BOB, PORT))
        head = len(encode(make_request("OPTIONS", via=str(via), body=b"x" * 1000, cseq=1300))) - 1000
        for size, transport in ((1300, "udp"), (1301, "tcp")):
            exchange = self.result(self.alice.ask(size=size - head, cseq=size))
            self.assertEqual(exchange.hop.transport, transport, size)

    def test_with_the_credentials_it_may_be_too_big(self) -> None:
        """[D-SIP-1] [D-SIP-9] Then the second one goes by TCP, counted once."""
        bob = Side(self.network, BOB)
        bob.answer = lambda request, source: bob.agent.respond(challenge_or_ok(request))
        alice = Side(self.network, "192.0.2.9", account=Account("alice", "secret"))
        exchange = self.network.run(alice.ask(size=900))
        self.assertEqual([hop.transport for _, hop in bob.requests], ["udp", "tcp"])
        self.assertIn("nc=00000001", exchange.request.headers.get("Authorization") or "")
        self.assertEqual(exchange.request.cseq.number, 2)
        self.assert_nothing_left(alice, bob)

    def test_fall_back_to_udp_where_tcp_is_refused(self) -> None:
        """[D-SIP-1] A receiver without TCP is reached all the same."""
        bob = Side(self.network, BOB, ("udp",))
        bob.answering(200)
        exchange = self.result(self.alice.ask(size=1300))
        self.assertEqual((exchange.hop.transport, exchange.request.via.transport), ("udp", "UDP"))
        self.assertTrue(self.network.clock.seconds() < 1)
        self.assert_nothing_left(self.alice, bob)

    def test_do_not_try_udp_when_tcp_was_there_and_said_nothing(self) -> None:
        """Another 32 s of waiting would not make it speak."""
        listening(self.network.host(BOB), PORT)
        with self.assertRaises(TimedOut):
            self.result(self.alice.ask(size=1300))
        self.assertEqual(self.network.clock.seconds(), 32.0)
        self.assert_nothing_left()

    def test_answers_may_be_big_over_udp(self) -> None:
        """The rule is about requests; an answer goes back the way the request came."""
        bob = Side(self.network, BOB)
        bob.answer = lambda request, source: bob.agent.respond(make_response(request, body=b"x" * 3000))
        exchange = self.result(self.alice.ask())
        self.assertEqual((len(exchange.response.body), exchange.hop.transport), (3000, "udp"))


class SeveralAddresses(AgentTest):
    """One after the other (RFC 3263 §4.3)."""

    def test_the_next_one_answers_where_the_first_is_silent(self) -> None:
        """A redundant pair keeps its promise when one half is down."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        exchange = self.result(self.alice.ask(to="sip:bob@both.example.com"))
        self.assertEqual((exchange.hop.host, self.network.clock.seconds() > 32), (BOB, True))
        self.assert_nothing_left(self.alice, bob)

    def test_where_somebody_else_sends_us_this_machine_does_not_count(self) -> None:
        """[D-SIP-10] Its own DNS may give any name an address in here, and another one each time."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        with self.assertRaisesRegex(Unreachable, "inside.example.com is inside of this machine") as caught:
            self.result(self.alice.ask(to="sip:bob@inside.example.com", foreign=True))
        self.assertFalse(caught.exception.retry)
        self.assertEqual(self.alice.notes.lines, [])
        self.assertEqual(self.result(self.alice.ask(to="sip:bob@half.example.com", foreign=True)).hop.host, BOB)
        self.assert_nothing_left(self.alice, bob)

    def test_the_one_that_was_silent_is_tried_last_for_a_while(self) -> None:
        """The pushes after the first do not wait for it again; and it gets its turn again."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        self.result(self.alice.ask(to="sip:bob@both.example.com"))
        began = self.network.clock.seconds()
        self.result(self.alice.ask(to="sip:bob@both.example.com", cseq=2))
        self.assertLess(self.network.clock.seconds() - began, 1)
        self.network.settle(REST)
        carol = Side(self.network, CAROL)
        carol.answering(200)
        self.assertEqual(self.result(self.alice.ask(to="sip:bob@both.example.com", cseq=3)).hop.host, CAROL)
        self.assert_nothing_left(self.alice, bob, carol)

    def test_the_one_that_is_overloaded_gets_the_rest_that_it_asks_for(self) -> None:
        """[D-SIP-10] Retry-After of a 503."""
        bob, carol = Side(self.network, BOB), Side(self.network, CAROL)
        bob.answering(200)
        carol.answer = lambda request, source: carol.agent.respond(
            make_response(request, 503, headers=[("Retry-After", "120 (full)")])
        )
        for wait, asked in ((0, 1), (REST, 1), (61, 2)):
            self.network.settle(wait)
            self.assertEqual(self.result(self.alice.ask(to="sip:bob@both.example.com", cseq=asked)).hop.host, BOB)
            self.assertEqual(len(carol.requests), asked, wait)
        self.assert_nothing_left(self.alice, bob, carol)

    def test_the_next_one_answers_where_the_first_refuses(self) -> None:
        """Over TCP that is known at once; each attempt has a branch of its own."""
        bob = Side(self.network, BOB, ("tcp",))
        bob.answering(200)
        exchange = self.result(self.alice.ask(to="sip:bob@both.example.com;transport=tcp"))
        self.assertEqual(exchange.hop.host, BOB)
        self.assertTrue(self.network.clock.seconds() < 1)

    def test_the_other_family(self) -> None:
        """A name with an IPv6 address, and we have no IPv6."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        self.assertEqual(self.result(self.alice.ask(to="sip:bob@six.example.com")).hop.host, BOB)

    def test_an_overloaded_one_is_left_for_the_next(self) -> None:
        """[D-SIP-10] 503 is about the server and not about the request."""
        carol, bob = Side(self.network, CAROL), Side(self.network, BOB)
        carol.answering(503)
        bob.answering(486)
        exchange = self.result(self.alice.ask(to="sip:bob@both.example.com"))
        self.assertEqual((exchange.response.status, exchange.hop.host), (486, BOB))

    def test_credentials_go_to_whoever_asked(self) -> None:
        """[D-SIP-9] A nonce may be known to one address only, and a silent first one is not waited for again."""
        bob = Side(self.network, BOB)
        bob.answer = lambda request, source: bob.agent.respond(challenge_or_ok(request))
        alice = Side(self.network, "192.0.2.9", account=Account("alice", "secret"))
        exchange = self.network.run(alice.ask(to="sip:bob@both.example.com"))
        self.assertEqual((exchange.response.status, exchange.hop.host), (200, BOB))
        self.assertLess(self.network.clock.seconds(), 33)
        self.assertEqual([each.cseq.number for each, _ in bob.requests], [1, 2])

    def test_if_all_are_overloaded_that_is_the_answer(self) -> None:
        """[D-SIP-10] Retry-After says when to come again; a dead second half does not hide it."""
        carol = Side(self.network, CAROL)
        carol.answering(503)
        for listens in (("udp",), ()):
            bob = Side(self.network, BOB, listens)
            bob.answering(503)
            exchange = self.result(self.alice.ask(to="sip:bob@both.example.com", cseq=len(listens) + 1))
            self.assertEqual(exchange.response.status, 503)
            self.network.run(bob.agent.stop())

    def test_nobody_answers(self) -> None:
        """The last failure is what is told."""
        with self.assertRaisesRegex(Unreachable, "tcp:192.0.2.2:5060 cannot be reached"):
            self.result(self.alice.ask(to="sip:bob@both.example.com;transport=tcp"))

    def test_any_answer_is_an_answer(self) -> None:
        """Only silence and 503 send us on."""
        carol = Side(self.network, CAROL)
        carol.answering(603)
        self.assertEqual(self.result(self.alice.ask(to="sip:bob@both.example.com")).response.status, 603)


class LostConnections(AgentTest):
    """SIP over TCP, and the connection goes."""

    def test_an_unanswered_request_fails_at_once(self) -> None:
        """Not after 32 s; then the next address is tried."""
        peer = listening(self.network.host(BOB), PORT)
        asked = self.alice.ask("INVITE", to=f"sip:bob@{BOB};transport=tcp")
        self.network.settle(1)
        self.assertIn(b"INVITE", peer.octets)
        peer.transport.abortConnection()
        self.network.settle(0.1)
        self.failureResultOf(asked, Unreachable)
        self.assert_nothing_left(seconds=0)

    def test_an_invite_that_rings_may_be_answered_over_another_connection(self) -> None:
        """RFC 3261 §18.2.2: the callee opens one to our sent-by."""
        bob = Side(self.network, BOB)
        bob.answering(180)
        asked = self.alice.ask("INVITE", to=f"sip:bob@{BOB};transport=tcp")
        self.network.settle(1)
        for stream in self.network.streams:
            stream.abortConnection()
        self.network.settle(1)
        self.assertNoResult(asked)
        ((invite, _),) = bob.requests
        bob.agent.respond(make_response(invite))
        self.assertEqual(self.result(asked).response.status, 200)
        self.assertEqual(bob.notes.lines, ["in tcp INVITE", "out tcp 180", "out tcp 200"])

    def test_a_push_that_rings_for_longer_than_streams_idle_keeps_its_stream(self) -> None:
        """Somebody is asked whether to take it."""
        peer = listening(self.network.host(BOB), PORT)
        asked = self.alice.ask("INVITE", to=f"sip:bob@{BOB};transport=tcp")
        self.network.settle(1)
        (invite,) = StreamParser().feed(peer.octets)
        assert isinstance(invite, Request)
        peer.transport.write(encode(make_response(invite, 180)))
        self.network.settle(2 * IDLE_SECONDS)
        peer.transport.write(encode(make_response(invite)))
        self.assertEqual(self.result(asked).response.status, 200)
        self.network.settle(2 * IDLE_SECONDS)
        self.assertIs(peer.lost, ConnectionDone)

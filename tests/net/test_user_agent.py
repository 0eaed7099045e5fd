"""The user agent on real-looking transports: requests and answers, in any weather."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import TimedOut, Unreachable, Withdrawn
from pushsvc.net.reaching import Exchange
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request
from pushsvc.sip.shares import Shares
from pushsvc.sip.uri import SipUri
from tests.net.sides import ALICE, ALICE_6, BOB, BOB_6, CAROL, ENOUGH, PORT, AgentTest, Side
from tests.sim import Network, Weather
from tests.sip.values import make_request, make_response
from tests.wires import Calling, Collecting, Wire


class Requests(AgentTest):
    """Requests and their answers."""

    def test_an_answer_comes_back(self) -> None:
        """With the request as it went out, and where to."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        exchange = self.result(self.alice.ask())
        self.assertEqual((exchange.response.status, str(exchange.hop)), (200, f"udp:{BOB}:{PORT}"))
        self.assert_nothing_left(self.alice, bob)

    def test_provisional_answers_are_told_on_the_way(self) -> None:
        """Progress for whoever waits."""
        bob = Side(self.network, BOB)
        bob.answering(100, 180, 486)
        self.assertEqual(self.result(self.alice.ask("INVITE")).response.status, 486)
        self.assertEqual([each.status for each in self.alice.provisional], [100, 180])
        self.assert_nothing_left(self.alice, bob)

    def test_the_receiver_learns_where_it_really_came_from(self) -> None:
        """[D-SIP-2] [F-19] received and rport, and the answer to where the request came from."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        named = Side(self.network, CAROL, advertise="carol.example.com")
        self.result(named.ask())
        ((request, source),) = bob.requests
        self.assertEqual(
            (request.via.host, request.via.received, request.via.rport), ("carol.example.com", CAROL, "5060")
        )
        self.assertEqual((source.host, source.port), (CAROL, PORT))

    def test_in_any_weather_every_request_is_answered_once(self) -> None:
        """[D-SIP-8] 30% lost, 10% repeated, all in disorder: nobody above notices."""
        for seed in range(20):
            network = Network(seed, Weather(loss=0.3, duplicate=0.1, jitter=0.3))
            alice, bob = Side(network, ALICE), Side(network, BOB)
            bob.answering(200)
            statuses = [network.run(alice.ask("OPTIONS", cseq=cseq)).response.status for cseq in range(1, 6)]
            self.assertEqual(statuses, [200] * 5, seed)
            self.assertEqual(len(bob.requests), 5, seed)
            network.settle(ENOUGH)
            self.assertEqual((network.clock.getDelayedCalls(), alice.agent.transactions), ([], 0), seed)

    def test_what_is_sent_again_is_counted_when_it_is_sent(self) -> None:
        """The metric shows a silent peer, which never gives us a reason to count."""
        asked = self.alice.ask("INVITE", to=f"sip:bob@{CAROL}")
        self.network.settle(4)
        self.assertEqual(self.alice.notes.resent, 3)
        self.failureResultOf(self.cancelled(asked), CancelledError)

    def test_a_silent_peer(self) -> None:
        """32 s, and the push is tried again later."""
        with self.assertRaisesRegex(TimedOut, "no answer to OPTIONS from udp:192.0.2.2:5060"):
            self.result(self.alice.ask())
        self.assertEqual(self.network.clock.seconds(), 32.0)
        self.assert_nothing_left(seconds=0)

    def test_what_the_network_refuses_is_known_at_once(self) -> None:
        """No route, no socket of that kind: the next address is tried, not the clock."""
        with self.assertRaises(Unreachable):
            self.result(self.alice.ask(to=f"sip:bob@[{BOB_6}]"))
        self.assertTrue(self.network.clock.seconds() < 1)

    def test_a_name_that_leads_nowhere(self) -> None:
        """Nothing is sent."""
        self.failureResultOf(self.alice.ask(to="sip:bob@nowhere.example.com"), Unreachable)
        self.assertEqual(self.alice.notes.lines, [])

    def cancelled(self, asked: Deferred[Exchange]) -> Deferred[Exchange]:
        asked.cancel()
        return asked


class Answering(AgentTest):
    """Requests of others."""

    def setUp(self) -> None:
        super().setUp()
        self.peer = Collecting()
        self.socket = self.network.host(CAROL).listenUDP(PORT, self.peer)

    def send(self, octets: bytes) -> None:
        self.socket.write(octets, (ALICE, PORT))
        self.network.settle(1)

    def test_a_message_that_cannot_be_read_is_answered(self) -> None:
        """[D-SIP-5] 400, to where it came from, and counted."""
        broken = encode(make_request("OPTIONS", via=f"SIP/2.0/UDP {CAROL};rport;branch=z9hG4bK1"))
        self.send(broken.replace(b"Max-Forwards: 70", b"Max-Forwards: many"))
        (answer,) = self.peer.came
        self.assertTrue(answer.startswith(b"SIP/2.0 400 "))
        self.assertIn(b"rport=5060;branch=z9hG4bK1;received=192.0.2.3", answer)
        self.assertEqual(len(self.alice.notes.unreadable), 1)

    def test_our_bug_is_answered_with_500(self) -> None:
        """[D-SIP-5] The peer shall not wait, and no transaction stays behind; an ACK is answered by nobody."""

        def stumble(request: Request, source: Hop) -> None:
            raise ZeroDivisionError

        self.alice.answer = stumble
        for method in ("INVITE", "OPTIONS", "ACK"):
            self.send(encode(make_request(method, via=f"SIP/2.0/UDP {CAROL};branch=z9hG4bK{method}")))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.assertEqual({answer[:11] for answer in self.peer.came}, {b"SIP/2.0 500"})
        self.assert_nothing_left()

    def test_an_ack_of_a_2xx_is_passed_up(self) -> None:
        """Whoever sent the 2xx stops repeating it."""
        self.send(encode(make_request("ACK", via=f"SIP/2.0/UDP {CAROL};branch=z9hG4bKack")))
        self.assertEqual(self.alice.methods(), ["ACK"])

    def test_an_ack_of_ours_has_no_transaction(self) -> None:
        """[D-SIP-7] It is sent once for each 2xx."""
        acked = Deferred.fromCoroutine(
            self.alice.agent.acknowledge(Side.make("ACK"), SipUri.parse(f"sip:carol@{CAROL}"))
        )
        ack, hop = self.successResultOf(acked)
        self.alice.agent.transmit(ack, hop)
        self.network.settle(1)
        self.assertEqual(self.peer.came, [encode(ack)] * 2)
        self.assert_nothing_left(seconds=0)

    def test_an_ack_goes_nowhere_inside_for_somebody_outside(self) -> None:
        """SECURITY 2: what its target's name leads to is known only here."""
        for host in ("127.0.0.1", "inside.example.com"):
            acked = Deferred.fromCoroutine(
                self.alice.agent.acknowledge(Side.make("ACK"), SipUri.parse(f"sip:carol@{host}"), foreign=True)
            )
            self.assertFalse(self.failureResultOf(acked, Unreachable).value.retry)

    def test_a_2xx_of_a_forgotten_invite_is_told_without_it(self) -> None:
        """[D-SIP-11] It comes minutes later, from a branch that rang."""
        invite = make_request("INVITE", via=f"SIP/2.0/UDP {ALICE};branch=z9hG4bKold")
        self.send(encode(make_response(invite)))
        ((response, request),) = self.alice.strays
        self.assertEqual((response.status, request), (200, None))

    def test_an_answer_that_comes_too_late_is_not_sent(self) -> None:
        """RFC 4320: the peer has given up."""
        self.alice.agent.respond(make_response(make_request("OPTIONS")))
        self.network.settle(1)
        self.assertEqual(self.peer.came, [])


class Addresses(SynchronousTestCase):
    """What we say of ourselves."""

    def setUp(self) -> None:
        self.network = Network()

    def test_via_and_contact(self) -> None:
        """[D-SIP-2] rport over UDP; where TCP is listened on, Contact says so."""
        alice = Side(self.network, ALICE)
        via = alice.agent.via(Hop("udp", BOB, PORT))
        self.assertEqual((via.transport, via.host, via.port, via.rport), ("UDP", ALICE, PORT, ""))
        over_tcp = alice.agent.via(Hop("tcp", BOB, PORT))
        self.assertEqual((over_tcp.transport, over_tcp.rport), ("TCP", None))
        self.assertNotEqual(via.branch, over_tcp.branch)
        self.assertEqual(str(alice.agent.contact("alice", "udp")), f"sip:alice@{ALICE}:5060")
        self.assertEqual(str(alice.agent.contact(None, "tcp")), f"sip:{ALICE}:5060;transport=tcp")

    def test_what_is_advertised_goes_first(self) -> None:
        """Behind a NAT, or listening on every address."""
        alice = Side(self.network, ALICE, advertise="push.example.com")
        self.assertEqual(alice.agent.via(Hop("udp", BOB, PORT)).host, "push.example.com")
        self.assertEqual(str(alice.agent.contact(None, "udp")), "sip:push.example.com:5060")

    def test_ipv6_in_brackets(self) -> None:
        """RFC 3261 §25.1."""
        alice, bob = Side(self.network, ALICE_6), Side(self.network, BOB_6)
        bob.answering(200)
        self.assertEqual(str(alice.agent.contact(None, "udp")), f"sip:[{ALICE_6}]:5060")
        for size in (0, 1300):
            exchange = self.network.run(alice.ask(to=f"sip:bob@[{BOB_6}]", size=size, cseq=size + 1))
            self.assertEqual(exchange.request.via.host, f"[{ALICE_6}]")
            self.assertEqual(exchange.response.status, 200)

    def test_both_families_at_once(self) -> None:
        """Each peer is asked and answered from an address of its own kind."""
        alice = Side(self.network, ALICE)
        six = self.network.host(ALICE_6)
        alice.agent._reactor = six  # the same machine, seen from its other address
        alice.agent.listen("udp", ALICE_6, PORT)
        for to in (BOB, BOB_6):
            bob = Side(self.network, to)
            bob.answering(200)
            exchange = self.network.run(alice.ask(to=f"sip:bob@{'[' + to + ']' if ':' in to else to}", cseq=len(to)))
            own = f"[{ALICE_6}]" if ":" in to else ALICE
            self.assertEqual((exchange.response.status, exchange.request.via.host), (200, own))
            alice.answering(200)
            back = self.network.run(bob.ask(to=f"sip:alice@{own}", cseq=99 + len(to)))
            self.assertEqual(back.response.status, 200)

    def test_two_sockets_answer_each_for_itself(self) -> None:
        """A peer's firewall lets in what comes from where it sent to."""
        alice = Side(self.network, ALICE)
        alice.agent.listen("udp", ALICE, 5070)
        alice.answering(200)
        peer = Collecting()
        socket = self.network.host(BOB).listenUDP(PORT, peer)
        for port in (PORT, 5070):
            socket.write(encode(make_request("OPTIONS", via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK{port}")), (ALICE, port))
            self.network.settle(1)
            self.assertIn(f"('{ALICE}', {port}) > ('{BOB}', {PORT})", self.network.transcript[-1])
        self.assertEqual(alice.agent.addresses, {"udp": (ALICE, PORT), "tcp": (ALICE, PORT)})

    def test_the_port_that_the_system_chose(self) -> None:
        """Tests and the demo listen on port 0."""
        agent = Side(self.network, ALICE, ()).agent
        host, port = agent.listen("tcp", ALICE, 0)
        self.assertEqual((host, port > 0, agent.contact(None, "tcp").port), (ALICE, True, port))

    def test_without_any_listener_there_still_is_a_via(self) -> None:
        """Nothing crashes on the way to saying what is wrong."""
        self.assertEqual(Side(self.network, ALICE, ()).agent.contact(None, "udp").host, "127.0.0.1")

    def test_without_udp_everything_goes_over_tcp(self) -> None:
        """A receiver that listens on TCP alone gets its small requests, too."""
        alice, bob = Side(self.network, ALICE, ("tcp",)), Side(self.network, BOB)
        bob.answering(200)
        self.assertEqual(self.network.run(alice.ask()).hop.transport, "tcp")

    def test_no_tls_yet(self) -> None:
        """It must not look as if there were: the port would speak clear text."""
        with self.assertRaises(CannotListenError):
            Side(self.network, ALICE, ("tls",))


class Stopping(AgentTest):
    """The service stops."""

    def test_whoever_waits_hears_of_it_and_nothing_is_left(self) -> None:
        """A push that was being sent goes back into the queue."""
        waiting = [
            self.alice.ask("INVITE", to=f"sip:bob@{BOB};transport={transport}", cseq=cseq)
            for cseq, transport in enumerate(("udp", "tcp"), 1)
        ]
        self.network.settle(0.005)
        self.network.run(self.alice.agent.stop())
        for asked in waiting:
            self.failureResultOf(asked, Withdrawn)
        self.assertEqual((self.network.listeners, self.network.sockets), ({}, {}))
        self.network.settle(0.1)  # what is still in the air
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_last_words_do_no_harm(self) -> None:
        """A session that ends while we stop."""
        bob = Side(self.network, BOB)
        asked = self.alice.ask("INVITE")
        self.network.settle(1)
        self.network.run(bob.agent.stop())
        ((invite, _),) = bob.requests
        bob.agent.respond(make_response(invite))
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.network.settle(ENOUGH)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_streams_are_closed_both_ways(self) -> None:
        """No peer keeps a half-open connection to us."""
        bob = Side(self.network, BOB)
        bob.answering(200)
        self.result(self.alice.ask(size=1300))
        self.network.run(self.alice.agent.stop())
        self.network.settle(1)
        self.assertEqual([stream.connected for stream in self.network.streams], [False, False])


class Floods(AgentTest):
    """A peer that asks for too much (SECURITY part 5, rates per source)."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = Side(self.network, BOB, shares=Shares(rate=1.0, burst=5))
        self.bob.answering(403)

    def options(self, transport: str, count: int) -> list[bytes]:
        return [
            encode(
                make_request(
                    "OPTIONS", via=f"SIP/2.0/{transport} {CAROL};rport;branch=z9hG4bK{number}", call_id=f"c{number}"
                )
            )
            for number in range(count)
        ]

    def call(self) -> Wire:
        factory = Calling()
        self.network.host(CAROL).connectTCP(BOB, PORT, factory)
        self.network.settle(0.1)
        return factory.wire

    def test_it_is_heard_less_and_that_is_news_once(self) -> None:
        """Refused, then 503, then nothing; others are served meanwhile."""
        peer = Collecting()
        socket = self.network.host(CAROL).listenUDP(PORT, peer)
        with capturedLogs() as events:
            for datagram in self.options("UDP", 50):
                socket.write(datagram, (BOB, PORT))
            self.network.settle(0.5)
        statuses = [response[8:11] for response in peer.came]
        self.assertEqual(statuses, [b"403"] * 5 + [b"503"] * 5)
        self.assertEqual(sum(event["log_level"] is LogLevel.warn for event in events), 1)
        self.assertEqual(self.result(self.alice.ask()).response.status, 403)

    def test_a_stream_of_it_is_cut_and_no_new_one_taken(self) -> None:
        """It has nothing to say that anybody wants to hear, until some seconds later."""
        wire = self.call()
        wire.transport.write(b"".join(self.options("TCP", 50)))  # type: ignore[union-attr]
        self.network.settle(0.1)
        self.assertIsNotNone(wire.lost)
        # A second read may come when time has paid some back.
        self.assertIn(wire.octets.count(b"\r\nCSeq: "), (10, 11, 12))
        self.assertIsNotNone(self.call().lost)
        self.network.settle(10)
        self.assertIsNone(self.call().lost)

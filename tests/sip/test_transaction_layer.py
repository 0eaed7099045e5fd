"""pushsvc.sip.transaction_layer: every transaction alive, and which one a message belongs to."""

from __future__ import annotations

from ipaddress import ip_network

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse
from pushsvc.sip.authentication import Authentication, Failure, Kind, TurnedAway, Users
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.codec import encode
from pushsvc.sip.hop import Hop, stamped
from pushsvc.sip.message import Request, Response, ack_of, cancel_of, reply_to
from pushsvc.sip.shares import ASKED, Shares
from pushsvc.sip.transaction import (
    NoAnswer,
    NotAuthenticated,
    RequestArrived,
    ResponseArrived,
    Settings,
    Transmit,
    TurnedDeaf,
    Why,
)
from pushsvc.sip.transaction_layer import TransactionLayer
from pushsvc.sip.trust_domain import TrustDomain
from tests.sip.authentication_case import RIGHT, USER
from tests.sip.values import TCP_PEER, UDP_PEER, make_invite, make_request, make_response
from tests.sip.walking import TCP_HOP, UDP_HOP
from tests.tokens import CountedTokens


@attrs.define
class CountingTokens:
    """Chance without chance."""

    count: int = 0

    def word(self, length: int) -> str:
        self.count += 1
        return f"w{self.count}".ljust(length, "x")

    def fraction(self) -> float:
        return 0.5


def make_layer(max_server: int = 100) -> TransactionLayer:
    return TransactionLayer(Settings(), CountingTokens(), max_server)


class Closed(TrustDomain):
    """Lets nobody in."""

    failure: Failure | None = Failure(Kind.PASSWORD, "wrong")

    def entered(self, request: Request, source: Hop, now: float) -> TurnedAway:
        return TurnedAway(401, (("WWW-Authenticate", "Digest x=y"),), self.failure)


def via(branch: str, sent_by: str = "192.0.2.1", transport: str = "UDP") -> str:
    return f"SIP/2.0/{transport} {sent_by};branch=z9hG4bK{branch}"


def run_out(layer: TransactionLayer) -> list[object]:
    """Let all time pass, and give what the layer still wished for."""
    outputs: list[object] = []
    while (now := layer.deadline) is not None:
        outputs += layer.wake(now)
    return outputs


class ClientSideTests(SynchronousTestCase):
    def test_a_response_finds_its_request(self) -> None:
        """RFC 3261 §17.1.3: branch and method, so that a CANCEL's 200 is not taken for the INVITE's."""
        layer = make_layer()
        invite = make_invite()
        cancel = cancel_of(invite)
        self.assertEqual(layer.request(invite, UDP_HOP, 0.0), [Transmit(invite, UDP_HOP)])
        self.assertEqual(layer.request(cancel, UDP_HOP, 1.0), [Transmit(cancel, UDP_HOP)])
        self.assertEqual(layer.counts(), (2, 0))
        ok = reply_to(cancel, 200, to_tag="b1")
        self.assertEqual(layer.received(ok, UDP_PEER, 1.1), [ResponseArrived(ok, cancel)])
        ringing = make_response(invite, 180)
        self.assertEqual(layer.received(ringing, UDP_PEER, 1.2), [ResponseArrived(ringing, invite)])

    def test_a_cancelled_invite_is_not_waited_for_for_ever(self) -> None:
        """Part F, CANCEL guard: 32 s after the CANCEL the INVITE is given up, and nothing is left."""
        layer = make_layer()
        invite = make_invite()
        layer.request(invite, UDP_HOP, 0.0)
        layer.received(make_response(invite, 180), UDP_PEER, 1.0)
        cancel = cancel_of(invite)
        layer.request(cancel, UDP_HOP, 2.0)
        layer.received(reply_to(cancel, 200), UDP_PEER, 2.1)
        self.assertEqual(run_out(layer), [NoAnswer(invite, Why.TIMEOUT)])
        self.assertEqual(layer.counts(), (0, 0))

    def test_a_response_to_nothing_is_dropped(self) -> None:
        """A forged or late response must not reach anybody."""
        layer = make_layer()
        for request, status in ((make_request("BYE"), 200), (make_invite(), 486), (make_invite(), 180)):
            self.assertEqual(layer.received(make_response(request, status), UDP_PEER, 0.0), [])

    def test_a_stray_2xx_to_an_invite_is_passed_up(self) -> None:
        """[D-SIP-11] It stands for a session at the peer, which has to be acknowledged and ended."""
        layer = make_layer()
        ok = make_response(make_invite())
        self.assertEqual(layer.received(ok, UDP_PEER, 0.0), [ResponseArrived(ok, None)])

    def test_a_branch_used_twice_is_our_bug(self) -> None:
        layer = make_layer()
        layer.request(make_invite(), UDP_HOP, 0.0)
        self.assertRaises(Misuse, layer.request, make_invite(), UDP_HOP, 0.0)

    def test_an_ack_has_no_transaction(self) -> None:
        self.assertRaises(Misuse, make_layer().request, make_request("ACK"), UDP_HOP, 0.0)

    def test_what_cannot_be_sent_fails_its_transaction_at_once(self) -> None:
        """A refused connection is known in a millisecond; nobody should wait 32 s for it."""
        layer = make_layer()
        bye = make_request("BYE")
        layer.request(bye, TCP_HOP, 0.0)
        self.assertEqual(layer.unreachable(bye, 0.1), [NoAnswer(bye, Why.UNREACHABLE)])
        self.assertEqual((layer.counts(), layer.deadline), ((0, 0), None))
        self.assertEqual(layer.unreachable(bye, 0.2), [])

    def test_an_ack_that_cannot_be_sent_ends_the_absorbing(self) -> None:
        layer = make_layer()
        invite = make_invite()
        layer.request(invite, UDP_HOP, 0.0)
        busy = make_response(invite, 486)
        layer.received(busy, UDP_PEER, 0.1)
        self.assertEqual(layer.unreachable(ack_of(invite, busy), 0.2), [])
        self.assertEqual(layer.counts(), (0, 0))

    def test_what_is_sent_again_is_counted(self) -> None:
        """`pushsvc_sip_retransmissions_total` tells an operator of a bad network."""
        layer = make_layer()
        layer.request(make_request("OPTIONS"), UDP_HOP, 0.0)
        run_out(layer)
        self.assertEqual(layer.retransmissions, 10)


class ServerSideTests(SynchronousTestCase):
    def test_a_new_request_is_passed_up_stamped_and_its_repeat_is_absorbed(self) -> None:
        """[D-SIP-2] Nobody above sees a request twice, and everybody sees where it came from."""
        layer = make_layer()
        source = Hop("udp", "198.51.100.7", 5099)
        invite = make_invite()
        self.assertEqual(layer.received(invite, source, 0.0), [RequestArrived(stamped(invite, source), source)])
        self.assertEqual(layer.received(invite, source, 0.1), [])
        self.assertEqual(layer.counts(), (0, 1))

    def test_an_invite_in_silence_gets_a_100(self) -> None:
        """[D-SIP-13] After 200 ms, by itself."""
        layer = make_layer()
        layer.received(make_invite(), UDP_PEER, 0.0)
        self.assertEqual(layer.deadline, 0.2)
        (trying,) = layer.wake(0.2)
        assert isinstance(trying, Transmit)
        self.assertEqual((getattr(trying.message, "status", None), trying.hop), (100, UDP_PEER))

    def test_an_answer_finds_its_request_and_repeats_get_it_again(self) -> None:
        layer = make_layer()
        options = make_request("OPTIONS")
        layer.received(options, UDP_PEER, 0.0)
        ok = make_response(options)
        self.assertEqual(layer.respond(ok, 0.1), [Transmit(ok, UDP_PEER)])
        self.assertEqual(layer.received(options, UDP_PEER, 0.5), [Transmit(ok, UDP_PEER, repeated=True)])
        self.assertEqual(layer.retransmissions, 1)
        self.assertEqual(run_out(layer), [])
        self.assertEqual(layer.counts(), (0, 0))

    def test_an_answer_to_nothing_is_dropped(self) -> None:
        self.assertEqual(make_layer().respond(make_response(make_request("OPTIONS")), 0.0), [])

    def test_the_same_branch_of_another_sender_is_another_request(self) -> None:
        """RFC 3261 §17.2.3: sent-by belongs to the key, or two peers with bad randomness would share a transaction."""
        layer = make_layer()
        layer.received(make_request("OPTIONS", via=via("x", "192.0.2.1")), UDP_PEER, 0.0)
        other = make_request("OPTIONS", via=via("x", "192.0.2.77:5070"), call_id="call2")
        self.assertEqual(len(layer.received(other, UDP_PEER, 0.0)), 1)
        self.assertEqual(layer.counts(), (0, 2))

    def test_requests_without_a_unique_branch_are_kept_apart(self) -> None:
        """A phone of RFC 2543 uses no branch: its second call must not be taken for a repeat of its first."""
        for bare in ("SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"):
            layer = make_layer()
            for call_id in ("one", "two"):
                request = make_request("OPTIONS", via=bare, call_id=call_id)
                self.assertEqual(len(layer.received(request, UDP_PEER, 0.0)), 1)
                self.assertEqual(layer.received(request, UDP_PEER, 0.1), [])
            self.assertEqual(layer.counts(), (0, 2))

    def test_the_ack_of_a_refusal_is_absorbed(self) -> None:
        """[D-SIP-7] It belongs to the transaction; nobody above has asked for it."""
        layer = make_layer()
        invite = make_invite()
        layer.received(invite, UDP_PEER, 0.0)
        busy = make_response(invite, 486)
        layer.respond(busy, 0.1)
        self.assertEqual(layer.received(ack_of(invite, busy), UDP_PEER, 0.2), [])
        self.assertEqual(run_out(layer), [])

    def test_the_ack_of_a_2xx_is_passed_up(self) -> None:
        """[D-SIP-7] It has a branch of its own and ends the repeating of the 200."""
        layer = make_layer()
        invite = make_invite()
        layer.received(invite, UDP_PEER, 0.0)
        layer.respond(make_response(invite), 0.1)
        ack = make_request("ACK", to="<sip:bob@example.com>;tag=b1", via=via("ack"))
        self.assertEqual(layer.received(ack, UDP_PEER, 0.2), [RequestArrived(ack, UDP_PEER)])

    def test_a_cancel_is_told_which_invite_it_means(self) -> None:
        """RFC 3261 §9.2: same branch and sent-by, whatever became of the INVITE; else it is answered 481."""
        layer = make_layer()
        invite = make_invite()
        layer.received(invite, UDP_PEER, 0.0)
        cancel = cancel_of(invite)
        self.assertEqual(layer.received(cancel, UDP_PEER, 0.1), [RequestArrived(cancel, UDP_PEER)])
        self.assertEqual(layer.invite_cancelled_by(cancel), invite)
        layer.respond(make_response(invite), 0.2)
        self.assertEqual(layer.invite_cancelled_by(cancel), invite)
        stranger = make_request("CANCEL", via=via("other"))
        self.assertIsNone(layer.invite_cancelled_by(stranger))

    def test_a_merged_request_is_refused_with_482(self) -> None:
        """The same INVITE by two ways would ring twice; RFC 3261 §8.2.2.2."""
        layer = make_layer()
        layer.received(make_invite(), UDP_PEER, 0.0)
        merged = make_invite(via=[via("second"), via("proxied")])
        (refusal,) = layer.received(merged, UDP_PEER, 0.1)
        assert isinstance(refusal, Transmit)
        self.assertEqual(getattr(refusal.message, "status", None), 482)
        self.assertIsNotNone(refusal.message.to.tag)
        self.assertEqual(layer.received(merged, UDP_PEER, 0.2), [attrs.evolve(refusal, repeated=True)])

    def test_what_only_looks_merged_is_not(self) -> None:
        """Requests within a dialog, CANCEL, and a new try with a higher CSeq are new requests."""
        layer = make_layer()
        layer.received(make_invite(), UDP_PEER, 0.0)
        for number, request in enumerate(
            (
                make_invite(cseq=2, via=via("n1")),
                make_invite(to="<sip:bob@example.com>;tag=b1", via=via("n2")),
                make_request("CANCEL", via=via("n3")),
                make_invite(from_="<sip:carol@example.com>;tag=c1", via=via("n4")),
            )
        ):
            self.assertIsInstance(layer.received(request, UDP_PEER, 0.0)[0], RequestArrived, number)

    def test_after_the_first_is_over_it_is_no_merge_any_more(self) -> None:
        """A table entry that stays behind would refuse a good request for ever."""
        layer = make_layer()
        options = make_request("OPTIONS")
        layer.received(options, TCP_PEER, 0.0)
        layer.respond(make_response(options), 0.0)
        again = make_request("OPTIONS", via=via("later"))
        self.assertIsInstance(layer.received(again, TCP_PEER, 1.0)[0], RequestArrived)

    def test_a_response_that_cannot_be_sent_changes_nothing(self) -> None:
        """RFC 6026 §7.1: a repeat of the request may come over a connection that works."""
        layer = make_layer()
        invite = make_invite()
        layer.received(invite, UDP_PEER, 0.0)
        ok = make_response(invite)
        layer.respond(ok, 0.1)
        self.assertEqual(layer.unreachable(ok, 0.2), [])
        self.assertEqual(layer.counts(), (0, 1))

    def test_over_a_stream_an_answered_request_is_forgotten_at_once(self) -> None:
        """Ten thousand answered MESSAGEs a minute must leave nothing in memory."""
        layer = make_layer()
        for number in range(300):
            request = make_request("MESSAGE", via=via(f"m{number}", transport="TCP"), call_id=f"m{number}")
            layer.received(request, TCP_PEER, 0.0)
            layer.respond(make_response(request), 0.0)
        self.assertEqual((layer.counts(), layer.deadline), ((0, 0), None))
        self.assertEqual((layer._origins, layer._origin_of, layer._answered), ({}, {}, {}))


class LimitTests(SynchronousTestCase):
    def arrive(self, layer: TransactionLayer, request: Request) -> list[object]:
        return list(layer.received(request, UDP_PEER, 0.0))

    def test_beyond_the_limit_requests_are_refused_without_state(self) -> None:
        """A flood of INVITEs costs us a bounded table; 503 and Retry-After tell honest peers to come back."""
        layer = make_layer(max_server=3)
        for number in range(3):
            self.arrive(layer, make_invite(via=via(f"b{number}"), call_id=f"c{number}"))
        late = make_invite(via=via("late"), call_id="late")
        for _ in range(2):
            (refusal,) = self.arrive(layer, late)
            assert isinstance(refusal, Transmit)
            self.assertEqual(getattr(refusal.message, "status", None), 503)
            self.assertEqual(refusal.message.headers.get("Retry-After"), "18")
            self.assertEqual(refusal.hop, UDP_PEER)
        self.assertEqual(layer.counts(), (0, 3))
        # Its ACK is absorbed too, though nothing is remembered of the INVITE.
        self.assertEqual(self.arrive(layer, ack_of(late, refusal.message)), [])

    def test_those_that_have_their_answer_give_way(self) -> None:
        """Answered requests linger for up to 32 s; at a thousand a second they must not shut everybody out."""
        for method, status in (("MESSAGE", 200), ("INVITE", 200), ("INVITE", 403)):
            layer = make_layer(max_server=3)
            for number in range(10):
                request = make_request(method, via=via(f"b{number}"), call_id=f"c{number}")
                self.assertIsInstance(self.arrive(layer, request)[0], RequestArrived)
                layer.respond(make_response(request, status), 0.0)
            self.assertEqual(layer.counts(), (0, 3))
            # The youngest still know their repeats.
            repeated = layer.received(request, UDP_PEER, 0.5)
            self.assertEqual([output for output in repeated if isinstance(output, RequestArrived)], [])
            run_out(layer)
            self.assertEqual((layer.counts(), layer._answered, layer._origins), ((0, 0), {}, {}))

    def test_merged_requests_give_way_too(self) -> None:
        """One request sent by a thousand ways must not fill the table with refusals."""
        layer = make_layer(max_server=3)
        for number in range(10):
            self.arrive(layer, make_invite(via=via(f"m{number}")))
        self.assertEqual(layer.counts(), (0, 3))
        self.assertIsInstance(self.arrive(layer, make_invite(via=via("new"), call_id="new"))[0], RequestArrived)

    def test_those_that_wait_for_their_answer_do_not(self) -> None:
        """A call that somebody is deciding on is not dropped for a newer one."""
        layer = make_layer(max_server=2)
        waiting = make_invite(via=via("w"), call_id="w")
        self.arrive(layer, waiting)
        for number in range(10):
            request = make_request("MESSAGE", via=via(f"b{number}"), call_id=f"c{number}")
            self.arrive(layer, request)
            layer.respond(make_response(request), 0.0)
        busy = make_response(waiting, 486)
        self.assertEqual(layer.respond(busy, 0.1), [Transmit(busy, UDP_PEER)])

    def test_work_per_event_does_not_grow_with_their_number(self) -> None:
        """With 10,000 calls alive a layer that walked them all would stop the reactor."""
        layer = make_layer(max_server=10_000)
        for number in range(2000):
            self.arrive(layer, make_invite(via=via(f"b{number}"), call_id=f"c{number}"))
        self.assertEqual(layer.deadline, 0.2)
        woken = layer.wake(0.2)
        self.assertEqual(len(woken), 2000)
        self.assertEqual((layer.deadline, layer.counts()), (None, (0, 2000)))
        self.assertLess(len(layer._deadlines._queue), 200)


class FloodTests(SynchronousTestCase):
    """What one source gets that asks for too much (SECURITY part 5, G11)."""

    def setUp(self) -> None:
        self.layer = TransactionLayer(Settings(), CountingTokens(), shares=Shares(rate=1.0, burst=3))
        self.count = 0

    def arrive(self, method: str = "INVITE", source: Hop = UDP_PEER, to: str = "<sip:bob@example.com>") -> list[str]:
        """What one more request of it leads to, in words."""
        self.count += 1
        self.request = make_request(method, via=via(f"f{self.count}"), call_id=f"f{self.count}", to=to)
        return self.in_words(self.layer.received(self.request, source, 0.0))

    def answer(self, status: int) -> list[str]:
        return self.in_words(self.layer.respond(make_response(self.request, status), 0.0))

    def in_words(self, outputs: list[object]) -> list[str]:
        return [
            str(getattr(output.message, "status", "")) if isinstance(output, Transmit) else type(output).__name__
            for output in outputs
        ]

    def test_refusals_use_up_its_share(self) -> None:
        """Then 503 without a look, then deafness; its retransmissions and others are served as before."""
        for _ in range(3):
            self.assertEqual(self.arrive(), ["RequestArrived"])
            self.assertEqual(self.answer(403), ["403"])
        refused = self.request
        self.assertEqual([self.arrive() for _ in range(3)], [["503"], ["503"], ["503", "TurnedDeaf"]])
        self.assertFalse(self.layer.hears(UDP_PEER, 0.0))
        other = Hop("udp", "198.51.100.1", 5060)
        self.assertTrue(self.layer.hears(other, 0.0))
        self.assertEqual(self.arrive(source=other), ["RequestArrived"])
        self.assertEqual(self.in_words(self.layer.received(refused, UDP_PEER, 0.5)), ["403"])
        self.assertTrue(self.layer.hears(UDP_PEER, 5.0))

    def test_what_is_accepted_costs_nothing(self) -> None:
        """A sender that pushes a thousand times an hour; over a stream nothing lingers either."""
        for method in ("INVITE", "MESSAGE"):
            for _ in range(20):
                self.assertEqual(self.arrive(method, TCP_PEER), ["RequestArrived"])
                self.assertEqual(self.answer(200), ["200"])

    def test_refusals_for_reasons_of_ours_cost_little(self) -> None:
        """Busy, or a full disk: whoever has many pushes for us comes again with all of them."""
        for status in (480, 486, 491, 500, 503):
            for _ in range(5):
                self.assertEqual(self.arrive("MESSAGE", TCP_PEER), ["RequestArrived"], status)
                self.answer(status)
        for _ in range(5):
            self.arrive("MESSAGE", TCP_PEER)
            self.answer(480)
        self.assertEqual(self.arrive("MESSAGE", TCP_PEER), ["503"])

    def test_a_repeated_2xx_is_accepted_once(self) -> None:
        """Repeating it must not pay for refusals."""
        self.arrive()
        self.answer(200)
        for _ in range(2):
            self.arrive()
            self.answer(403)
        first = make_request("INVITE", via=via("f1"), call_id="f1")
        for _ in range(5):
            self.layer.respond(make_response(first, 200), 0.0)
        self.arrive()
        self.answer(403)
        self.assertEqual(self.arrive(), ["503"])

    def test_options_are_never_free(self) -> None:
        """They are answered to everybody, so nothing proves that their sender is more than a flood."""
        for _ in range(3):
            self.assertEqual(self.arrive("OPTIONS"), ["RequestArrived"])
            self.answer(200)
        self.assertEqual(self.arrive("OPTIONS"), ["503"])

    def test_what_cannot_be_read_counts(self) -> None:
        """A flood of garbage."""
        self.assertEqual([self.layer.unreadable(UDP_PEER, 0.0) for _ in range(6)], [[]] * 5 + [[TurnedDeaf(UDP_PEER)]])

    def test_a_session_that_runs_goes_on(self) -> None:
        """Its BYE is looked at, whatever else came from there, and so is a CANCEL."""
        for _ in range(3):
            self.arrive()
            self.answer(403)
        self.assertEqual(self.arrive("BYE", to="<sip:bob@example.com>;tag=b1"), ["RequestArrived"])
        self.assertEqual(self.arrive("CANCEL"), ["RequestArrived"])
        self.assertEqual(self.arrive(), ["503"])

    def test_strangers_leave_room_for_the_trusted(self) -> None:
        """However many addresses a flood comes from, the core's requests are served."""
        core = Hop("udp", "192.0.2.5", 5060)
        shares = Shares(trusted=[ip_network("192.0.2.5/32")])
        self.layer = TransactionLayer(Settings(), CountingTokens(), max_server=5, max_strangers=2, shares=shares)
        for number in range(2):
            self.assertEqual(self.arrive(source=Hop("udp", f"198.51.100.{number}", 5060)), ["RequestArrived"])
        self.assertEqual(self.arrive(source=Hop("udp", "198.51.100.9", 5060)), ["503"])
        for _ in range(3):
            self.assertEqual(self.arrive(source=core), ["RequestArrived"])
        self.assertEqual(self.arrive(source=core), ["503"])

    def test_in_a_crowd_refusals_are_not_repeated(self) -> None:
        """G11: no more octets go out than came in, since each may go to somebody who never asked (RFC 3261 §8.2.7)."""
        self.layer = TransactionLayer(Settings(), CountingTokens(), max_strangers=4)
        sent: list[str] = []
        for number in range(50):
            self.arrive(source=Hop("udp", f"198.51.100.{number}", 5060))
            sent += self.answer(403)
        self.assertEqual(sent, ["403"] * 50)
        self.assertEqual(self.layer.counts(), (0, 3))
        run_out(self.layer)
        self.assertEqual((self.layer.retransmissions, self.layer.counts()), (3 * 10, (0, 0)))
        self.assertEqual((self.layer._strangers, self.layer._answered, self.layer._answered_strangers), (set(), {}, {}))

    def test_in_a_crowd_strangers_are_not_told_what_we_can(self) -> None:
        """G11: the answer to OPTIONS is longer than the question."""
        self.layer = TransactionLayer(Settings(), CountingTokens(), max_strangers=2)
        for number in range(2):
            self.assertEqual(self.arrive("OPTIONS", Hop("udp", f"198.51.100.{number}", 5060)), ["RequestArrived"])
            self.assertEqual(self.answer(200), ["200"])
        self.assertEqual(self.arrive("OPTIONS", Hop("udp", "198.51.100.9", 5060)), ["503"])
        self.assertEqual(self.arrive("INVITE", Hop("udp", "198.51.100.9", 5060)), ["RequestArrived"])

    def test_a_flood_of_options_gets_no_more_octets_than_it_sends(self) -> None:
        """G11: four thousand forged addresses. A stream proves its address, and the core is trusted: both hear all."""
        shares = Shares(rate=1.0, burst=5, trusted=[ip_network("192.0.2.5/32")])
        self.layer = TransactionLayer(Settings(), CountingTokens(), shares=shares)
        strangers = [Hop("udp", f"198.51.100.{number}", 5060) for number in range(100)]
        for source in strangers[:5]:
            self.assertEqual(self.arrive("OPTIONS", source), ["RequestArrived"])
        for source in strangers[5:]:
            (output,) = self.layer.received(make_request("OPTIONS", via=via(source.host)), source, 0.0)
            assert isinstance(output, Transmit)
            self.assertEqual((output.hop.host, getattr(output.message, "status", 0)), (source.host, 200))
            self.assertLess(
                len(encode(output.message)), len(encode(make_request("OPTIONS", via=via(source.host)))) + 80
            )
        self.assertEqual(self.layer.counts(), (0, 5))
        self.assertEqual(self.arrive("OPTIONS", Hop("tcp", "198.51.100.99", 5060)), ["RequestArrived"])
        self.assertEqual(self.arrive("OPTIONS", Hop("udp", "192.0.2.5", 5060)), ["RequestArrived"])
        self.assertEqual(self.arrive("INVITE", strangers[-1]), ["RequestArrived"])
        self.assertEqual(self.arrive("OPTIONS", strangers[-1]), ["200"])


class TurnedAwayTests(SynchronousTestCase):
    """[F-18] RFC 3261 §26.3.2.4: who has not proved who it is leaves nothing behind."""

    def setUp(self) -> None:
        self.layer = TransactionLayer(Settings(), CountingTokens(), max_server=1, domain=Closed())

    def test_it_is_answered_without_state(self) -> None:
        """Each time it asks, with the same tag (§8.2.7); and the ACK is the end of it."""
        for request in (make_invite(), make_request("MESSAGE")):
            for _ in range(3):
                answered, told = self.layer.received(request, UDP_PEER, 0.0)
                assert isinstance(answered, Transmit)
                self.assertEqual((answered.message.to.tag, answered.hop), ("w1".ljust(16, "x"), UDP_PEER))
                self.assertEqual(answered.message.headers.get("www-authenticate"), "Digest x=y")
                self.assertEqual(told, NotAuthenticated(request, UDP_PEER, Failure(Kind.PASSWORD, "wrong")))
            self.assertEqual((self.layer.counts(), self.layer.deadline), ((0, 0), None))
        invite = make_invite()
        answer = self.layer.received(invite, UDP_PEER, 0.0)[0].message  # type: ignore[union-attr]
        self.assertEqual(self.layer.received(ack_of(invite, answer), UDP_PEER, 0.1), [])  # type: ignore[arg-type]

    def test_it_is_answered_where_it_came_from(self) -> None:
        request = make_invite(via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;rport")
        (answered, _) = self.layer.received(request, UDP_PEER, 0.0)
        assert isinstance(answered, Transmit)
        self.assertEqual((answered.message.via.received, answered.hop), (UDP_PEER.host, UDP_PEER))

    def test_a_merged_request_is_not_asked_again(self) -> None:
        """RFC 3261 §8.2.2.2: its credentials were used by the copy that came first, which is no replay but a 482."""
        authentication = Authentication(CountedTokens("a"))
        authentication.admit(Users("example.com", ("SHA-256",), (USER,)))
        self.layer = TransactionLayer(Settings(), CountingTokens(), domain=TrustDomain((), authentication))
        asked = make_request("MESSAGE", via=via("one"))
        (answered,) = self.layer.received(asked, UDP_PEER, 0.0)
        assert isinstance(answered, Transmit)
        assert isinstance(answered.message, Response)
        (challenge,) = challenges_of(answered.message)
        answer = [("Authorization", challenge.answer(RIGHT, "MESSAGE", str(asked.uri), "c", 1))]
        first, second = (
            self.layer.received(make_request("MESSAGE", via=via(branch), cseq=2, headers=answer), UDP_PEER, 0.1)
            for branch in ("two", "three")
        )
        self.assertEqual([type(output) for output in first], [RequestArrived])
        self.assertEqual([output.message.status for output in second], [482])  # type: ignore[union-attr]

    def test_it_drives_nobody_out(self) -> None:
        """When room is short, those that have their answer go for somebody who may come in, and for nobody else."""
        self.layer.domain = TrustDomain()
        request = make_request("MESSAGE")
        self.layer.received(request, UDP_PEER, 0.0)
        answer = make_response(request)
        self.layer.respond(answer, 0.0)
        self.layer.domain = Closed()
        self.layer.received(make_invite(via=via("new"), call_id="new"), UDP_PEER, 0.0)
        self.assertEqual(self.layer.received(request, UDP_PEER, 0.1), [Transmit(answer, UDP_PEER, repeated=True)])

    def test_being_asked_costs_a_tenth(self) -> None:
        """Every push of a user begins with it, and hundreds begin at once; who never answers is heard no more."""
        shares = Shares(rate=1.0, burst=2)
        self.layer = TransactionLayer(Settings(), CountingTokens(), shares=shares, domain=Closed())
        count = 0

        def arrive() -> list[object]:
            nonlocal count
            count += 1
            request = make_request("MESSAGE", via=via(f"t{count}"), call_id=f"t{count}")
            return self.layer.received(request, UDP_PEER, 0.0)

        self.patch(Closed, "failure", None)
        asked = [arrive() for _ in range(round(2 / ASKED))]
        self.assertEqual({len(outputs) for outputs in asked}, {1})
        self.assertEqual(arrive()[0].message.status, 503)  # type: ignore[attr-defined]
        self.assertEqual([type(output) for output in arrive()], [Transmit, TurnedDeaf])
        self.patch(Closed, "failure", Failure(Kind.PASSWORD, "wrong"))
        self.layer.shares = Shares(rate=1.0, burst=1)
        self.assertEqual([type(output) for output in arrive()], [Transmit, NotAuthenticated])
        self.assertEqual(arrive()[0].message.status, 503)  # type: ignore[attr-defined]

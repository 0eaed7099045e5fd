"""The session interval: refreshes in time, by either side, and the end when they stop (flows 8a to 8d)."""

from __future__ import annotations

from pushsvc import push
from pushsvc.sessions import Ended, Session
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.session_timer import SessionTimer
from tests.agents import Octets
from tests.conversations.case import ALICE, NOTICE, ConversationCase, intercept, refuse, silence

WITHOUT_UPDATE = tuple(method for method in push.RECEIVER_ALLOW if method != "UPDATE")


class Interval(ConversationCase):
    """A session of 90 seconds."""

    def carried(self, **facts: object) -> Session:
        """A session whose connection Bob knows, so that only the interval can end it."""
        session = self.opened(NOTICE, **{"session_expires": 90} | facts)
        self.network.run(session.lines[0].send(NOTICE))
        self.ladder.clear()
        return session

    def _choose_callee(self, request: Request) -> Response | None:
        if request.method == "INVITE" and request.to.tag is None:
            headers = request.headers.replaced("Session-Expires", "90;refresher=uas")
            self.bob.sessions._arrived(request.evolve(headers=headers), self._source(request))
            return reply_to(request, 100)
        return None

    def _source(self, request: Request) -> Hop:
        return Hop(request.via.transport.lower(), ALICE, 5060)


class Refreshes(Interval):
    """[F-17] They come at half the interval."""

    def test_by_update(self) -> None:
        """[R-PSA-200-1b] [D-SES-1] Flow 8a: no SDP, so nothing is negotiated; the interval counts from the 200."""
        self.begin()
        session = self.carried()
        self.network.settle(44.0)
        self.assertEqual(self.ladder, [])
        self.network.settle(50.0)
        self.assertEqual(self.ladder, ["alice UPDATE", "bob 200 UPDATE"] * 2)
        update, answer = self.alice_said.requests("UPDATE")[0], self.bob_said.responses("UPDATE")[0]
        self.assertEqual((update.body, answer.body), (b"", b""))
        self.assertEqual(update.headers.get("session-expires"), "90;refresher=uac")
        self.assertEqual(update.headers.get("supported"), "timer")
        self.assertIsNotNone(update.contact)
        self.assertEqual(answer.headers.get("session-expires"), "90;refresher=uac")
        self.assertEqual(answer.headers.get("require"), "timer")
        self.assertIsNotNone(answer.contact)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_by_the_same_offer_again(self) -> None:
        """[R-PSA-200-1b] [D-SDP-1] Flow 8b, where the peer does not take UPDATE: not an octet of SDP differs."""
        self.begin(bob={"allow": WITHOUT_UPDATE})
        session = self.carried()
        self.network.settle(50.0)
        self.assertEqual(self.ladder, ["alice INVITE", "bob 200 INVITE", "alice ACK"])
        first, second = self.alice_said.requests("INVITE")
        self.assertEqual(first.body, second.body)
        self.assertEqual(*(answer.body for answer in self.bob_said.responses("INVITE")))
        self.assertEqual(second.headers.get("session-expires"), "90;refresher=uac")
        self.assertEqual(second.headers.get("supported"), "timer")
        self.assertTrue(session.lines[0].is_open)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_by_the_callee(self) -> None:
        """[R-PSA-200-1b] [D-SES-2] Who is chosen as refresher is the peer's choice, and is kept."""
        self.begin()
        intercept(self.bob, self._choose_callee)
        self.carried()
        bob = self.session_of(self.bob)
        self.network.settle(50.0)
        self.assertEqual(self.ladder, ["bob UPDATE", "alice 200 UPDATE"])
        self.assertEqual(self.bob_said.requests("UPDATE")[0].headers.get("session-expires"), "90;refresher=uac")
        self.assertEqual(self.alice_said.responses("UPDATE")[0].headers.get("session-expires"), "90;refresher=uac")
        self.network.run(bob.close())
        self.assert_nothing_left()

    def test_a_refresh_does_not_disturb_a_transfer(self) -> None:
        """[D-SIP-14] By UPDATE or by re-INVITE, content goes on as if nothing had been."""
        for allow in (push.RECEIVER_ALLOW, WITHOUT_UPDATE):
            self.begin(bob={"allow": allow})
            self.network.weather.segment = 600  # slow: the transfer takes longer than half the interval
            content = Octets(b"x" * 3_000_000)
            session = self.opened(content, session_expires=90)
            receipt = self.network.run(session.lines[0].send(content))
            refreshes = [line for line in self.ladder if line in ("alice UPDATE", "alice INVITE")]
            self.assertGreater(len(refreshes), 1, self.network.clock.seconds())
            self.assertEqual(receipt.size, content.size)
            self.assertEqual(self.received(), [content.octets])
            self.assertEqual(self.kept[0].discarded, "")
            self.network.run(session.close())
            self.assert_nothing_left()

    def test_a_peer_that_wants_no_timer_gets_none(self) -> None:
        """[D-SES-1] [A-19] Without Session-Expires in the 200 nothing is refreshed, and nothing runs out."""
        self.begin()
        self.patch(SessionTimer, "agreed_by_us", classmethod(lambda cls, *args, **kwargs: None))
        session = self.carried()
        self.network.settle(290.0)
        self.assertEqual(self.ladder, [])
        self.assertTrue(session.is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_peer_that_wants_no_timer_and_vanishes_is_not_waited_for(self) -> None:
        """Promise 5: a connection whose other end is gone says nothing; without an interval only silence tells."""
        self.begin()
        self.patch(SessionTimer, "agreed_by_us", classmethod(lambda cls, *args, **kwargs: None))
        self.carried()
        bob = self.session_of(self.bob)
        self.network.unplug(ALICE)
        ended = self.network.run(bob.when_ended())
        self.assertEqual(ended, Ended("nothing came for 300 s, and no session interval was agreed on", ours=True))
        self.assert_near(self.network.clock.seconds(), 300 + 32)
        self.network.settle(400.0)
        self.assertEqual((self.bob.sessions.alive, self.bob.msrp.sessions, self.bob.msrp.connections), (0, 0, 0))

    def test_a_longer_interval_is_agreed_to_while_it_runs(self) -> None:
        """[R-PSA-EST-6] A 422 to a refresh: at once again, with what is enough."""
        self.begin()
        session = self.carried()
        refuse(self.bob, "UPDATE", 422, ("Min-SE", "200"), times=1)
        self.network.settle(50.0)
        self.assertEqual(self.ladder, ["alice UPDATE", "bob 422 UPDATE", "alice UPDATE", "bob 200 UPDATE"])
        self.assertEqual(
            [each.headers.get("session-expires") for each in self.alice_said.requests("UPDATE")],
            ["90;refresher=uac", "200;refresher=uac"],
        )
        self.assertTrue(session.is_alive)

    def test_a_refresh_with_too_short_an_interval_hears_what_is_enough(self) -> None:
        """[D-SES-2] 422 with Min-SE, in a session, too."""
        self.begin(bob={"min_se": 120})
        session = self.opened(NOTICE, session_expires=120)
        dialog = session.dialog
        fields = [("Supported", "timer"), ("Session-Expires", "100")]
        exchange = self.network.run(
            self.alice.sessions.ask(lambda via: dialog.request("UPDATE", via, fields)[0], dialog.next_hop_uri())
        )
        self.assertEqual((exchange.response.status, exchange.response.headers.get("min-se")), (422, "120"))


class Expiry(Interval):
    """[F-17] Refreshes that do not come, or do not go through."""

    def test_the_callee_ends_a_session_that_nobody_refreshes(self) -> None:
        """[R-PSA-200-1b] Flow 8d: an interval of 90 s ends at 60 s."""
        self.begin()
        self.carried()
        bob = self.session_of(self.bob)
        silence(self.bob, "UPDATE")
        started = self.network.clock.seconds()
        ended = self.network.run(bob.when_ended())
        self.assertEqual(ended, Ended("the session interval ran out", ours=True))
        self.assert_near(self.network.clock.seconds() - started, 60.0)
        for line in ("bob BYE", "alice 200 BYE", "alice BYE", "bob 200 BYE"):  # they crossed
            self.assertIn(line, self.ladder)
        self.assert_nothing_left()

    def test_the_caller_ends_a_session_that_the_callee_does_not_refresh(self) -> None:
        """[R-PSA-200-1b] refresher=uas: watched for, and BYE at 60 s of 90."""
        self.begin()
        intercept(self.bob, self._choose_callee)
        session = self.carried()
        silence(self.alice, "UPDATE")
        started = self.network.clock.seconds()
        ended = self.network.run(session.when_ended())
        self.assertEqual(ended, Ended("the session interval ran out", ours=True))
        self.assert_near(self.network.clock.seconds() - started, 60.0)
        self.assertIn("alice BYE", self.ladder)
        self.assert_nothing_left()

    def test_the_refresher_ends_a_session_whose_peer_does_not_answer(self) -> None:
        """Flow 8c: 32 s after the refresh, BYE."""
        self.begin()
        session = self.carried(session_expires=300)
        self.network.unplug("192.0.2.20")
        ended = self.network.run(session.when_ended())
        self.assertTrue(ended.ours)
        self.assertIn("no answer to UPDATE", ended.why)
        self.assert_near(self.network.clock.seconds(), 150 + 32 + 32)
        self.assertEqual([line for line in self.ladder if line.startswith("alice B")][:1], ["alice BYE"])
        self.assert_nothing_left()

    def test_a_peer_that_knows_the_session_no_more(self) -> None:
        """Flow 8c: 481 or 408 to a refresh; BYE, whatever is answered to that."""
        for status in (481, 408):
            self.begin()
            session = self.carried()
            refuse(self.bob, "UPDATE", status)
            ended = self.network.run(session.when_ended())
            self.assertEqual(ended.ours, True)
            self.assertEqual(self.ladder, ["alice UPDATE", f"bob {status} UPDATE", "alice BYE", "bob 200 BYE"])
            self.assert_nothing_left()

    def test_a_refused_refresh_is_tried_again_before_it_is_too_late(self) -> None:
        """Flow 8c: other refusals do not end the session, and do not lengthen it."""
        self.begin()
        session = self.carried(session_expires=300)
        refuse(self.bob, "UPDATE", 500, times=2)
        self.network.settle(250.0)
        self.assertEqual(self.ladder, ["alice UPDATE", "bob 500 UPDATE"] * 2 + ["alice UPDATE", "bob 200 UPDATE"])
        self.network.settle(200.0)
        self.assertTrue(session.is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_refreshes_that_are_always_refused_end_the_session_in_time(self) -> None:
        """Interval minus 32 s after the last 2xx, and with few tries."""
        self.begin()
        session = self.carried(session_expires=300)
        opened_at = self.network.clock.seconds()
        refuse(self.bob, "UPDATE", 500)
        ended = self.network.run(session.when_ended())
        self.assertEqual(ended.why, "the session interval ran out")
        self.assert_near(self.network.clock.seconds() - opened_at, 268.0)
        self.assertLess(self.ladder.count("alice UPDATE"), 8)
        self.assert_nothing_left()

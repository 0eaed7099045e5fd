"""Making sure of the 200 and its ACK, whatever the network does to them."""

from __future__ import annotations

import itertools

from pushsvc.sessions import Ended
from pushsvc.sip.message import Message, Request, Response
from tests.conversations.case import ALICE, NOTICE, TO_BOB, ConversationCase, silence
from tests.conversations.stranger import Stranger


class Acknowledging(ConversationCase):
    """SIP over datagrams, some of which do not arrive as they should."""

    def setUp(self) -> None:
        self.begin(udp=True)
        self.lost = 0

    def lose(self, method: str, status: int | None, times: int) -> None:
        """Lose so many requests of this method, or responses of this status to it."""
        left = [times]

        def meddle(message: Message) -> int:
            is_it = message.cseq.method == method and getattr(message, "status", None) == status
            if is_it and left[0]:
                left[0] -= 1
                return 0
            return 1

        self.network.meddle = meddle

    def test_a_lost_ack_is_sent_again_for_the_repeated_200(self) -> None:
        """[D-SIP-7] [R-PRA-INV-7] The same ACK, and the session goes on."""
        self.lose("ACK", None, 2)
        session = self.opened()
        self.network.settle(10.0)
        self.assertEqual(self.ladder.count("bob 200 INVITE"), 3)
        acks = self.alice_said.requests("ACK")
        self.assertEqual(acks, [acks[0]] * 3)
        self.assertTrue(session.is_alive)
        self.assertTrue(self.session_of(self.bob).is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_200_that_comes_twice_is_acknowledged_twice(self) -> None:
        """[D-SIP-7]"""
        self.network.meddle = lambda message: 3 if isinstance(message, Response) and message.body else 1
        session = self.opened()
        self.assertEqual(self.ladder[:5], ["alice INVITE", "bob 200 INVITE", *["alice ACK"] * 3])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_200_that_was_lost_is_repeated(self) -> None:
        """[R-PRA-INV-7] [D-SIP-8] Repeated INVITEs make no second session."""
        self.lose("INVITE", 200, 3)
        session = self.opened()
        self.assertEqual(self.bob.sessions.alive, 1)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assert_nothing_left()

    def test_a_200_is_repeated_until_nobody_believes_in_it_any_more(self) -> None:
        """[R-PRA-INV-7] Gaps of 0.5, 1, 2, 4, 4 … s for 32 s, then BYE."""
        self.lose("ACK", None, 1000)
        opened = self.opened()
        self.network.run(opened.lines[0].send(NOTICE))
        self.network.settle(31.5)
        when = self.bob_said.times("200 INVITE")
        self.assertEqual([round(b - a, 3) for a, b in itertools.pairwise(when)], [0.5, 1, 2, *[4] * 7])
        self.assertNotIn("bob BYE", self.ladder)
        session = self.session_of(self.bob)
        self.network.settle(1.0)
        self.assertIn("bob BYE", self.ladder)
        self.assertEqual(self.successResultOf(session.when_ended()), Ended("the 200 was never acknowledged", ours=True))
        self.assert_nothing_left()

    def test_a_callee_says_no_bye_before_the_ack(self) -> None:
        """RFC 3261 §15: it waits for it."""
        self.lose("ACK", None, 1)
        self.opened()
        session = self.session_of(self.bob)
        closing = session.close("not today")
        self.assertNotIn("bob BYE", self.ladder)
        self.network.settle(2.0)
        self.assertEqual(self.successResultOf(closing), Ended("not today", ours=True))
        self.assertEqual(self.ladder[-2:], ["bob BYE", "alice 200 BYE"])
        self.assert_nothing_left()

    def test_whoever_invites_again_has_had_the_200(self) -> None:
        """A re-INVITE overtakes the lost ACK; nobody ends the session for that."""
        self.lose("ACK", None, 1)
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.lines[1].send(NOTICE))
        self.run_story(session.close_lines([0]))
        self.assertEqual(len(self.alice_said.requests("ACK")), 2)
        self.network.settle(40.0)
        self.assertTrue(self.session_of(self.bob).is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_lost_ack_of_a_later_invite_is_sent_again(self) -> None:
        """[D-SIP-7] Its own, not that of the first INVITE."""
        session = self.opened(NOTICE, NOTICE)
        self.lose("ACK", None, 1)
        self.run_story(session.close_lines([0]))
        self.network.settle(5.0)
        self.assertEqual([ack.cseq.number for ack in self.alice_said.requests("ACK")], [1, 2, 2])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_another_fork_is_acknowledged_and_ended(self) -> None:
        """[D-SIP-11] The first 200 is the session; what other devices say gets ACK and BYE, and no more."""
        session = self.opened()
        invite, answer = self.alice_said.requests("INVITE")[0], self.bob_said.responses("INVITE")[0]
        other = Stranger(self.network)
        headers = answer.headers.replaced("To", f"<{TO_BOB}>;tag=other").replaced("Contact", "<sip:other@192.0.2.66>")
        fork = answer.evolve(headers=headers)
        other.say(fork, ALICE, settle=0.05)
        other.say(fork, ALICE, settle=0.05)
        ack, bye = self._said_to(other)
        self.assertEqual((str(ack.uri), ack.to.tag, ack.cseq.number), ("sip:other@192.0.2.66", "other", 1))
        self.assertEqual((str(bye.uri), bye.to.tag, bye.cseq.number), ("sip:other@192.0.2.66", "other", 2))
        self.assertEqual(bye.call_id, invite.call_id)
        self.assertTrue(session.is_alive)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.network.settle(40.0)
        self.assert_nothing_left()

    def _said_to(self, stranger: Stranger) -> tuple[Request, Request]:
        """The ACK and the BYE; the ACK came twice, as the 200 did."""
        requests = [message for message in stranger.heard if isinstance(message, Request)]
        self.assertEqual([request.method for request in requests if request.method != "BYE"], ["ACK", "ACK"])
        self.assertEqual(len({request.via.branch for request in requests if request.method == "BYE"}), 1)
        return requests[0], next(request for request in requests if request.method == "BYE")


class OverAStream(ConversationCase):
    """Which loses nothing by itself."""

    def test_a_200_over_a_stream_is_repeated_all_the_same(self) -> None:
        """[R-PRA-INV-7] Whoever said nothing to it may sit behind a proxy that speaks UDP (RFC 3261 §13.3.1.4)."""
        self.begin()
        silence(self.bob, "ACK")
        opened = self.opened(NOTICE, NOTICE)
        for line in opened.lines:
            self.network.run(line.send(NOTICE))
        session = self.session_of(self.bob)
        self.network.settle(33.0)
        when = self.bob_said.times("200 INVITE")
        self.assertEqual(self.bob_said.responses("INVITE")[0].via.transport, "TCP")
        self.assertEqual([round(b - a, 3) for a, b in itertools.pairwise(when)], [0.5, 1, 2, *[4] * 7])
        self.assertEqual(self.successResultOf(session.when_ended()), Ended("the 200 was never acknowledged", ours=True))
        self.assertIn("bob BYE", self.ladder)
        self.assert_nothing_left()

"""Flows 8b to 8e: the session interval where not everything goes by itself. Kept as the others in test_transcripts."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred

from pushsvc import push
from pushsvc.net import reaching
from pushsvc.sessions import Ended, Session
from tests.agents import Octets
from tests.conversations.case import NOTICE, silence
from tests.conversations.flow_case import SERVICE, FlowCase

PATTERN = Octets(b"0123456789" * 500)
WITHOUT_UPDATE = tuple(method for method in push.RECEIVER_ALLOW if method != "UPDATE")
OPENED = ("sender INVITE", "receiver 200 INVITE", "sender ACK", "sender SEND 1-*/5000", "receiver 200")


class Intervals(FlowCase):
    """Each has the messages of its flow in `flows.md`, after those that open a session of Flow 1's kind."""

    def opened(self) -> Session:
        """A session whose only file has arrived."""
        session = self.dialed(pattern=PATTERN)
        self.network.run(self.pushed(session, 0, "pattern", PATTERN))
        return session

    def receiving(self) -> Session:
        """The other side of it."""
        (session,) = self.receiver.sessions._sessions.values()
        return session

    def test_flow_8b_a_refresh_by_the_same_offer_again(self) -> None:
        """[R-PSA-200-1b] [D-SES-1] [D-SDP-1] The receiver takes no UPDATE; no octet of either description moves."""
        self.begin(receiver={"allow": WITHOUT_UPDATE})
        session = self.opened()
        self.network.settle(899.0)
        self.assertEqual(self.transcript.ladder, [*OPENED])
        self.network.settle(2.0)
        self.network.run(session.close())
        refresh = ("sender INVITE", "receiver 200 INVITE", "sender ACK")
        self.assert_flow("flow8b", *OPENED, *refresh, "sender BYE", "receiver 200 BYE")

    def test_flow_8c_a_refresh_that_is_not_answered(self) -> None:
        """[R-PSA-200-1b] [D-SES-1] 32 seconds later the refresher ends the session."""
        session = self.opened()
        silence(self.receiver, "UPDATE")
        ended = self.network.run(session.when_ended())
        self.assertTrue(ended.ours)
        self.assertLess(abs(self.network.clock.seconds() - (900 + 32)), 2.0)
        self.assert_flow("flow8c", *OPENED, "sender UPDATE", "sender BYE", "receiver 200 BYE")

    def test_flow_8d_no_refresh_comes(self) -> None:
        """[R-PSA-200-1b] [D-SES-1] The other side ends the session 32 seconds before the interval is over."""
        session = self.opened()
        session._refreshing.stop()
        ended = self.network.run(self.receiving().when_ended())
        self.assertEqual(ended, Ended("the session interval ran out", ours=True))
        self.assertLess(abs(self.network.clock.seconds() - 1768), 2.0)
        self.assert_flow("flow8d", *OPENED, "receiver BYE", "sender 200 BYE")

    def test_flow_8e_an_interval_that_is_too_short(self) -> None:
        """[R-PSA-EST-6] [D-SES-2] 422 says what would be enough; the call goes on with that."""
        self.patch(reaching, "BIGGEST_DATAGRAM", 1200)  # our addresses are shorter than the names of the flow
        self.begin(receiver={"min_se": 300})
        self.sender.targeting = push.Targeting(SERVICE, require=True, explicit=True)
        call = attrs.evolve(self.call(notice=NOTICE), session_expires=90)
        session = self.network.run(self.sender.sessions.dial(call))
        self.network.run(Deferred.fromCoroutine(session.close_lines([0])))
        self.assert_flow(
            "flow8e",
            "sender INVITE",
            "receiver 422 INVITE",
            "sender ACK",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender BYE",
            "receiver 200 BYE",
        )

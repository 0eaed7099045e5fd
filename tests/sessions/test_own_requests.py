"""Our requests in a dialog."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Refused, Unreachable
from pushsvc.sessions.own_requests import REMEMBERED, OwnRequests
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Response
from pushsvc.sip.session_timer import SessionTimer
from tests.sessions.scripted import ScriptedAgent, floors_on
from tests.sessions.values import accepted, callers_standing, invite

SESSION_EXPIRES = ("Session-Expires", "90;refresher=uac")


class Requests(SynchronousTestCase):
    """Alice's, in a session with Bob."""

    def setUp(self) -> None:
        self.clock, self.agent, self.standing = Clock(), ScriptedAgent(), callers_standing()
        self.standing.timer = SessionTimer(90, we_refresh=True)
        self.refreshed = 0
        self.crossed: list[Response] = []
        self.requests = OwnRequests(
            floors_on(self.agent, self.clock), self.standing, self._refreshed, self.crossed.append, patience=180.0
        )

    def _refreshed(self) -> None:
        self.refreshed += 1

    def start(self, story: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(story)

    def acknowledged(self, number: int = 1) -> Response:
        """A 200 to an INVITE of this number, with its ACK on its way."""
        request = invite()
        request = request.evolve(headers=request.headers.replaced("CSeq", f"{number} INVITE"))
        response = accepted(request)
        self.successResultOf(self.start(self.requests.acknowledge(response)))
        return response

    def test_they_are_numbered_one_after_the_other(self) -> None:
        """[R-PSA-REL-3] Contiguous (RFC 3261 §12.2.1.1)."""
        for method in ("UPDATE", "INVITE"):
            self.start(self.requests.refresh(method, b"x" if method == "INVITE" else b""))
        self.start(self.requests.bye())
        self.assertEqual([str(each.cseq) for each in self.agent.sent], ["2 UPDATE", "3 INVITE", "4 BYE"])

    def test_the_same_number_over_every_way_that_is_tried(self) -> None:
        """A request that was too large for one transport is still the same request."""
        made: list[Any] = []

        async def twice(make: Any, *others: Any, foreign: bool) -> Any:
            for name in ("TCP", "UDP"):
                made.append(make(Via(name, "h", 5060, (("branch", f"z9hG4bK{name}"),))))
            raise Unreachable("broken wire")

        self.agent.request = twice  # type: ignore[method-assign]
        self.failureResultOf(self.start(self.requests.bye()), Unreachable)
        self.assertEqual([each.cseq.number for each in made], [2, 2])

    def test_a_2xx_refreshes_the_session(self) -> None:
        """[D-SES-1]"""
        refreshing = self.start(self.requests.refresh("UPDATE"))
        update = self.agent.sent[0]
        self.assertEqual(update.headers.get("session-expires"), "90;refresher=uac")
        self.agent.answer(200, ("Session-Expires", "300;refresher=uas"))
        self.successResultOf(refreshing)
        self.assertEqual((self.refreshed, self.standing.timer and self.standing.timer.interval), (1, 300))

    def test_a_refusal_changes_nothing(self) -> None:
        refreshing = self.start(self.requests.refresh("UPDATE"))
        self.agent.answer(500)
        self.failureResultOf(refreshing, Refused)
        self.assertEqual((self.refreshed, self.standing.timer), (0, SessionTimer(90, we_refresh=True)))

    def test_too_short_an_interval_is_made_longer_once(self) -> None:
        """RFC 4028 §7.4."""
        refreshing = self.start(self.requests.refresh("UPDATE"))
        self.agent.answer(422, ("Min-SE", "200"))
        self.agent.answer(422, ("Min-SE", "300"))
        self.assertEqual(self.failureResultOf(refreshing, Refused).value.status, 422)
        self.assertEqual(
            [each.headers.get("session-expires") for each in self.agent.sent], ["90;refresher=uac", "200;refresher=uac"]
        )

    def test_a_422_that_says_nothing_more_is_a_refusal(self) -> None:
        for headers in ([], [("Min-SE", "90")]):
            refreshing = self.start(self.requests.refresh("UPDATE"))
            self.agent.answer(422, *headers)
            self.failureResultOf(refreshing, Refused)
        self.assertEqual(len(self.agent.sent), 2)

    def test_any_answer_to_a_bye_will_do(self) -> None:
        """[A-27]"""
        leaving = self.start(self.requests.bye())
        self.agent.answer(481)
        self.successResultOf(leaving)

    def test_an_ending_session_asks_for_nothing_but_its_end(self) -> None:
        self.requests.stop()
        self.failureResultOf(self.start(self.requests.refresh("UPDATE")), Unreachable)
        self.start(self.requests.bye())
        self.assertEqual(self.agent.methods(), ["BYE"])

    def test_each_invite_has_an_ack_of_its_own(self) -> None:
        """[D-SIP-7] A 200 that comes late is answered with the ACK to its INVITE, not to the last."""
        first, second = self.acknowledged(1), self.acknowledged(2)
        for response in (first, second, first):
            self.assertIsNone(self.requests.repeated(response))
        self.assertEqual([each.cseq.number for each in self.agent.sent], [1, 2, 1, 2, 1])

    def test_old_acks_are_forgotten(self) -> None:
        """A session with many changes does not grow."""
        first = self.acknowledged(1)
        for number in range(2, REMEMBERED + 2):
            self.acknowledged(number)
        self.agent.sent.clear()
        self.assertIsNone(self.requests.repeated(first))
        self.assertEqual((self.agent.sent, self.crossed), ([], []))

    def test_a_200_to_what_was_given_up(self) -> None:
        """It still has to be acknowledged, and then the session cannot go on."""
        self.acknowledged(1)
        late = accepted(invite())
        late = late.evolve(headers=late.headers.replaced("CSeq", "2 INVITE"))
        self.assertIsNone(self.requests.repeated(late))
        self.assertEqual(self.crossed, [late])

    def test_a_200_to_the_first_that_was_given_up(self) -> None:
        """A callee's: it had acknowledged nothing before."""
        late = accepted(invite())
        self.assertIsNone(self.requests.repeated(late))
        self.assertEqual(self.crossed, [late])

    def test_a_200_of_another_fork_is_given_back(self) -> None:
        """[D-SIP-11]"""
        response = self.acknowledged(1)
        other = response.evolve(headers=response.headers.replaced("To", "<sip:bob@192.0.2.20>;tag=other"))
        self.assertIs(self.requests.repeated(other), other)
        later = other.evolve(headers=other.headers.replaced("CSeq", "2 INVITE"))
        self.assertIsNone(self.requests.repeated(later))
        self.assertEqual(self.crossed, [])

"""Whose answer counts of several targets."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import DeliveryError, TimedOut, Unreachable, Withdrawn
from pushsvc.net.reaching import Exchange
from pushsvc.sessions.redirecting import redirected
from pushsvc.sip.message import reply_to
from pushsvc.sip.redirection import Target
from tests.sessions.scripted import HOP
from tests.sessions.values import BOB, invite

A, B = "sip:a@192.0.2.21", "sip:b@192.0.2.22"

Said = tuple[int, str] | DeliveryError


class Answers(SynchronousTestCase):
    """[D-SIP-10] What each target says to an INVITE, and what comes of it."""

    def reached(self, said: dict[str, Said]) -> Deferred[Exchange]:
        """The answers are statuses with the Contacts of a redirection."""
        self.asked: list[str] = []

        def ask(target: Target) -> Deferred[Exchange]:
            self.asked.append(str(target.uri))
            answer = said[str(target.uri)]
            if isinstance(answer, DeliveryError):
                return fail(answer)
            status, contacts = answer
            headers = [("Contact", contacts)] if contacts else []
            return succeed(Exchange(invite(), HOP, reply_to(invite(), status, to_tag="t", headers=headers)))

        return Deferred.fromCoroutine(redirected(BOB, ask))

    def status(self, said: dict[str, Said]) -> int:
        return self.successResultOf(self.reached(said)).response.status

    def test_without_a_redirection_it_is_the_one_answer(self) -> None:
        for status in (200, 404, 503, 603):
            self.assertEqual(self.status({str(BOB): (status, "")}), status)
        for error in (TimedOut("silence"), Unreachable("no wire"), Withdrawn()):
            self.assertIs(self.failureResultOf(self.reached({str(BOB): error})).value, error)

    def test_the_first_that_takes_it(self) -> None:
        both = (302, f"<{A}>, <{B}>")
        for first in ((486, ""), (503, ""), (401, ""), (302, f"<{BOB}>"), TimedOut("silence"), Unreachable("no wire")):
            self.assertEqual(self.status({str(BOB): both, A: first, B: (200, "")}), 200)
            self.assertEqual(self.asked, [str(BOB), A, B])
        self.assertEqual(self.status({str(BOB): both, A: (200, ""), B: (200, "")}), 200)
        self.assertEqual(self.asked, [str(BOB), A])

    def test_6xx_speaks_for_all(self) -> None:
        """RFC 3261 §21.6: nowhere else is tried."""
        self.assertEqual(self.status({str(BOB): (302, f"<{A}>, <{B}>"), A: (603, ""), B: (200, "")}), 603)
        self.assertEqual(self.asked, [str(BOB), A])

    def test_when_nobody_takes_it_the_last_answer_counts(self) -> None:
        both = (302, f"<{A}>, <{B}>")
        self.assertEqual(self.status({str(BOB): both, A: (486, ""), B: (404, "")}), 404)
        self.assertEqual(self.status({str(BOB): both, A: (486, ""), B: Unreachable("no wire")}), 486)
        self.failureResultOf(self.reached({str(BOB): both, A: TimedOut("silence"), B: Unreachable("x")}), Unreachable)

    def test_a_redirection_to_nowhere(self) -> None:
        """It says why, for people."""
        for contacts, asked in (("", [str(BOB)]), (f"<{A}>", [str(BOB), A])):
            exchange = self.successResultOf(self.reached({str(BOB): (302, contacts), A: (301, f"<{BOB}>")}))
            self.assertEqual((exchange.response.status // 100, self.asked), (3, asked))
            self.assertEqual(exchange.why, "it sends us to nowhere else that we can go to")

    def test_whoever_gives_up_is_not_sent_on(self) -> None:
        self.failureResultOf(self.reached({str(BOB): (302, f"<{A}>, <{B}>"), A: Withdrawn()}), Withdrawn)
        self.assertEqual(self.asked, [str(BOB), A])

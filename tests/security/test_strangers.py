"""Requests that strangers make up for a session of others: none has any effect, each gets the answer of RFC 3261.

Goal G15 of docs/security.md, for SIP; for MSRP: tests/net/test_msrp_binding.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from pushsvc.sip.message import Response
from tests.conversations.case import ALICE, BOB, NOTICE, ConversationCase
from tests.conversations.stranger import Stranger

METHODS = ("BYE", "INVITE", "UPDATE", "CANCEL")
OFFER = "v=0\r\no=- 9 9 IN IP4 192.0.2.66\r\ns=-\r\nc=IN IP4 192.0.2.66\r\nt=0 0\r\nm=message 0 TCP/TLS/MSRP *\r\n"


@attrs.frozen
class Facts:
    """What makes a request one of a dialog."""

    from_: str
    to: str
    call_id: str
    number: int

    def wrong(self) -> Iterator[Facts]:
        """All ways to have one of them wrong."""
        yield attrs.evolve(self, from_=f"{self.from_}x")
        yield attrs.evolve(self, from_=self.from_.partition(";tag")[0] + ";tag=made-up")
        yield attrs.evolve(self, to=f"{self.to}x")
        yield attrs.evolve(self, to=self.to.partition(";tag")[0] + ";tag=made-up")
        yield attrs.evolve(self, to=self.to.partition(";tag")[0])
        yield attrs.evolve(self, call_id=f"x{self.call_id}")
        yield attrs.evolve(self, from_=self.to, to=self.from_)


class Forged(ConversationCase):
    """[R-PRA-REL-1] [D-SIP-6] A session is up; somebody with a socket of its own would like to change that."""

    def setUp(self) -> None:
        self.begin()
        self.session = self.opened()
        self.stranger = Stranger(self.network)
        invite, answer = self.alice_said.requests("INVITE")[0], self.bob_said.responses("INVITE")[-1]
        caller, called = str(invite.from_), str(answer.to)
        self.of_alice = Facts(caller, called, invite.call_id, 2)  # what Alice would say to Bob
        self.of_bob = Facts(called, caller, invite.call_id, 1)
        self.branch = invite.via.branch
        self.before = list(self.ladder)
        self.said = 0

    def status(self, method: str, facts: Facts, to: str, branch: str = "") -> int:
        """The final answer that the stranger gets."""
        self.said += 1
        branch = branch or f"z9hG4bKforged{self.said}"
        body = OFFER if method in ("INVITE", "UPDATE") else ""
        octets = "\r\n".join(
            (
                f"{method} sip:somebody@{to} SIP/2.0",
                f"Via: SIP/2.0/UDP {self.stranger.address}:5060;branch={branch};rport",
                "Max-Forwards: 70",
                f"From: {facts.from_}",
                f"To: {facts.to}",
                f"Call-ID: {facts.call_id}",
                f"CSeq: {facts.number} {method}",
                f"Contact: <sip:stranger@{self.stranger.address}>",
                *(["Content-Type: application/sdp"] if body else []),
                f"Content-Length: {len(body)}",
                "",
                body,
            )
        ).encode()
        self.stranger.say(octets, to, settle=0.1)
        answers = [each for each in self.stranger.heard if isinstance(each, Response) and each.via.branch == branch]
        return answers[-1].status

    def assert_untouched(self) -> None:
        """The session goes on as if nothing had been said."""
        self.assertEqual(
            [line for line in self.ladder[len(self.before) :] if line.startswith(("alice 2", "bob 2"))], []
        )
        self.assertTrue(self.session.is_alive)
        self.assertEqual(self.session_of(self.bob).is_alive, True)
        self.network.run(self.session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.network.run(self.session.close())
        self.network.settle(40.0)
        self.assert_nothing_left()

    def test_another_tag_or_call_id(self) -> None:
        """G15: 481 from either side, for every method."""
        for method in METHODS:
            for facts, to in ((self.of_alice, BOB), (self.of_bob, ALICE)):
                for wrong in facts.wrong():
                    if method != "INVITE" or ";tag" in wrong.to:  # else it is a call of its own
                        self.assertEqual(self.status(method, wrong, to), 481, (method, wrong))
        self.assert_untouched()

    def test_a_number_that_was_used(self) -> None:
        """G15: 500 (RFC 3261 §12.2.2), also for who has overheard all the rest."""
        for method in ("BYE", "INVITE", "UPDATE"):
            for number in (0, 1):
                overheard = attrs.evolve(self.of_alice, number=number)
                self.assertEqual(self.status(method, overheard, BOB), 500, (method, number))
        self.assert_untouched()

    def test_a_cancel_of_what_was_answered(self) -> None:
        """G15: it means no request of that sender (RFC 3261 §9.2), even with the branch of the INVITE."""
        for number in (1, 2):
            facts = attrs.evolve(self.of_alice, number=number, to=self.of_alice.to.partition(";tag")[0])
            self.assertEqual(self.status("CANCEL", facts, BOB, self.branch), 481)
        self.assert_untouched()

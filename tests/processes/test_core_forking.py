"""A user with two devices at a real Kamailio, which calls both at once (RFC 3261 §16.7)."""

from __future__ import annotations

import json
import signal

from pushsvc.pushctl.client import ApiRefused, Body
from pushsvc.pushctl.core import Core
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.processes.core_case import CoreCase, metric, signal_all
from tests.processes.pushing import made_up, until

ACTIONS = ("accept", "ask", "decline")
MOST = 8000  # octets that the second device takes
SESSIONS = 'pushsvc_msrp_sessions{direction="in"}'

Stored = tuple[int, int]
"""How many contents each of the two devices has."""


class Forked(CoreCase):
    """A file's name says what becomes of it: `accept-ask.bin` is taken by the first, the second asks a person."""

    def test_a_file_is_in_one_place_and_a_message_in_all(self) -> None:
        """One scene after the other, and nothing is left of one when the next begins."""
        self.system: Lab = self.prepared({"receiver": {"rule": _rules("{}-*")}}, core="tcp")
        self.first = self.system.receiver
        self.second = self.system.prepared(
            "second", "receiver", {"rule": _rules("*-{}.bin"), "accept.max_size": str(MOST)}
        )
        self.system.others.append(self.second)
        self.system.start()
        for scene in (
            self.one_takes_it_while_a_person_thinks,
            self.a_person_answers_at_one_of_two,
            self.both_take_it_at_the_same_moment,
            self.one_declines_when_the_other_takes_it,
            self.one_declines_before_a_person_has_answered,
            self.both_decline,
            self.one_cannot_take_it,
            self.a_message,
            self.a_message_that_one_declines,
        ):
            scene(self.stored)
            until(self.nothing_is_left, f"the end of {scene.__name__}")
        for daemon in (self.first, self.second, self.system.sender):
            self.assertNotIn("Traceback", daemon.log.read_text())

    # -- the scenes

    def one_takes_it_while_a_person_thinks(self, before: Stored) -> None:
        """The core sends CANCEL to the other."""
        self.assert_ends(self.pushed("accept-ask.bin"), "delivered")
        self.assertEqual(self.stored, (before[0] + 1, before[1]))

    def a_person_answers_at_one_of_two(self, before: Stored) -> None:
        """The question at the other is over: whoever answers it now is told so."""
        push_id = self.pushed("ask-ask.bin")
        late, decision = _question(self.first), _question(self.second)
        _decide(self.second, decision, "accept")
        self.assert_ends(push_id, "delivered")
        self.assertEqual(self.stored, (before[0], before[1] + 1))
        until(self.nothing_is_left, "the question at the other is withdrawn")
        self.assertEqual(self.assertRaises(ApiRefused, _decide, self.first, late, "accept").status, 409)

    def both_take_it_at_the_same_moment(self, before: Stored) -> None:
        """The answer that comes second is acknowledged, and its session ended by BYE (RFC 3261 §13.2.2.4)."""
        push_id = self.decided_at_once("accept", "accept")
        self.assert_ends(push_id, "delivered")
        self.assertEqual(sum(self.stored), sum(before) + 1)
        until(lambda: self.ladder(push_id).count("200 OK (BYE)") == 2, "the session that nobody wants is ended")
        ladder = self.ladder(push_id)
        for words in ("200 OK (INVITE)", "SIP ACK sip:alice@127.0.0.1", "SIP BYE"):
            self.assertEqual(ladder.count(words), 2, ladder)
        self.assertEqual(ladder.count("MSRP SEND"), 1, ladder)

    def one_declines_when_the_other_takes_it(self, before: Stored) -> None:
        """Whoever takes it wins: a 2xx that crosses the core's CANCEL counts."""
        self.assert_ends(self.decided_at_once("decline", "accept"), "delivered")
        self.assertEqual(self.stored, (before[0], before[1] + 1))

    def one_declines_before_a_person_has_answered(self, before: Stored) -> None:
        """603 speaks for all devices of the user (RFC 3261 §21.6.2): the core withdraws the call from the other."""
        self.assert_ends(self.pushed("decline-ask.bin"), "rejected")
        self.assertEqual(self.stored, before)

    def both_decline(self, before: Stored) -> None:
        self.assert_ends(self.pushed("decline-decline.bin"), "rejected")
        self.assertEqual(self.stored, before)

    def one_cannot_take_it(self, before: Stored) -> None:
        """488 speaks for the device alone: the other may take its time."""
        push_id = self.pushed("ask-accept.bin", made_up(MOST + 1))
        _decide(self.first, _question(self.first), "accept")
        self.assert_ends(push_id, "delivered")
        self.assertEqual(self.stored, (before[0] + 1, before[1]))

    def a_message(self, before: Stored) -> None:
        """Nothing in SIP keeps it from being in two places; whoever asks is told."""
        push_id = self.pushed("accept-accept.bin", b"short")
        self.assert_ends(push_id, "delivered")
        until(lambda: self.stored == (before[0] + 1, before[1] + 1), "both have it")
        self.assertIn("more than one may have it", self.explained(self.system, push_id))

    def a_message_that_one_declines(self, before: Stored) -> None:
        """One that has it is enough."""
        self.assert_ends(self.pushed("accept-decline.bin", b"short"), "delivered")
        self.assertEqual(self.stored, (before[0] + 1, before[1]))

    # -- what they have in common

    @property
    def core(self) -> Core:
        assert self.system.core is not None
        return self.system.core

    @property
    def stored(self) -> Stored:
        first, second = (len(device.api.get("v1", "inbox")["items"]) for device in (self.first, self.second))
        return first, second

    def pushed(self, name: str, octets: bytes | None = None) -> str:
        return self.submit(self.system, made_up(5000) if octets is None else octets, name)

    def decided_at_once(self, first: str, second: str) -> str:
        """The answers of both devices are on their way to the core before it reads one of them."""
        push_id = self.pushed("ask-ask.bin")
        answers = {self.first: first, self.second: second}
        decisions = {device: _question(device) for device in answers}
        before = {device: _answers(device) for device in answers}
        signal_all(self.core, signal.SIGSTOP)
        try:
            for device, answer in answers.items():
                _decide(device, decisions[device], answer)
                until(lambda device=device: _answers(device) > before[device], "the answer is out")
        finally:
            signal_all(self.core, signal.SIGCONT)
        return push_id

    def ladder(self, push_id: str) -> str:
        return self.system.sender.api.text("v1", "pushes", push_id, "trace")

    def assert_ends(self, push_id: str, state: str) -> None:
        push = self.final(self.system, push_id)
        self.assertEqual(push["state"], state, push)

    def nothing_is_left(self) -> bool:
        devices = (self.first, self.second)
        return not any(device.api.get("v1", "decisions")["items"] or metric(device, SESSIONS) for device in devices)


def _rules(pattern: str) -> str:
    """As TOML, what a device does with names that fit the pattern with an action in it."""
    rules = (f'{{ name = {json.dumps(pattern.format(action))}, action = "{action}" }}' for action in ACTIONS)
    return f"[{', '.join(rules)}]"


def _question(device: Daemon) -> str:
    """The id of the one decision that waits, once it does."""
    (decision,) = until(lambda: device.api.get("v1", "decisions")["items"], "a question")
    return str(decision["id"])


def _decide(device: Daemon, decision: str, answer: str) -> None:
    octets = json.dumps({"answer": answer}).encode()
    device.api.post("v1", "decisions", decision, body=Body([octets], len(octets), "application/json"))


def _answers(device: Daemon) -> float:
    """How many final answers of those that decisions lead to it has given so far."""
    return sum(metric(device, f'pushsvc_sip_responses_total{{code="{code}",direction="out"}}') for code in (200, 603))

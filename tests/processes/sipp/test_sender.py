"""push-sender calls SIPp: directly over UDP and TCP, and through a real Kamailio where SIPp is registered."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import attrs

from pushsvc.pushctl import lab
from pushsvc.pushctl.core import DOMAIN
from pushsvc.pushctl.submission import json_body
from tests.processes.pushing import json_of, until
from tests.processes.sipp.callees import TEXT, Callee, registering
from tests.processes.sipp.callers import Caller
from tests.processes.sipp.case import SippCase
from tests.processes.sipp.program import HOST, Sipp, free_port
from tests.processes.sipp.scenario import Scenario, header
from tests.processes.sipp.ways import Way

SETTINGS = {
    "msrp.bind_timeout": '"2s"',
    # One attempt is what is looked at here.
    "delivery.retry": '{ first = "600s", factor = 1.0, max = "600s", jitter = 0.0, attempts = 3 }',
}
FILE = "x" * 5000  # too large for a MESSAGE


@attrs.frozen
class Expected:
    """What becomes of the recipient: its state, the SIP status of the attempt, words of its reason.

    `after` is how many seconds at least must go by until the next attempt.
    """

    content: str
    scenario: Scenario
    state: str
    status: int | None
    words: str = ""
    after: float = 0.0


def everyday(callee: Callee, *, through_core: bool = False) -> list[Expected]:
    """Every way a call can go that SIPp can take part in."""
    # A proxy that has no other place to go makes a 500 of it (RFC 3261 §16.7 step 6).
    busy = Expected(FILE, callee.refusing(503, "Retry-After: 1200"), "waiting", 503, after=1200.0)
    return [
        Expected(TEXT, callee.message(), "delivered", 200),
        Expected(TEXT, callee.message(415, "Accept: application/x-other"), "rejected", 415),
        Expected(FILE, callee.refusing(488), "rejected", 488),
        Expected(FILE, callee.refusing(404), "undeliverable", 404),
        Expected(FILE, callee.refusing(480), "waiting", 480),
        Expected(FILE, callee.refusing(486), "waiting", 486),
        attrs.evolve(busy, status=500, after=0.0) if through_core else busy,
        Expected(FILE, callee.withdrawn(), "cancelled", None),
        Expected(FILE, callee.not_listening(), "waiting", None, "refused"),
        Expected(FILE, callee.not_connecting(), "waiting", None, "did not connect within 2 s"),
        Expected(FILE, callee.hanging_up(), "waiting", None, "the peer hung up"),
        Expected(FILE, callee.closing_the_file(), "waiting", None, "no media line is left"),
    ]


CASES = len(everyday(Callee(Way("udp", ""), 0)))


class Calling(SippCase):
    """What a callee of another make gets, and what its answers become. SIPp has no MSRP, so no file ever goes."""

    def begin(self, core: str | None = None) -> None:
        self.system = self.sipp_lab({"sender": SETTINGS}, core)

    def pushed(self, expected: Expected, to: str) -> str:
        """The push's id."""
        mode = "message" if expected.content == TEXT else "msrp"
        body = json_body({"to": [to], "content": {"text": expected.content}, "mode": mode})
        return str(json_of(self.system.sender.api.request("POST", "/v1/pushes", body))["id"])

    def recipient(self, push_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.push_of(self.system, push_id)["recipients"][0]
        return found

    def judge(self, calls: list[tuple[Expected, Sipp, str]]) -> None:
        """Each call is as the scenario says on both sides. Who shall be given up is, once it rings."""
        for expected, call, push_id in calls:
            if expected.state == "cancelled":
                until(partial(call.has_got, "INVITE "), "it rings")
                self.system.sender.api.request("DELETE", f"/v1/pushes/{push_id}")
        for _, call, _ in calls:
            self.over(call)
        self.assert_content()
        for expected, _, push_id in calls:
            recipient = until(partial(self.ended, push_id), f"the end of {expected.scenario.name}")
            attempt = recipient["attempts"][0]
            found = (recipient["state"], attempt["sip_status"])
            reason = recipient["reason"] or ""
            if found != (expected.state, expected.status) or expected.words not in reason:
                self.complaints.append(f"{expected.scenario.name} became {found}: {reason}")
            if expected.after > _seconds_between(attempt["ended_at"], attempt["retry_at"]):
                self.complaints.append(f"{expected.scenario.name} is tried again at {attempt['retry_at']}")
        self.assert_content()

    def ended(self, push_id: str) -> dict[str, Any] | None:
        """The recipient after its first attempt."""
        recipient = self.recipient(push_id)
        attempts = recipient["attempts"]
        return recipient if attempts and attempts[0]["ended_at"] and recipient["state"] != "sending" else None

    def test_nobody_pushes_to_it(self) -> None:
        """It is there to call: what it does not do it says, over UDP and TCP."""
        self.begin()
        for transport in ("udp", "tcp"):
            address = self.system.sender.ready["sip"][transport]
            caller = Caller(Way(transport, address), "push")
            allow = header("Allow", "INVITE.*OPTIONS.*UPDATE *$")
            self.run_all([caller.refused(603), caller.message(405, allow)], transport, address)
        self.assert_content()

    def test_directly(self) -> None:
        """Over UDP, where an INVITE that is too long for it finds no TCP and goes by UDP all the same; and over TCP."""
        self.begin()
        closed, calls = free_port(), []
        for transport in ("udp", "tcp"):
            way = Way(transport, "")
            for expected in everyday(Callee(way, closed)):
                call = self.started(expected.scenario, transport)
                to = f"sip:bob@{HOST}:{call.port};transport={transport}"
                calls.append((expected, call, self.pushed(expected, to)))
        self.judge(calls)

    def test_through_a_core(self) -> None:
        """Which SIPp is registered at, and which must be in the way of every request."""
        users = {f"{transport}{number}": "word" for transport in ("udp", "tcp") for number in range(CASES)}
        self.patch(lab, "PASSWORDS", {**lab.PASSWORDS, **users})
        self.begin("tcp")
        assert self.system.core is not None
        address, closed, registering_now, calls = f"{HOST}:{self.system.core.port}", free_port(), [], []
        for transport in ("udp", "tcp"):
            for number in range(CASES):
                way = Way(transport, DOMAIN, "word", f"{transport}{number}")
                # By datagram: Kamailio drops who came over a connection as soon as that is closed (handle_lost_tcp).
                registering_now.append((way, self.started(registering(way), "udp", remote=address)))
        for _, registration in registering_now:
            self.over(registration)
        self.assert_content()
        for number, (way, registration) in enumerate(registering_now):
            expected = everyday(Callee(way, closed), through_core=True)[number % CASES]
            call = self.started(expected.scenario, way.transport, registration.port)
            calls.append((expected, call, self.pushed(expected, way.identity)))
        self.judge(calls)


def _seconds_between(first: str, second: str | None) -> float:
    if second is None:
        return 0.0
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()

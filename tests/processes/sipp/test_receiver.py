"""SIPp calls push-receiver: directly over UDP and TCP, and through a real Kamailio."""

from __future__ import annotations

import signal

from pushsvc.pushctl.core import DOMAIN
from pushsvc.pushctl.lab import PASSWORDS, Lab
from tests.processes.pushing import until
from tests.processes.sipp.callers import AUDIO, TEXT, Caller
from tests.processes.sipp.case import SippCase
from tests.processes.sipp.scenario import Scenario, header
from tests.processes.sipp.ways import Way

RULES = '[{name = "ask.png", action = "ask"}, {name = "never.png", action = "decline"}, {action = "accept"}]'


class Called(SippCase):
    """What a caller of another make hears. SIPp opens no MSRP connection: no file comes, every session ends."""

    def begin(self, core: str | None = None, **receiver: str) -> Lab:
        settings = {"msrp.bind_timeout": '"2s"', "rule": RULES}
        overrides = {key.replace("__", "."): value for key, value in receiver.items()}
        return self.sipp_lab({"receiver": {**settings, **overrides}}, core=core)

    def everyday(self, caller: Caller) -> list[Scenario]:
        """What every way has to carry. The last one ends when `msrp.bind_timeout` is over."""
        return [
            caller.options(),
            caller.message(),
            caller.refused(488, header("Warning", "30[0-9] "), content=AUDIO),
            caller.refused(603, name="never.png"),
            caller.hanging_up(),
            caller.withdrawn(),
            caller.closing_the_file(),
            caller.hung_up(),
        ]

    def assert_kept(self, lab: Lab, *contents: str) -> None:
        """Nothing but these is in the inbox, and nothing is left of any session."""
        self.assert_content()
        self.assert_in_inbox(lab, *(f"{content}\r\n".encode() for content in contents))
        self.assertIn('pushsvc_msrp_sessions{direction="in"} 0.0', lab.receiver.api.text("metrics"))

    def test_directly(self) -> None:
        """Over UDP, and over TCP."""
        lab = self.begin()
        for transport in ("udp", "tcp"):
            address = lab.receiver.ready["sip"][transport]
            alice, nobody = (Caller(Way(transport, address), user) for user in ("alice", "nobody"))
            self.run_all([*self.everyday(alice), nobody.message(404), nobody.refused(404)], transport, address)
        self.assert_kept(lab, TEXT, TEXT)

    def test_through_a_core(self) -> None:
        """Which challenges the caller, and calls the receiver over the connection that it registered on.

        Over UDP and TCP. Once the receiver has stopped the core knows where nobody is.
        """
        lab = self.begin("tcp")
        assert lab.core is not None
        address = f"127.0.0.1:{lab.core.port}"
        for transport in ("udp", "tcp"):
            way = Way(transport, DOMAIN, PASSWORDS["bob"])
            alice, bob, nobody = (Caller(way, user) for user in ("alice", "bob", "nobody"))
            self.run_all([*self.everyday(alice), bob.message(480), nobody.message(404)], transport, address)
        self.assert_kept(lab, TEXT, TEXT)
        self.assertEqual({entry["from"] for entry in self.inbox(lab)}, {f"sip:bob@{DOMAIN}"})
        lab.receiver.stop()
        self.run_all([alice.message(480)], transport, address)
        self.assert_content()

    def test_more_than_it_takes_at_once(self) -> None:
        """486 while the one session lasts; 503 with Retry-After while it stops, and waits for that session; BYE."""
        lab = self.begin(accept__max_sessions="1", msrp__bind_timeout='"60s"')
        address = lab.receiver.ready["sip"]["tcp"]
        alice = Caller(Way("tcp", address), "alice")
        first = self.started(alice.hung_up(), "tcp", remote=address)
        until(lambda: first.has_got("SIP/2.0 200"), "the first session")
        self.run_all([alice.refused(486)], "tcp", address)
        lab.receiver.signal(signal.SIGTERM)
        until(lambda: "pushsvc_ready 0.0" in lab.receiver.api.text("metrics"), "the receiver stops")
        later = header("Retry-After", "^ *[0-9]+")
        self.run_all([alice.refused(503, later), alice.message(503, later)], "tcp", address)
        lab.receiver.signal(signal.SIGTERM)
        self.over(first)
        self.assert_content()

"""Pushes through a real Kamailio: registration, digest, routing, over each transport, and a core that goes away."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SkipTest

from pushsvc.pushctl.core import DOMAIN, kamailio
from pushsvc.pushctl.exits import CommandFailed
from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, sha256, until

MIB = 1 << 20
# The core is away for moments here, not for minutes: an attempt that fails is soon followed by the next.
SOON = '{ first = "1s", factor = 1.0, max = "1s", jitter = 0.0, attempts = 60 }'


class Through(LabCase):
    """[R-FLOW-3, R-FLOW-5, R-FLOW-7, R-FLOW-11, R-FLOW-13] What an operator's core makes of us, and we of it."""

    def setUp(self) -> None:
        try:
            kamailio()
        except CommandFailed as missing:
            raise SkipTest(str(missing)) from None

    def begin(self, core: str, **sender: str) -> Lab:
        return self.lab({"sender": {key.replace("__", "."): value for key, value in sender.items()}}, core=core)

    def assert_pushed(self, lab: Lab, octets: bytes) -> None:
        """It arrives, and the receiver knows by the core's word who sent it."""
        push = self.final(lab, self.submit(lab, octets))
        self.assertEqual(push["state"], "delivered", push)
        entry = self.inbox(lab)[-1]
        self.assertEqual(
            (entry["sha256"], entry["from"], entry["asserted"]), (sha256(octets), f"sip:push@{DOMAIN}", True)
        )

    def test_over_udp_and_what_is_large_over_tcp(self) -> None:
        """REGISTER and BYE go by datagram, the INVITE with its offer does not fit (RFC 3261 §18.1.1)."""
        self.assert_pushed(self.begin("udp"), os.urandom(5 * MIB))

    def test_over_tls(self) -> None:
        """Both ways: the core calls the receiver over TLS as well, and each proves who it is."""
        self.assert_pushed(self.begin("tls"), os.urandom(5 * MIB))

    def test_over_tcp(self) -> None:
        """Large, small, and two hundred at once, none twice; who is unknown, and who is away."""
        lab = self.begin("tcp")
        self.assert_pushed(lab, os.urandom(5 * MIB))
        self.assert_pushed(lab, b"short")
        contents = [b"%d " % number + os.urandom(2000) for number in range(200)]
        ids = [self.submit(lab, octets, f"{number}.bin") for number, octets in enumerate(contents)]
        unknown = self.submit(lab, b"short", Push_To=f"sip:nobody@{DOMAIN}")
        away = self.submit(lab, b"short", Push_To=f"sip:bob@{DOMAIN}")
        self.assertEqual({self.final(lab, push_id, 90.0)["state"] for push_id in ids}, {"delivered"})
        kept = [entry["sha256"] for entry in self.inbox(lab)]
        self.assertCountEqual(kept[-200:], [sha256(octets) for octets in contents])
        push = self.final(lab, unknown)
        self.assertEqual((push["state"], push["recipients"][0]["attempts"][0]["sip_status"]), ("undeliverable", 404))
        waiting = until(lambda: _waiting(self.push_of(lab, away)), "the second try waits")
        self.assertEqual(waiting["attempts"][0]["sip_status"], 480)

    def test_a_wrong_password_of_the_sender(self) -> None:
        """One try, and words that say what to mend."""
        lab = self.begin("tcp", sip__auth_user='"alice"')
        push_id = self.submit(lab, b"short")
        push = until(lambda: _tried(self.push_of(lab, push_id)), "an attempt")
        attempt = push["recipients"][0]["attempts"][0]
        self.assertEqual(attempt["sip_status"], 407, push)
        self.assertIn("password", lab.sender.api.text("v1", "pushes", push_id, "explain"))
        self.assertNotIn("word-of-push", lab.sender.log.read_text())

    def test_a_core_that_restarts(self) -> None:
        """It has forgotten everybody; the receiver comes back by itself, and the push that came meanwhile arrives."""
        lab = self.begin("tcp", delivery__retry=SOON)
        assert lab.core is not None
        lab.core.stop()
        octets = os.urandom(MIB)
        push_id = self.submit(lab, octets)
        until(lambda: _waiting(self.push_of(lab, push_id)), "a failed attempt")
        lab.core.start()
        lab.wait_until_registered()
        push = self.final(lab, push_id, 90.0)
        self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(lab, octets)


def _waiting(push: dict[str, Any]) -> dict[str, Any] | None:
    recipient = push["recipients"][0]
    return recipient if recipient["state"] == "waiting" else None


def _tried(push: dict[str, Any]) -> dict[str, Any] | None:
    return push if any(attempt["ended_at"] for attempt in push["recipients"][0]["attempts"]) else None

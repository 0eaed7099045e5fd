"""Pushes through a real Kamailio: registration, digest, routing, over each transport, and a core that goes away."""

from __future__ import annotations

import signal

from pushsvc.pushctl.core import DOMAIN
from pushsvc.pushctl.lab import PASSWORDS, USERS
from tests.processes.core_case import MIB, SOON, CoreCase, registers
from tests.processes.pushing import made_up, sha256, until


class Through(CoreCase):
    """[R-FLOW-3, R-FLOW-5, R-FLOW-7, R-FLOW-11, R-FLOW-13] What an operator's core makes of us, and we of it."""

    def test_over_udp_and_what_is_large_over_tcp(self) -> None:
        """REGISTER and BYE go by datagram, the INVITE with its offer does not fit (RFC 3261 §18.1.1)."""
        self.assert_pushed(self.begin("udp"), made_up(5 * MIB))

    def test_over_tls(self) -> None:
        """Both ways: the core calls the receiver over TLS as well, and each proves who it is."""
        self.assert_pushed(self.begin("tls"), made_up(5 * MIB))

    def test_over_tcp(self) -> None:
        """Large, small, and two hundred at once, none twice; who is unknown, and who is away."""
        lab = self.begin("tcp")
        self.assert_pushed(lab, made_up(5 * MIB))
        self.assert_pushed(lab, b"short")
        contents = [b"%d " % number + made_up(2000) for number in range(200)]
        ids = [self.submit(lab, octets, f"{number}.bin") for number, octets in enumerate(contents)]
        unknown = self.submit(lab, b"short", Push_To=f"sip:nobody@{DOMAIN}")
        away = self.submit(lab, b"short", Push_To=f"sip:bob@{DOMAIN}")
        self.assertEqual({self.final(lab, push_id, 90.0)["state"] for push_id in ids}, {"delivered"})
        kept = [entry["sha256"] for entry in self.inbox(lab)]
        self.assertCountEqual(kept[-200:], [sha256(octets) for octets in contents])
        push = self.final(lab, unknown)
        self.assertEqual((push["state"], push["recipients"][0]["attempts"][0]["sip_status"]), ("undeliverable", 404))
        self.assertEqual(self.waiting(lab, away)["attempts"][0]["sip_status"], 480)

    def test_a_wrong_password_of_the_sender(self) -> None:
        """One try, and words that say what to mend; once that is done and read, it can be driven again."""
        lab = self.prepared(core="tcp")
        password = lab.sender.directory / "password"
        password.write_text("another word")
        lab.start()
        push_id = self.submit(lab, b"short")
        push = self.final(lab, push_id)
        attempt = push["recipients"][0]["attempts"][0]
        self.assertEqual(attempt["sip_status"], 407, push)
        self.assertIn("password", self.explained(lab, push_id))
        password.write_text(PASSWORDS[USERS["sender"]])
        lab.sender.signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in lab.sender.log.read_text(), "the reload")
        lab.sender.api.post("v1", "pushes", push_id, "retry")
        self.assertEqual(self.final(lab, push_id)["state"], "delivered")
        log = lab.sender.log.read_text()
        for secret in ("another word", *PASSWORDS.values()):
            self.assertNotIn(secret, log)

    def test_a_core_that_restarts(self) -> None:
        """It has forgotten everybody; the receiver comes back by itself, and the pushes that came meanwhile arrive."""
        settings = {"sender": {"delivery.retry": SOON}, "receiver": {"registration.first_wait": '"1s"'}}
        lab = self.lab(settings, core="tcp")
        assert lab.core is not None
        before = registers(lab.receiver)
        lab.core.stop()
        contents = [made_up(MIB // 20) for _ in range(20)]
        ids = [self.submit(lab, octets, f"{number}.bin") for number, octets in enumerate(contents)]
        for push_id in ids:
            self.waiting(lab, push_id)
        lab.core.start()
        for push_id in ids:
            push = self.final(lab, push_id, 90.0)
            self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(lab, *contents)
        failures = lab.receiver.log.read_text().count("not registered at")
        self.assertLessEqual(registers(lab.receiver) - before, failures + 2, "one a failure; a challenge, its answer")

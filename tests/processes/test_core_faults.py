"""A real Kamailio that does not serve: overloaded, slow, and one that does not take our password."""

from __future__ import annotations

import re
import signal
from datetime import datetime
from pathlib import Path

from pushsvc.pushctl.client import ApiRefused
from pushsvc.pushctl.core import Core
from pushsvc.pushctl.lab import PASSWORDS, USERS, Lab
from tests.processes.core_case import BUSY, SOON, CoreCase, busy, metric, registers, signal_all
from tests.processes.pushing import made_up, until

BUSY_SECONDS = 2
FIRST_WAIT = 0.5  # seconds after a first failure to register
UP = "pushsvc_registration_up"
# What the log says of a try to register that failed: why, and how long until the next.
_failed = re.compile(r"not registered at sip:push\.test: ([0-9]{3}).*wait=([0-9.]+)$", re.MULTILINE).findall


class Troubled(CoreCase):
    """[F-05] Each trouble is said where it is looked for, is asked about rarely, and ends by itself or by a reload."""

    def test_one_trouble_after_the_other(self) -> None:
        """The push that was submitted at the beginning is there when the last is over, and once."""
        self.system: Lab = self.prepared(
            {
                # A transaction has 64 times t1, which is 4.8 s here.
                "sender": {"delivery.retry": SOON, "sip.t1": '"75ms"'},
                "receiver": {"registration.first_wait": f'"{FIRST_WAIT * 1000:.0f}ms"'},
            },
            core="tcp",
        )
        self.password.write_text("another word")
        self.core.configuration = BUSY
        self.core.start()
        busy(self.core, BUSY_SECONDS)
        daemons = (self.system.receiver, self.system.sender)
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.wait_until_ready()
        octets = made_up(5000)
        push_id = self.submit(self.system, octets)
        self.overloaded(push_id)
        busy(self.core, 0)
        self.wrong_password()
        self.put_right()
        push = self.final(self.system, push_id)
        self.assertEqual(push["state"], "delivered", push)
        asked = registers(self.system.receiver)
        slow, slower = self.slow_for_a_moment(), self.slow_for_longer_than_a_transaction()
        self.assert_in_inbox(self.system, octets, slow, slower)
        self.assertEqual(registers(self.system.receiver), asked, "it was registered all the time")
        for daemon in daemons:
            log = daemon.log.read_text()
            for secret in ("Traceback", "another word", *PASSWORDS.values()):
                self.assertNotIn(secret, log)

    # -- the troubles

    def overloaded(self, push_id: str) -> None:
        """503: both wait as long as Retry-After says, and ask no oftener."""
        attempt = self.waiting(self.system, push_id)["attempts"][0]
        self.assertEqual(attempt["sip_status"], 503, attempt)
        wait = _seconds_between(attempt["ended_at"], attempt["retry_at"])
        self.assertGreaterEqual(wait, BUSY_SECONDS - 0.001, "both times are cut to milliseconds")
        self.assertIn("overloaded", self.explained(self.system, push_id))
        until(lambda: len(self.failures) > 1, "two tries to register")
        self.assert_not_registered("503 Overloaded")
        self.assertEqual(self.failures[0], ("503", BUSY_SECONDS))
        self.assertLessEqual(registers(self.system.receiver), len(self.failures) + 1)

    def wrong_password(self) -> None:
        """One line a try, each wait about twice as long as the one before; a try is a challenge and its answer."""
        before = len(self.failures)
        until(lambda: len(self.failures) > before + 1, "two tries to register")
        self.assert_not_registered('401 Unauthorized: wrong user or password for realm "push.test"')
        tries = self.failures[before:]
        self.assertEqual([status for status, _ in tries], ["401", "401"])
        for number, (_, wait) in enumerate(tries, before):
            longest = FIRST_WAIT * 2**number
            self.assertTrue(longest / 2 <= wait <= longest, (number, wait))
        self.assertLessEqual(registers(self.system.receiver), before + 2 * (len(self.failures) - before + 1))

    def put_right(self) -> None:
        """The next try would be seconds away; a reload makes it now."""
        self.password.write_text(PASSWORDS[USERS["receiver"]])
        self.system.receiver.signal(signal.SIGHUP)
        self.system.wait_until_registered()
        self.assertEqual(metric(self.system.receiver, UP), 1.0)
        self.assertTrue(self.system.receiver.api.get("readyz")["ready"])

    def slow_for_a_moment(self) -> bytes:
        """The attempt that was made meanwhile is the one that succeeds."""
        octets = made_up(5000)
        signal_all(self.core, signal.SIGSTOP)
        push_id = self.submit(self.system, octets)
        sender = self.system.sender.api
        until(lambda: "SIP INVITE" in sender.text("v1", "pushes", push_id, "trace"), "an INVITE is out")
        signal_all(self.core, signal.SIGCONT)
        push = self.final(self.system, push_id)
        self.assertEqual((push["state"], len(push["recipients"][0]["attempts"])), ("delivered", 1), push)
        return octets

    def slow_for_longer_than_a_transaction(self) -> bytes:
        """The core reads the INVITE that was given up, too; nothing comes of it."""
        octets = made_up(5000)
        signal_all(self.core, signal.SIGSTOP)
        push_id = self.submit(self.system, octets)
        reason = self.waiting(self.system, push_id)["reason"]
        signal_all(self.core, signal.SIGCONT)
        self.assertIn("no answer to INVITE", reason)
        push = self.final(self.system, push_id)
        self.assertEqual(push["state"], "delivered", push)
        return octets

    # -- what they have in common

    @property
    def core(self) -> Core:
        assert self.system.core is not None
        return self.system.core

    @property
    def password(self) -> Path:
        return self.system.receiver.directory / "password"

    @property
    def failures(self) -> list[tuple[str, float]]:
        """Status and seconds to wait of each try that failed, as the log has them."""
        return [(status, float(wait)) for status, wait in _failed(self.system.receiver.log.read_text())]

    def assert_not_registered(self, reason: str) -> None:
        receiver = self.system.receiver
        account = receiver.api.get("v1", "account")
        self.assertEqual((account["registered"], account["reason"]), (False, reason))
        self.assertIsNotNone(account["retry_at"])
        refused = self.assertRaises(ApiRefused, receiver.api.get, "readyz")
        self.assertEqual(refused.problem["obstacles"], {"registration": f"not registered: {reason}"})
        self.assertEqual(metric(receiver, UP), 0.0)


def _seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()

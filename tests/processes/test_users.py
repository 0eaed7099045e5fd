"""A sender that pushes directly to a receiver with [[user]], in real processes."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, made_up, until

MIB = 1 << 20


class Asked(LabCase):
    """[D-SIP-9] [F-18] Who does not know the password does not get in, and is told why."""

    def secret(self, password: str) -> Path:
        """A file with this password."""
        path = Path(self.mktemp()).absolute()
        path.touch(mode=0o600)
        path.write_text(f"{password}\n")
        return path

    def begin(self, theirs: Path, ours: Path | None) -> Lab:
        """The receiver knows the user push, whose password is in the one file; the sender has the other one."""
        user = f'[{{name = "push", password = {{file = {json.dumps(str(theirs))}}}}}]'
        sender = {} if ours is None else {"sip.auth_password": f"{{file = {json.dumps(str(ours))}}}"}
        return self.lab({"receiver": {"user": user}, "sender": sender})

    def attempt(self, push: dict[str, Any]) -> dict[str, Any]:
        attempt: dict[str, Any] = push["recipients"][0]["attempts"][-1]
        return attempt

    def test_the_right_password(self) -> None:
        """A large file over MSRP, a small one by MESSAGE, 150 others at once: all in, under the user's name."""
        secret = self.secret("wörd of push")
        lab = self.begin(secret, secret)
        contents = [made_up(MIB), b"small", *(made_up(5000 + number) for number in range(150))]
        ids = [self.submit(lab, octets) for octets in contents]
        pushes = [self.final(lab, push_id, 90.0) for push_id in ids]
        self.assertEqual({push["state"] for push in pushes}, {"delivered"})
        self.assertLess(max(len(push["recipients"][0]["attempts"]) for push in pushes), 8)
        self.assertEqual([self.attempt(push)["mode"] for push in pushes[:2]], ["msrp", "message"])
        self.assert_in_inbox(lab, *contents)
        named = {(entry["from"], entry["asserted"]) for entry in self.inbox(lab)}
        self.assertEqual(named, {("sip:push@127.0.0.1", True)})
        for daemon in (lab.sender, lab.receiver):
            self.assertNotIn("rd of push", daemon.log.read_text())

    def test_a_wrong_one_until_it_is_mended(self) -> None:
        """It ends at once, with a reason on both sides; the operator mends the file and says HUP."""
        theirs, ours = self.secret("word-of-push"), self.secret("another-word")
        lab = self.begin(theirs, ours)
        push_id = self.submit(lab, made_up(MIB))
        push = self.final(lab, push_id)
        self.assertEqual((push["state"], self.attempt(push)["sip_status"]), ("undeliverable", 401), push)
        told = lab.sender.api.text("v1", "pushes", push_id, "explain")
        self.assertIn('wrong user or password for realm "127.0.0.1"', told)
        self.assertIn("Check sip.auth_user and sip.auth_password.", told)
        self.assertEqual(self.inbox(lab), [])
        log = until(lambda: _line(lab.receiver.log.read_text()), "the failure in the log")
        self.assertIn('authentication failed: wrong user or password reason="wrong user or password" user=push', log)
        metrics = lab.receiver.api.text("metrics")
        self.assertIn('pushsvc_sip_authentication_failures_total{reason="password"} 1.0', metrics)
        theirs.write_text("another-word")
        lab.receiver.signal(signal.SIGHUP)
        until(lambda: "reloaded" in lab.receiver.log.read_text(), "the reload")
        octets = made_up(MIB)
        self.assertEqual(self.final(lab, self.submit(lab, octets))["state"], "delivered")
        self.assert_in_inbox(lab, octets)
        for daemon in (lab.sender, lab.receiver):
            self.assertNotRegex(daemon.log.read_text(), "word-of-push|another-word")

    def test_none(self) -> None:
        lab = self.begin(self.secret("word-of-push"), None)
        push_id = self.submit(lab, b"small")
        push = self.final(lab, push_id)
        self.assertEqual((push["state"], self.attempt(push)["sip_status"]), ("undeliverable", 401), push)
        told = lab.sender.api.text("v1", "pushes", push_id, "explain")
        self.assertIn('no password is set for realm "127.0.0.1"', told)


def _line(log: str) -> str | None:
    found = re.search(r".*authentication failed.*", log)
    return found and found[0]

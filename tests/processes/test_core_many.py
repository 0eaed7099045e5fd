"""Many pushes to many users at a real Kamailio, all at once."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

from pushsvc.pushctl.core import DOMAIN
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import PASSWORDS, Lab
from tests.processes.core_case import CoreCase
from tests.processes.pushing import made_up, sha256, until
from tests.processes.together import Together

USERS = 20
PUSHES = 200
AT_ONCE = 8


class Many(CoreCase):
    """Twenty receivers, each with its own sockets, registration and inbox; they share a process (see `together`)."""

    def test_two_hundred_pushes_to_twenty_users(self) -> None:
        """All are delivered, each to its user, none twice."""
        lab = self.prepared(core="tcp")
        assert lab.core is not None
        words = {f"user{number}": os.urandom(8).hex() for number in range(USERS)}
        lab.core.know({**PASSWORDS, **words})
        receivers = {user: self.receiver(lab, user, word) for user, word in words.items()}
        together = Together(lab.directory, list(receivers.values()))
        self.addCleanup(together.stop)
        lab.core.start()
        lab.sender.start()
        together.start()
        lab.sender.wait_until_ready()
        for receiver in receivers.values():
            until(lambda receiver=receiver: receiver.api.get("v1", "account")["registered"], "it is registered")
        contents = {number: b"%d " % number + made_up(5000) for number in range(PUSHES)}

        def submitted(number: int) -> str:
            to = f"sip:user{number % USERS}@{DOMAIN}"
            return self.submit(lab, contents[number], f"{number}.bin", Push_To=to)

        with ThreadPoolExecutor(AT_ONCE) as hands:
            ids = list(hands.map(submitted, contents))
        states = {self.final(lab, push_id, 90.0)["state"] for push_id in ids}
        self.assertEqual(states, {"delivered"})
        for index, receiver in enumerate(receivers.values()):
            entries = receiver.api.get("v1", "inbox", limit=PUSHES)["items"]
            expected = [sha256(contents[number]) for number in range(index, PUSHES, USERS)]
            self.assertCountEqual([entry["sha256"] for entry in entries], expected)
        self.assertNotIn("Traceback", together.log.read_text() + lab.sender.log.read_text())

    def receiver(self, lab: Lab, user: str, word: str) -> Daemon:
        settings = {
            "sip.identity": json.dumps(f"sip:{user}@{DOMAIN}"),
            "allow_inline_secrets": "true",
            "sip.auth_password": json.dumps(word),
        }
        return lab.prepared(user, "receiver", settings)

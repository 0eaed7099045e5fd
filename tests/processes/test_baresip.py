"""MESSAGE to a softphone of another make that is registered at a real core: baresip, which knows text alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from pushsvc.pushctl.client import Body
from pushsvc.pushctl.core import DOMAIN
from pushsvc.pushctl.lab import PASSWORDS
from tests.processes.pushing import LabCase, json_of, until
from tests.processes.sipp.program import HOST, free_port

ACCOUNT = (
    '<sip:bob@{domain}>;auth_user=bob;auth_pass={password};outbound="sip:{host}:{port};transport=udp";regint=300\n'
)
# Its module stdio prints what came, and wants a standard input that stays open. Nothing that has to do with sound.
CONFIGURATION = """\
sip_listen {host}:{own_port}
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
"""
TEXT = "Gate 3 is open: baresip shows it"
BOB = f"sip:bob@{DOMAIN}"


class Softphone(LabCase):
    """What others understand of a push, and what becomes of what they do not."""

    def setUp(self) -> None:
        program = shutil.which("baresip")
        if program is None:
            raise SkipTest("baresip is not installed (Debian: baresip-core)")
        self.system = self.lab(core="tcp", algorithm="MD5")
        assert self.system.core is not None
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        values = {"domain": DOMAIN, "password": PASSWORDS["bob"], "host": HOST, "port": self.system.core.port}
        (folder / "accounts").write_text(ACCOUNT.format(**values))
        (folder / "config").write_text(CONFIGURATION.format(host=HOST, own_port=free_port()))
        (folder / "contacts").touch()
        self.screen = folder / "screen.log"
        with self.screen.open("wb") as screen:
            phone = subprocess.Popen(
                [program, "-4", "-f", str(folder)],
                stdin=subprocess.PIPE,
                stdout=screen,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": str(folder), "TERM": "dumb"},
            )
        self.addCleanup(phone.communicate)
        self.addCleanup(phone.kill)
        until(lambda: "registered successfully" in self.screen.read_text("utf-8", "replace"), "baresip registers")

    def pushed(self, mode: str, type: str, octets: bytes = b"<sl/>") -> dict[str, Any]:
        """The recipient, once it is over."""
        headers = {"Push-To": BOB, "Push-Mode": mode}
        answer = self.system.sender.api.request("POST", "/v1/pushes", Body([octets], len(octets), type), headers)
        recipient: dict[str, Any] = self.final(self.system, json_of(answer)["id"])["recipients"][0]
        return recipient

    def test_text_is_shown_and_anything_else_is_rejected(self) -> None:
        """415 is an answer for good: who cannot read a type now cannot in an hour.

        Where nobody insists on MESSAGE a session is tried after it, and baresip has none to offer: 488.
        """
        shown = self.pushed("message", "text/plain", TEXT.encode())
        self.assertEqual((shown["state"], shown["attempts"][0]["mode"]), ("delivered", "message"), shown)
        until(lambda: TEXT in self.screen.read_text("utf-8", "replace"), "baresip shows it")
        for mode, status in (("message", 415), ("auto", 488)):
            refused = self.pushed(mode, "application/vnd.oma.push")
            attempts = [(attempt["sip_status"], attempt["outcome"]) for attempt in refused["attempts"]]
            self.assertEqual((refused["state"], attempts), ("rejected", [(status, "rejected")]), refused)
            self.assertIn(str(status), refused["reason"])

"""Two real daemons with a real Kamailio between them, and what the tests ask of the three."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

from pushsvc.pushctl.core import DOMAIN, Core
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, need_core, sha256, until

MIB = 1 << 20
BUSY = Path(__file__).with_name("busy.cfg")
# The core is away for moments here, not for minutes: an attempt that fails is soon followed by the next.
SOON = '{ first = "1s", factor = 1.0, max = "1s", jitter = 0.0, attempts = 60 }'


class CoreCase(LabCase):
    """Skipped where there is no Kamailio."""

    def setUp(self) -> None:
        need_core()

    def begin(self, core: str, **sender: str) -> Lab:
        return self.lab({"sender": toml_keys(sender)}, core=core)

    def assert_pushed(self, lab: Lab, octets: bytes) -> None:
        """It arrives, and the receiver knows by the core's word who sent it."""
        push = self.final(lab, self.submit(lab, octets))
        self.assertEqual(push["state"], "delivered", push)
        entry = self.inbox(lab)[-1]
        self.assertEqual(
            (entry["sha256"], entry["from"], entry["asserted"]), (sha256(octets), f"sip:push@{DOMAIN}", True)
        )

    def waiting(self, lab: Lab, push_id: str) -> dict[str, Any]:
        """The recipient, once an attempt has failed and the next one is waited for."""

        def look() -> dict[str, Any] | None:
            recipient: dict[str, Any] = self.push_of(lab, push_id)["recipients"][0]
            return recipient if recipient["state"] == "waiting" else None

        return until(look, f"the next attempt of {push_id} is waited for")

    def explained(self, lab: Lab, push_id: str) -> str:
        return lab.sender.api.text("v1", "pushes", push_id, "explain")


def toml_keys(settings: dict[str, str]) -> dict[str, str]:
    """Keywords as configuration keys: `sip__auth_user` is `sip.auth_user`."""
    return {key.replace("__", "."): value for key, value in settings.items()}


def metric(daemon: Daemon, name: str) -> float:
    """The value of a series, as `pushsvc_ready` or `pushsvc_sip_requests_total{direction="out",...}`; absent: 0."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", daemon.api.text("metrics"), re.MULTILINE)
    return float(found[1]) if found else 0.0


def registers(daemon: Daemon) -> int:
    """How many REGISTERs it has sent, those that answer a challenge among them."""
    return int(metric(daemon, 'pushsvc_sip_requests_total{direction="out",method="REGISTER"}'))


def signal_all(core: Core, number: signal.Signals) -> None:
    """Send a signal to every process of this core."""
    children = Path(f"/proc/{core.pid}/task/{core.pid}/children").read_text().split()
    for pid in (core.pid, *map(int, children)):
        os.kill(pid, number)


def busy(core: Core, seconds: int) -> None:
    """From now on it answers with 503 and this Retry-After; 0: it serves again. Its configuration is `BUSY`."""
    until(lambda: core.answers(f"X-Busy: {seconds}"), "the core is switched")

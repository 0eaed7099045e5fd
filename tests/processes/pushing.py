"""Two real daemons on loopback, and what a test asks of them. Waiting is bounded, and always for something."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pushsvc.pushctl.client import Body
from pushsvc.pushctl.core import kamailio
from pushsvc.pushctl.daemon import Role
from pushsvc.pushctl.exits import CommandFailed
from pushsvc.pushctl.lab import Lab

PATIENCE = 30.0  # seconds: a machine that does other work as well
LOOK_EVERY = 0.05
FINAL = ("delivered", "accepted", "rejected", "undeliverable", "expired", "cancelled", "partial")

TEXT_ONLY = "PUSHSVC_TEXT_ONLY"  # in the environment: contents are text, since Wireshark reads no others in MSRP

Result = TypeVar("Result")


def need_core() -> None:
    """Raises SkipTest where there is no Kamailio."""
    try:
        kamailio()
    except CommandFailed as missing:
        raise SkipTest(str(missing)) from None


def until(look: Callable[[], Result | None], what: str, patience: float = PATIENCE) -> Result:
    """What `look` gives as soon as it gives something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(LOOK_EVERY)
    raise AssertionError(f"not within {patience:.0f} s: {what}")


class LabCase(SynchronousTestCase):
    """A lab that is stopped whatever happens."""

    def lab(
        self,
        settings: Mapping[Role, Mapping[str, str]] | None = None,
        core: str | None = None,
        algorithm: str = "SHA-256",
    ) -> Lab:
        """One that runs; `algorithm` is that of its core's challenges."""
        lab = self.prepared(settings, core, algorithm)
        lab.start()
        return lab

    def prepared(
        self,
        settings: Mapping[Role, Mapping[str, str]] | None = None,
        core: str | None = None,
        algorithm: str = "SHA-256",
    ) -> Lab:
        """One that was not started yet."""
        lab = Lab(Path(self.mktemp()), settings=settings, core=core)
        if lab.core is not None:
            lab.core.algorithm = algorithm
        self.addCleanup(lab.__exit__, None, None, None)
        return lab

    def submit(self, lab: Lab, octets: bytes, name: str = "file.bin", **headers: str) -> str:
        """Submit one raw content; the push's id."""
        fields = {
            "Push-To": lab.target,
            "Push-Name": name,
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        body = Body([octets], len(octets), "application/octet-stream")
        answer = lab.sender.api.request("POST", "/v1/pushes", body, fields)
        return str(json_of(answer)["id"])

    def push_of(self, lab: Lab, push_id: str) -> dict[str, Any]:
        return lab.sender.api.get("v1", "pushes", push_id)

    def final(self, lab: Lab, push_id: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The push once it is final."""

        def look() -> dict[str, Any] | None:
            push = self.push_of(lab, push_id)
            return push if push["state"] in FINAL else None

        return until(look, f"push {push_id} final", patience)

    def inbox(self, lab: Lab) -> list[dict[str, Any]]:
        """The inbox, oldest first."""
        return list(reversed(lab.receiver.api.get("v1", "inbox", limit=200)["items"]))

    def assert_in_inbox(self, lab: Lab, *contents: bytes) -> None:
        """Exactly these contents, each once, and their files hold them."""
        entries = self.inbox(lab)
        self.assertCountEqual([entry["sha256"] for entry in entries], [sha256(octets) for octets in contents])
        for entry in entries:
            self.assertEqual(sha256(Path(entry["path"]).read_bytes()), entry["sha256"])
        files = os.listdir(lab.receiver.state / "inbox" / "tmp")
        self.assertEqual(files, [], "a half file was left")


def made_up(size: int) -> bytes:
    """Octets that nobody has seen before, all of them printable where that is asked for."""
    return os.urandom(size // 2 + 1).hex().encode()[:size] if TEXT_ONLY in os.environ else os.urandom(size)


def json_of(octets: bytes) -> dict[str, Any]:
    import json

    value: dict[str, Any] = json.loads(octets)
    return value


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()

"""The good client: pushes by MSRP and MESSAGE in turn, at a steady pace, by the sender to the attacked receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import attrs

from pushsvc.pushctl.client import Body
from pushsvc.pushctl.lab import Lab
from pushsvc.pushctl.progress import is_final

PACE = 0.25  # seconds between two pushes
PATIENCE = 60.0  # seconds for the last of them, after the attack
LOOK_EVERY = 0.02


@attrs.frozen
class Served:
    """What became of the good client's pushes; the times are those of the delivered, in order, in seconds."""

    pushes: int
    times: tuple[float, ...]

    def within(self, seconds: float) -> float:
        """Which part of the pushes took no longer."""
        return sum(each <= seconds for each in self.times) / max(1, self.pushes)

    def percentile(self, part: float) -> float:
        """How long so large a part of the pushes took at most; infinite if not all of that part came."""
        index = max(0, round(part * self.pushes) - 1)
        return self.times[index] if index < len(self.times) else float("inf")


def push_while(lab: Lab, seconds: float, also: Callable[[], None] = lambda: None, pace: float = PACE) -> Served:
    """Push for so long, and do this `also` after each push; then wait for what is not over."""
    end = time.monotonic() + seconds
    open_pushes: dict[str, float] = {}
    times: list[float] = []
    count = 0
    while time.monotonic() < end:
        began = time.monotonic()
        mode = ("msrp", "message")[count % 2]
        content = {"type": "text/plain", "text": f"{count} " + "x" * (2048 if mode == "msrp" else 100)}
        wanted = {"to": [lab.target], "mode": mode, "content": content}
        octets = json.dumps(wanted).encode()
        push = lab.sender.api.post("v1", "pushes", body=Body([octets], len(octets), "application/json"))
        open_pushes[push["id"]] = began
        count += 1
        also()
        while time.monotonic() < began + pace:
            _look(lab, open_pushes, times)
    while open_pushes and time.monotonic() < end + PATIENCE:
        _look(lab, open_pushes, times)
    return Served(count, tuple(sorted(times)))


def _look(lab: Lab, open_pushes: dict[str, float], times: list[float]) -> None:
    for identifier, began in list(open_pushes.items()):
        push: dict[str, Any] = lab.sender.api.get("v1", "pushes", identifier)
        if is_final(push):
            del open_pushes[identifier]
            if push["state"] == "delivered":
                times.append(time.monotonic() - began)
    time.sleep(LOOK_EVERY)

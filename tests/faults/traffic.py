"""Clients that submit until they are answered, as a careful client does: the same push under the same key."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Mapping

import attrs

from pushsvc.pushctl.client import ApiRefused, Body
from pushsvc.pushctl.exits import CommandFailed
from tests.faults.victim import Victim
from tests.processes.pushing import json_of

CLIENTS = 8
AGAIN_AFTER = 0.2  # seconds
TRY_AGAIN = (409, 429, 500, 503, 507)  # statuses after which the same request may work
# Octets, how often of a hundred: the first go by MESSAGE, the others by MSRP, the last two in several chunks.
SIZES = ((10, 400, 40), (2_000, 30_000, 45), (40_000, 200_000, 12), (500_000, 1_500_000, 3))


@attrs.frozen
class Item:
    """One push: its octets are made of its seed, `name` is unique."""

    seed: str
    name: str

    def octets(self) -> bytes:
        chance = random.Random(self.seed)
        ((low, high, _),) = chance.choices(SIZES, [share for _, _, share in SIZES])
        return chance.randbytes(chance.randint(low, high))

    def sha256(self) -> str:
        return hashlib.sha256(self.octets()).hexdigest()


class Traffic:
    """Clients that submit `rate` items a second, all together, until told to stop.

    `acknowledged` are push ids by item; `complaints` is what no fault explains.
    """

    def __init__(self, sender: Victim, target: str, seed: str, rate: float) -> None:
        self._sender = sender
        self._target = target
        self._seed = seed
        self._every = 1 / rate
        self._number = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._submit, daemon=True) for _ in range(CLIENTS)]
        self._acknowledged: dict[Item, str] = {}
        self.complaints: list[str] = []

    @property
    def acknowledged(self) -> Mapping[Item, str]:
        return self._acknowledged

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self, within: float, meanwhile: Callable[[], None]) -> None:
        """No new items; wait until those under way are acknowledged, and do `meanwhile` again and again."""
        self._stopping.set()
        end = time.monotonic() + within
        while (waiting := [thread for thread in self._threads if thread.is_alive()]) and time.monotonic() < end:
            meanwhile()
            waiting[0].join(AGAIN_AFTER)
        self.complaints += [f"a submission was not answered within {within:.0f} s" for _ in waiting]

    def _submit(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                number = self._number
                self._number += 1
            if self._stopping.wait(max(0.0, self._began + number * self._every - time.monotonic())):
                return
            item = Item(f"{self._seed}-{number}", f"item-{number:06d}.bin")
            push_id = self._until_acknowledged(item)
            if push_id is not None:
                self._acknowledged[item] = push_id

    def _until_acknowledged(self, item: Item) -> str | None:
        octets = item.octets()
        fields = {"Push-To": self._target, "Push-Name": item.name, "Idempotency-Key": item.name}
        while True:
            try:
                body = Body([octets], len(octets), "application/octet-stream")
                return str(json_of(self._sender.daemon.api.request("POST", "/v1/pushes", body, fields))["id"])
            except ApiRefused as refused:
                if refused.status not in TRY_AGAIN:
                    self.complaints.append(f"{item.name} was refused: {refused}")
                    return None
            except CommandFailed:
                pass  # it is down, or went down meanwhile
            time.sleep(AGAIN_AFTER)

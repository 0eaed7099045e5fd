"""Pushes one after the other, some of whose syncs fail, and whether anything was promised too early (SECURITY G8)."""

from __future__ import annotations

import errno
import random
import time
from pathlib import Path

import attrs

from pushsvc.pushctl.client import ApiRefused, Body
from pushsvc.pushctl.lab import Lab
from tests.faults.shim import Action, Kind, compiled
from tests.faults.syncs import unsynced
from tests.faults.victim import Victim
from tests.processes.pushing import FINAL, json_of

# One chunk each, so that every 200 is the last one: by MESSAGE, small and large by MSRP, which is plain to be read.
SIZES = (200, 5_000, 60_000)
PLAIN = {"msrp.listen": '"tcp:127.0.0.1:0"', "msrp.allow_plain": "true"}
SETTINGS = {
    "sender": {**PLAIN, "delivery.retry": '{first = "300ms", factor = 1.0, max = "300ms", attempts = 100}'},
    "receiver": PLAIN,
}
FAIL_EVERY = 5  # an inbox that could not sync asks for ten seconds of rest
PATIENCE = 60.0  # seconds for one push
LOOK_EVERY = 0.02


@attrs.frozen
class Promised:
    """How many acknowledgements there were, what was not on the disk at one of them, and how many syncs failed."""

    acknowledged: int
    found: list[str]
    failed: int


def promised(directory: Path, seed: str, pushes: int) -> Promised:
    """Below `directory`, which is new. Raises CommandFailed, and AssertionError for a push that is not delivered."""
    chance = random.Random(seed)
    failed = 0
    with Lab(directory, settings=SETTINGS) as lab:
        library = compiled(directory)
        victims = [Victim(daemon, library) for daemon in (lab.sender, lab.receiver)]
        lab.start()
        for victim in victims:
            victim.shim.trace()
        for number in range(pushes):
            victim = chance.choice(victims)
            fails = number % FAIL_EVERY == FAIL_EVERY - 1
            if fails:
                victim.shim.arm(chance.randint(1, 3), [Kind.SYNC], Action.FAIL, errno.EIO)
            _push(lab, f"{seed}-{number}", chance.randbytes(SIZES[number % len(SIZES)]))
            failed += fails and victim.shim.struck
            victim.shim.disarm()
        traced = [unsynced(victim.shim.traced()) for victim in victims]
    return Promised(sum(count for count, _ in traced), [path for _, found in traced for path in found], failed)


def _push(lab: Lab, name: str, octets: bytes) -> None:
    fields = {"Push-To": lab.target, "Push-Name": name, "Idempotency-Key": name}
    end = time.monotonic() + PATIENCE
    push_id = state = None
    while state not in FINAL and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
        try:
            if push_id is None:
                body = Body([octets], len(octets), "application/octet-stream")
                push_id = json_of(lab.sender.api.request("POST", "/v1/pushes", body, fields))["id"]
            else:
                state = lab.sender.api.get("v1", "pushes", push_id)["state"]
        except ApiRefused as refused:
            if refused.status < 500:
                raise
    assert state == "delivered", f"{name} is {state}"

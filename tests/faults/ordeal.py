"""Two daemons, clients that push, and a tormentor for each daemon; then quiet, and a verdict."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import Counter
from pathlib import Path

import attrs

from pushsvc.pushctl.daemon import DaemonFailed
from pushsvc.pushctl.lab import Lab
from tests.faults.fault import chosen
from tests.faults.shim import compiled, descriptors
from tests.faults.traffic import Traffic
from tests.faults.verdict import Verdict, judged, wait_until_settled
from tests.faults.victim import Victim

MIB = 1 << 20
BETWEEN = 0.2  # seconds at most from one fault of a daemon to its next
RATE = 12.0  # items a second
QUIET_WITHIN = 90.0  # seconds in which nothing moves any more, once there are no more faults
MAX_GROWTH = 32 * MIB  # octets of RSS from the first quarter of the time to the last
MAX_LEAK = 10  # descriptors that an idle daemon may have more than when it was new
SETTINGS = {
    "sender": {
        "delivery.crashes": "1000",  # of kills every few seconds no push is the cause
        "delivery.retry": '{first = "300ms", factor = 1.5, max = "2s", attempts = 1000}',
        "shutdown.drain": '"2s"',
        "sip.t1": '"200ms"',
        "msrp.stall_timeout": '"10s"',
    },
    "receiver": {"shutdown.drain": '"2s"', "sip.t1": '"200ms"'},
}


@attrs.define
class Ordeal:
    """What happened, and what came of it."""

    faults: Counter[str] = attrs.Factory(Counter)
    acknowledged: int = 0
    octets: int = 0
    seconds: float = 0.0
    verdict: Verdict = attrs.Factory(Verdict)
    complaints: list[str] = attrs.Factory(list)
    lines: list[str] = attrs.Factory(list)

    @property
    def is_good(self) -> bool:
        return not self.complaints and not self.verdict.complaints()


def endured(directory: Path, seed: str, seconds: float, faults: int | None = None, rate: float = RATE) -> Ordeal:
    """Torment both daemons for so many seconds, or so many faults if that is sooner; below `directory`, which is new.

    Raises CommandFailed when a daemon cannot be brought back.
    """
    ordeal = Ordeal()
    with Lab(directory, settings=SETTINGS) as lab:
        library = compiled(directory)
        victims = [Victim(lab.sender, library), Victim(lab.receiver, library)]
        for victim in victims:
            victim.start()
            victim.revive()
        fresh = [descriptors(victim.pid) for victim in victims]
        traffic = Traffic(victims[0], lab.target, seed, rate)
        began = time.monotonic()
        traffic.start()
        tormentors = [
            _Tormentor(victim, f"{seed}-{victim.daemon.role}", began + seconds, faults and (faults + 1) // 2)
            for victim in victims
        ]
        for tormentor in tormentors:
            tormentor.start()
        for tormentor in tormentors:
            tormentor.join()
            ordeal.faults.update(tormentor.faults)
            ordeal.complaints += tormentor.complaints
        ordeal.seconds = time.monotonic() - began

        def revive() -> None:
            for victim in victims:
                victim.revive()

        # A last fault may come about a moment after it was looked for: nobody is answered by a sender that is dead.
        traffic.stop(QUIET_WITHIN, revive)
        revive()
        if not ordeal.complaints:
            wait_until_settled(lab.sender, QUIET_WITHIN)
            ordeal.verdict = judged(lab.sender, lab.receiver, traffic.acknowledged)
            ordeal.complaints += _grown(victims, fresh)
        ordeal.complaints += traffic.complaints
        ordeal.acknowledged = len(traffic.acknowledged)
        ordeal.lines = [line for victim in victims for line in _told(victim)]
    return ordeal


class _Tormentor(threading.Thread):
    """Lets faults happen to one daemon, one after the other, until the time is over or there were enough."""

    def __init__(self, victim: Victim, seed: str, until: float, enough: int | None) -> None:
        super().__init__(daemon=True)
        self._victim = victim
        self._chance = random.Random(seed)
        self._until = until
        self._enough = enough
        self.faults: Counter[str] = Counter()
        self.complaints: list[str] = []

    def run(self) -> None:
        try:
            self._torment()
        except DaemonFailed as error:
            self.complaints.append(str(error))
        except Exception as error:  # the root of this thread: without its faults nothing is proved
            self.complaints.append(f"the faults ended: {error!r}")
        self.complaints += [f"{self._victim.daemon.role}: {complaint}" for complaint in self._victim.complaints]

    def _torment(self) -> None:
        while time.monotonic() < self._until and (self._enough is None or self.faults.total() < self._enough):
            fault = chosen(self._chance)
            if fault.happen(self._victim, self._chance):
                self.faults[fault.name] += 1
            self._victim.revive()
            self._victim.look()
            time.sleep(self._chance.uniform(0.0, BETWEEN))


def _grown(victims: list[Victim], fresh: list[int]) -> list[str]:
    complaints = []
    for victim, before in zip(victims, fresh, strict=True):
        quarter = max(1, len(victim.footprints) // 4)
        growth = _most(victim, -quarter) - _most(victim, 0, quarter)
        if growth > MAX_GROWTH:
            complaints.append(f"{victim.daemon.role} grew by {growth / MIB:.0f} MiB of memory")
        if (now := descriptors(victim.pid)) > before + MAX_LEAK:
            complaints.append(f"{victim.daemon.role} has {now} descriptors open when idle, {before} when it was new")
    return complaints


def _most(victim: Victim, start: int, stop: int | None = None) -> int:
    return max((seen.resident for seen in victim.footprints[start:stop]), default=0)


def _told(victim: Victim) -> list[str]:
    role, quarter = victim.daemon.role, max(1, len(victim.footprints) // 4)
    starts = victim.starts or [0.0]
    ends = ", ".join(f"{count} by {code}" for code, count in Counter(victim.ends).most_common())
    first, last = (memory / MIB for memory in (_most(victim, 0, quarter), _most(victim, -quarter)))
    most = max((seen.descriptors for seen in victim.footprints), default=0)
    return [
        f"{role}: {len(victim.starts)} starts, median {statistics.median(starts):.1f} s, longest {max(starts):.1f} s; "
        f"ends: {ends or 'none'}; {sum(victim.shim.calls.values())} system calls looked at",
        f"{role}: RSS {first:.0f} MiB in the first quarter, {last:.0f} in the last; at most {most} descriptors",
    ]

"""Two daemons, clients that push, and a tormentor for each daemon; then quiet, and a verdict."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import attrs

from pushsvc.pushctl.daemon import Daemon, DaemonFailed
from pushsvc.pushctl.lab import Lab
from tests.faults.fault import deck
from tests.faults.plan import Count, Goal, at_most, fault_goals, no_counts
from tests.faults.shim import compiled, descriptors
from tests.faults.traffic import Traffic
from tests.faults.verdict import Verdict, judged, repeats, wait_until_settled
from tests.faults.victim import Victim

MIB = 1 << 20
BETWEEN = 0.2  # seconds at most from one fault of a daemon to its next
RATE = 14.0  # items a second
FAULTS_A_SECOND = 0.95  # that are planned, of both daemons
HASTE = 1.1  # so much faster than planned they come, where the machine allows
QUIET_WITHIN = 90.0  # seconds in which nothing moves any more, once there are no more faults
MAX_GROWTH = 32.0  # MiB of RSS from the first quarter of the time to the last
MAX_LEAK = 10  # descriptors that an idle daemon may have more than when it was new
SHARES = 10  # of the time, of which each has its RSS
HEARD_NOTHING = ("a send fails", "sends are swallowed", "SIGSTOP and SIGCONT", "SIGSTOP for a minute")
SETTINGS = {
    "sender": {
        "delivery.crashes": "1000",  # of kills every few seconds no push is the cause
        "delivery.retry": '{first = "300ms", factor = 1.5, max = "2s", attempts = 1000}',
        "shutdown.drain": '"2s"',
        "sip.t1": '"100ms"',
        "msrp.stall_timeout": '"10s"',
        "msrp.response_timeout": '"10s"',
        "msrp.connect_timeout": '"10s"',
    },
    "receiver": {"shutdown.drain": '"2s"', "sip.t1": '"100ms"', "msrp.bind_timeout": '"10s"'},
}


@attrs.define
class Ordeal:
    """What happened, and what came of it. `goals` are those that were set for it."""

    counts: dict[str, Count] = attrs.Factory(no_counts)
    acknowledged: int = 0
    seconds: float = 0.0
    verdict: Verdict = attrs.Factory(Verdict)
    goals: list[Goal] = attrs.Factory(list)
    complaints: list[str] = attrs.Factory(list)
    lines: list[str] = attrs.Factory(list)

    @property
    def faults(self) -> int:
        """How many came about."""
        return sum(count.hit for count in self.counts.values())

    @property
    def is_good(self) -> bool:
        return not self.complaints and not self.verdict.complaints() and all(goal.is_met for goal in self.goals)


def endured(directory: Path, seed: str, seconds: float, faults: int | None = None, rate: float = RATE) -> Ordeal:
    """Torment both daemons for so many seconds, or so many faults if that is sooner; below `directory`, which is new.

    Without a number of faults it has the goals of a run of that length. Raises CommandFailed when a daemon cannot be
    brought back.
    """
    ordeal = Ordeal()
    with Lab(directory, settings=SETTINGS) as lab, ExitStack() as all_of_it:
        library = compiled(directory)
        victims = [Victim(daemon, library, _renewing(lab, daemon), forks=True) for daemon in (lab.sender, lab.receiver)]
        for victim in victims:
            all_of_it.callback(victim.close)
            all_of_it.callback(victim.daemon.kill)
            victim.start()
        for victim in victims:
            victim.revive()
        fresh = [descriptors(victim.pid) for victim in victims]
        traffic = Traffic(victims[0], lab.target, seed, rate)
        began = time.monotonic()
        traffic.start()
        planned = faults if faults is not None else int(seconds * FAULTS_A_SECOND)
        tormentors = [
            _Tormentor(victim, f"{seed}-{victim.daemon.role}", began + seconds, (planned + 1) // 2, faults is None)
            for victim in victims
        ]
        for tormentor in tormentors:
            tormentor.start()
        for tormentor in tormentors:
            tormentor.join()
            for name, count in tormentor.counts.items():
                ordeal.counts[name].add(count)
            ordeal.complaints += tormentor.complaints
        ordeal.seconds = time.monotonic() - began

        def revive() -> None:
            for victim in victims:
                victim.revive()

        # A last fault may come about a moment after it was looked for: nobody is answered by a sender that is dead.
        traffic.stop(QUIET_WITHIN, revive)
        revive()
        ordeal.acknowledged = len(traffic.acknowledged)
        if not ordeal.complaints:
            wait_until_settled(lab.sender, QUIET_WITHIN)
            ordeal.verdict = judged(lab.sender, lab.receiver, traffic.acknowledged)
            ordeal.complaints += _leaks(victims, fresh)
        ordeal.complaints += traffic.complaints
        if faults is None:
            ordeal.goals += fault_goals(ordeal.counts, ordeal.acknowledged, seconds)
        ordeal.lines = [line for victim in victims for line in _told(victim, began, ordeal.seconds)]
        ordeal.goals += [_repetitions(ordeal, *victims), *_growth(victims)]
    return ordeal


def _renewing(lab: Lab, daemon: Daemon) -> Callable[[], None]:
    directory = daemon.directory
    return partial(lab.authority.issue, f"push-{daemon.role}", directory / "certificate.pem", directory / "key.pem")


class _Tormentor(threading.Thread):
    """Lets faults happen to one daemon, one after the other, until the time is over or there were enough.

    A fault that did not come about is tried again later. With `more`, there is no enough.
    """

    def __init__(self, victim: Victim, seed: str, until: float, enough: int, more: bool) -> None:
        super().__init__(daemon=True)
        self._victim = victim
        self._chance = random.Random(seed)
        self._until = until
        self._enough = enough
        self._more = more
        self.counts = no_counts()
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
        cards = deck(self._chance, self._enough)
        for fault in cards:
            self.counts[fault.name].planned += 1
        hits = 0
        every = (self._until - time.monotonic()) / self._enough / HASTE if self._more else 0.0
        began = time.monotonic()
        while time.monotonic() < self._until:
            if not cards:
                if not self._more:
                    return
                cards = deck(self._chance, self._enough)
            fault = cards.pop()
            count = self.counts[fault.name]
            count.tried += 1
            if fault.happen(self._victim, self._chance):
                count.hit += 1
                hits += 1
            else:
                cards.insert(self._chance.randint(0, len(cards)), fault)
            self._victim.revive()
            self._victim.look()
            if not self._more and hits >= self._enough:
                return
            time.sleep(max(self._chance.uniform(0.0, BETWEEN), began + hits * every - time.monotonic()))


def _leaks(victims: list[Victim], fresh: list[int]) -> list[str]:
    return [
        f"{victim.daemon.role} has {now} descriptors open when idle, {before} when it was new"
        for victim, before in zip(victims, fresh, strict=True)
        if (now := descriptors(victim.pid)) > before + MAX_LEAK
    ]


def _growth(victims: list[Victim]) -> list[Goal]:
    goals = []
    for victim in victims:
        quarter = max(1, len(victim.footprints) // 4)
        sizes = [seen.resident / MIB for seen in victim.footprints] or [0.0]
        growth = max(0.0, max(sizes[-quarter:]) - max(sizes[:quarter]))
        goals.append(at_most(f"RSS of {victim.daemon.role}, last quarter over first", MAX_GROWTH, growth, " MiB"))
    return goals


def _repetitions(ordeal: Ordeal, sender: Victim, receiver: Victim) -> Goal:
    """G7. Those that a kill of the receiver explains are as many as were on their way then: they are told, no more."""
    again = repeats(receiver.daemon.log)
    others = sum(count.hit for name, count in ordeal.counts.items() if name in HEARD_NOTHING)
    reasons = len(sender.ends) + others
    each = again.all / max(len(receiver.ends), 1)
    ordeal.lines.append(
        f"on the wire again although the inbox had it: {again.all}, {each:.2f} per end of the receiver; "
        f"{again.unexplained} of them twice to the same process"
    )
    unexplained = again.unexplained / max(reasons, 1)
    return at_most("G7: the latter, per end of the sender or answer not heard", 1.0, unexplained)


def _told(victim: Victim, began: float, seconds: float) -> list[str]:
    role = victim.daemon.role
    starts = victim.starts or [0.0]
    ends = ", ".join(f"{count} by {code}" for code, count in Counter(victim.ends).most_common())
    most = max((seen.descriptors for seen in victim.footprints), default=0)
    shares: list[int] = [0] * SHARES
    for seen in victim.footprints:
        share = min(SHARES - 1, int((seen.at - began) / seconds * SHARES))
        shares[share] = max(shares[share], seen.resident // MIB)
    return [
        f"{role}: {len(victim.starts)} starts, median {statistics.median(starts):.1f} s, longest {max(starts):.1f} s; "
        f"ends: {ends or 'none'}; struck at {len(victim.points)} distinct calls of {sum(victim.shim.calls.values())}",
        f"{role}: RSS {' '.join(map(str, shares))} MiB, in each tenth of the time; at most {most} descriptors",
    ]

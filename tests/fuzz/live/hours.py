"""Hours of good load with some hostile octets in it: `python -m tests.fuzz.live.hours [--seconds 7200]`, `make hours`.

A good client pushes at a steady pace; for each push one mutated message goes to a listener of the receiver, or to the
API of either daemon, which is more than one in a hundred messages. SECURITY G16: memory does not grow, nor do open
files, and no log has an error in it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from benchmarks.floods.good import push_while
from benchmarks.goals import Goal, told, verdict
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.fuzz.live import http, msrp, sip
from tests.fuzz.live.__main__ import MIB, RECEIVER
from tests.fuzz.live.loopback import inside, is_inside
from tests.fuzz.live.watched import Standing, faults_in, standing
from tests.fuzz.live.wires import Wire
from tests.fuzz.mutation import mutations
from tests.fuzz.target import scratch

PACE = 0.1  # seconds between two pushes
LOOK_EVERY = 10.0  # seconds between two looks at memory
G16 = 7200.0  # seconds: what a CI has time for
STEEP = 3600.0  # seconds from which on a slope is one, and not the warming up
WARM = 0.5  # of the time, after which memory is looked at
SLOPE = 1.0  # MiB an hour


@attrs.frozen
class Look:
    """At both daemons, by their roles."""

    at: float
    daemons: dict[str, Standing]


@attrs.define
class Hostility:
    """One mutated message at a time, to each listener in turn; and a look at the daemons now and then."""

    daemons: Sequence[Daemon]
    turns: Iterator[tuple[Wire, Iterator[bytes]]]
    sent: int = 0
    looks: list[Look] = attrs.field(factory=list)

    def once(self) -> None:
        """The next one; its answer is not waited for."""
        wire, changed = next(self.turns)
        self.sent += wire.write(next(changed)[:60000])
        wire.hear(0.001)
        wire.close()
        if not self.looks or time.monotonic() >= self.looks[-1].at + LOOK_EVERY:
            self.look()

    def look(self) -> None:
        """Now."""
        self.looks.append(Look(time.monotonic(), {daemon.role: standing(daemon) for daemon in self.daemons}))


def main(arguments: list[str]) -> int:
    """Push, disturb, and tell; 0 when the goal was not missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.live.hours", description="Good load with bad octets.")
    parser.add_argument("--seconds", type=float, default=G16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if not is_inside():
        return inside("tests.fuzz.live.hours", arguments)
    with scratch() as directory, Lab(Path(directory), settings={"receiver": RECEIVER}) as lab:
        lab.start()
        goal = _lasted(lab, options.seconds, options.seed)
    print("\n".join(told([goal])))
    return 1 if goal.met is False else 0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line that lies best in these points, in what they are an hour; their times are seconds."""
    count = max(1, len(points))
    middle, height = sum(at for at, _ in points) / count, sum(value for _, value in points) / count
    spread = sum((at - middle) ** 2 for at, _ in points)
    return 3600 * sum((at - middle) * (value - height) for at, value in points) / spread if spread else 0.0


def _lasted(lab: Lab, seconds: float, seed: int) -> Goal:
    daemons = (lab.receiver, lab.sender)
    hostility = Hostility(daemons, itertools.cycle(list(_wires(lab, seed))))
    hostility.look()
    served = push_while(lab, seconds, hostility.once, PACE)
    hostility.look()
    faults = [fault for daemon in daemons for fault in faults_in(daemon.log)]
    print("".join(f"{fault}\n" for fault in faults), end="")
    looks = hostility.looks[int(len(hostility.looks) * WARM) :]
    slopes = {role: slope([(look.at, look.daemons[role].rss / MIB) for look in looks]) for role in looks[0].daemons}
    opened = {role: looks[-1].daemons[role].files - looks[0].daemons[role].files for role in slopes}
    for role, steep in slopes.items():
        some = hostility.looks[:: max(1, len(hostility.looks) // 20)]
        sizes = " ".join(f"{look.daemons[role].rss / MIB:.0f}" for look in some)
        print(f"{role}: RSS {sizes} MiB, open files {opened[role]:+}, slope {steep:+.1f} MiB/h")
    failed = served.pushes - len(served.times)
    print(f"{served.pushes} pushes, {failed} not delivered, p99 {served.percentile(0.99) * 1000:.0f} ms; ", end="")
    print(f"{hostility.sent} mutated messages")
    flat = max(slopes.values()) < SLOPE or seconds < STEEP
    held = flat and max(opened.values()) <= len(slopes) and not faults and not failed
    figure = f"{max(slopes.values()):+.1f} MiB/h, {max(opened.values()):+} files, {len(faults)} marks, {failed} lost"
    wanted = "2 h of good load and 1 % mutated: RSS slope < 1 MiB/h after warm-up, open files flat, 0 error marks"
    return Goal("G16", wanted, figure, verdict(held, seconds >= G16))


def _wires(lab: Lab, seed: int) -> Iterator[tuple[Wire, Iterator[bytes]]]:
    ready = lab.receiver.ready
    for transport, address in ready["sip"].items():
        yield Wire(transport, address), mutations(sip.target(transport), seed)
    for transport, address in ready["msrp"].items():
        yield Wire(transport, address), mutations(msrp.target(transport), seed)
    for daemon in (lab.receiver, lab.sender):
        yield Wire("tcp", daemon.ready["api"].partition("//")[2]), mutations(http.target(), seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

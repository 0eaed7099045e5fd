"""Every kind of push, with each fault at each of its steps: delivered once, and nothing is stuck or left.

`python -m tests.soak.steps` does all of them, which takes minutes; the tests do every so many.
A step is one thing that happens in a simulated network: a piece of a stream or a datagram arrives, or a timer is due.
"""

from __future__ import annotations

import argparse
import errno
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import attrs

from pushsvc.net.msrp_sending import Transfer
from tests.sim import Weather
from tests.soak.plan import RECEIVER, SENDER, Plan, PushPlan
from tests.soak.seen import Seen
from tests.soak.world import Broken, World, live_by
from tests.soak.worlds import prepare

AT_ONCE = 10  # cases: what one process is given at a time
Case = tuple[str, str, int]

SMALL_CHUNKS = Transfer(chunk=2048, window=4096)
PUSH = PushPlan(
    at=0.1,
    sizes=(900,),
    mode="auto",
    transport="",
    application=None,
    time_to_live=7200.0,
    cancel_at=None,
    again_at=None,
)
CALM = Plan(
    seed=0, pushes=(PUSH,), weather=Weather(), biggest_datagram=1300, secure=False, setup="actpass", timers=True,
    session_expires=1800, min_se=90, transfer=SMALL_CHUNKS, max_sessions=2000, linger=0.0, close_at_once=True,
    concurrency=5, attempts=50, rules=(), answer=None, max_size=1 << 30, keep_partial=300.0, hang_ups=(), cuts=(),
    unplugged=(), kills=(), disk_trouble=None, thread_latency=0.02,
)  # fmt: skip


def _planned(*sizes: int, transport: str = ";transport=tcp", **changes: object) -> Plan:
    push = attrs.evolve(PUSH, sizes=sizes, mode="msrp", transport=transport)
    return attrs.evolve(CALM, pushes=(push,), **changes)


PUSHES: Mapping[str, Plan] = {
    "MESSAGE over UDP": CALM,
    "MESSAGE over TCP": attrs.evolve(CALM, pushes=(attrs.evolve(PUSH, transport=";transport=tcp"),)),
    "a file, INVITE over UDP": _planned(3000, transport=""),
    "a file in many chunks, resumed": _planned(12_000),
    "a file over TLS": _planned(3000, secure=True),
    "a file with a success report": _planned(3000, transfer=attrs.evolve(SMALL_CHUNKS, success_report=True)),
    "two files in one session": _planned(900, 3000, close_at_once=False),
}


class Interrupted(World):
    """A world in which one thing happens at one step."""

    def __init__(self, plan: Plan, directory: Path, step: int, fault: Callable[[Interrupted], None] | None) -> None:
        super().__init__(plan, directory)
        if fault is not None:
            self._network.at_step[step] = lambda: fault(self)

    def happen(self) -> None:
        super().happen()
        ends = dict(self.seen.ends)
        # Whoever submits it while the sender is killed is not answered, and asks again: that is for tests/faults.
        unanswered = self.seen.events["not submitted"] == 1 and not ends
        assert ends == {"delivered": 1} or unanswered, f"{ends}: {dict(self.seen.reasons)}"
        self.seen.events["steps"] = self._network.steps

    def cut(self, kind: str) -> None:
        self._network.cut(kind)

    def mute(self, address: str) -> None:
        self._network.mute(address)

    def away(self, address: str, seconds: float) -> None:
        """Unreachable, silent in both directions."""
        self._network.unplug(address)
        self._clock.callLater(seconds, self._network.plug_in, address)

    def lose(self, seconds: float) -> None:
        """Every datagram."""
        self._network.weather.loss = 1.0
        self._clock.callLater(seconds, setattr, self._network.weather, "loss", 0.0)

    def kill(self, address: str, seconds: float) -> None:
        if self._runs(address):
            self._kill(address)
            self._clock.callLater(seconds, self._start, address)

    def fail_disk(self, seconds: float) -> None:
        for call in ("create", "write", "sync", "publish", "sync_directory"):
            self._side(RECEIVER).disk.fail(call, OSError(errno.ENOSPC, "no space left"), always=True)  # type: ignore[union-attr]
        self._clock.callLater(seconds, self._heal_disk)

    def _runs(self, address: str) -> bool:
        return (self._sender if address == SENDER else self._receiver) is not None


FAULTS: Mapping[str, Callable[[Interrupted], None]] = {
    "SIP connections are reset": lambda world: world.cut("sip"),
    "MSRP connections are reset": lambda world: world.cut("msrp"),
    "all connections are reset": lambda world: world.cut("all"),
    "MSRP goes silent towards the sender: replies and reports are lost": lambda world: world.mute(RECEIVER),
    "MSRP goes silent towards the receiver": lambda world: world.mute(SENDER),
    "datagrams are lost for two seconds": lambda world: world.lose(2.0),
    "the receiver cannot be reached for 20 s": lambda world: world.away(RECEIVER, 20.0),
    "the receiver cannot be reached for ten minutes": lambda world: world.away(RECEIVER, 600.0),
    "the sender cannot be reached for a minute": lambda world: world.away(SENDER, 60.0),
    "the receiver is killed": lambda world: world.kill(RECEIVER, 0.5),
    "the sender is killed": lambda world: world.kill(SENDER, 0.5),
    "the receiver's disk is full for five seconds": lambda world: world.fail_disk(5.0),
}


def interrupted(push: str, fault: str | None, step: int) -> Seen:
    """One push with one fault at one step. Raises Broken."""
    happens = None if fault is None else FAULTS[fault]
    return live_by(PUSHES[push], lambda plan, directory: Interrupted(plan, directory, step, happens))


def cases(every: int = 1) -> Iterator[Case]:
    """Push, fault and step, each `every`th of all. Where a push has no more steps it is over."""
    number = 0
    for push in PUSHES:
        steps = interrupted(push, None, 0).events["steps"]
        for fault in FAULTS:
            for step in range(1, steps):
                number += 1
                if number % every == 0:
                    yield push, fault, step


def main(arguments: list[str]) -> int:
    """All of them, or every nth; 0 when each push was delivered once, and nothing was left."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.steps", description="Each fault at each step of a push."
    )
    parser.add_argument("--every", type=int, default=1, help="only each so many'th case (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; as many as processors")
    options = parser.parse_args(arguments)
    prepare()
    chosen = list(cases(options.every))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context, prepare) as pool:
        wrong = [words for words in pool.map(_wrong, chosen, chunksize=AT_ONCE) if words]
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{len(chosen)} pushes with a fault at one step, {len(wrong)} not delivered once with nothing left")
    return 1 if wrong or not chosen else 0


def _wrong(case: Case) -> str:
    push, fault, step = case
    try:
        interrupted(push, fault, step)
    except Broken as error:
        return f"{push}; {fault}, at step {step}:\n{error}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

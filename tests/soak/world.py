"""One world from its first push to the silence after the last."""

from __future__ import annotations

import gc
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred

from pushsvc.net import reaching
from pushsvc.receiver import partials, resuming
from pushsvc.sender.outbox_records import Push
from pushsvc.sip.session_timer import SessionTimer
from tests.soak.network import BreakableNetwork
from tests.soak.plan import RECEIVER, SENDER, WORTH_KEEPING, Plan, plan_of
from tests.soak.promises import Kept, check_end, check_nothing_left
from tests.soak.seen import Hears, Seen, bugs_logged
from tests.soak.sides import Counting, Receiver, Sender

LIMIT = 20_000.0  # seconds of the world's time: the last deadline and the longest absence, and then some
STEPS = 400_000
AGAIN = 1.0  # seconds until somebody who found no sender running tries again
RAM_DISK = Path("/dev/shm")


class Broken(Exception):
    """A world in which something was not as it has to be."""


def live(seed: int) -> Seen:
    """Let the world of this seed happen. Raises Broken."""
    return live_by(plan_of(seed), World)


def live_by(plan: Plan, make: Callable[[Plan, Path], World]) -> Seen:
    """Let a world happen that was planned. Raises Broken."""
    where = RAM_DISK if os.access(RAM_DISK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pushsvc-soak-", dir=where) as directory:
        # What killed processes had begun ends after their world, as Python ends it; that is no news of anybody.
        with _as_planned(plan), mock.patch.object(sys, "unraisablehook"):
            seen, trouble = _lived(make(plan, Path(directory)))
            gc.collect()
        _close_left_open(directory)
    if trouble:
        raise Broken("\n".join(trouble))
    return seen


@contextmanager
def _as_planned(plan: Plan) -> Iterator[None]:
    """What no setting changes: how much goes into a datagram, and a peer without session timers."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(reaching, "BIGGEST_DATAGRAM", plan.biggest_datagram))
        for module in (partials, resuming):
            patches.enter_context(mock.patch.object(module, "WORTH", WORTH_KEEPING))
        if not plan.timers:
            patches.enter_context(mock.patch.object(SessionTimer, "agreed_by_us", return_value=None))
        yield


def _lived(world: World) -> tuple[Seen, list[str]]:
    """What it was like, and what was wrong with it; nothing of the world itself is left."""
    with bugs_logged() as bugs:
        try:
            world.happen()
        except AssertionError as error:
            bugs.insert(0, str(error))
        except Exception:
            bugs.insert(0, traceback.format_exc())
        gc.collect()  # a failure that nobody has looked at is logged now
    return world.seen, [*bugs, *world.ladder[-60:]] if bugs else []


class World:
    """A sender, a receiver, and what the plan says that happens to them."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.seen = Seen()
        self.ladder: list[str] = []
        self._plan = plan
        self._directory = directory
        self._network = BreakableNetwork(plan.seed, plan.weather)
        self._clock = self._network.clock
        self._counting = Counting()
        self._lives = 0
        self._killed: set[str] = set()
        self._dead: list[Any] = []  # kept, so that what they had begun is not tidied up as if they lived
        self._submitted: dict[str, list[tuple[str, bytes]]] = {}
        self._accepted: set[str] = set()
        for name in ("content", "inbox"):
            (directory / name).mkdir()
        self._sender: Sender | None = self._new_sender()
        self._receiver: Receiver | None = self._new_receiver()
        self._schedule()

    def happen(self) -> None:
        """All of it. Raises AssertionError when something is not as it has to be."""
        self._network.exhaust(LIMIT, STEPS)
        self.seen.seconds = self._clock.seconds()
        for address in (SENDER, RECEIVER):
            check_nothing_left(address, self._side(address).leftovers())
        self._check_pushes()
        self._stop()
        self.seen.events.update(cuts=self._network.cuts, lost=self._network.lost, duplicated=self._network.duplicated)

    # -- what happens

    def _schedule(self) -> None:
        plan, later = self._plan, self._clock.callLater
        for index, push in enumerate(plan.pushes):
            later(push.at, self._submit, index)
            if push.cancel_at is not None:
                later(push.cancel_at, self._cancel, f"psh_{index}")
            if push.again_at is not None:
                later(push.again_at, self._again, f"psh_{index}")
        for at in plan.hang_ups:
            later(at, self._hang_up)
        for at, kind in plan.cuts:
            later(at, self._network.cut, kind)
        for away in plan.unplugged:
            later(away.at, self._network.unplug, away.address)
            later(away.until, self._network.plug_in, away.address)
        for away in plan.kills:
            if away.announced:
                later(away.at - away.announced, self._leave, away.address)
            later(away.at, self._kill, away.address)
            later(away.until, self._start, away.address)
        if plan.disk_trouble is not None:
            since, until, call = plan.disk_trouble
            later(since, self._fail_disk, call)
            later(until, self._heal_disk)

    def _submit(self, index: int) -> None:
        """Whoever wants something pushed tries until the sender runs."""
        push, push_id = self._plan.pushes[index], f"psh_{index}"
        if self._sender is None:
            self._clock.callLater(AGAIN, self._submit, index)
            return
        octets = random.Random(f"contents {self._plan.seed} {index}")
        contents = [(f"{index}-{line}.txt", octets.randbytes(size)) for line, size in enumerate(push.sizes)]
        self._submitted[push_id] = contents
        self._sender.submit(push_id, push, contents).addCallback(lambda _: self._accepted.add(push_id))

    def _cancel(self, push_id: str) -> None:
        if self._sender is not None:
            self._sender.cancel(push_id)

    def _again(self, push_id: str) -> None:
        if self._sender is not None:
            self._sender.again(push_id)

    def _hang_up(self) -> None:
        if self._receiver is not None:
            self._receiver.hang_up()

    def _fail_disk(self, call: str) -> None:
        if self._receiver is not None:
            self._receiver.fail_disk(call)

    def _heal_disk(self) -> None:
        if self._receiver is not None:
            self._receiver.disk.heal()

    def _side(self, address: str) -> Sender | Receiver:
        side = self._sender if address == SENDER else self._receiver
        assert side is not None
        return side

    def _leave(self, address: str) -> None:
        self._side(address).leave()
        self.ladder.append(f"{self._clock.seconds():10.3f} {address} is told to end")

    def _kill(self, address: str) -> None:
        victim = self._side(address)
        self._killed.add(address)
        self._dead.append(victim)
        victim.kill()
        if address == SENDER:
            self._sender = None
        else:
            self._receiver = None
        self.ladder.append(f"{self._clock.seconds():10.3f} {address} is killed")
        self.seen.events["kills"] += 1

    def _start(self, address: str) -> None:
        self.ladder.append(f"{self._clock.seconds():10.3f} {address} is started")
        if address == SENDER:
            self._sender = self._new_sender()
        elif address == RECEIVER:
            self._receiver = self._new_receiver()

    def _new_sender(self) -> Sender:
        self._lives += 1
        hears = Hears("sender", self._clock, self.ladder, self.seen)
        return Sender(self._network, self._directory, self._plan, self._lives, hears, self._counting)

    def _new_receiver(self) -> Receiver:
        self._lives += 1
        hears = Hears("receiver", self._clock, self.ladder, self.seen)
        return Receiver(self._network, self._directory, self._plan, self._lives, hears)

    # -- what has to be true

    def _check_pushes(self) -> None:
        assert self._receiver is not None
        inbox = Kept(_result(self._receiver.side.inbox.entries(limit=1000), self._network))
        for push_id, contents in self._submitted.items():
            push = self._push(push_id)
            if push is None:
                assert push_id not in self._accepted, f"{push_id} was accepted, and is forgotten"
                self.seen.events["not submitted"] += 1
            else:
                inbox.check(push, [name for name, _ in contents])
                check_end(push, self._plan)
                self.seen.ended(push, self._plan)
        inbox.check_no_more()

    def _push(self, push_id: str) -> Push | None:
        assert self._sender is not None
        found = _result(self._sender.push(push_id), self._network)
        assert found is None or isinstance(found, Push)
        return found

    def _stop(self) -> None:
        assert self._sender is not None
        assert self._receiver is not None
        if SENDER not in self._killed:
            finished = self._counting.finished - self._counting.driven_again
            ended = sum(self.seen.ends.values())
            assert finished == ended, f"{ended} pushes ended, {finished} times"
        _result(self._sender.stop(), self._network)
        _result(self._receiver.stop(), self._network)
        self._sender.database.close()
        calls = self._clock.getDelayedCalls()
        assert not calls, f"after the stop: {calls}"


def _result(deferred: Deferred[Any], network: BreakableNetwork) -> Any:
    return network.run(deferred, 60.0)


def _close_left_open(directory: str) -> None:
    """The kernel's part of a kill: files that dead processes had open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith(directory):
                os.close(int(name))
        except OSError:
            continue

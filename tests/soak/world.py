"""One world from its first push to the silence after the last, and what has to be true then."""

from __future__ import annotations

import gc
import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from pushsvc.net import user_agent
from pushsvc.net.observer import Direction
from pushsvc.sender.job import FileState
from pushsvc.sender.outbox_records import Push, Recipient
from pushsvc.sender.outcome import OPEN, SUCCESS, State
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request
from pushsvc.sip.session_timer import SessionTimer
from tests.soak.network import BreakableNetwork
from tests.soak.plan import RECEIVER, SENDER, SHORT, SMALL, Plan, plan_of
from tests.soak.sides import Counting, Receiver, Sender

LIMIT = 20_000.0  # seconds of the world's time: the last deadline and the longest absence, and then some
STEPS = 400_000
AGAIN = 1.0  # seconds until somebody who found no sender running tries again
RAM_DISK = Path("/dev/shm")


@attrs.define
class Seen:
    """What one world was like, for the tally."""

    ends: Counter[str] = attrs.Factory(Counter)
    reasons: Counter[str] = attrs.Factory(Counter)
    events: Counter[str] = attrs.Factory(Counter)
    seconds: float = 0.0


class Broken(Exception):
    """A world in which something was not as it has to be."""


def live(seed: int) -> Seen:
    """Let the world of this seed happen. Raises Broken."""
    where = RAM_DISK if os.access(RAM_DISK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pushsvc-soak-", dir=where) as directory:
        plan = plan_of(seed)
        with _as_planned(plan):
            seen, trouble = _lived(plan, Path(directory))
        # What killed processes had begun ends only now, as Python ends it; what that says is no news of anybody.
        with mock.patch.object(sys, "unraisablehook"):
            gc.collect()
        _close_left_open(directory)
    if trouble:
        raise Broken("\n".join(trouble))
    return seen


@contextmanager
def _as_planned(plan: Plan) -> Iterator[None]:
    """What no setting changes: how much goes into a datagram, and a peer without session timers."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(user_agent, "BIGGEST_DATAGRAM", plan.biggest_datagram))
        if not plan.timers:
            patches.enter_context(mock.patch.object(SessionTimer, "agreed_by_us", return_value=None))
        yield


def _lived(plan: Plan, directory: Path) -> tuple[Seen, list[str]]:
    """What it was like, and what was wrong with it; nothing of the world itself is left."""
    world = World(plan, directory)
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
        self._check_nothing_left()
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
        hears = Hears(self, "sender")
        return Sender(self._network, self._directory, self._plan, self._lives, hears, self._counting)

    def _new_receiver(self) -> Receiver:
        self._lives += 1
        return Receiver(self._network, self._directory, self._plan, self._lives, Hears(self, "receiver"))

    # -- what has to be true

    def _check_nothing_left(self) -> None:
        """Promise 5."""
        for name, side in (("sender", self._sender), ("receiver", self._receiver)):
            assert side is not None
            left = {what: count for what, count in side.leftovers().items() if count}
            assert not left, f"left at the {name}: {left}"

    def _check_pushes(self) -> None:
        """Promises 1 to 4."""
        assert self._receiver is not None
        entries = _result(self._receiver.side.inbox.entries(limit=1000), self._network)
        kept = Counter((entry.about.name, entry.sha256) for entry in entries)
        names = Counter(entry.about.name for entry in entries)
        for push_id, contents in self._submitted.items():
            push = self._push(push_id)
            if push is None:
                assert push_id not in self._accepted, f"{push_id} was accepted, and is forgotten"
                self.seen.events["not submitted"] += 1
                continue
            (recipient,) = push.recipients
            self._check_end(push_id, recipient)
            for content, (name, _), file in zip(push.contents, contents, recipient.files, strict=True):
                times = kept.pop((name, content.sha256), 0)
                assert names.pop(name, 0) == times, f"{name} has other octets"
                delivered = file is not None and file.result is FileState.DELIVERED
                assert times <= 1, f"{name} was received {times} times"
                assert times == 1 or not delivered, f"{name} is said to be delivered, and is not there"
        assert not kept, f"nobody has pushed {kept}"

    def _check_end(self, push_id: str, recipient: Recipient) -> None:
        assert recipient.state not in OPEN, f"{push_id} is still {recipient.state.value}"
        success = recipient.state in SUCCESS
        assert success or recipient.reason, f"{push_id} is {recipient.state.value}, and nobody knows why"
        self._check_reason(push_id, recipient.state, recipient.reason or "")
        self.seen.ends[recipient.state.value] += 1
        if recipient.reason:
            self.seen.reasons[f"{recipient.state.value}: {recipient.reason}"] += 1
        self.seen.events["attempts"] += len(recipient.attempts)

    def _check_reason(self, push_id: str, state: State, reason: str) -> None:
        """A refusal is one that was planned, and what was not is no failure in a calm world."""
        plan = self._plan
        refusals = {"603": plan.rules, "488": plan.max_size == SMALL, "413": plan.disk_trouble}
        what = f"{push_id} is {state.value}: {reason}"
        if state is State.REJECTED:
            assert any(status in reason and planned for status, planned in refusals.items()), what
        if plan.calm:
            assert state is not State.UNDELIVERABLE, what
            assert state is not State.EXPIRED or SHORT in (push.time_to_live for push in plan.pushes), what
            self.seen.events["calm"] += 1

    def _push(self, push_id: str) -> Push | None:
        assert self._sender is not None
        found = _result(self._sender.push(push_id), self._network)
        assert found is None or isinstance(found, Push)
        return found

    def _stop(self) -> None:
        assert self._sender is not None
        assert self._receiver is not None
        if not any(away.address == SENDER for away in self._plan.kills):
            finished = self._counting.finished - self._counting.driven_again
            ended = sum(self.seen.ends.values())
            assert finished == ended, f"{ended} pushes ended, {finished} times"
        _result(self._sender.stop(), self._network)
        _result(self._receiver.stop(), self._network)
        self._sender.database.close()
        calls = self._clock.getDelayedCalls()
        assert not calls, f"after the stop: {calls}"


@attrs.frozen
class Hears:
    """An observer of what one side says."""

    _world: World
    _name: str

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if direction is Direction.OUT:
            what = message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
            self._note(f"{what} ({hop.transport}, {message.cseq.number}, {message.call_id})")

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self._note(f"could not read: {reason}")

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if direction is Direction.OUT:
            self._note(summary)

    def _note(self, what: str) -> None:
        world = self._world
        world.seen.events["messages"] += 1
        world.ladder.append(f"{world._clock.seconds():10.3f} {self._name:8} {what}")


@contextmanager
def bugs_logged() -> Iterator[list[str]]:
    """Collects what is logged as critical: it is the word of our roots for a bug, and Twisted's for a lost failure."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level") is LogLevel.critical:
            failure = event.get("log_failure")
            text = failure.getTraceback() if isinstance(failure, Failure) else ""
            found.append(f"{event.get('log_format')}\n{text}")

    globalLogPublisher.addObserver(observe)
    try:
        yield found
    finally:
        globalLogPublisher.removeObserver(observe)


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

"""A whole sender and a whole receiver, without HTTP: what a process has, to be killed and started on what it left."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from pushsvc.receiver.decisions import Change, Pending
from pushsvc.receiver.partials import Limits
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.dispatch import Dispatch
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_records import Push, Submission, Wanted
from pushsvc.sender.outbox_wishes import ContentGone
from pushsvc.sender.outcome import RetryPolicy
from tests.conversations.steady import steady_tls
from tests.pushing import ReceivingSide, SendingSide
from tests.receiver.inboxes import FailingDisk
from tests.sender.outbox_case import opened
from tests.soak.network import BreakableNetwork, MortalHost
from tests.soak.plan import Plan, PushPlan

PLAIN_PORT = 2856


class Thread:
    """Does one thing after the other, and takes its time. A kill finds things done that nobody has heard of."""

    def __init__(self, network: BreakableNetwork, longest: float) -> None:
        self.host: MortalHost | None = None
        self._network = network
        self._longest = longest
        self._jobs: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Deferred[Any]:
        if not self._longest or self.host is None:
            return maybeDeferred(function, *args)
        done: Deferred[Any] = Deferred()
        self._jobs.append((partial(function, *args), done))
        if len(self._jobs) == 1:
            self._begin()
        return done

    def _begin(self) -> None:
        assert self.host is not None
        self.host.callLater(self._network.chance.random() * self._longest / 2, self._do)

    def _do(self) -> None:
        assert self.host is not None
        result: list[Any] = []
        maybeDeferred(self._jobs[0][0]).addBoth(result.append)
        self.host.callLater(self._network.chance.random() * self._longest / 2, self._tell, result[0])

    def _tell(self, result: Any) -> None:
        done = self._jobs.popleft()[1]
        if self._jobs:
            self._begin()
        done.callback(result)


class Counting:
    """The metrics of a dispatch: how many recipients came to an end, and how many of these were tried again."""

    def __init__(self) -> None:
        self.finished = self.driven_again = 0

    def attempt(self, mode: str, outcome: str) -> None: ...

    def recipient_finished(self, result: str, mode: str) -> None:
        self.finished += 1

    def delivered_after(self, seconds: float) -> None: ...


class Sender:
    """push-sender on a directory: outbox, dispatch, delivery. `life` counts its processes."""

    def __init__(
        self, network: BreakableNetwork, directory: Path, plan: Plan, life: int, observer: Any, counting: Counting
    ) -> None:
        name = f"push{life}"
        thread = Thread(network, plan.thread_latency)
        self.network = network
        self._counting = counting
        self.side = SendingSide(
            network,
            directory / "content",
            linger=plan.linger,
            name=name,
            observers=(observer,),
            caller={"session_expires": plan.session_expires},
            agent={"tls": steady_tls("push"), "transfer": plan.transfer},
            secure=plan.secure,
            setup=plan.setup,
            close_at_once=plan.close_at_once,
        )
        self.stack = self.side.stack
        thread.host = self.host = self.stack.host  # type: ignore[assignment]
        if not plan.secure:
            self.stack.msrp.listen("tcp", self.host.address, PLAIN_PORT)
        self.store = ContentStore(directory / "content", thread, self.stack.tokens, floor=0)
        self.store.start()
        self.database = opened(directory / "queue.db")
        self.outbox = Outbox(self.database, self.store, thread)
        self.dispatch = Dispatch(
            self.outbox,
            self.side.delivery.deliver,
            self.host,
            self.host.seconds,
            self.stack.tokens,
            counting,
            policy=RetryPolicy(attempts=plan.attempts, max=300.0),
            concurrency=plan.concurrency,
        )
        self.outbox.start(self.host.seconds()).addCallback(lambda _: self.dispatch.startService())

    def submit(self, push_id: str, push: PushPlan, contents: list[tuple[str, bytes]]) -> Deferred[Any]:
        """Fires when the push is accepted."""
        now = self.host.seconds()
        submission = Submission(
            id=push_id,
            to=(f"sip:alice@192.0.2.20{push.transport}",),
            contents=tuple(self._wanted(name, octets) for name, octets in contents),
            submitted_at=now,
            not_after=now + push.time_to_live,
            mode=push.mode,
            application=push.application,
        )
        stored = Deferred.fromCoroutine(self.outbox.put(submission, "{}"))
        return stored.addCallback(lambda _: self.dispatch.wake())

    def cancel(self, push_id: str) -> None:
        Deferred.fromCoroutine(self.dispatch.cancel(push_id))

    def again(self, push_id: str) -> None:
        """Try what failed again."""

        def due(count: int | None) -> None:
            self._counting.driven_again += count or 0
            self.dispatch.wake()

        self.outbox.retry(push_id, self.host.seconds(), 60.0).addCallback(due).addErrback(lambda f: f.trap(ContentGone))

    def push(self, push_id: str) -> Deferred[Push | None]:
        return self.outbox.push(push_id)

    def leave(self) -> None:
        """Come to an end: nothing new, and what runs may finish."""
        self.side.lingering.end_all()
        self.dispatch.drain(10.0)

    def leftovers(self) -> dict[str, int]:
        """What should be nothing once everything is over."""
        lingering = len(self.side.lingering._kept)
        return _of_stack(self.stack) | {"lingering": lingering, "attempts": len(self.dispatch._attempts)}

    def kill(self) -> None:
        self.network.kill(self.host)
        self.database.close()

    def stop(self) -> Deferred[Any]:
        return self.dispatch.stopService().addCallback(lambda _: self.outbox.when_idle())

    def _wanted(self, name: str, octets: bytes) -> Wanted:
        upload = self.store.receive()
        upload.write(octets)
        return Wanted(name, "text/plain", upload)


class Receiver:
    """push-receiver on a directory: policy, decisions, inbox."""

    def __init__(self, network: BreakableNetwork, directory: Path, plan: Plan, life: int, observer: Any) -> None:
        thread = Thread(network, plan.thread_latency)
        self.network = network
        self.disk = FailingDisk((directory / "inbox").absolute())
        self._answer = plan.answer
        self.side = ReceivingSide(
            network,
            directory / "inbox",
            rules=plan.rules,
            name=f"alice{life}",
            observers=(observer,),
            host={"plain": not plan.secure},
            agent={
                "tls": steady_tls("alice"),
                "session_expires": plan.session_expires,
                "min_se": plan.min_se,
                "max_sessions": plan.max_sessions,
            },
            disk=self.disk,
            in_thread=thread,
            tell=self._asked,
            max_size=plan.max_size,
            limits=Limits(plan.keep_partial),
        )
        self.stack = self.side.stack
        thread.host = self.host = self.stack.host  # type: ignore[assignment]
        if not plan.secure:
            self.stack.msrp.listen("tcp", self.host.address, PLAIN_PORT)

    def leave(self) -> None:
        """Come to an end: nothing new, and what runs may finish."""
        self.side.decisions.close()
        self.stack.sessions.drain("the service stops")

    def hang_up(self) -> None:
        """Somebody has had enough of everything that runs."""
        for session in list(self.stack.sessions._sessions.values()):
            session.close("enough")

    def fail_disk(self, call: str) -> None:
        self.disk.fail(call, OSError(errno.ENOSPC, "no space left"), always=True)

    def leftovers(self) -> dict[str, int]:
        """What should be nothing once everything is over."""
        part_files = len(os.listdir(Path(self.side.inbox.directory) / "tmp"))
        asked = len(self.side.decisions.pending())
        return _of_stack(self.stack) | {"parts": int(bool(self.side.inbox.parts)), "files": part_files, "asked": asked}

    def kill(self) -> None:
        self.network.kill(self.host)
        self.side.inbox._close()

    def stop(self) -> Deferred[None]:
        return self.side.inbox.stop()

    def _asked(self, change: Change, pending: Pending) -> None:
        if change is Change.ASKED and self._answer is not None:
            after, yes = self._answer
            self.host.callLater(after, self._decide, pending, yes)

    def _decide(self, pending: Pending, yes: bool) -> None:
        if pending in self.side.decisions.pending():
            self.side.decisions.answer(pending.id, yes)


def _of_stack(stack: Any) -> dict[str, int]:
    return {
        "sessions": stack.sessions.alive,
        "MSRP sessions": stack.msrp.sessions,
        "MSRP connections": stack.msrp.connections,
        "transactions": stack.agent.transactions,
        "SIP streams": len(stack.agent._streams),
    }

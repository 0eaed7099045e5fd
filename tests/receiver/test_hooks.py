from __future__ import annotations

import json
import sys
from typing import Any

from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail
from twisted.internet.error import ConnectionRefusedError, ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource

from pushsvc.config.receiver import Hooks
from pushsvc.receiver.hooks import (
    COMMAND_TIME,
    KILL_AFTER,
    MAX_OUTPUT,
    POST_TIME,
    CommandHook,
    HookFailed,
    Webhook,
    hooks_of,
)
from pushsvc.receiver.inbox_entry import Entry
from tests.receiver.inboxes import arriving

VALUE = {"id": "inb_1", "path": "/inbox/1.jpg"}


def entry(**facts: Any) -> Entry:
    return Entry(
        id="inb_1", file="1.jpg", received_at=0.0, size=1, sha1="a", sha256="b", about=arriving(**facts)
    )  # fmt: skip


class Processes:
    """What was started, and with what; the test ends it."""

    def __init__(self) -> None:
        self.started: list[tuple[list[str], dict[str, str]]] = []
        self.signals: list[str] = []
        self.protocol: Any = None

    def spawnProcess(self, protocol: Any, program: str, argv: list[str], env: dict[str, str]) -> None:
        self.started.append((argv, env))
        self.protocol = protocol
        protocol.makeConnection(self)

    def closeStdin(self) -> None:
        """No input."""

    def signalProcess(self, signal: str) -> None:
        self.signals.append(signal)

    def end(self, code: int | None = 0, signal: int | None = None) -> None:
        reason = ProcessDone(0) if code == 0 else ProcessTerminated(code, signal)
        self.protocol.processEnded(Failure(reason))


class Commands(SynchronousTestCase):
    """A command per stored content: what a foreigner wrote is an argument, never more."""

    def setUp(self) -> None:
        self.processes = Processes()
        self.clock = Clock()

    def run_hook(self, *argv: str, **facts: Any) -> Deferred[None]:
        return CommandHook(argv, self.processes, self.clock).run(entry(**facts), VALUE)  # type: ignore[arg-type]

    def test_places_are_filled_and_nothing_is_split(self) -> None:
        self.run_hook("notify", "--file={path}", "{id} {type}", "{sender}", "{other}", type="image/png")
        self.assertEqual(
            self.processes.started[0][0],
            ["notify", "--file=/inbox/1.jpg", "inb_1 image/png", "sip:push@example.com", "{other}"],
        )

    def test_foreign_text_is_no_option_no_place_and_no_shell(self) -> None:
        self.run_hook("x", "{sender}", "{type}", sender="--exec=sh", type="{path};rm\0 -rf")
        self.assertEqual(self.processes.started[0][0], ["x", "exec=sh", "{path};rm -rf"])

    def test_the_environment_is_a_small_one(self) -> None:
        """Ours may hold what is nobody's business."""
        self.run_hook("x")
        self.assertLessEqual(self.processes.started[0][1].keys(), {"PATH", "HOME", "LANG", "LC_ALL", "TZ"})

    def test_a_command_that_succeeds_is_done(self) -> None:
        done = self.run_hook("x")
        self.processes.end(0)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_command_that_fails_says_how(self) -> None:
        for code, signal, words in ((3, None, "exit code 3"), (None, 9, "signal 9")):
            done = self.run_hook("x")
            self.processes.end(code, signal)
            self.assertEqual(str(self.failureResultOf(done, HookFailed).value), words)

    def test_a_command_that_hangs_is_ended_and_then_killed(self) -> None:
        done = self.run_hook("x")
        self.clock.advance(COMMAND_TIME)
        self.clock.advance(KILL_AFTER)
        self.assertEqual(self.processes.signals, ["TERM", "KILL"])
        self.processes.end(None, 9)
        self.failureResultOf(done, HookFailed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_command_that_has_just_ended_cannot_be_ended(self) -> None:
        def gone(signal: str) -> None:
            raise ProcessExitedAlready

        self.processes.signalProcess = gone  # type: ignore[method-assign]
        done = self.run_hook("x")
        self.clock.advance(COMMAND_TIME)
        self.processes.end(0)
        self.successResultOf(done)

    def test_a_stop_ends_the_command(self) -> None:
        done = self.run_hook("x")
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.processes.end(None, 15)
        self.assertEqual((self.processes.signals, self.clock.getDelayedCalls()), (["TERM"], []))

    def test_endless_output_is_cut(self) -> None:
        done = self.run_hook("x")
        for _ in range(10):
            self.processes.protocol.outReceived(b"x" * MAX_OUTPUT)
            self.processes.protocol.errReceived(b"y" * MAX_OUTPUT)
        self.assertEqual(len(self.processes.protocol._output), MAX_OUTPUT)
        self.processes.end(0)
        self.successResultOf(done)


class Configured(SynchronousTestCase):
    def test_only_what_is_configured_is_there(self) -> None:
        names = [
            [hook.name for hook in hooks_of(Hooks(command, webhook), Clock())]
            for command, webhook in (((), ""), (("x", "{path}"), ""), ((), "http://127.0.0.1/"), (("x",), "http://b/"))
        ]
        self.assertEqual(names, [[], ["command"], ["webhook"], ["command", "webhook"]])


class RealCommands(TestCase):
    """With a real process."""

    timeout = 20

    def test_a_real_command_runs_and_fails(self) -> Deferred[Any]:
        script = "import sys; sys.exit(sys.stdin.read() != '' or sys.argv[1] != '/inbox/1.jpg')"
        good = CommandHook((sys.executable, "-c", script, "{path}"), reactor, reactor)  # type: ignore[arg-type]
        bad = CommandHook(("/no/such/program",), reactor, reactor)  # type: ignore[arg-type]

        async def run() -> None:
            await good.run(entry(), VALUE)
            await self.assertFailure(bad.run(entry(), VALUE), HookFailed)

        return Deferred.fromCoroutine(run())


class Receiver(Resource):
    """A webhook's other end."""

    isLeaf = True

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)
        self.heard: list[tuple[Any, str]] = []

    def render_POST(self, request: Any) -> bytes:
        self.heard.append((json.loads(request.content.read()), request.getHeader("webhook-id")))
        status = self.statuses.pop(0)
        request.setResponseCode(status)
        if status == 302:
            request.setHeader("Location", "http://127.0.0.1/elsewhere")
        return b"x" * 100_000


class Webhooks(SynchronousTestCase):
    """A POST per stored content, tried again when that can help, and known again by its id."""

    def setUp(self) -> None:
        self.clock = Clock()

    def post(self, *statuses: int) -> tuple[Receiver, Deferred[None]]:
        receiver = Receiver(*statuses)
        return receiver, Webhook("http://127.0.0.1/hook", StubTreq(receiver).post, self.clock).run(entry(), VALUE)

    def test_an_entry_is_posted(self) -> None:
        receiver, done = self.post(204)
        self.successResultOf(done)
        self.assertEqual(receiver.heard, [({"type": "push.received", "entry": VALUE}, "inb_1")])

    def test_a_server_in_trouble_is_asked_again_with_the_same_id(self) -> None:
        receiver, done = self.post(503, 500, 200)
        self.clock.advance(10)
        self.clock.advance(60)
        self.successResultOf(done)
        self.assertEqual([heard[1] for heard in receiver.heard], ["inb_1"] * 3)

    def test_in_the_end_it_is_given_up(self) -> None:
        _, done = self.post(503, 503, 503)
        self.clock.advance(10)
        self.clock.advance(60)
        self.failureResultOf(done, HookFailed)

    def test_a_no_is_a_no_and_redirects_are_not_followed(self) -> None:
        """Where a redirect leads, nobody has allowed."""
        for status in (400, 404, 302):
            receiver, done = self.post(status)
            self.assertEqual(str(self.failureResultOf(done, HookFailed).value), f"answered {status}")
            self.assertEqual(len(receiver.heard), 1)

    def test_whatever_a_network_does_is_tried_again(self) -> None:
        class Away:
            tries = 0

            def post(self, url: str, **options: Any) -> Deferred[Any]:
                self.tries += 1
                return fail(ConnectionRefusedError())

        away = Away()
        done = Webhook("http://127.0.0.1/", away.post, self.clock).run(entry(), VALUE)
        self.clock.advance(10)
        self.clock.advance(60)
        self.failureResultOf(done, HookFailed)
        self.assertEqual(away.tries, 3)

    def test_silence_is_bounded_and_a_stop_ends_it(self) -> None:
        class Silent:
            def post(self, url: str, **options: Any) -> Deferred[Any]:
                return Deferred()

        webhook = Webhook("http://127.0.0.1/", Silent().post, self.clock)
        done = webhook.run(entry(), VALUE)
        for pause in (POST_TIME, 10, POST_TIME, 60, POST_TIME):
            self.clock.advance(pause)
        self.assertIn("TimeoutError", str(self.failureResultOf(done, HookFailed).value))
        self.assertEqual(TimeoutError.__name__, "TimeoutError")
        done = webhook.run(entry(), VALUE)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

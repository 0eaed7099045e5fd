"""The two hooks there are: a command and a webhook. How many run at once is in events."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.config.receiver import Hooks
from pushsvc.errors import PushsvcError
from pushsvc.receiver.events import Hook
from pushsvc.receiver.inbox_entry import Entry

COMMAND_TIME = 60.0  # seconds; then it is asked to end, and ended
KILL_AFTER = 5.0
MAX_OUTPUT = 2048  # octets of a command's output that are logged
POST_TIME = 10.0  # seconds for one try
POST_PAUSES = (10.0, 60.0)  # seconds before the second and the third try

_PLACE = re.compile(r"\{(path|id|type|sender)\}")
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def hooks_of(config: Hooks, reactor: Any) -> list[Hook]:
    """The hooks that are configured."""
    hooks: list[Hook] = []
    if config.command:
        hooks.append(CommandHook(config.command, reactor, reactor))
    if config.webhook:
        # Here, because it costs memory that a small device without a webhook keeps.
        from treq.client import HTTPClient
        from twisted.web.client import Agent

        hooks.append(Webhook(config.webhook, HTTPClient(Agent(reactor, connectTimeout=POST_TIME)).post, reactor))
    return hooks


class HookFailed(PushsvcError):
    """The hook did not do its work."""


class CommandHook:
    """Runs a command per stored content: no shell, no input, little environment, bounded time, output to the log."""

    name = "command"

    def __init__(self, argv: Sequence[str], processes: IReactorProcess, clock: IReactorTime) -> None:
        self._argv = tuple(argv)
        self._processes = processes
        self._clock = clock

    def run(self, entry: Entry, value: dict[str, Any]) -> Deferred[None]:
        words = {"path": value["path"], "id": entry.id, "type": entry.about.type, "sender": entry.about.sender}
        argv = [_PLACE.sub(lambda place: _argument(words[place[1]]), word) for word in self._argv]
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        command = _Command(self._clock, entry.id)
        try:
            self._processes.spawnProcess(command, argv[0], argv, env=environment)
        except OSError as error:
            return fail(HookFailed(f"{argv[0]}: {error.strerror}"))
        return command.ended


def _argument(text: str) -> str:
    """Foreign text as an argument: never an option, nothing that ends a string in C."""
    return text.replace("\0", "").lstrip("-")


class _Command(ProcessProtocol):
    _log = Logger()

    def __init__(self, clock: IReactorTime, entry_id: str) -> None:
        self._clock = clock
        self._id = entry_id
        self._output = bytearray()
        self._deadline: IDelayedCall | None = None
        self.ended: Deferred[None] = Deferred(lambda _: self._end("TERM"))

    def connectionMade(self) -> None:
        self._deadline = self._clock.callLater(COMMAND_TIME, self._end, "TERM")
        self.transport.closeStdin()  # type: ignore[union-attr]

    def outReceived(self, data: bytes) -> None:
        self._output += data[: MAX_OUTPUT - len(self._output)]

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._output:
            self._log.info("hook command for {id} says: {output!r}", id=self._id, output=self._text())
        code = getattr(reason.value, "exitCode", None)
        if self.ended.called:
            return
        if code == 0:
            self.ended.callback(None)
        else:
            signal = getattr(reason.value, "signal", None)
            self.ended.errback(HookFailed(f"exit code {code}" if code is not None else f"signal {signal}"))

    def _text(self) -> str:
        return self._output.decode("utf-8", "replace")

    def _end(self, signal: str) -> None:
        try:
            self.transport.signalProcess(signal)  # type: ignore[union-attr]
        except ProcessExitedAlready:
            return
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if signal == "TERM":
            self._deadline = self._clock.callLater(KILL_AFTER, self._end, "KILL")


class Webhook:
    """POSTs each stored content's entry to a URL, at most three times. Redirects are not followed.

    `post` is that of a treq client. Every try has the same `webhook-id`: who hears of a content twice knows it.
    """

    name = "webhook"

    def __init__(self, url: str, post: Callable[..., Deferred[Any]], clock: IReactorTime) -> None:
        self._url = url
        self._send = post
        self._clock = clock

    def run(self, entry: Entry, value: dict[str, Any]) -> Deferred[None]:
        return Deferred.fromCoroutine(self._post(entry, value))

    async def _post(self, entry: Entry, value: dict[str, Any]) -> None:
        body = json.dumps({"type": "push.received", "entry": value}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "webhook-id": entry.id}
        for pause in (*POST_PAUSES, None):
            try:
                status = await self._try(body, headers)
            except CancelledError:
                raise
            except Exception as error:  # whatever a network, a name or a TLS peer can do
                if pause is None:
                    raise HookFailed(f"{type(error).__name__}: {error}") from error
            else:
                if 200 <= status < 300:
                    return
                if pause is None or status < 500:
                    raise HookFailed(f"answered {status}")
            await deferLater(self._clock, pause)

    async def _try(self, body: bytes, headers: dict[str, str]) -> int:
        asked = self._send(self._url, data=body, headers=headers, allow_redirects=False, unbuffered=True)
        response = await asked.addTimeout(POST_TIME, self._clock)
        response.deliverBody(_Unread())
        return int(response.code)


class _Unread(Protocol):
    """The body of an answer of which only the status counts."""

    def connectionMade(self) -> None:
        self.transport.stopProducing()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """As wished."""

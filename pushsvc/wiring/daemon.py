"""A daemon's life: in which order it opens, when it is ready, how it drains, in which order it closes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.api.site import ApiSite
from pushsvc.api.tokens import read_tokens
from pushsvc.config.shared import Config
from pushsvc.config.values import UnixListen
from pushsvc.errors import Misuse, PushsvcError
from pushsvc.ops.exits import exit_for, give_up
from pushsvc.ops.metrics import Metrics
from pushsvc.ops.reactor_lag import ReactorLag
from pushsvc.ops.ready import ReadyFile
from pushsvc.ops.reload import Reload
from pushsvc.ops.sd_notify import Notifier, WatchdogService, watchdog_interval
from pushsvc.ops.signals import SignalService
from pushsvc.wiring.network import Network, identity_of, tls_of

STARTING_SECONDS = 2  # for a start: who calls before the store is open is to call again after that
CLOSING_SECONDS = 5.0  # for the last BYEs, once nobody waits for transfers any more
# What a reload takes over, of each section; a change of anything else needs a restart.
RELOADABLE: Mapping[str, tuple[str, ...]] = {
    "sip": ("auth_user", "auth_password", "realm"),
    "api": ("tokens",),
    "log": ("level", "format"),
    "accept": ("open", "types", "max_size", "free_min", "allow"),
}
IN_WHOLE = ("tls", "rule", "digest", "user", "origin")


class Work(Protocol):
    """What the daemon is for: its store, and what runs."""

    def start(self) -> Deferred[None]:
        """Open the store and begin. Fails with OSError when that cannot be."""

    def drain(self) -> Deferred[None]:
        """Begin nothing new; fires when what runs has come to its end. Cancelling stops waiting."""

    def stop(self) -> Deferred[None]:
        """Close the store. Always fires."""

    def apply(self, config: Any) -> None:
        """Take over what may change while running."""


@attrs.define(eq=False)
class Readiness:
    """How far the daemon is: "starting", "ready" or "stopping"."""

    state: str = "starting"

    def obstacles(self) -> dict[str, str]:
        """What is in the way of being ready; for /readyz."""
        return {} if self.state == "ready" else {self.state: f"the service is {self.state}"}


class Daemon(MultiService):
    """Opens: listeners, API, store; then it is ready. Closes: API, sessions, connections, store."""

    log = Logger()

    def __init__(
        self,
        role: str,
        config: Config,
        reactor: Any,
        network: Network,
        metrics: Metrics,
        work: Work,
        site: ApiSite,
        readiness: Readiness,
        ready_file: Path | None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._role = role
        self._config = config
        self._reactor = reactor
        self._network = network
        self._metrics = metrics
        self._work = work
        self._site = site
        self._ready_file = ReadyFile(ready_file)
        self._notifier = Notifier.from_environment()
        self._api_port: IListeningPort | None = None
        self._addresses: dict[str, Any] = {}
        self._readiness = readiness
        network.sessions.refusing = True
        network.sessions.again_after = STARTING_SECONDS
        metrics.certificate_expires(network.identity.expires_at)
        for service in (
            SignalService(reactor, self._notifier, Reload(config, self._notifier, self._apply), self.drain),
            WatchdogService(reactor, self._notifier, watchdog_interval()),
            ReactorLag(reactor, metrics.reactor_lag),
        ):
            service.setServiceParent(self)  # type: ignore[no-untyped-call]

    @property
    def _restart_seconds(self) -> int:
        """How long it takes at most until the next process serves, when this one is told to stop."""
        return math.ceil(self._config.shutdown.drain) + STARTING_SECONDS

    # -- opening

    def startService(self) -> None:
        """Raises CannotListenError; what fails later ends the process with its exit code."""
        super().startService()  # type: ignore[no-untyped-call]
        self._addresses = self._network.listen()
        self._listen_api()
        Deferred.fromCoroutine(self._open()).addErrback(self._cannot_open)

    async def _open(self) -> None:
        await self._work.start()
        self._network.sessions.refusing = False
        self._network.sessions.again_after = self._restart_seconds
        self._readiness.state = "ready"
        self._metrics.ready(True)
        uri = str(self._network.uri())
        self._ready_file.write({"role": self._role, **self._addresses, "uri": uri})
        self._notifier.ready(f"{self._role} ready")
        self.log.info("{role} ready", role=self._role, uri=uri, api=self._addresses.get("api"))

    def _cannot_open(self, failure: Failure) -> None:
        error = failure.value or Misuse("no reason")
        if not isinstance(error, OSError | PushsvcError):
            self.log.failure("a bug: cannot start", failure)
        give_up(self._reactor, exit_for(error), failure.getErrorMessage())

    def _listen_api(self) -> None:
        match self._config.api.listen:
            case None:
                return
            case UnixListen(path=path):
                self._api_port = self._reactor.listenUNIX(str(path), self._site, mode=0o660)
                self._addresses["api"] = f"unix:{path}"
            case listen:
                descriptors = self._network.descriptors
                self._api_port = port = descriptors.listen_tcp(listen.port, self._site, listen.host)
                descriptors.close_idle.append(self._site.close_idle)
                host = f"[{listen.host}]" if ":" in listen.host else listen.host
                self._addresses["api"] = f"http://{host}:{port.getHost().port}"

    # -- while running

    def _apply(self, config: Any) -> None:
        """A new configuration, checked. Raises ConfigErrors before anything has changed."""
        tokens = read_tokens(str(config.api.tokens)) if config.api.tokens is not None else None
        tls = tls_of(config, identity_of(config, self._reactor.seconds()))
        self._site.tokens = tokens
        self._network.renew(config, tls)
        self._metrics.certificate_expires(tls.identity.expires_at)
        self._work.apply(config)
        changed = need_restart(config, self._config)
        if changed:
            self.log.warn("restart to apply changes in {sections}", sections=", ".join(changed))

    # -- closing

    def drain(self) -> Deferred[None]:
        """Take nothing new, and give what runs `shutdown.drain` to come to its end."""
        self._readiness.state = "stopping"
        self._metrics.ready(False)
        self._site.draining = True
        self._network.sessions.refusing = True
        self._network.sessions.again_after = self._restart_seconds
        return _within(self._config.shutdown.drain, self._work.drain(), self._reactor)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self._readiness.state = "stopping"
        self._ready_file.remove()
        if self._api_port is not None:
            await maybeDeferred(self._api_port.stopListening)
        self._site.close_idle()
        await _within(CLOSING_SECONDS, self._network.sessions.close_all("the service stops"), self._reactor)
        await _within(CLOSING_SECONDS, self._network.close(), self._reactor)
        await self._work.stop()
        await maybeDeferred(super().stopService)
        self.log.info("{role} stopped", role=self._role)


def need_restart(new: Config, old: Config) -> list[str]:
    """The sections with changes that a reload does not take over."""
    return [name for name in attrs.fields_dict(type(new)) if name not in IN_WHOLE and _differs(name, new, old)]


def _differs(name: str, new: Config, old: Config) -> bool:
    section, before = getattr(new, name), getattr(old, name)
    taken_over = {key: getattr(before, key) for key in RELOADABLE.get(name, ())}
    return bool((attrs.evolve(section, **taken_over) if taken_over else section) != before)


def _within(seconds: float, work: Deferred[Any], clock: IReactorTime) -> Deferred[None]:
    """Wait for this, but no longer than that; whatever came of it is its owner's to know."""
    return work.addTimeout(max(seconds, 0.001), clock).addBoth(lambda _: None)

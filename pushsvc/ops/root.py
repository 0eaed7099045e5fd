"""The service at the top of a daemon: its log from the first line on, and the right exit code when it cannot start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.components import Componentized

from pushsvc.config import Config
from pushsvc.errors import ConfigErrors
from pushsvc.ops.allocation import keep_buffers
from pushsvc.ops.exits import exit_for, refuse
from pushsvc.ops.logs import LogObserver, Output, install
from pushsvc.ops.state import hold_state_dir

_CIRCUMSTANCES = (ConfigErrors, CannotListenError, OSError)  # everything else is our bug and keeps its traceback


def daemon(config: Config, twistd: Mapping[str, Any] | None, make: Callable[[], IService]) -> IService:
    """What `make` makes, below a root. `twistd`: twistd's own options. SystemExit with a reason when it cannot be."""
    keep_buffers()
    hold_state_dir(config.state_dir)
    root = Root(log_observer(config, twistd or {}))
    try:
        make().setServiceParent(root)
    except _CIRCUMSTANCES as error:
        refuse(exit_for(error), str(error))
    return root


def log_observer(config: Config, twistd: Mapping[str, Any]) -> LogObserver | None:
    """Our observer, writing to where twistd was told to write; None when it was told to use another."""
    if twistd.get("logger") or twistd.get("syslog"):
        return None
    name = twistd.get("logfile") or ("-" if twistd.get("nodaemon", True) else "twistd.log")
    return LogObserver(Output(None if name == "-" else Path(name).absolute()), config.log)


class Root(MultiService):
    """Hands its log observer to the application that it is put into."""

    log = Logger()

    def __init__(self, observer: LogObserver | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        # twistd looks for the observer in the application after this, and before it writes its first line.
        if self._observer and isinstance(parent, Componentized):
            install(parent, self._observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        self._starting(super().privilegedStartService)

    def startService(self) -> None:
        self._starting(super().startService)

    def _starting(self, start: Callable[[], None]) -> None:
        try:
            start()
        except _CIRCUMSTANCES as error:
            code = exit_for(error)
            self.log.critical("cannot start", why=error, exit=int(code))
            raise SystemExit(int(code)) from None

"""What HUP does: the configuration is read again and checked as a whole. A bad one changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from twisted.logger import Logger

from pushsvc.config import reloaded
from pushsvc.config.shared import AnyConfig
from pushsvc.errors import ConfigErrors
from pushsvc.ops import logs
from pushsvc.ops.sd_notify import Notifier


class Reload(Generic[AnyConfig]):
    """Called to reload. `config` is the one in use; `apply` gets each new one, and keeps the old by raising."""

    log = Logger()

    def __init__(self, config: AnyConfig, notifier: Notifier, apply: Callable[[AnyConfig], None]) -> None:
        self.config = config
        self._notifier = notifier
        self._apply = apply

    def __call__(self) -> None:
        self._notifier.reloading()
        try:
            config = reloaded(self.config)
            self._apply(config)
            logs.reconfigure(config.log)
        except ConfigErrors as found:
            self._refused(found)
        else:
            self.config = config
            self.log.info("configuration reloaded")
        finally:
            self._notifier.ready()

    def _refused(self, found: ConfigErrors) -> None:
        for error in found.errors:
            self.log.error("mistake in the configuration", mistake=error, log_unlimited=True)
        self.log.error("reload refused, the old configuration stays", mistakes=len(found.errors))

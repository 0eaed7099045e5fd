"""The command line of both daemons, behind `twistd push-sender` and `twistd push-receiver`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import twisted
from twisted.python import usage

import pushsvc
from pushsvc.config import Override, to_toml
from pushsvc.errors import ConfigErrors
from pushsvc.ops.exits import Exit, exit_for, refuse


class DaemonOptions(usage.Options):
    """What can be said to either daemon. A daemon's own class adds `--config`, whose default differs, and `load`.

    Mistakes in the configuration are told here and not by a UsageError, which would print the whole help first.
    """

    load: ClassVar[Callable[..., Any]]  # `config.load_sender` or `config.load_receiver`

    optParameters = [
        ["state-dir", None, None, "Where queue, content and inbox live; else $STATE_DIRECTORY, else ./state."],
        ["ready-file", None, None, "A JSON file to write once every listener is up, and to remove at the end."],
        ["log-level", None, None, "The least important events to log: debug, info, warn or error."],
        ["log-format", None, None, "How to log: text or json; else text on a terminal and json elsewhere."],
    ]
    optFlags = [
        ["check", None, "Print every mistake in the configuration and exit, with 0 when there is none, else 78."],
        ["print-config", None, "Print the configuration as it comes out, secrets masked, and exit."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._overrides: list[str | Override] = []

    def opt_set(self, override: str) -> None:
        """One key of the configuration, as --set=log.level=debug. Wins over the file; may be repeated."""
        self._overrides.append(override)

    def opt_version(self) -> None:
        """The versions of pushsvc, Twisted and Python."""
        python = ".".join(map(str, sys.version_info[:3]))
        sys.stdout.write(f"pushsvc {pushsvc.__version__} (Twisted {twisted.__version__}, Python {python})\n")
        raise SystemExit(0)

    def postOptions(self) -> None:
        for option, key in (("log-level", "level"), ("log-format", "format")):
            if self[option] is not None:
                self._overrides.append(Override(("log", key), self[option], f"--{option}"))
        if self["check"] or self["print-config"]:
            config = self.configuration(Exit.CONFIGURATION)
            sys.stdout.write(to_toml(config) if self["print-config"] else f"{self['config']}: ok\n")
            raise SystemExit(0)

    def configuration(self, code: Exit | None = None) -> Any:
        """The configuration; or every mistake in it on standard error, and SystemExit (`code`, else 77 or 78)."""
        try:
            return type(self).load(Path(self["config"]), self._overrides, self._path("state-dir"))
        except ConfigErrors as found:
            refuse(code or exit_for(found), str(found))

    @property
    def ready_file(self) -> Path | None:
        """Absolute: twistd changes its directory when it goes into the background."""
        path = self._path("ready-file")
        return path.absolute() if path else None

    def _path(self, option: str) -> Path | None:
        return Path(self[option]) if self[option] else None

"""One real twistd child process of ours: started, waited for, stopped by its own process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import attrs

from pushsvc.pushctl.client import Api, Json
from pushsvc.pushctl.exits import CommandFailed, Exit

Role = Literal["sender", "receiver"]
READY_WITHIN = 60.0  # seconds; a loaded machine needs 5 for the imports alone
STOP_WITHIN = 45.0  # seconds; beyond the 30 of shutdown.drain
LOOK_EVERY = 0.02
TAIL = 4000  # octets of the log that are worth showing when a daemon did not come up


class DaemonFailed(CommandFailed):
    """A daemon did not do what the lab needs; the reason ends with what it logged last."""

    def __init__(self, daemon: Daemon, what: str) -> None:
        super().__init__(f"push-{daemon.role} {what}; {daemon.log} ends with:\n{daemon.log_tail()}", Exit.UNAVAILABLE)


class Process(Protocol):
    """As much of a `subprocess.Popen` as a daemon needs."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


@attrs.define(eq=False)
class Daemon:
    """`twistd push-sender` or `twistd push-receiver` with all that it reads and writes below `directory`.

    `settings` are configuration keys with TOML values that win over the file; `environment` is what it finds there
    besides ours; `spawn` makes the process. A daemon that was started again listens for SIP and HTTP where it did
    before, so that its peers find it.
    """

    role: Role
    directory: Path
    settings: dict[str, str] = attrs.field(factory=dict)
    environment: dict[str, str] = attrs.field(factory=dict)
    spawn: Callable[..., Process] = subprocess.Popen
    ready: Json = attrs.field(factory=dict, init=False)
    _process: Process | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Spawn it. Ask `wait_until_ready` before anything else."""
        self.ready_file.unlink(missing_ok=True)
        settings = {**self._former_addresses(), **self.settings}
        with self.log.open("ab") as log:
            self._process = self.spawn(
                [
                    *(sys.executable, str(twistd()), "--nodaemon", "--pidfile=", f"push-{self.role}"),
                    *("--config", str(self.config), "--state-dir", str(self.state)),
                    *("--ready-file", str(self.ready_file)),
                    *(f"--set={key}={value}" for key, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, **self.environment},
            )

    def wait_until_ready(self, within: float = READY_WITHIN) -> None:
        """Until the ready file of this very process is there. Raises DaemonFailed."""
        end = time.monotonic() + within
        while not self.is_ready_in(self.pid):
            if not self.alive:
                raise DaemonFailed(self, f"exited with {self.exit_code} before it was ready")
            if time.monotonic() >= end:
                raise DaemonFailed(self, f"was not ready within {within:.0f} s")
            time.sleep(LOOK_EVERY)

    def is_ready_in(self, pid: int) -> bool:
        """Whether the ready file is there and this process's. It is read then."""
        try:
            ready = json.loads(self.ready_file.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        if ready["pid"] != pid:
            return False
        self.ready = ready
        return True

    def stop(self, within: float = STOP_WITHIN) -> int | None:
        """TERM, then KILL after `within` seconds; the exit code, negative for a signal, None if never started."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self._reap(within)

    def kill(self) -> int | None:
        """What a power cut would do: no warning, no last word."""
        if self.alive:
            self.signal(signal.SIGKILL)
        return self._reap(STOP_WITHIN)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process, and to no other."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has said so, and lives."""
        return self.alive and self.is_ready_in(self.pid)

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it lives, and before its first start."""
        return self._process.poll() if self._process is not None else None

    @property
    def pid(self) -> int:
        """The process id. Raises CommandFailed when it was never started."""
        if self._process is None:
            raise CommandFailed(f"push-{self.role} was not started", Exit.SOFTWARE)
        return self._process.pid

    @property
    def api(self) -> Api:
        return Api(self.ready["api"])

    @property
    def uri(self) -> str:
        """The SIP URI that reaches it directly."""
        return str(self.ready["uri"])

    @property
    def config(self) -> Path:
        return self.directory / f"{self.role}.toml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def ready_file(self) -> Path:
        return self.directory / "ready.json"

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    def log_tail(self) -> str:
        """The end of what it wrote to stdout and stderr."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
            return log.read().decode("utf-8", "replace")

    def _former_addresses(self) -> Mapping[str, str]:
        if not self.ready:
            return {}
        sip = [f"{transport}:{address}" for transport, address in self.ready["sip"].items()]
        return {"sip.listen": json.dumps(sip), "api.listen": json.dumps(f"tcp:{self.ready['api'].split('//')[1]}")}

    def _reap(self, within: float) -> int | None:
        if self._process is None:
            return None
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(within)
        finally:
            self._process.kill()  # does nothing to one that has ended
            self._process.wait()
        return self._process.returncode


def twistd() -> Path:
    """The twistd of the Python that runs this. Raises CommandFailed when it is not installed."""
    path = Path(sysconfig.get_path("scripts")) / "twistd"
    if not path.is_file():
        raise CommandFailed(f"{path} is missing: Twisted is not installed beside pushctl", Exit.UNAVAILABLE)
    return path

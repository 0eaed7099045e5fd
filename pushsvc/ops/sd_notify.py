"""What systemd wants to hear of a Type=notify service (sd_notify(3)). Silent when systemd is not there."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import attrs
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


@attrs.frozen
class Notifier:
    """Sends words to the datagram socket that systemd named; `address` "" sends nothing."""

    address: str = ""
    log = Logger()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        return cls(environ.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str = "") -> None:
        """Started, or done with reloading."""
        self._send("READY=1", _status(status))

    def status(self, status: str) -> None:
        """What `systemctl status` shows: one line about what the service does now."""
        self._send(_status(status))

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", _status(status))

    def watchdog(self) -> None:
        """Still alive."""
        self._send("WATCHDOG=1")

    def _send(self, *words: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            ) as sender:
                sender.sendto("\n".join(filter(None, words)).encode(), address)
        except OSError as error:
            self.log.warn("systemd cannot be told", error=error)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split()) if text else ""


class WatchdogService(Service):
    """Tells systemd twice in each WatchdogSec= that the reactor still turns."""

    def __init__(self, clock: IReactorTime, notifier: Notifier, interval: float) -> None:
        """`interval`: seconds between two signs of life; 0 for none."""
        self._clock = clock
        self._notifier = notifier
        self._interval = interval
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        if self._interval:
            self._tell()

    def stopService(self) -> None:
        super().stopService()  # type: ignore[no-untyped-call]
        if self._next:
            self._next.cancel()
            self._next = None

    def _tell(self) -> None:
        self._notifier.watchdog()
        self._next = self._clock.callLater(self._interval, self._tell)


def watchdog_interval(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float:
    """Half of the time that systemd waits for a sign of life, in seconds; 0 when it does not wait for ours."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    meant_for = environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdigit()) or meant_for not in ("", str(pid or os.getpid())):
        return 0.0
    return int(microseconds) / 2e6

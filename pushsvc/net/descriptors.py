"""What this process may have open: no connection may take what the queue, the inbox and the log need (EMFILE).

a connection comes in ── enough descriptors are free ──> its factory
                      └─ too few: it is closed, idle ones with it, and nothing is accepted for a second
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, ILoggingContext, IProtocol, IProtocolFactory
from twisted.logger import Logger
from zope.interface import implementer

from pushsvc.net.admission import BACKLOG

SPARE = 32  # descriptors: a dozen for databases, logs and worker threads, the rest for contents that are under way
PAUSE = 1.0  # seconds without accepting (SECURITY part 4)


class Descriptors:
    """Lets connections in while enough descriptors are free for everything else.

    `is_short()` says that there are not. `close_idle` are called then, each closes what it can do without.
    """

    log = Logger()

    def __init__(self, reactor: Any, is_short: Callable[[], bool]) -> None:
        self.close_idle: list[Callable[[], None]] = []
        self._reactor = reactor
        self._is_short = is_short
        self._ports: list[Any] = []
        self._waiting = False

    def listen_tcp(self, port: int, factory: IProtocolFactory, interface: str) -> Any:
        """As the reactor's listenTCP: an IListeningPort. Raises CannotListenError."""
        listener = self._reactor.listenTCP(port, _Door(factory, self), BACKLOG, interface=interface)
        self._ports.append(listener)
        return listener

    def has_room(self) -> bool:
        """Whether one more connection may come in; what follows if not has begun then."""
        if not self._is_short():
            return True
        if not self._waiting:
            self.log.warn("too few file descriptors are left: no connections for a second", limit=soft_limit())
            self._wait()
        return False

    def _wait(self) -> None:
        self._waiting = True
        for close in self.close_idle:
            close()
        for port in self._ports:
            port.stopReading()
        self._reactor.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._waiting = False
        for port in self._ports:
            if port.connected:  # it was not closed meanwhile
                port.startReading()


@implementer(IProtocolFactory, ILoggingContext)
class _Door:
    """In front of a factory."""

    def __init__(self, factory: IProtocolFactory, descriptors: Descriptors) -> None:
        self._factory = factory
        self._descriptors = descriptors

    def logPrefix(self) -> str:
        return type(self._factory).__name__

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        return self._factory.buildProtocol(addr) if self._descriptors.has_room() else None


def soft_limit() -> int:
    """How many descriptors this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def is_short(spare: int = SPARE) -> bool:
    """Whether fewer than so many descriptors are free: the kernel gives the lowest, which tells of all below it."""
    try:
        lowest = os.dup(0)
    except OSError:
        return True
    os.close(lowest)
    return lowest + spare >= soft_limit()

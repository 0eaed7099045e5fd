"""Exit codes, and how a twistd process ends with one. twistd itself only knows 0 and 1."""

from __future__ import annotations

import atexit
import enum
import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

from pushsvc.config import NotPermitted
from pushsvc.errors import ConfigErrors

log = Logger()


class Exit(enum.IntEnum):
    """Why the process ended, in the numbers of sysexits.h. A unit can tell what a restart will not mend."""

    UNAVAILABLE = 69  # something needed is away, or somebody else has the address
    SOFTWARE = 70  # our bug
    CANNOT_CREATE = 73  # no place for the state
    IO = 74  # the disk
    NOT_PERMITTED = 77  # a key file that others can read, a port below 1024
    CONFIGURATION = 78


_OF_ERRNO = {
    errno.EADDRINUSE: Exit.UNAVAILABLE,
    errno.EADDRNOTAVAIL: Exit.UNAVAILABLE,
    errno.EACCES: Exit.NOT_PERMITTED,
    errno.EPERM: Exit.NOT_PERMITTED,
}
_given_up: list[Exit] = []  # the first reason counts; at most one item


def exit_for(error: BaseException) -> Exit:
    """The exit code that tells what this error was."""
    match error:
        case ConfigErrors(errors=errors) if errors and all(isinstance(each, NotPermitted) for each in errors):
            return Exit.NOT_PERMITTED
        case ConfigErrors():
            return Exit.CONFIGURATION
        case CannotListenError(socketError=OSError(errno=int(number))):
            return _OF_ERRNO.get(number, Exit.UNAVAILABLE)
        case CannotListenError():
            return Exit.UNAVAILABLE
        case OSError(errno=number):
            return _OF_ERRNO.get(number or 0, Exit.IO)
        case _:
            return Exit.SOFTWARE


def refuse(code: Exit, why: str) -> NoReturn:
    """End before the reactor runs: twistd keeps the code of a SystemExit. The reason goes to standard error."""
    sys.stderr.write(f"{why}\n")
    raise SystemExit(int(code))


def give_up(reactor: IReactorCore, code: Exit, why: str) -> None:
    """Stop every service in order, then end the process with this code. Also before the reactor runs.

    twistd ends with 0 after `reactor.stop()`, whatever was the reason, and systemd would take that for a success.
    A second call changes nothing: the first reason is the cause of the others.
    """
    log.critical("giving up", why=why, exit=int(code))
    if _given_up:
        return
    _given_up.append(code)
    atexit.register(_leave, code)
    reactor.callWhenRunning(stop, reactor)


def stop(reactor: IReactorCore) -> None:
    """`reactor.stop()`, which may have been called already."""
    try:
        reactor.stop()
    except ReactorNotRunning:
        log.debug("already stopping")


def _leave(code: Exit, end: Callable[[int], object] = os._exit) -> None:
    """The last thing the process does: only `os._exit` can still change its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    end(int(code))

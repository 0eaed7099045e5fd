"""What an exit code of pushctl says. The numbers above 63 are those of sysexits.h."""

from __future__ import annotations

import enum
from http import HTTPStatus

from pushsvc.errors import PushsvcError


class Exit(enum.IntEnum):
    """How a command ended."""

    OK = 0
    SOME_FAILED = 2
    ALL_FAILED = 3
    NOT_FINAL = 4
    USAGE = 64
    BAD_DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    SOFTWARE = 70
    CANNOT_CREATE = 73
    TRY_LATER = 75
    NOT_ALLOWED = 77
    CONFIGURATION = 78
    INTERRUPTED = 130


class CommandFailed(PushsvcError):
    """The command cannot go on: what to tell the person, and how to exit."""

    def __init__(self, reason: str, code: Exit) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: Exit.NOT_ALLOWED,
    HTTPStatus.FORBIDDEN: Exit.NOT_ALLOWED,
    HTTPStatus.NOT_FOUND: Exit.NO_INPUT,
    HTTPStatus.TOO_MANY_REQUESTS: Exit.TRY_LATER,
    HTTPStatus.SERVICE_UNAVAILABLE: Exit.TRY_LATER,
    HTTPStatus.INSUFFICIENT_STORAGE: Exit.TRY_LATER,
}


def exit_for_status(status: int) -> Exit:
    """The exit code for an HTTP answer that was not what the command needed."""
    known = _BY_STATUS.get(HTTPStatus(status)) if status in HTTPStatus._value2member_map_ else None
    if known is not None:
        return known
    return Exit.UNAVAILABLE if status >= 500 else Exit.BAD_DATA

"""Questions that wait for somebody's yes or no. They live as long as the process: a restart ends the calls, too."""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pushsvc.errors import PushsvcError
from pushsvc.machine import Tokens
from pushsvc.receiver.policy import Caller, FileAsked

MAX_PENDING = 100  # nobody reads more; the sessions behind them are bounded as well
REMEMBERED = 1000  # ids of decisions that are over, so that a late answer hears 409 and not 404


class UnknownDecision(PushsvcError):
    """There never was such a decision, or it was long ago."""


class AlreadyDecided(PushsvcError):
    """Somebody was faster, or it was too late."""


class UnknownFile(PushsvcError):
    """The answer names a file that was not asked about, or leaves one out."""


class Change(enum.Enum):
    """What happens to a question."""

    ASKED = "asked"
    OVER = "over"


@attrs.frozen
class Pending:
    """One question: who wants to push which files, and until when (seconds since 1970) an answer counts."""

    id: str
    caller: Caller
    files: tuple[FileAsked, ...]
    asked_at: float
    expires_at: float


@attrs.frozen
class _Waiting:
    pending: Pending
    answered: Deferred[list[bool]]
    expiry: IDelayedCall


class Decisions:
    """Every question that is open now. Too many of them, or no answer in time, means no [A-04].

    `tell` hears of each when it opens and when it is over.
    """

    def __init__(self, clock: IReactorTime, tokens: Tokens, tell: Callable[[Change, Pending], None]) -> None:
        self._clock = clock
        self._tokens = tokens
        self._tell = tell
        self._waiting: dict[str, _Waiting] = {}
        self._over: OrderedDict[str, None] = OrderedDict()

    def ask(self, caller: Caller, files: Sequence[FileAsked], timeout: float) -> Deferred[list[bool]]:
        """Whether each file is wanted, after `timeout` seconds at most. Cancelling withdraws the question."""
        if len(self._waiting) >= MAX_PENDING:
            return succeed([False] * len(files))
        now = self._clock.seconds()
        pending = Pending("dec_" + self._tokens.word(16), caller, tuple(files), now, now + timeout)
        answered: Deferred[list[bool]] = Deferred(lambda _: self._withdraw(pending.id))
        expiry = self._clock.callLater(timeout, self._expire, pending.id)
        self._waiting[pending.id] = _Waiting(pending, answered, expiry)
        self._tell(Change.ASKED, pending)
        return answered

    def pending(self) -> list[Pending]:
        """What is open, oldest first."""
        return [waiting.pending for waiting in self._waiting.values()]

    def answer(self, decision_id: str, yes: bool) -> None:
        """Take all files, or none. Raises UnknownDecision, AlreadyDecided."""
        self._settle(decision_id, [yes] * len(self._open(decision_id).pending.files))

    def answer_each(self, decision_id: str, answers: Mapping[str, bool]) -> None:
        """One answer a file, by file-transfer-id. Raises UnknownDecision, AlreadyDecided, UnknownFile."""
        asked = [file.transfer_id for file in self._open(decision_id).pending.files]
        if None in asked or set(asked) != answers.keys():
            raise UnknownFile("the answers must name exactly the files that were asked about")
        self._settle(decision_id, [answers[transfer_id] for transfer_id in asked if transfer_id is not None])

    def close(self) -> None:
        """Answer everything with no: the daemon stops."""
        for decision_id in tuple(self._waiting):
            self.answer(decision_id, False)

    def _open(self, decision_id: str) -> _Waiting:
        if decision_id in self._waiting:
            return self._waiting[decision_id]
        if decision_id in self._over:
            raise AlreadyDecided("this was decided already, or it was too late")
        raise UnknownDecision("there is no such decision")

    def _settle(self, decision_id: str, answers: list[bool]) -> None:
        self._forget(decision_id).answered.callback(answers)

    def _expire(self, decision_id: str) -> None:
        self.answer(decision_id, False)

    def _withdraw(self, decision_id: str) -> None:
        if decision_id in self._waiting:
            self._forget(decision_id)

    def _forget(self, decision_id: str) -> _Waiting:
        waiting = self._waiting.pop(decision_id)
        if waiting.expiry.active():
            waiting.expiry.cancel()
        self._over[decision_id] = None
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        self._tell(Change.OVER, waiting.pending)
        return waiting

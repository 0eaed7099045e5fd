"""What the four SIP transactions share: their words, their timers, and how a table runs (RFC 3261 §17, RFC 6026).

A transaction is a table `(state, input) -> (action, next state)` under its figure: client_transaction,
server_transaction. A pair that is not in the table is normal network noise and is ignored. Matching messages to
transactions is in transaction_layer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

from pushsvc.machine import Timers
from pushsvc.sip.authentication import Failure
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response


@attrs.frozen
class Transmit:
    """Put this on the wire. `repeated`: it (or its like) has been there before."""

    message: Message
    hop: Hop
    repeated: bool = False


@attrs.frozen
class RequestArrived:
    """A request nobody has seen yet, stamped with where it came from."""

    request: Request
    source: Hop


@attrs.frozen
class ResponseArrived:
    """A response to our `request`; to none (None) when a 2xx to an INVITE comes after its transaction is over."""

    response: Response
    request: Request | None


class Why(enum.Enum):
    """Why there is no answer. RFC 3261 §8.1.3.1 reads them as 408 and 503."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


@attrs.frozen
class NoAnswer:
    """Our `request` will not be answered any more."""

    request: Request
    why: Why


@attrs.frozen
class TurnedDeaf:
    """Nothing more is read from there for a while: too much came to nothing (sip.shares). `again`: as told before."""

    source: Hop
    again: bool = False


@attrs.frozen
class NotAuthenticated:
    """A request was turned away for this, and has its answer: nobody else is to hear of it."""

    request: Request
    source: Hop
    failure: Failure


Output = Transmit | RequestArrived | ResponseArrived | NoAnswer | TurnedDeaf | NotAuthenticated


@attrs.frozen
class Settings:
    """The three times of RFC 3261 §17.1.1.1 that all timers are made of, and when an INVITE gets its 100; seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    trying_after: float = 0.2

    @property
    def patience(self) -> float:
        """64*T1: how long anything is waited for (Timers B, D, F, H, J, L and M)."""
        return 64 * self.t1


class State(enum.Enum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(enum.Enum):
    PROVISIONAL = "1xx"
    SUCCESS = "2xx to an INVITE"
    FAILURE = "300 to 699 to an INVITE"
    FINAL = "200 to 699 to another request"
    REPEAT = "the request again"
    ACK = "ACK"
    CANCELLED = "we sent CANCEL"
    UNREACHABLE = "the transport cannot send it"
    TIMER_A = "A: INVITE again"
    TIMER_B = "B: no answer to INVITE"
    TIMER_D = "D: no more repeated refusals"
    TIMER_E = "E: request again"
    TIMER_F = "F: no answer to request"
    TIMER_G = "G: refusal again"
    TIMER_H = "H: no ACK"
    TIMER_I = "I: no more repeated ACKs"
    TIMER_J = "J: no more repeated requests"
    TIMER_K = "K: no more repeated responses"
    TIMER_L = "L: no more repeated INVITEs"
    TIMER_M = "M: no more 2xx"
    CANCEL_GUARD = "no final response after CANCEL"
    TRYING_DUE = "nothing sent for 200 ms"
    UNANSWERED = "our side never answered"


# What the second argument is depends on the input: a Response, a Request (ACK) or None (a timer).
Action = Callable[[Any, Any, float], list[Output]]
Table = Mapping[tuple[State, Input], tuple[Action, State]]


@attrs.define(eq=False)
class Transaction:
    """What all four are: a state, named timers, and a table that says what an input does."""

    TABLE: ClassVar[Table] = {}
    state: State = attrs.field(init=False, default=State.TRYING)
    _timers: Timers[Input] = attrs.field(init=False, factory=Timers)

    @property
    def deadline(self) -> float | None:
        return self._timers.deadline

    @property
    def finished(self) -> bool:
        return self.state is State.TERMINATED

    def wake(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        for timer in self._timers.take_due(now):
            outputs += self._hear(timer, None, now)
        return outputs

    def _hear(self, heard: Input, message: Message | None, now: float) -> list[Output]:
        row = self.TABLE.get((self.state, heard))
        if row is None:
            return []
        action, self.state = row
        return action(self, message, now)

    def _linger(self, timer: Input, seconds: float, now: float) -> None:
        """Only absorb repeats from now on; a stream repeats nothing, so there this is the end."""
        self._timers.clear()
        if seconds:
            self._timers.set(timer, now + seconds)
        else:
            self.state = State.TERMINATED

    def _end(self, _: object, now: float) -> list[Output]:
        self._timers.clear()
        return []

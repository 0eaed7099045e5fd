"""Making sure of 200 and ACK on both sides (RFC 3261 §13.2.2.4, §13.3.1.4).

    caller                          callee
      |<------------- 200 ------------|  Answer: repeated until the ACK comes, whatever the transport
      |-------------- ACK ----------->|  Acknowledgement: the same ACK again for every 200 that comes again
      |<---- 200 of another fork -----|  Acknowledgement: a session nobody wants, to be acknowledged and ended

The INVITE and its refusals are the transactions' business.
"""

from __future__ import annotations

import attrs

from pushsvc.machine import Timers
from pushsvc.sip.message import Request, Response
from pushsvc.sip.transaction import Settings

MAX_FORKS = 16  # sessions that one INVITE of ours can make; a real proxy forks to a handful of devices


@attrs.frozen
class Repeat:
    """Send our 2xx (again)."""

    response: Response


@attrs.frozen
class NoAck:
    """Our 2xx was never acknowledged: end the session with BYE."""

    response: Response


@attrs.frozen
class Won:
    """The first 2xx to our INVITE: acknowledge it, and go on with this one."""

    response: Response


@attrs.frozen
class Stray:
    """A 2xx of another fork: acknowledge it, then end its session with BYE."""

    response: Response


@attrs.frozen
class RepeatAck:
    """A 2xx that has been acknowledged has come again: send its ACK again."""

    ack: Request


AnswerOutput = Repeat | NoAck
AcknowledgementOutput = Won | Stray | RepeatAck


@attrs.define(eq=False)
class Answer:
    """The 2xx to an INVITE on its way: sent T1, 2*T1, ... T2, T2 after one another, for at most 64*T1.

    Over a stream too, because a proxy further on may use datagrams.
    """

    response: Response
    settings: Settings
    _timers: Timers[str] = attrs.field(init=False, factory=Timers)
    _interval: float = attrs.field(init=False, default=0.0)

    def start(self, now: float) -> list[AnswerOutput]:
        """Send it for the first time."""
        self._interval = self.settings.t1
        self._timers.set("repeat", now + self._interval)
        self._timers.set("give up", now + self.settings.patience)
        return [Repeat(self.response)]

    def acked(self, ack: Request, now: float) -> list[AnswerOutput]:
        """An ACK within the dialog has come; one for another INVITE of the dialog changes nothing."""
        if ack.cseq.number == self.response.cseq.number:
            self._timers.clear()
        return []

    @property
    def deadline(self) -> float | None:
        return self._timers.deadline

    def wake(self, now: float) -> list[AnswerOutput]:
        due = self._timers.take_due(now)
        if "give up" in due:
            self._timers.clear()
            return [NoAck(self.response)]
        if "repeat" not in due:
            return []
        self._interval = min(2 * self._interval, self.settings.t2)
        self._timers.set("repeat", now + self._interval)
        return [Repeat(self.response)]


@attrs.define(eq=False)
class Acknowledgement:
    """What the caller owes to every 2xx of one INVITE: an ACK each, and one session out of all forks."""

    _acks: dict[str | None, Request | None] = attrs.field(init=False, factory=dict)

    def answered(self, response: Response) -> list[AcknowledgementOutput]:
        """A 2xx to the INVITE has come, for the first time or again."""
        tag = response.to.tag
        if tag in self._acks:
            ack = self._acks[tag]
            return [RepeatAck(ack)] if ack else []
        if len(self._acks) == MAX_FORKS:
            return []
        first = not self._acks
        self._acks[tag] = None
        return [Won(response) if first else Stray(response)]

    def acknowledged(self, ack: Request) -> None:
        """This ACK has been sent: it will be sent again for its 2xx."""
        self._acks[ack.to.tag] = ack

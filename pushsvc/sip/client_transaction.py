"""Our requests on their way: InviteClient and Client (RFC 3261 §17.1, RFC 6026 §7.2); words: transaction."""

from __future__ import annotations

import attrs

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, ack_of
from pushsvc.sip.transaction import (
    Input,
    NoAnswer,
    Output,
    ResponseArrived,
    Settings,
    State,
    Transaction,
    Transmit,
    Why,
)


@attrs.define(eq=False)
class ClientTransaction(Transaction):
    """What both client transactions do alike: `request` to `hop`, until answered."""

    request: Request
    hop: Hop
    settings: Settings
    _interval: float = attrs.field(init=False, default=0.0)

    def unreachable(self, now: float) -> list[Output]:
        """The transport could not send what we last asked for."""
        return self._hear(Input.UNREACHABLE, None, now)

    def _begin(self, resend: Input, give_up: Input, now: float) -> list[Output]:
        if not self.hop.reliable:
            self._interval = self.settings.t1
            self._timers.set(resend, now + self._interval)
        self._timers.set(give_up, now + self.settings.patience)
        return [Transmit(self.request, self.hop)]

    def _pass_up(self, response: Response, now: float) -> list[Output]:
        return [ResponseArrived(response, self.request)]

    def _give_up(self, _: object, now: float) -> list[Output]:
        self._timers.clear()
        return [NoAnswer(self.request, Why.TIMEOUT)]

    def _break(self, _: object, now: float) -> list[Output]:
        self._timers.clear()
        return [NoAnswer(self.request, Why.UNREACHABLE)]


# RFC 3261 figure 5 with RFC 6026 §7.2:
#
#                              INVITE sent
#       A: INVITE again             v
#                +------------- CALLING ---- B, unreachable: no answer -----+
#                |             /        \                                   |
#           1xx: up      2xx: up      3xx-6xx: up, ACK                      |
#                v           /            \                                 |
#    1xx: up  PROCEEDING ---+-- 3xx-6xx ---+                                |
#                |          v              v                                |
#                |      ACCEPTED       COMPLETED  3xx-6xx again: ACK again  |
#                |     2xx: up |           |                                |
#     no final after CANCEL    M        D, unreachable                      |
#                +-------------+-----------+--------> TERMINATED <----------+


@attrs.define(eq=False)
class InviteClient(ClientTransaction):
    """Our INVITE on its way. The ACK to a refusal is ours, the ACK to a 2xx is not (RFC 3261 §17.1.1)."""

    state: State = attrs.field(init=False, default=State.CALLING)
    _ack: Request | None = attrs.field(init=False, default=None)

    def start(self, now: float) -> list[Output]:
        """Send it."""
        return self._begin(Input.TIMER_A, Input.TIMER_B, now)

    def received(self, response: Response, now: float) -> list[Output]:
        """A response to it has come."""
        if response.status < 200:
            return self._hear(Input.PROVISIONAL, response, now)
        return self._hear(Input.SUCCESS if response.status < 300 else Input.FAILURE, response, now)

    def cancelled(self, now: float) -> list[Output]:
        """A CANCEL for it is being sent: do not wait for the final response for ever (RFC 3261 §9.1)."""
        return self._hear(Input.CANCELLED, None, now)

    def _resend(self, _: object, now: float) -> list[Output]:
        self._interval *= 2
        self._timers.set(Input.TIMER_A, now + self._interval)
        return [Transmit(self.request, self.hop, repeated=True)]

    def _proceed(self, response: Response, now: float) -> list[Output]:
        # From here on the RFC has no timer at all; the patience of whoever asked ends it, by CANCEL.
        self._timers.clear()
        return self._pass_up(response, now)

    def _accept(self, response: Response, now: float) -> list[Output]:
        # RFC 6026 §7.2: stay, so that repeated and forked 2xx find us.
        self._linger(Input.TIMER_M, self.settings.patience, now)
        return self._pass_up(response, now)

    def _refused(self, response: Response, now: float) -> list[Output]:
        self._ack = ack_of(self.request, response)
        self._linger(Input.TIMER_D, 0 if self.hop.reliable else self.settings.patience, now)
        return [Transmit(self._ack, self.hop), *self._pass_up(response, now)]

    def _ack_again(self, _: object, now: float) -> list[Output]:
        return [Transmit(self._ack, self.hop, repeated=True)] if self._ack else []

    def _guard(self, _: object, now: float) -> list[Output]:
        self._timers.set(Input.CANCEL_GUARD, now + self.settings.patience)
        return []

    TABLE = {
        (State.CALLING, Input.TIMER_A): (_resend, State.CALLING),
        (State.CALLING, Input.TIMER_B): (ClientTransaction._give_up, State.TERMINATED),
        (State.CALLING, Input.UNREACHABLE): (ClientTransaction._break, State.TERMINATED),
        (State.CALLING, Input.PROVISIONAL): (_proceed, State.PROCEEDING),
        (State.CALLING, Input.SUCCESS): (_accept, State.ACCEPTED),
        (State.CALLING, Input.FAILURE): (_refused, State.COMPLETED),
        (State.PROCEEDING, Input.PROVISIONAL): (ClientTransaction._pass_up, State.PROCEEDING),
        (State.PROCEEDING, Input.SUCCESS): (_accept, State.ACCEPTED),
        (State.PROCEEDING, Input.FAILURE): (_refused, State.COMPLETED),
        (State.PROCEEDING, Input.CANCELLED): (_guard, State.PROCEEDING),
        (State.PROCEEDING, Input.CANCEL_GUARD): (ClientTransaction._give_up, State.TERMINATED),
        (State.ACCEPTED, Input.SUCCESS): (ClientTransaction._pass_up, State.ACCEPTED),
        (State.ACCEPTED, Input.TIMER_M): (Transaction._end, State.TERMINATED),
        (State.COMPLETED, Input.FAILURE): (_ack_again, State.COMPLETED),
        # The final response has been passed up: that its ACK cannot be sent is nobody's news.
        (State.COMPLETED, Input.UNREACHABLE): (Transaction._end, State.TERMINATED),
        (State.COMPLETED, Input.TIMER_D): (Transaction._end, State.TERMINATED),
    }


# RFC 3261 figure 6:
#
#                             request sent
#       E: request again           v
#                               TRYING ------ F, unreachable: no answer ----+
#                              /      \                                     |
#                        1xx: up    2xx-6xx: up                             |
#                            v          \                                   |
#   E: again, 1xx: up   PROCEEDING ------+--- F, unreachable: no answer ----+
#                                        v                                  |
#                                    COMPLETED ------ K ---> TERMINATED <---+


@attrs.define(eq=False)
class Client(ClientTransaction):
    """Any other request of ours on its way: repeated until its final response, over datagrams."""

    def start(self, now: float) -> list[Output]:
        """Send it."""
        return self._begin(Input.TIMER_E, Input.TIMER_F, now)

    def received(self, response: Response, now: float) -> list[Output]:
        """A response to it has come."""
        return self._hear(Input.PROVISIONAL if response.status < 200 else Input.FINAL, response, now)

    def _resend(self, _: object, now: float) -> list[Output]:
        # RFC 3261 §17.1.2.2: after a 1xx the request is still repeated, but at once at T2's pace.
        calm = self.state is State.PROCEEDING
        self._interval = self.settings.t2 if calm else min(2 * self._interval, self.settings.t2)
        self._timers.set(Input.TIMER_E, now + self._interval)
        return [Transmit(self.request, self.hop, repeated=True)]

    def _complete(self, response: Response, now: float) -> list[Output]:
        self._linger(Input.TIMER_K, 0 if self.hop.reliable else self.settings.t4, now)
        return self._pass_up(response, now)

    TABLE = {
        (State.TRYING, Input.TIMER_E): (_resend, State.TRYING),
        (State.TRYING, Input.TIMER_F): (ClientTransaction._give_up, State.TERMINATED),
        (State.TRYING, Input.UNREACHABLE): (ClientTransaction._break, State.TERMINATED),
        (State.TRYING, Input.PROVISIONAL): (ClientTransaction._pass_up, State.PROCEEDING),
        (State.TRYING, Input.FINAL): (_complete, State.COMPLETED),
        (State.PROCEEDING, Input.TIMER_E): (_resend, State.PROCEEDING),
        (State.PROCEEDING, Input.TIMER_F): (ClientTransaction._give_up, State.TERMINATED),
        (State.PROCEEDING, Input.UNREACHABLE): (ClientTransaction._break, State.TERMINATED),
        (State.PROCEEDING, Input.PROVISIONAL): (ClientTransaction._pass_up, State.PROCEEDING),
        (State.PROCEEDING, Input.FINAL): (_complete, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_K): (Transaction._end, State.TERMINATED),
    }

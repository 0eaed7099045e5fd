"""Requests of others being served: InviteServer and Server (RFC 3261 §17.2, RFC 6026 §7.1); words: transaction.

A response that cannot be sent changes nothing here (RFC 6026 §7.1: stay), and nobody is told: whoever waits for
its effect (invite.Answer, the peer) has a timer of its own.
"""

from __future__ import annotations

import attrs

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.transaction import Input, Output, RequestArrived, Settings, State, Transaction, Transmit


@attrs.define(eq=False)
class ServerTransaction(Transaction):
    """What both server transactions do alike: remember the last response, and give it to who asks again."""

    hop: Hop
    settings: Settings
    _last: Response | None = attrs.field(init=False, default=None)

    def _say(self, response: Response, now: float) -> list[Output]:
        self._last = response
        return [Transmit(response, self.hop)]

    def _say_again(self, _: object, now: float) -> list[Output]:
        return [Transmit(self._last, self.hop, repeated=True)] if self._last else []


# RFC 3261 figure 7 with RFC 6026 §7.1:
#
#                                INVITE arrived: up
#                                       v
#     INVITE again: last 1xx        PROCEEDING        1xx from us: send
#     200 ms of silence: 100       /          \
#                      2xx from us: send    3xx-6xx from us: send
#                                v              v      G: send again
#     INVITE again: -        ACCEPTED       COMPLETED  INVITE again: send again
#     ACK: up                    |         /         \
#     2xx from us: send again    |       ACK          H: no ACK
#                                |        v            |
#                                L    CONFIRMED ---I---+
#                                +---------------------+-----> TERMINATED


@attrs.define(eq=False)
class InviteServer(ServerTransaction):
    """An INVITE of somebody. Repeats a refusal until its ACK; a 2xx is repeated by invite.Answer."""

    request: Request
    source: Hop
    state: State = attrs.field(init=False, default=State.PROCEEDING)
    _interval: float = attrs.field(init=False, default=0.0)

    def start(self, now: float) -> None:
        """It is being passed up; a 100 goes out by itself if our side says nothing for 200 ms."""
        self._timers.set(Input.TRYING_DUE, now + self.settings.trying_after)

    def received(self, request: Request, now: float) -> list[Output]:
        """The same INVITE has come again, or the ACK with its branch."""
        return self._hear(Input.ACK if request.method == "ACK" else Input.REPEAT, request, now)

    def respond(self, response: Response, now: float) -> list[Output]:
        """Our side answers. A second final response is ignored, but a 2xx may be repeated."""
        if response.status < 200:
            return self._hear(Input.PROVISIONAL, response, now)
        return self._hear(Input.SUCCESS if response.status < 300 else Input.FAILURE, response, now)

    def _trying(self, _: object, now: float) -> list[Output]:
        return self._say(reply_to(self.request, 100), now)

    def _proceed(self, response: Response, now: float) -> list[Output]:
        self._timers.clear(Input.TRYING_DUE)
        return self._say(response, now)

    def _accept(self, response: Response, now: float) -> list[Output]:
        # RFC 6026 §7.1: stay, so that repeated INVITEs find us and do not become new transactions.
        self._linger(Input.TIMER_L, self.settings.patience, now)
        return self._say(response, now)

    def _refuse(self, response: Response, now: float) -> list[Output]:
        self._linger(Input.TIMER_H, self.settings.patience, now)
        if not self.hop.reliable:
            # RFC 3261 §17.2.1: over a stream too the ACK is waited for, but nothing is repeated.
            self._interval = self.settings.t1
            self._timers.set(Input.TIMER_G, now + self._interval)
        return self._say(response, now)

    def _refuse_again(self, _: object, now: float) -> list[Output]:
        self._interval = min(2 * self._interval, self.settings.t2)
        self._timers.set(Input.TIMER_G, now + self._interval)
        return self._say_again(_, now)

    def _confirm(self, _: object, now: float) -> list[Output]:
        self._linger(Input.TIMER_I, 0 if self.hop.reliable else self.settings.t4, now)
        return []

    def _acked(self, ack: Request, now: float) -> list[Output]:
        # The ACK of a 2xx is its own transaction with its own branch, but some peers keep the INVITE's.
        return [RequestArrived(ack, self.source)]

    TABLE = {
        (State.PROCEEDING, Input.REPEAT): (ServerTransaction._say_again, State.PROCEEDING),
        (State.PROCEEDING, Input.TRYING_DUE): (_trying, State.PROCEEDING),
        (State.PROCEEDING, Input.PROVISIONAL): (_proceed, State.PROCEEDING),
        (State.PROCEEDING, Input.SUCCESS): (_accept, State.ACCEPTED),
        (State.PROCEEDING, Input.FAILURE): (_refuse, State.COMPLETED),
        (State.ACCEPTED, Input.SUCCESS): (ServerTransaction._say_again, State.ACCEPTED),
        (State.ACCEPTED, Input.ACK): (_acked, State.ACCEPTED),
        (State.ACCEPTED, Input.TIMER_L): (Transaction._end, State.TERMINATED),
        (State.COMPLETED, Input.REPEAT): (ServerTransaction._say_again, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_G): (_refuse_again, State.COMPLETED),
        (State.COMPLETED, Input.ACK): (_confirm, State.CONFIRMED),
        (State.COMPLETED, Input.TIMER_H): (Transaction._end, State.TERMINATED),
        (State.CONFIRMED, Input.TIMER_I): (Transaction._end, State.TERMINATED),
    }


# RFC 3261 figure 8:
#
#                                  request arrived: up
#                                          v
#     request again: -                  TRYING
#                                      /      \
#                       1xx from us: send    2xx-6xx from us: send
#                                  v            \
#     request again: last 1xx   PROCEEDING ------+
#     1xx from us: send                          v
#     request again: send again              COMPLETED ---- J ----> TERMINATED


@attrs.define(eq=False)
class Server(ServerTransaction):
    """Any other request of somebody. It keeps the response and not the request: that is all that repeats need."""

    def start(self, now: float) -> None:
        """It is being passed up. Once its sender has given up no answer is of use any more (RFC 4320 §4.2)."""
        self._timers.set(Input.UNANSWERED, now + self.settings.patience)

    def received(self, request: Request, now: float) -> list[Output]:
        """The same request has come again."""
        return self._hear(Input.REPEAT, request, now)

    def respond(self, response: Response, now: float) -> list[Output]:
        """Our side answers. A second final response is ignored."""
        return self._hear(Input.PROVISIONAL if response.status < 200 else Input.FINAL, response, now)

    def _complete(self, response: Response, now: float) -> list[Output]:
        self._linger(Input.TIMER_J, 0 if self.hop.reliable else self.settings.patience, now)
        return self._say(response, now)

    TABLE = {
        (State.TRYING, Input.PROVISIONAL): (ServerTransaction._say, State.PROCEEDING),
        (State.TRYING, Input.FINAL): (_complete, State.COMPLETED),
        (State.TRYING, Input.UNANSWERED): (Transaction._end, State.TERMINATED),
        (State.PROCEEDING, Input.REPEAT): (ServerTransaction._say_again, State.PROCEEDING),
        (State.PROCEEDING, Input.PROVISIONAL): (ServerTransaction._say, State.PROCEEDING),
        (State.PROCEEDING, Input.FINAL): (_complete, State.COMPLETED),
        (State.PROCEEDING, Input.UNANSWERED): (Transaction._end, State.TERMINATED),
        (State.COMPLETED, Input.REPEAT): (ServerTransaction._say_again, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_J): (Transaction._end, State.TERMINATED),
    }

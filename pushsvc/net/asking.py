"""Requests of ours that wait for their final answer, and what it means to withdraw one (RFC 3261 §9.1)."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response, cancel_of
from pushsvc.sip.transaction import Why

Key = tuple[str, str]
Provisional = Callable[[Response], None]
Result = Response | Why | Unreachable


def key_of(message: Message) -> Key:
    """A CANCEL shares the branch of its INVITE, so the branch alone does not tell whose answer it is."""
    return message.via.branch, message.cseq.method


@attrs.define(eq=False)
class _Asked:
    """One request that waits."""

    request: Request
    hop: Hop
    answered: Deferred[Result]
    provisional: Provisional | None
    proceeding: bool = False
    withdrawn: bool = False
    unsent: Unreachable | None = None

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"


class Asking:
    """Every request that waits. `start(request, hop)` gives one to the transaction layer."""

    def __init__(self, start: Callable[[Request, Hop], None]) -> None:
        self._start = start
        self._asked: dict[Key, _Asked] = {}

    def ask(self, request: Request, hop: Hop, provisional: Provisional | None) -> Deferred[Result]:
        """Send it; its final answer, or why there is none. Cancelling withdraws it."""
        asked = _Asked(request, hop, Deferred(lambda _: self._withdraw(asked)), provisional)
        self._asked[key_of(request)] = asked
        self._start(request, hop)
        return asked.answered

    def heard(self, response: Response) -> bool:
        """A response came. Gives whether it is a 2xx to an INVITE that nobody waits for (any more)."""
        success = response.cseq.method == "INVITE" and 200 <= response.status < 300
        asked = self._asked.get(key_of(response))
        if asked is None:
            return success
        if response.status < 200:
            self._proceed(asked, response)
            return False
        self._settle(asked, response)
        return success and asked.withdrawn

    def unsent(self, message: Message, why: Unreachable) -> None:
        """This message was not delivered. Whether that is the end of its request, the transaction layer knows."""
        asked = self._asked.get(key_of(message))
        if asked is not None:
            asked.unsent = why

    def given_up(self, request: Request, why: Why) -> None:
        """No answer will come."""
        asked = self._asked.get(key_of(request))
        if asked is not None:
            self._settle(asked, asked.unsent if asked.unsent and why is Why.UNREACHABLE else why)

    def stop(self) -> None:
        """Whoever still waits does so in vain."""
        waiting, self._asked = list(self._asked.values()), {}
        for asked in waiting:
            if not asked.withdrawn:
                asked.answered.errback(Failure(Withdrawn("the service is stopping")))

    def _settle(self, asked: _Asked, result: Result) -> None:
        del self._asked[key_of(asked.request)]
        if not asked.withdrawn:
            asked.answered.callback(result)

    def _proceed(self, asked: _Asked, response: Response) -> None:
        first, asked.proceeding = not asked.proceeding, True
        if not asked.withdrawn:
            if asked.provisional is not None:
                asked.provisional(response)
        elif first and asked.is_invite:
            self._cancel(asked)

    def _withdraw(self, asked: _Asked) -> None:
        """Only an INVITE can be taken back, and only once it was heard of (rule A-25)."""
        asked.withdrawn = True
        if asked.is_invite and asked.proceeding:
            self._cancel(asked)

    def _cancel(self, asked: _Asked) -> None:
        """If nothing final follows, the transaction layer gives the INVITE up by itself."""
        self._start(cancel_of(asked.request), asked.hop)

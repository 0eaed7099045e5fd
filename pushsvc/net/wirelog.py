"""One log line per SIP request, per final answer and per refusal in MSRP; without bodies and credentials.

Other MSRP frames are logged at debug: there are thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger, LogLevel

from pushsvc.net.observer import Direction
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request

REFUSALS = ("4", "5")  # how the summary of a reply begins that is one (RFC 4975 §10)


class WireLog:
    """An observer that logs (INTERFACES §7). `unlimited`: every line, also when there are many in a second.

    That is for an agent whose traffic is its own doing; one that strangers call keeps the limit of the log.
    `is_wanted` tells of a logger's name, a level and words whether such an event would become a line: it is asked
    first, since most of what goes over a busy wire is logged by nobody, and telling it takes longer than reading it.
    """

    log = Logger()

    def __init__(self, *, unlimited: bool, is_wanted: Callable[..., bool] = lambda *kind, unlimited: True) -> None:
        self._unlimited = unlimited
        self._is_wanted = is_wanted

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if isinstance(message, Request):
            if self._wants(LogLevel.info, "sip req"):
                self._log_sip(LogLevel.info, "sip req", direction, message, hop, method=message.method)
            return
        level = LogLevel.debug if message.status < 200 else LogLevel.info
        if self._wants(level, "sip resp"):
            warning = message.headers.get("warning")
            why = {} if warning is None else {"reason": warning}  # "warning" is Twisted's own key
            method = message.cseq.method
            self._log_sip(level, "sip resp", direction, message, hop, code=message.status, method=method, **why)

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self.log.warn("sip unreadable", reason=reason, peer=str(hop))

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        level = LogLevel.info if summary[:1] in REFUSALS else LogLevel.debug
        if self._is_wanted(self.log.namespace, level, "msrp", unlimited=False):
            self.log.emit(level, "msrp", dir=direction.value, frame=summary, size=size, call_id=call_id, peer=peer)

    def _wants(self, level: Any, words: str) -> bool:
        return self._is_wanted(self.log.namespace, level, words, unlimited=self._unlimited)

    def _log_sip(self, level: Any, words: str, direction: Direction, message: Message, hop: Hop, **facts: Any) -> None:
        self.log.emit(
            level,
            words,
            **facts,
            dir=direction.value,
            call_id=message.call_id,
            **{"from": str(message.from_.uri), "to": str(message.to.uri)},
            peer=str(hop),
            log_unlimited=self._unlimited,
        )

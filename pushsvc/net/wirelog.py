"""One log line per SIP request, per final answer and per refusal in MSRP; without bodies and credentials.

Other MSRP frames are logged at debug: there are thousands.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger, LogLevel

from pushsvc.net.observer import Direction
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request

REFUSALS = ("4", "5")  # how the summary of a reply begins that is one (RFC 4975 §10)


class WireLog:
    """An observer that logs (INTERFACES §7). `unlimited`: every line, also when there are many in a second.

    That is for an agent whose traffic is its own doing; one that strangers call keeps the limit of the log.
    `is_detailed` tells whether what is logged at debug is kept: for chunks, of which few may be, it is asked first.
    """

    log = Logger()

    def __init__(self, *, unlimited: bool, is_detailed: Callable[[], bool] = lambda: True) -> None:
        self._unlimited = unlimited
        self._is_detailed = is_detailed

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        facts = {
            "dir": direction.value,
            "call_id": message.call_id,
            "from": str(message.from_.uri),
            "to": str(message.to.uri),
            "peer": str(hop),
            "log_unlimited": self._unlimited,
        }
        if isinstance(message, Request):
            self.log.info("sip req", method=message.method, **facts)
        else:
            level = LogLevel.debug if message.status < 200 else LogLevel.info
            warning = message.headers.get("warning")
            why = {} if warning is None else {"reason": warning}  # "warning" is Twisted's own key
            self.log.emit(level, "sip resp", code=message.status, method=message.cseq.method, **facts, **why)

    def sip_unreadable(self, hop: Hop, reason: str) -> None:
        self.log.warn("sip unreadable", reason=reason, peer=str(hop))

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        level = LogLevel.info if summary[:1] in REFUSALS else LogLevel.debug
        if level is LogLevel.debug and not self._is_detailed():
            return
        self.log.emit(level, "msrp", dir=direction.value, frame=summary, size=size, call_id=call_id, peer=peer)

"""What comes in on one MSRP connection: each frame to the session that it is for, or a refusal."""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from pushsvc.msrp.chunk import OtherRequest, Reply, Report, Send, reply_to
from pushsvc.msrp.framer import Begun, Data, Ended, Event
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.observer import Direction, Observer

MAX_ERRORS = 100  # a peer that asks so often for what we do not have is not worth the connection
UNKNOWN_METHOD = 501


class Carrier(Protocol):
    """The connection, as what comes in on it sees it."""

    peer: str

    def bind(self, send: Send) -> MsrpSession | int:
        """The session that a SEND is for; or the status to answer."""

    def reported(self, session_id: str) -> MsrpSession | None:
        """The session of this id, if reports about it may come by this connection."""

    def owner(self, transaction_id: str) -> MsrpSession | None:
        """The session that waits for a reply with this transaction id."""

    def answer(self, reply: Reply) -> None:
        """Reply outside of any session."""

    def drop(self) -> None:
        """This peer is not worth the connection."""


class Hearing:
    """Told what the framer found, one event after the other."""

    log = Logger()

    def __init__(self, carrier: Carrier, observer: Observer) -> None:
        self._carrier = carrier
        self._observer = observer
        self._errors = 0
        self._send: Send | None = None  # the SEND whose octets are coming in
        self._session: MsrpSession | None = None
        self._size = 0
        self.in_frame = False  # behind the head of a frame and before its end

    def forget(self, session: MsrpSession) -> None:
        """It is over; what still comes of its chunk is nothing to it."""
        if session is self._session:
            self._session = None

    def heard(self, event: Event) -> None:
        match event:
            case Data():
                self._size += len(event.octets)
                if self._session is not None:
                    self._session.data(event.octets)
            case Begun():
                self.in_frame = True
                self._begun(event)
            case Ended():
                self.in_frame = False
                self._ended(event)

    def _begun(self, event: Begun) -> None:
        match event.head:
            case Send() as send:
                self._send_begun(send)
            case Reply() as reply:
                self._replied(reply)
            case Report() as report:
                self._reported(report)
            case OtherRequest() as request:
                self._observer.msrp(Direction.IN, request.method, 0, "", self._carrier.peer)
                self._refuse(request, UNKNOWN_METHOD, wanted=True)

    def _send_begun(self, send: Send) -> None:
        self._send, self._session, self._size = send, None, 0
        bound = self._carrier.bind(send)
        if isinstance(bound, MsrpSession):
            self._session = bound
            bound.begun(send)
        else:
            self._refuse(send, bound, send.wants_reply(bound))

    def _ended(self, event: Ended) -> None:
        send, session = self._send, self._session
        if send is None:
            return
        self._send = self._session = None
        call_id = session.call_id if session is not None else ""
        self._observer.msrp(Direction.IN, summary(send), self._size, call_id, self._carrier.peer)
        if session is not None:
            session.ended(event.flag)

    def _replied(self, reply: Reply) -> None:
        """The transaction id alone says whose reply it is: peers differ in the paths they write (PEERS 15)."""
        session = self._carrier.owner(reply.transaction_id)
        if session is not None:
            self._observer.msrp(Direction.IN, summary(reply), 0, session.call_id, self._carrier.peer)
            session.replied(reply)

    def _reported(self, report: Report) -> None:
        session = self._carrier.reported(report.to_path[0].session_id or "")
        if session is not None:
            self._observer.msrp(Direction.IN, summary(report), 0, session.call_id, self._carrier.peer)
            session.reported(report)

    def _refuse(self, request: Send | OtherRequest, status: int, wanted: bool) -> None:
        self._errors += 1
        if self._errors > MAX_ERRORS:
            self.log.warn("{peer} is dropped after {count} refusals", peer=self._carrier.peer, count=MAX_ERRORS)
            self._carrier.drop()
            return
        if wanted:
            self._carrier.answer(reply_to(request, status, own=request.to_path[0]))


def summary(head: Send | Reply | Report | OtherRequest) -> str:
    """A frame in a few words, for ladders and logs."""
    match head:
        case Send():
            return f"SEND {head.byte_range}" if head.byte_range is not None else "SEND"
        case Report():
            return f"REPORT {head.byte_range} {head.status}"
        case Reply():
            return f"{head.status} {head.comment}".rstrip()
        case OtherRequest():
            return head.method

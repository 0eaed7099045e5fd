"""One TCP or TLS connection that carries MSRP sessions: frames in, frames out, fairly and without hoarding.

It is a push producer: it stops taking chunks from its sessions while the transport is full, and stops
reading while the peer does not read our replies.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pushsvc.errors import Unreachable
from pushsvc.msrp.chunk import OtherRequest, Reply, Report, Send, encode, reply_to
from pushsvc.msrp.framer import Begun, Data, Ended, Event, Framer, StreamBroken
from pushsvc.net.alarm import Alarm
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.observer import Direction, Observer
from pushsvc.net.tls import peer_certificate

HANDSHAKE_SECONDS = 10.0  # SECURITY part 5
MAX_ERRORS = 100  # a peer that asks so often for what we do not have is not worth the connection
REPLIES_UNREAD = 65536  # octets of replies that we hold for a peer that does not read


class Endpoint(Protocol):
    """What a connection asks of the endpoint that it belongs to."""

    @property
    def bind_timeout(self) -> float: ...

    @property
    def idle_timeout(self) -> float: ...

    def bind(self, send: Send, connection: MsrpConnection) -> MsrpSession | int:
        """The session that a SEND is for, bound to this connection; or the status to answer."""

    def connection_lost(self, connection: MsrpConnection) -> None:
        """The connection is gone."""


@implementer(IPushProducer, IHandshakeListener)
class MsrpConnection(StreamProtocol):
    """Many sessions, one stream. `ready` fires once octets may be sent: after the TLS handshake, if there is one."""

    log = Logger()
    transport: ITCPTransport

    def __init__(self, endpoint: Endpoint, clock: IReactorTime, observer: Observer, *, secure: bool) -> None:
        self.ready: Deferred[MsrpConnection] = Deferred()
        self.secure = secure
        self.peer = ""
        self._endpoint = endpoint
        self._observer = observer
        self._framer = Framer()
        self._idle = Alarm(clock, self.drop)
        self._sessions: dict[str, MsrpSession] = {}
        self._to_send: deque[MsrpSession] = deque()
        self._full = False
        self._replies_unread = 0
        self._errors = 0
        self._arriving: Send | None = None  # the SEND whose octets are coming in
        self._arriving_session: MsrpSession | None = None
        self._arriving_size = 0

    @property
    def certificate(self) -> bytes | None:
        """The peer's DER certificate, if it presented one."""
        return peer_certificate(self.transport)

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    # -- sessions

    def attach(self, session: MsrpSession) -> None:
        """Carry this session."""
        self._sessions[session.id] = session
        self._idle.clear()
        session.bound(self)

    def detach(self, session: MsrpSession) -> None:
        """The session is over; a connection without sessions is closed after a while."""
        self._sessions.pop(session.id, None)
        if session is self._arriving_session:
            self._arriving_session = None
        if not self._sessions:
            self._idle.after(self._endpoint.idle_timeout)

    def has_content(self, session: MsrpSession) -> None:
        if session not in self._to_send:
            self._to_send.append(session)
        self._produce()

    def transmit(self, head: Reply | Report, session: MsrpSession) -> None:
        self._transmit(head, session.call_id)

    def write(self, octets: bytes) -> None:
        self.transport.write(octets)

    def close(self) -> None:
        """What was written still goes out."""
        self.transport.loseConnection()

    def drop(self) -> None:
        """Nothing more in either direction."""
        self.transport.abortConnection()

    # -- IProtocol, IHandshakeListener

    def connectionMade(self) -> None:
        peer: Any = self.transport.getPeer()
        self.peer = f"{'tls' if self.secure else 'tcp'}:{peer.host}:{peer.port}"
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)  # type: ignore[attr-defined]
        self._idle.after(HANDSHAKE_SECONDS)
        if not self.secure:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        if not self._sessions:
            self._idle.after(self._endpoint.bind_timeout)
        if not self.ready.called:
            self.ready.callback(self)

    def dataReceived(self, data: bytes) -> None:
        try:
            for event in self._framer.feed(data):
                self._heard(event)
        except StreamBroken as error:
            self.log.warn("unreadable MSRP from {peer}: {reason}", peer=self.peer, reason=error.reason)
            for event in error.events:
                self._heard(event)
            self.drop()
        except Exception:  # root: our mistake ends this connection, not the others
            self.log.failure("a bug: MSRP from {peer} was not dealt with", peer=self.peer)
            self.drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._idle.clear()
        self._to_send.clear()
        why = f"the connection to {self.peer} was lost: {reason.getErrorMessage()}"
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            session.connection_lost(why)
        self._endpoint.connection_lost(self)
        if not self.ready.called:
            self.ready.errback(Failure(Unreachable(why)))

    # -- IPushProducer

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        if self._replies_unread > REPLIES_UNREAD:
            self.transport.resumeProducing()  # type: ignore[attr-defined]
        self._replies_unread = 0
        self._produce()

    def stopProducing(self) -> None:
        self._to_send.clear()

    # -- ours

    def _produce(self) -> None:
        """One chunk of each session in turn, until the transport is full (rule A-44)."""
        while self._to_send and not self._full:
            session = self._to_send.popleft()
            frame = session.next_chunk()
            if frame is not None:
                self._to_send.append(session)
                self._observer.msrp(Direction.OUT, frame.summary, frame.size, session.call_id, self.peer)
                self.transport.write(frame.octets)

    def _transmit(self, head: Reply | Report, call_id: str) -> None:
        octets = encode(head)
        self._observer.msrp(Direction.OUT, summary(head), 0, call_id, self.peer)
        self.transport.write(octets)
        if self._full:
            self._hold(len(octets))

    def _hold(self, octets: int) -> None:
        before, self._replies_unread = self._replies_unread, self._replies_unread + octets
        if before <= REPLIES_UNREAD < self._replies_unread:
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def _heard(self, event: Event) -> None:
        match event:
            case Data():
                self._arriving_size += len(event.octets)
                if self._arriving_session is not None:
                    self._arriving_session.data(event.octets)
            case Begun(head=Send() as send):
                self._send_begun(send)
            case Begun(head=Reply() as reply):
                self._replied(reply)
            case Begun(head=Report() as report):
                self._reported(report)
            case Begun(head=OtherRequest() as request):
                self._observer.msrp(Direction.IN, request.method, 0, "", self.peer)
                self._refuse(request, 501)
            case Ended():
                self._ended(event)

    def _send_begun(self, send: Send) -> None:
        self._arriving, self._arriving_size = send, 0
        bound = self._endpoint.bind(send, self)
        if isinstance(bound, int):
            self._arriving_session = None
            if send.wants_reply(bound):
                self._refuse(send, bound)
        else:
            self._arriving_session = bound
            bound.begun(send)

    def _ended(self, event: Ended) -> None:
        send, session = self._arriving, self._arriving_session
        if send is None:
            return
        self._arriving = self._arriving_session = None
        call_id = session.call_id if session is not None else ""
        self._observer.msrp(Direction.IN, summary(send), self._arriving_size, call_id, self.peer)
        if session is not None:
            session.ended(event.flag)

    def _replied(self, reply: Reply) -> None:
        """The transaction id alone says whose reply it is: peers differ in the paths they write (PEERS 15)."""
        for session in self._sessions.values():
            if session.owns(reply.transaction_id):
                self._observer.msrp(Direction.IN, summary(reply), 0, session.call_id, self.peer)
                session.replied(reply)
                return

    def _reported(self, report: Report) -> None:
        session = self._sessions.get(report.to_path[0].session_id or "")
        if session is not None:
            self._observer.msrp(Direction.IN, summary(report), 0, session.call_id, self.peer)
            session.reported(report)

    def _refuse(self, request: Send | OtherRequest, status: int) -> None:
        self._errors += 1
        if self._errors > MAX_ERRORS:
            self.drop()
        else:
            self._transmit(reply_to(request, status, own=request.to_path[0]), "")


def summary(head: Send | Reply | Report) -> str:
    """A frame in a few words, for ladders and logs."""
    match head:
        case Send():
            return f"SEND {head.byte_range}" if head.byte_range is not None else "SEND"
        case Report():
            return f"REPORT {head.byte_range} {head.status}"
        case Reply():
            return f"{head.status} {head.comment}".rstrip()

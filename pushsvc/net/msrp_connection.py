"""One TCP or TLS connection that carries MSRP sessions: its life, its deadlines, and its flow control.

It is a push producer: it stops taking chunks from its sessions while the transport is full, and stops
reading while the peer does not read our replies. What comes in goes to msrp_hearing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
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
from pushsvc.msrp.framer import Begun, Event, Framer, StreamBroken
from pushsvc.net.at_once import fit_reads, write_widely
from pushsvc.net.msrp_hearing import Hearing, summary
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.observer import Direction, Observer
from pushsvc.net.stream_life import StreamLife
from pushsvc.net.tls import is_identity_failure, peer_certificate
from pushsvc.net.tls_transport import TlsTransport

# SECURITY part 5, deadlines.
PARTIAL_HEAD_SECONDS = 15.0
EARLY_SECONDS = 10.0  # for a SEND that overtook the answer: by then a 200 that gets lost was repeated four times
REPLIES_UNREAD = 65536  # octets of replies that we hold for a peer that does not read
ENOUGH = 65536  # octets that are worth a write of their own: each costs a TLS record and a pass through the system


class Endpoint(Protocol):
    """What a connection asks of the endpoint that it belongs to."""

    @property
    def bind_timeout(self) -> float: ...

    @property
    def idle_timeout(self) -> float: ...

    def expected(self, send: Send) -> MsrpSession | None:
        """The session that a SEND is for, if its peer is not known yet."""

    def bind(self, send: Send, connection: MsrpConnection) -> MsrpSession | int:
        """The session that a SEND is for, bound to this connection; or the status to answer."""

    def relayed(self, session_id: str) -> MsrpSession | None:
        """The session of this id, if its peer is behind a relay, which may come from elsewhere."""

    def is_used(self, connection: MsrpConnection) -> None:
        """The connection, which carried no session, carries one."""

    def may_idle(self, connection: MsrpConnection) -> bool:
        """Whether the connection may stay, which carries no session any more."""

    def connection_lost(self, connection: MsrpConnection) -> None:
        """The connection is gone."""


@implementer(IPushProducer, IHandshakeListener)
class MsrpConnection(StreamProtocol):
    """Many sessions, one stream. `ready` fires once octets may be sent: after the TLS handshake, if there is one.

    `certificate` is the peer's, as DER, if it presented one. Once it is `closing` nothing more can be sent. `heard_at`
    is when octets came last, in seconds of the clock.

    An active answerer's first SEND may be here before its answer (E.11). Nothing is done with it, and nothing more is
    read, until it is known whether it comes from the peer.
    """

    log = Logger()
    transport: ITCPTransport

    def __init__(self, endpoint: Endpoint, clock: IReactorTime, observer: Observer, *, secure: bool) -> None:
        self.ready: Deferred[MsrpConnection] = Deferred()
        self.secure = secure
        self.peer = ""
        self.certificate: bytes | None = None
        self.heard_at = clock.seconds()
        self._endpoint = endpoint
        self._clock = clock
        self._observer = observer
        self._framer = Framer()
        self._hearing = Hearing(self, observer)
        self._life = StreamLife(clock, self.close, partial=PARTIAL_HEAD_SECONDS, unread=REPLIES_UNREAD)
        self._unheard: deque[Event] = deque()
        self._awaited: Deferred[None] | None = None
        self._sessions: dict[str, MsrpSession] = {}
        self._to_send: deque[MsrpSession] = deque()
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._gathering = False

    @property
    def closing(self) -> bool:
        return self._life.closing

    @property
    def sessions(self) -> int:
        """How many sessions it carries."""
        return len(self._sessions)

    # -- sessions (`msrp_session.Link`)

    def carry(self, session: MsrpSession) -> None:
        """Stay open for this session, which has not begun."""
        if not self._sessions:
            self._endpoint.is_used(self)
        self._sessions[session.id] = session
        self._life.idle.clear()

    def attach(self, session: MsrpSession) -> None:
        """Carry this session."""
        self.carry(session)
        if isinstance(self.transport, TlsTransport):
            self.transport.reads_widely = True
        session.bound(self)

    def detach(self, session: MsrpSession) -> None:
        """The session is over; a connection without sessions is closed after a while."""
        if self._sessions.pop(session.id, None) is None:
            return
        self._hearing.forget(session)
        if session in self._to_send:
            self._to_send.remove(session)
        if self._sessions or self.closing:
            return
        if self._endpoint.may_idle(self):
            self._life.idle.after(self._endpoint.idle_timeout)
        else:
            self.close()

    def has_content(self, session: MsrpSession) -> None:
        if session not in self._to_send:
            self._to_send.append(session)
        self._produce()

    def transmit(self, head: Send | Reply | Report | OtherRequest, session: MsrpSession) -> None:
        self._transmit(head, session.call_id)

    def abort(self, octets: bytes, session: MsrpSession) -> None:
        self._observer.msrp(Direction.OUT, "SEND #", 0, session.call_id, self.peer)
        self._write(octets)

    # -- what comes in (`msrp_hearing.Carrier`)

    def bind(self, send: Send) -> MsrpSession | int:
        return self._endpoint.bind(send, self)

    def reported(self, session_id: str) -> MsrpSession | None:
        return self._sessions.get(session_id) or self._endpoint.relayed(session_id)

    def owner(self, transaction_id: str) -> MsrpSession | None:
        return next((each for each in self._sessions.values() if each.owns(transaction_id)), None)

    def answer(self, reply: Reply) -> None:
        self._transmit(reply, "")

    # -- the end of it

    def close(self) -> None:
        """What was written still goes out, if the peer reads it in time; TLS announces the end (E.10 rule 9)."""
        if not self.closing:
            self._write_gathered()
            self._life.close()

    def drop(self) -> None:
        """Nothing more in either direction."""
        self._life.drop()

    # -- IProtocol, IHandshakeListener

    def connectionMade(self) -> None:
        peer: Any = self.transport.getPeer()
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        self.peer = f"{'tls' if self.secure else 'tcp'}:{host}:{peer.port}"
        self._life.begin(self.transport, self, secure=self.secure)
        if not self.secure:
            write_widely(self.transport)
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        self.certificate = peer_certificate(self.transport)
        self._life.ready(self._endpoint.bind_timeout)
        if not self.ready.called:
            self.ready.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self.heard_at = self._clock.seconds()
        if self._sessions and not self.secure:
            fit_reads(self.transport, len(data))
        self._guarded(lambda: self._read(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life.lost()
        if self._awaited is not None:
            self._awaited.cancel()
        self._unheard.clear()
        self._to_send.clear()
        why = f"the connection to {self.peer} was lost: {reason.getErrorMessage()}"
        sessions, self._sessions = list(self._sessions.values()), {}
        self._endpoint.connection_lost(self)
        for session in sessions:
            if not session.is_over:  # the end of one may have ended others
                session.connection_lost(why)
        if not self.ready.called:
            self.ready.errback(Failure(Unreachable(why, retry=not is_identity_failure(reason))))

    # -- IPushProducer

    def pauseProducing(self) -> None:
        self._life.full()

    def resumeProducing(self) -> None:
        self._life.drained()
        self._produce()

    def stopProducing(self) -> None:
        self._to_send.clear()

    # -- ours

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            self._together(work)
        except Exception:  # root: our mistake ends this connection, not the others
            self.log.failure("a bug: MSRP from {peer} was not dealt with", peer=self.peer)
            self.drop()

    def _read(self, data: bytes) -> None:
        broken: StreamBroken | None = None
        try:
            events = self._framer.feed(data)
        except StreamBroken as error:
            events, broken = error.events, error
        self._hear(events)
        if broken is not None:
            self._not_understood(broken)

    def _not_understood(self, broken: StreamBroken) -> None:
        """Requirements E.8: 400, where it can be said; then it is over, as what follows may be anything."""
        self.log.warn("unreadable MSRP from {peer}: {reason}", peer=self.peer, reason=broken.reason)
        if broken.request is None:
            self.drop()
        else:
            self.answer(reply_to(broken.request, broken.status, broken.reason, own=broken.request.to_path[0]))
            self.close()

    def _hear(self, events: Sequence[Event]) -> None:
        self._unheard.extend(events)
        while self._unheard and self._awaited is None and not self.closing:
            session = self._expected(self._unheard[0])
            if session is not None:
                self._wait_for(session)
            else:
                self._hearing.heard(self._unheard.popleft())
        # Content may take its time, a head may not.
        unfinished = self._framer.partial and not self._hearing.in_frame
        self._life.heard(unfinished=unfinished, progress=bool(events))

    def _expected(self, event: Event) -> MsrpSession | None:
        if isinstance(event, Begun) and isinstance(event.head, Send):
            return self._endpoint.expected(event.head)
        return None

    def _wait_for(self, session: MsrpSession) -> None:
        self._life.hold()
        self._awaited = session.peer_known().addTimeout(EARLY_SECONDS, self._clock)
        self._awaited.addBoth(lambda _: self._guarded(self._hear_on))

    def _hear_on(self) -> None:
        """The peer is known by now, or it is too late: either way the first one waits no longer."""
        self._awaited = None
        if not self.closing:
            first = self._unheard.popleft()
            self._hearing.heard(first)
            self._hear([])
        if self._awaited is None:
            self._life.go_on()

    def _produce(self) -> None:
        """One chunk of each session in turn, until the transport is full (rule A-44)."""
        self._together(self._take_chunks)

    def _take_chunks(self) -> None:
        while self._to_send and not self._life.is_full:
            session = self._to_send.popleft()
            frame = session.next_chunk()
            if frame is not None:
                self._to_send.append(session)
                self._observer.msrp(Direction.OUT, frame.summary, frame.size, session.call_id, self.peer)
                self._write(frame.octets)

    def _transmit(self, head: Send | Reply | Report | OtherRequest, call_id: str) -> None:
        octets = encode(head)
        self._observer.msrp(Direction.OUT, summary(head), 0, call_id, self.peer)
        self._write(octets)
        self._life.answered(len(octets))

    def _write(self, octets: bytes) -> None:
        self._gathered.append(octets)
        self._gathered_size += len(octets)
        if not self._gathering or self._gathered_size >= ENOUGH:
            self._write_gathered()

    def _write_gathered(self) -> None:
        gathered, self._gathered, self._gathered_size = self._gathered, [], 0
        if gathered:
            self.transport.write(gathered[0] if len(gathered) == 1 else b"".join(gathered))

    def _together(self, work: Callable[[], None]) -> None:
        """What this writes goes out together."""
        if self._gathering:
            work()
            return
        self._gathering = True
        try:
            work()
        finally:
            self._gathering = False
            self._write_gathered()

"""One MSRP session: our path and the peer's, content going out and coming in (RFC 4975 §5).

Which connection carries it is decided in `msrp_endpoint`; how octets are framed in `pushsvc.msrp`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pushsvc.errors import DeliveryError, Misuse, Unreachable
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import ID_LENGTH, ByteRange, Flag, Reply, Report, Send
from pushsvc.msrp.outgoing import Receipt
from pushsvc.msrp.uri import MsrpUri, Path
from pushsvc.net.msrp_receiving import NOTHING, Receiving, Wanted
from pushsvc.net.msrp_sending import Content, Frame, Progress, Sending, Transfer
from pushsvc.net.tls import Announced


class Link(Protocol):
    """The connection, as its sessions see it; `peer` names it for people, at `heard_at` (seconds) octets came last."""

    @property
    def peer(self) -> str: ...

    @property
    def heard_at(self) -> float: ...

    def transmit(self, head: Send | Reply | Report, session: MsrpSession) -> None:
        """Send this at once; a SEND has no content."""

    def abort(self, octets: bytes, session: MsrpSession) -> None:
        """Send this frame, which ends a content early, at once."""

    def has_content(self, session: MsrpSession) -> None:
        """There may be chunks to take."""


class AtRelay(Protocol):
    """What our relay does for a session; `use_path` leads from us through it, `link` is the connection to it."""

    use_path: Path

    @property
    def link(self) -> Link: ...

    def bind(self) -> None:
        """The connection carries the session from now on."""

    def owns(self, transaction_id: str) -> bool:
        """Whether a reply with this transaction id is for it."""

    def replied(self, reply: Reply) -> None:
        """That reply came."""

    def close(self, error: Exception) -> None:
        """The session is over."""


class MsrpSession:
    """A pair of paths; bound to one connection at most, and dead with it.

    `peer_path` and `fingerprints` are what the peer's session description says, once it is known; `anchor` is the host
    and port to connect to instead of the path's, with RFC 6714.
    `on_bound()` is told when a connection carries it, `on_failed(error)` when it died, its peer went silent (TimedOut)
    or sends what is too much or cannot be kept (Refused), or somebody else came in the peer's name; `on_done()` when a
    content that came in has come to its end. Once it is over it can only be closed: what still comes is answered 481.

    With a `relay` of ours it has that connection from the start, and no other; `on_moved()` is told when its `path` has
    changed, because the relay carries it by another from now on.
    """

    def __init__(self, own: MsrpUri, call_id: str, clock: IReactorTime, tokens: Tokens, transfer: Transfer) -> None:
        self.own = own
        self.call_id = call_id
        self.peer_path: Path = ()
        self.fingerprints: tuple[Announced, ...] = ()
        self.anchor: tuple[str, int] | None = None
        self.link: Link | None = None
        self.relay: AtRelay | None = None
        self.is_over = False
        self.why = ""  # it is over
        self.on_bound: Callable[[], None] = lambda: None
        self.on_failed: Callable[[DeliveryError], None] = lambda error: None
        self.on_done: Callable[[], None] = lambda: None
        self.on_moved: Callable[[], None] = lambda: None
        self._clock = clock
        self._tokens = tokens
        self._transfer = transfer
        self._sending: Sending | None = None
        self._receiving: Receiving | None = None
        self._expecting: list[Deferred[None]] = []
        self.receive(NOTHING)

    @property
    def id(self) -> str:
        """The session-id of our path: what a To-Path is looked up by."""
        return self.own.session_id or ""

    @property
    def path(self) -> Path:
        """How we are reached, for our session descriptions: through our relays, the outermost first."""
        return (*reversed(self._use_path), self.own)

    @property
    def to_path(self) -> Path:
        """How the peer is reached, for our requests."""
        return self._use_path + self.peer_path

    @property
    def is_done(self) -> bool:
        """Whether what was to go over it has gone, or cannot any more."""
        if self._sending is not None:
            return self._sending.over
        return self.is_over or (self._receiving is not None and self._receiving.is_done)

    # -- what the owner does

    def agreed(
        self, peer_path: Path, fingerprints: tuple[Announced, ...] = (), anchor: tuple[str, int] | None = None
    ) -> None:
        """What the peer's session description says. Behind a relay its certificate is not seen (E.10 rule 8)."""
        self.peer_path, self.anchor = peer_path, anchor
        self.fingerprints = fingerprints if len(peer_path) == 1 else ()
        self._tell_expecting()

    def reroute(self, peer_path: Path) -> None:
        """Both descriptions have been exchanged again; relays of the peer or of ours may lead here by other paths."""
        if peer_path and self.peer_path and peer_path[-1].matches(self.peer_path[-1]):
            self.peer_path = peer_path
        if self._sending is not None:
            self._sending.move(self.to_path)

    def send(self, content: Content, progress: Progress = lambda sent, acknowledged: None) -> Deferred[Receipt]:
        """Send one content; `progress(sent, acknowledged)` hears of octets. The result is that of `Sending.receipt`.

        Raises Misuse while another one is on its way.
        """
        link = self.link
        if self._sending is not None and not self._sending.over:
            raise Misuse("one content at a time")
        if link is None:
            return fail(Failure(Unreachable("the MSRP session has no connection")))
        to_path = self.to_path
        transfer = self._transfer if len(to_path) == 1 else self._transfer.through_relays()
        self._sending = Sending(
            content, to_path, (self.own,), transfer, self._tokens, self._clock, self._abort, progress
        )
        receipt = self._sending.receipt
        link.has_content(self)
        return receipt

    def greet(self) -> None:
        """As active side without content: tell the peer which session its connection is for (requirements E.11)."""
        if self.link is not None:
            own, word = (self.own,), self._tokens.word
            self.link.transmit(Send(word(ID_LENGTH), self.to_path, own, word(ID_LENGTH), ByteRange(1, 0, 0)), self)

    def receive(self, wanted: Wanted) -> None:
        """Let content come in."""
        if self._receiving is not None:
            self._receiving.close("replaced")
        self._receiving = Receiving(
            self.own,
            wanted,
            self._clock,
            self._transfer.stall_timeout,
            self._transmit,
            self._receiving_failed,
            self._tokens,
            self._done,
            self.call_id,
        )

    def close(self) -> None:
        """The dialog is over: what is under way is abandoned, and nobody is told."""
        if self._sending is not None and not self._sending.over and self.link is not None:
            self._sending.abort()
        self._end(Unreachable("the session was closed"))

    # -- what the endpoint and the connection ask and tell

    def peer_known(self) -> Deferred[None]:
        """Fires when it is known who the peer is, or that nobody will be."""
        known: Deferred[None] = Deferred(self._expecting.remove)
        self._expecting.append(known)
        return known

    def is_with(self, from_path: Path) -> bool:
        """Whether somebody with this path is our peer.

        The port of an active peer's path means nothing, its session-id does (PEERS 10).
        """
        return bool(self.peer_path) and from_path[-1].session_id == self.peer_path[-1].session_id

    def bound(self, link: Link) -> None:
        """This connection carries the session from now on."""
        self.link = link
        self.on_bound()

    def connection_lost(self, reason: str) -> None:
        """The connection is gone, and the session with it (requirements E.11, last rule)."""
        error = Unreachable(reason)
        self._end(error)
        self.on_failed(error)

    def next_chunk(self) -> Frame | None:
        """The next chunk to write; None: nothing to send now."""
        return self._sending.next_chunk() if self._sending is not None else None

    def owns(self, transaction_id: str) -> bool:
        """Whether a reply with this transaction id is to a request of ours."""
        return any(each is not None and each.owns(transaction_id) for each in (self._sending, self.relay))

    def replied(self, reply: Reply) -> None:
        if self.relay is not None and self.relay.owns(reply.transaction_id):
            self.relay.replied(reply)
        elif self._sending is not None:
            self._sending.replied(reply)
            if self.link is not None and not self._sending.over:
                self.link.has_content(self)

    def reported(self, report: Report) -> None:
        if self._sending is not None:
            self._sending.reported(report)

    def begun(self, send: Send) -> None:
        """A chunk begins."""
        if self._receiving is not None:
            self._receiving.begun(send)

    def data(self, octets: memoryview) -> None:
        if self._receiving is not None:
            self._receiving.data(octets)

    def ended(self, flag: Flag) -> None:
        if self._receiving is not None:
            self._receiving.ended(flag)

    # -- ours

    @property
    def _use_path(self) -> Path:
        return () if self.relay is None else self.relay.use_path

    def _tell_expecting(self) -> None:
        while self._expecting:
            self._expecting.pop(0).callback(None)

    def _abort(self, octets: bytes) -> None:
        if self.link is not None:
            self.link.abort(octets, self)

    def _transmit(self, head: Reply | Report) -> None:
        if self.link is not None:
            self.link.transmit(head, self)

    def _receiving_failed(self, error: DeliveryError) -> None:
        self.on_failed(error)

    def _done(self) -> None:
        self.on_done()

    def _end(self, error: DeliveryError) -> None:
        self.link, self.is_over, self.why = None, True, error.reason
        self._tell_expecting()
        if self._receiving is not None:
            self._receiving.close(error.reason)
            self._receiving = None
        if self._sending is not None:
            self._sending.fail(error)
        if self.relay is not None:
            self.relay.close(error)

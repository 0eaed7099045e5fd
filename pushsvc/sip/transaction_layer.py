"""Every transaction alive, and which one a message belongs to (RFC 3261 §17.1.3, §17.2.3). What each does: transaction.

The layer is one machine with one deadline. What nobody waits for is forgotten at once, and the work for a message
or a moment does not grow with the number of transactions.
"""

from __future__ import annotations

from collections import OrderedDict

import attrs

from pushsvc.errors import Misuse
from pushsvc.machine import Tokens
from pushsvc.sip.authentication import TurnedAway
from pushsvc.sip.client_transaction import Client, InviteClient
from pushsvc.sip.deadlines import Deadlines
from pushsvc.sip.hop import Hop, reply_hop, stamped
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.server_transaction import InviteServer, Server
from pushsvc.sip.shares import ASKED, OURS, Shares, Standing
from pushsvc.sip.transaction import (
    NotAuthenticated,
    Output,
    RequestArrived,
    ResponseArrived,
    Settings,
    State,
    Transaction,
    Transmit,
)
from pushsvc.sip.trust_domain import TrustDomain

MAX_SERVER = 10_000  # that many INVITEs of a push take about 56 MB; peers cannot make us hold more
MAX_STRANGERS = 2_000  # of these, for peers that are not trusted: a flood of them leaves room for the core
TAG_LENGTH = 16  # 95 random bits; RFC 3261 §19.3 asks for 32
SHORTEST_REST, LONGEST_REST = 5, 30  # seconds: Retry-After of a 503, spread so that not all return at once
NOT_NOW = frozenset({480, 486, 491, 500, 503, 504})  # refusals for reasons of our own, for a while

_COOKIE = "z9hG4bK"

Key = tuple[str, ...]
Origin = tuple[str, str | None, int, str]
AnyClient = InviteClient | Client
AnyServer = InviteServer | Server


@attrs.define(eq=False)
class TransactionLayer:
    """All client and server transactions of one SIP element.

    Told of messages, moments and wishes, it answers with Transmit, RequestArrived, ResponseArrived, NoAnswer and
    NotAuthenticated or TurnedDeaf. `domain` says whose requests come in, and as whose; `retransmissions` counts what
    was sent again.
    """

    settings: Settings
    tokens: Tokens
    max_server: int = MAX_SERVER
    max_strangers: int = MAX_STRANGERS
    shares: Shares = attrs.field(factory=Shares)
    domain: TrustDomain = attrs.field(factory=TrustDomain)
    retransmissions: int = attrs.field(init=False, default=0)
    _clients: dict[Key, AnyClient] = attrs.field(init=False, factory=dict)
    _servers: dict[Key, AnyServer] = attrs.field(init=False, factory=dict)
    _deadlines: Deadlines[Key] = attrs.field(init=False, factory=Deadlines)
    # Which server transaction a request made first, to know it when it comes a second way.
    _origins: dict[Origin, Key] = attrs.field(init=False, factory=dict)
    _origin_of: dict[Key, Origin] = attrs.field(init=False, factory=dict)
    # Server transactions that have their final response and only linger, oldest first: they go when room is short.
    _answered: OrderedDict[Key, None] = attrs.field(init=False, factory=OrderedDict)
    # The same of those alone that sources with limits made, and all of these.
    _answered_strangers: OrderedDict[Key, None] = attrs.field(init=False, factory=OrderedDict)
    _strangers: set[Key] = attrs.field(init=False, factory=set)
    # RFC 3261 §8.2.7: what is answered without state gets the same tag every time.
    _stateless_tag: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._stateless_tag = self.tokens.word(TAG_LENGTH)

    def received(self, message: Message, source: Hop, now: float) -> list[Output]:
        """A message has come from there."""
        if isinstance(message, Response):
            return self._response_arrived(message, now)
        if message.method == "ACK":
            return self._ack_arrived(message, source, now)
        key = _server_key(message, message.method)
        server = self._servers.get(key)
        if server is None:
            return self._serve(key, stamped(message, source), source, now)
        return self._settle(key, server, server.received(message, now))

    def request(self, request: Request, hop: Hop, now: float) -> list[Output]:
        """Send a request and see it answered. An ACK of a 2xx has no transaction: Misuse, as is a branch used twice."""
        key = _client_key(request, request.method)
        if request.method == "ACK" or key in self._clients:
            raise Misuse(f"no new transaction can be made for {request.method} {request.via.branch}")
        client_class = InviteClient if request.method == "INVITE" else Client
        client = self._clients[key] = client_class(request, hop, self.settings)
        if request.method == "CANCEL":
            self._guard_cancelled(_client_key(request, "INVITE"), now)
        return self._settle(key, client, client.start(now))

    def respond(self, response: Response, now: float) -> list[Output]:
        """Answer a request that has arrived. A 2xx to an INVITE may be sent again; a forgotten request gets nothing."""
        key = _server_key(response, response.cseq.method)
        server = self._servers.get(key)
        if server is None:
            return []
        if response.status < 200:
            return self._settle(key, server, server.respond(response, now))
        first = key not in self._answered
        self._answered.setdefault(key)
        if key in self._strangers:
            self._answered_strangers.setdefault(key)
        outputs = self._settle(key, server, server.respond(response, now))
        return outputs + self._reckon(key, server.hop, response, now) if first else outputs

    def unreadable(self, source: Hop, now: float) -> list[Output]:
        """What came from there was no message."""
        deaf = self.shares.charge(source, now)
        return [] if deaf is None else [deaf]

    def hears(self, source: Hop, now: float) -> bool:
        """Whether what comes from there is to be read at all."""
        return self.shares.standing(source, now) is not Standing.DEAF

    def unreachable(self, message: Message, now: float) -> list[Output]:
        """The transport could not send this message, which a Transmit asked for."""
        if isinstance(message, Response):
            return []
        key = _client_key(message, "INVITE" if message.method == "ACK" else message.method)
        client = self._clients.get(key)
        return [] if client is None else self._settle(key, client, client.unreachable(now))

    def invite_cancelled_by(self, cancel: Request) -> Request | None:
        """The INVITE that this CANCEL means (RFC 3261 §9.2), answered or not; None: 481."""
        server = self._servers.get(_server_key(cancel, "INVITE"))
        return server.request if isinstance(server, InviteServer) else None

    def hop_of(self, request: Request) -> Hop | None:
        """Where this request of ours went; None: its transaction is over."""
        client = self._clients.get(_client_key(request, request.method))
        return None if client is None else client.hop

    @property
    def deadline(self) -> float | None:
        return self._deadlines.deadline

    def wake(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        for key in self._deadlines.take_due(now):
            transaction = self._clients.get(key) or self._servers[key]
            outputs += self._settle(key, transaction, transaction.wake(now))
        return outputs

    def counts(self) -> tuple[int, int]:
        """How many client and server transactions are alive."""
        return len(self._clients), len(self._servers)

    def _response_arrived(self, response: Response, now: float) -> list[Output]:
        key = _client_key(response, response.cseq.method)
        client = self._clients.get(key)
        if client is not None:
            return self._settle(key, client, client.received(response, now))
        # RFC 6026 has them dropped; but a 2xx to an INVITE stands for a session that has to be ended.
        stray = response.cseq.method == "INVITE" and 200 <= response.status < 300
        return [ResponseArrived(response, None)] if stray else []

    def _ack_arrived(self, ack: Request, source: Hop, now: float) -> list[Output]:
        key = _server_key(ack, "INVITE")
        server = self._servers.get(key)
        if server is not None:
            return self._settle(key, server, server.received(ack, now))
        if ack.to.tag == self._stateless_tag:
            return []
        return [RequestArrived(stamped(ack, source), source)]

    def _serve(self, key: Key, arrived: Request, source: Hop, now: float) -> list[Output]:
        hop = reply_hop(arrived, source)
        stranger = self.shares.limits(source)
        outside = arrived.to.tag is None and arrived.method != "CANCEL"
        if outside and self.shares.standing(source, now) is not Standing.WELCOME:
            return [Transmit(self._overloaded(arrived), hop), *self.unreadable(source, now)]
        origin = (arrived.call_id, arrived.from_.tag, arrived.cseq.number, arrived.method) if outside else None
        # Before the border: the credentials of a request that comes a second way were used by the first.
        merged = origin in self._origins
        request = arrived if merged else self.domain.entered(arrived, source, now)
        if isinstance(request, TurnedAway):
            return self._turned_away(arrived, source, request, now)
        # G11: what OPTIONS is told is longer than the question: not a thing to send to ever more addresses.
        if outside and request.method == "OPTIONS" and self.shares.is_spared(source, now):
            short = reply_to(request, 200, to_tag=self._stateless_tag)
            return [Transmit(short, hop), *self.unreadable(source, now)]
        if (stranger and self._crowded and request.method == "OPTIONS") or not self._has_room(stranger):
            return [Transmit(self._overloaded(request), hop)]
        if stranger:
            self._strangers.add(key)
        server = (
            InviteServer(hop, self.settings, request, source)
            if request.method == "INVITE"
            else Server(hop, self.settings)
        )
        self._servers[key] = server
        server.start(now)
        if merged:
            return self.respond(reply_to(request, 482, to_tag=self.tokens.word(TAG_LENGTH)), now)
        if origin is not None:
            self._origins[origin] = key
            self._origin_of[key] = origin
        return self._settle(key, server, [RequestArrived(request, source)])

    def _turned_away(self, request: Request, source: Hop, why: TurnedAway, now: float) -> list[Output]:
        """RFC 3261 §26.3.2.4: once and without state, so that who forges addresses makes nobody else trouble."""
        response = reply_to(request, why.status, to_tag=self._stateless_tag, headers=why.headers)
        outputs: list[Output] = [Transmit(response, reply_hop(request, source))]
        if why.failure is not None:
            outputs.append(NotAuthenticated(request, source, why.failure))
        deaf = self.shares.charge(source, now, ASKED if why.failure is None else 1.0)
        return outputs if deaf is None else [*outputs, deaf]

    @property
    def _crowded(self) -> bool:
        return len(self._strangers) >= self.max_strangers

    def _has_room(self, stranger: bool) -> bool:
        """Forget the oldest that has its answer, rather than refuse somebody new.

        All that is lost is the absorbing of late repeats, which at such a load have come long ago. It is also what
        keeps a flood of refused INVITEs, whose ACKs never come, from shutting everybody else out.
        """
        if stranger and self._crowded:
            return self._forget_oldest(self._answered_strangers)
        return len(self._servers) < self.max_server or self._forget_oldest(self._answered)

    def _forget_oldest(self, answered: OrderedDict[Key, None]) -> bool:
        if not answered:
            return False
        self._forget(next(iter(answered)))
        return True

    def _reckon(self, key: Key, source: Hop, response: Response, now: float) -> list[Output]:
        """What the answer to a request means for its source."""
        method = response.cseq.method
        if response.status < 300 and method != "OPTIONS":
            self.shares.pay_back(source, now)
            return []
        if self._crowded and key in self._strangers and response.status >= 300:
            # RFC 3261 §8.2.7, statelessly: repeating refusals until an ACK comes would only make the flood greater.
            self._forget(key)
        deaf = self.shares.charge(source, now, OURS if response.status in NOT_NOW else 1.0)
        return [] if deaf is None else [deaf]

    def _overloaded(self, request: Request) -> Response:
        rest = SHORTEST_REST + int(self.tokens.fraction() * (LONGEST_REST - SHORTEST_REST + 1))
        return reply_to(request, 503, to_tag=self._stateless_tag, headers=[("Retry-After", str(rest))])

    def _guard_cancelled(self, key: Key, now: float) -> None:
        invite = self._clients.get(key)
        if isinstance(invite, InviteClient):
            invite.cancelled(now)
            self._deadlines.set(key, invite.deadline)

    def _settle(self, key: Key, transaction: Transaction, outputs: list[Output]) -> list[Output]:
        """After every input: count what was repeated, and wait for the next deadline or forget."""
        for output in outputs:
            if isinstance(output, Transmit) and output.repeated:
                self.retransmissions += 1
        if transaction.state is State.TERMINATED:
            self._forget(key)
        else:
            self._deadlines.set(key, transaction.deadline)
        return outputs

    def _forget(self, key: Key) -> None:
        self._deadlines.set(key, None)
        if self._clients.pop(key, None) is None:
            del self._servers[key]
            self._strangers.discard(key)
            self._answered.pop(key, None)
            self._answered_strangers.pop(key, None)
            if (origin := self._origin_of.pop(key, None)) is not None:
                del self._origins[origin]


def _client_key(message: Message, method: str) -> Key:
    """RFC 3261 §17.1.3: the branch is ours and unique; the method tells an INVITE from its CANCEL."""
    return message.via.branch, method


def _server_key(message: Message, method: str) -> Key:
    """RFC 3261 §17.2.3: branch, sent-by and method; an ACK is found by "INVITE"."""
    via = message.via
    branch = via.branch
    if not branch.startswith(_COOKIE) or branch == _COOKIE:
        # No unique branch (RFC 2543): this much of its rules keeps a peer's requests apart.
        branch = f"{message.call_id} {message.cseq.number}"
    return branch, via.host.lower(), str(via.port), method

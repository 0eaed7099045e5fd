"""A transaction layer on real transports: requests go out and their final answers come back as Deferreds.

Dialogs and sessions live above, in `sessions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from pushsvc.digest import Account
from pushsvc.errors import BadMessage, Unreachable
from pushsvc.machine import Tokens
from pushsvc.net.ailing import Ailing
from pushsvc.net.asking import Asking, Provisional
from pushsvc.net.descriptors import Descriptors
from pushsvc.net.driver import Driver
from pushsvc.net.locate import TRANSPORTS, Locator
from pushsvc.net.observer import Direction, Observer
from pushsvc.net.places import Places
from pushsvc.net.reaching import Exchange, Make, Reaching
from pushsvc.net.sip_streams import SipStreams
from pushsvc.net.sip_transport import UdpTransport
from pushsvc.net.tls import Tls
from pushsvc.sip.codec import encode
from pushsvc.sip.credentials import Credentials
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop, reply_hop, stamped
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.shares import Shares
from pushsvc.sip.transaction import (
    NoAnswer,
    NotAuthenticated,
    Output,
    RequestArrived,
    ResponseArrived,
    Settings,
    Transmit,
    TurnedDeaf,
)
from pushsvc.sip.transaction_layer import TransactionLayer
from pushsvc.sip.trust_domain import TrustDomain
from pushsvc.sip.uri import SipUri


class UserAgent:
    """Sends requests, answers requests, and knows our addresses: `places`.

    `on_request(request, source)` is told of every new request, ACKs of 2xx included; `on_stray(response, invite)`
    of every 2xx to an INVITE that nobody waits for any more: repeated, forked, or crossing a CANCEL. The INVITE is
    None once its transaction is over. `on_unauthenticated(kind)` is told of requests that failed at the border of
    `domain`, by a word of `sip.authentication.Kind`. `account` is whose `credentials` are given from now on.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        tokens: Tokens,
        locator: Locator,
        observer: Observer,
        settings: Settings,
        advertise: str = "",
        tls: Tls | None = None,
        account: Account | None = None,
        shares: Shares | None = None,
        domain: TrustDomain | None = None,
        descriptors: Descriptors | None = None,
    ) -> None:
        self.on_request: Callable[[Request, Hop], None] = lambda request, source: None
        self.on_stray: Callable[[Response, Request | None], None] = lambda response, invite: None
        self.on_unauthenticated: Callable[[str], None] = lambda kind: None
        self._reactor = reactor
        self._tokens = tokens
        self._observer = observer
        self.account = account
        self._shares = shares or Shares()
        self._layer = TransactionLayer(settings, tokens, shares=self._shares, domain=domain or TrustDomain())
        self._driver = Driver(self._layer, self._perform, reactor)
        self._asking = Asking(self._start)
        self._reaching = Reaching(self, locator, self._asking, Ailing(reactor))
        self._tls = tls
        self._streams = SipStreams(reactor, self, tls)
        self._descriptors = descriptors or Descriptors(reactor, lambda: False)
        self._descriptors.close_idle.append(self._streams.close_idle)
        self.places = Places(tokens, advertise, self._streams.near_end)
        self._udp: list[UdpTransport] = []
        self._ports: list[IListeningPort] = []

    # -- our addresses

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where we listen: the first address of each transport."""
        return self.places.addresses

    def contact(self, user: str | None, transport: str, *, secure: bool = False) -> SipUri:
        """Where whoever may be reaches us over this transport."""
        return self.places.contact(user, transport, secure=secure)

    def listen(self, transport: str, host: str, port: int) -> tuple[str, int]:
        """Open a listener; gives the address that it really has. Raises CannotListenError."""
        if transport == "udp":
            udp = UdpTransport(self, len(self._udp))
            listener = self._reactor.listenUDP(port, udp, interface=host, maxPacketSize=65536)
            self._udp.append(udp)
        elif transport in TRANSPORTS and (self._tls is not None or transport != "tls"):
            listener = self._descriptors.listen_tcp(port, self._streams.factory(transport), host)
        else:
            raise CannotListenError(host, port, OSError(f"SIP over {transport} is not possible here"))
        self._ports.append(listener)
        self.places.add(transport, host, listener.getHost().port)
        return host, listener.getHost().port

    def stop(self) -> Deferred[Any]:
        """Close every listener and connection; whoever waits for an answer hears Withdrawn. Fires when all are gone."""
        self._driver.stop()
        self._asking.stop()
        self._udp.clear()
        closing = [d for d in (port.stopListening() for port in self._ports) if d is not None]
        return gatherResults([*closing, self._streams.stop()], consumeErrors=True)

    # -- requests of ours

    def credentials(self, *, foreign: bool = False) -> Credentials:
        """Those of our account, for the requests of one Call-ID."""
        return Credentials(self.account, self._tokens, foreign=foreign)

    async def request(
        self,
        make: Make,
        next_hop: SipUri,
        provisional: Provisional | None = None,
        credentials: Credentials | None = None,
        next_number: Callable[[], int] | None = None,
        *,
        foreign: bool = False,
    ) -> Exchange:
        """Send what `make` builds for a Via; its final answer.

        Addresses of the next hop are tried in turn until one answers, and is not overloaded (503). A challenge is
        answered with `credentials`, under the CSeq number that `next_number` gives: without them, with such as nobody
        has used before, and the next number. A `foreign` next hop is one that somebody else named: addresses inside of
        this machine do not count. Cancelling the Deferred that waits for this withdraws an INVITE: CANCEL goes out once
        a provisional answer has come, and a 2xx that crosses it goes to `on_stray`. Raises TimedOut, Unreachable, or
        Withdrawn when we are stopped.
        """
        return await self._reaching.request(
            make, next_hop, provisional, credentials or self.credentials(foreign=foreign), next_number, foreign=foreign
        )

    def keep(self, hop: Hop, lost: Callable[[int], None], ping_after: float | None = None) -> int | None:
        """Keep the connection to this hop up, by pings each so many seconds at the latest; gives its number.

        `lost` is told that number when it is gone. None: there is none. `ping_after` is what the peer asks for, which
        must answer then; without it pings go out as often as NATs need, and answers are not insisted on.
        """
        return self._streams.keep(hop, lost, ping_after)

    def let_go(self, number: int, lost: Callable[[int], None]) -> None:
        """Keep the connection of this number up no more, of which `lost` was to be told."""
        self._streams.let_go(number, lost)

    def hold(self, hop: Hop) -> Callable[[], None]:
        """Keep the connection to this hop, if we opened one, by pings until what this gives is called.

        A session's peer has our address from what went over it, which may lead to us by this connection only.
        """
        return self._streams.hold(hop)

    async def acknowledge(self, make: Make, next_hop: SipUri, *, foreign: bool = False) -> tuple[Request, Hop]:
        """Send an ACK for a 2xx, which is a request without a transaction (RFC 3261 §13.2.2.4).

        `foreign` is that of `request`. Raises Unreachable.
        """
        request, hop = await self._reaching.first(make, next_hop, foreign=foreign)
        self.transmit(request, hop)
        return request, hop

    def transmit(self, message: Message, hop: Hop) -> None:
        """Put a message on the wire. If that fails its transaction hears of it."""
        self._observer.sip(Direction.OUT, message, hop)
        octets = encode(message)
        if hop.transport != "udp":
            self._streams.transmit(octets, message, hop)
            return
        socket = self._socket(hop)
        if socket is None or not socket.transmit(octets, hop):
            self.unsent(message, Unreachable(f"{hop} cannot be reached"))

    def hop_of(self, request: Request) -> Hop | None:
        """Where this request of ours went; None: its transaction is over."""
        return self._layer.hop_of(request)

    # -- requests of others

    def respond(self, response: Response) -> None:
        """Answer a request that `on_request` told of; a 2xx to an INVITE may be given again."""
        self._driver.run(self._layer.respond(response, self._reactor.seconds()))

    def cancelled_by(self, cancel: Request) -> Request | None:
        """The INVITE that an arrived CANCEL means; None: it is unknown, or over."""
        return self._layer.invite_cancelled_by(cancel)

    @property
    def transactions(self) -> int:
        """How many transactions are alive."""
        return sum(self._layer.counts())

    # -- what transports tell us

    def received(self, message: Message, source: Hop) -> None:
        self._observer.sip(Direction.IN, message, source)
        self._driver.run(self._layer.received(message, source, self._reactor.seconds()))

    def limits(self, source: Hop) -> bool:
        """Whether who is there is one of many strangers, and not somebody that is trusted."""
        return self._shares.limits(source)

    def trusts(self, source: Hop) -> bool:
        """Whether who is there is somebody that is trusted, whatever strangers may do."""
        return self._shares.trusts(source)

    def hears(self, source: Hop) -> bool:
        """Whether what comes from there is worth reading: not while it floods us."""
        return self._layer.hears(source, self._reactor.seconds())

    def unreadable(self, source: Hop, error: BadMessage, reply: Response | None) -> None:
        self._observer.sip_unreadable(source, error.reason)
        if reply is not None:
            self.transmit(stamped(reply, source), reply_hop(reply, source))
        self._driver.run(self._layer.unreadable(source, self._reactor.seconds()))

    def unsent(self, message: Message, why: Unreachable) -> None:
        """A transport could not deliver this message, or lost it before it was answered."""
        self._asking.unsent(message, why)
        self._driver.run(self._layer.unreachable(message, self._reactor.seconds()))

    # -- what the layer wishes for

    def _perform(self, output: Output) -> None:
        match output:
            case Transmit():
                self.transmit(output.message, output.hop)
                if output.repeated:
                    self._observer.sip_retransmissions(1)
            case RequestArrived():
                self._pass_up(output.request, output.source)
            case ResponseArrived():
                self._heard(output.response, output.request)
            case NoAnswer():
                self._streams.settled(output.request)
                self._asking.given_up(output.request, output.why)
            case TurnedDeaf():
                if not output.again:
                    self.log.warn("{peer} asks for too much that comes to nothing: heard less now", peer=output.source)
                self._streams.cut(output.source)
            case NotAuthenticated():
                self._turned_away(output)

    def _pass_up(self, request: Request, source: Hop) -> None:
        try:
            self.on_request(request, source)
        except Exception:  # root: our mistake must not leave the peer without an answer (requirements E.12)
            self.log.failure("a bug: {method} was not dealt with", method=request.method, call_id=request.call_id)
            if request.method != "ACK":
                self.respond(reply_to(request, 500, to_tag=self._tokens.word(16)))

    def _turned_away(self, output: NotAuthenticated) -> None:
        request, failure = output.request, output.failure
        self.log.warn(
            "authentication failed: {reason}",
            reason=failure.reason,
            user=failure.user or None,
            method=request.method,
            call_id=request.call_id,
            peer=str(output.source),
            **{"from": str(request.from_.uri)},
        )
        self.on_unauthenticated(failure.kind.value)

    def _heard(self, response: Response, request: Request | None) -> None:
        if request is not None and response.status >= 200:
            self._streams.settled(request)
        if self._asking.heard(response):
            self.on_stray(response, request)

    # -- sending

    def via(self, hop: Hop) -> Via:
        """A Via with a fresh branch for a request over this hop."""
        return self.places.via(hop)

    def has_socket(self, hop: Hop) -> bool:
        """Whether datagrams can be sent to this hop."""
        return self._socket(hop) is not None

    async def prepared(self, hop: Hop) -> None:
        """Where we do not listen for streams of this kind, our address is that of the connection: it is opened first.

        Raises Unreachable, or Withdrawn when we are stopped.
        """
        if hop.reliable and hop.transport not in self.places.addresses:
            await self._streams.opened(hop)

    def _start(self, request: Request, hop: Hop) -> None:
        self._driver.run(self._layer.request(request, hop, self._reactor.seconds()))

    def _socket(self, hop: Hop) -> UdpTransport | None:
        """The socket that the message to be answered came in by, else one for this kind of address."""
        is_ipv6 = ":" in hop.host
        if hop.connection is not None and hop.connection < len(self._udp):
            socket = self._udp[hop.connection]
            if socket.is_ipv6 is is_ipv6:
                return socket
        return next((socket for socket in self._udp if socket.is_ipv6 is is_ipv6), None)

"""Every MSRP session and connection of this process: who listens, who connects, and which session a SEND is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import Send
from pushsvc.msrp.uri import UNUSED_PORT, MsrpUri, hosts_differ
from pushsvc.net.admission import Admission, Guest
from pushsvc.net.descriptors import Descriptors
from pushsvc.net.locate import Resolve, addresses_of
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_outward import Outward
from pushsvc.net.msrp_relay import Relay, RelayClient
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import AtRelay, MsrpSession
from pushsvc.net.observer import Observer
from pushsvc.net.service_lookup import ServiceLookup
from pushsvc.net.tls import Tls, fingerprint, is_announced

NO_SESSION = 481
BOUND_ELSEWHERE = 506
SILENT_SECONDS = 1.0  # a connection without sessions that said nothing for so long goes when descriptors are short


@attrs.frozen
class MsrpSettings:
    """Times in seconds; names as in the configuration's section [msrp]."""

    bind_timeout: float = 30.0
    idle_timeout: float = 60.0
    connect_timeout: float = 30.0
    sha1_fingerprints: bool = False
    transfer: Transfer = Transfer()
    relay: Relay | None = None


class MsrpEndpoint:
    """Opens sessions, listens for those that come in, connects those that go out."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        tls: Tls,
        tokens: Tokens,
        observer: Observer,
        resolve: Resolve,
        settings: MsrpSettings,
        advertise: str = "",
        lookup: ServiceLookup | None = None,
        descriptors: Descriptors | None = None,
    ) -> None:
        self._reactor = reactor
        self._descriptors = descriptors or Descriptors(reactor, lambda: False)
        self._descriptors.close_idle.append(self._close_idle)
        self._tls = tls
        self._tokens = tokens
        self._observer = observer
        self._settings = settings
        self._advertise = advertise
        self._resolve = resolve
        self._sessions: dict[str, MsrpSession] = {}
        self._connections: dict[MsrpConnection, Callable[[], None]] = {}
        self._guests: dict[MsrpConnection, Guest] = {}
        self._outward = Outward(reactor, tls, resolve, settings.connect_timeout, self.make_connection)
        relay = settings.relay
        self._relay = None if relay is None else RelayClient(relay, self._outward, lookup, tokens, reactor)
        self._ports: list[IListeningPort] = []
        self._stopped: Deferred[None] | None = None
        self.addresses: dict[str, tuple[str, int]] = {}

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of our certificate, for our session descriptions."""
        return fingerprint(self._tls.identity.der)

    @property
    def bind_timeout(self) -> float:
        return self._settings.bind_timeout

    @property
    def idle_timeout(self) -> float:
        return self._settings.idle_timeout

    @property
    def sessions(self) -> int:
        """How many sessions are alive."""
        return len(self._sessions)

    @property
    def connections(self) -> int:
        """How many connections are open, or shaking hands."""
        return len(self._connections)

    # -- listening

    def listen(self, transport: str, host: str, port: int) -> tuple[str, int]:
        """Open a listener, `tls` or `tcp`; gives the address that it really has. Raises CannotListenError."""
        secure = transport == "tls"
        factory: IProtocolFactory = _Inward(self, secure)
        if secure:
            factory = self._tls.server(factory)
        listener = self._descriptors.listen_tcp(port, factory, host)
        self._ports.append(listener)
        address = (host, listener.getHost().port)
        self.addresses.setdefault(transport, address)
        return address

    def stop_listening(self) -> list[Deferred[Any]]:
        ports, self._ports = self._ports, []
        return [d for d in (port.stopListening() for port in ports) if d is not None]

    def stop(self) -> Deferred[None]:
        """Close every connection; fires when the last is gone."""
        self._stopped = Deferred()
        self._outward.stop()
        for connection in list(self._connections):
            connection.close()
        return self._stopped if self._connections else succeed(None)

    def _close_idle(self) -> None:
        before = self._reactor.seconds() - SILENT_SECONDS
        for connection in list(self._connections):
            if not connection.sessions and connection.heard_at <= before:
                connection.close()

    # -- sessions

    def is_relayed(self, secure: bool) -> bool:
        """Whether our relay carries such sessions: those in clear text it would not keep so (E.13, AUTH needs TLS)."""
        return self._relay is not None and secure

    def host_and_port(self, secure: bool) -> tuple[str, int]:
        """What to write into c= and m=: where our paths begin."""
        if self._relay is not None and secure:
            return self._relay.address
        return self._where(secure)

    def _where(self, secure: bool) -> tuple[str, int]:
        """Where we listen, or who we are and port 9 where we do not."""
        host, port = self.addresses.get("tls" if secure else "tcp", ("", UNUSED_PORT))
        return self._advertise or host or next((h for h, _ in self.addresses.values()), "127.0.0.1"), port

    def open(self, call_id: str, *, secure: bool = True, active: bool = False) -> MsrpSession:
        """A new session with a path of its own, in which an `active` side names no port; `close` it when it is over."""
        host, port = self._where(secure)
        own = MsrpUri(
            scheme="msrps" if secure else "msrp",
            host=f"[{host}]" if ":" in host else host,
            port=UNUSED_PORT if active else port,
            session_id=self._tokens.word(24),
        )
        session = MsrpSession(own, call_id, self._reactor, self._tokens, self._settings.transfer)
        self._sessions[session.id] = session
        return session

    async def reserve(self, sessions: Iterable[MsrpSession]) -> None:
        """Have our relay carry these, where it is to: their paths lead through it then. Raises Unreachable.

        One after the other, so that a relay that wants us not is asked once.
        """
        for session in sessions:
            if self._relay is not None and session.own.secure:
                await self._relay.reserve(session)

    def close(self, session: MsrpSession) -> None:
        """Forget the session: whatever still comes for it is answered 481."""
        self._sessions.pop(session.id, None)
        connection = session.link
        session.close()
        if isinstance(connection, MsrpConnection):
            connection.detach(session)

    async def connect(self, session: MsrpSession, *, foreign: bool = False) -> None:
        """Be the active side: bind the session to a connection to its peer, an open one if it fits.

        A `foreign` peer leads us nowhere inside of this machine. Raises Unreachable; without `retry` when it does, or
        when the peer is not who its session description says. Raises Withdrawn when we are stopped.
        """
        if self._stopped is not None:
            raise Withdrawn("the service is stopping")
        if session.is_over:
            raise Unreachable(session.why)
        if session.relay is not None:
            session.relay.bind()
            return
        way = self._outward.way(session.peer_path[0], bool(session.fingerprints), session.anchor, foreign=foreign)
        connection = self._outward.shared(way)
        if connection is None or not self._is_peer(session, connection):  # a certificate may be newer than a connection
            connection = await self._outward.connect(way)
            if not self._is_peer(session, connection):
                raise _not_the_announced(connection)
        if session.is_over:
            raise Unreachable(session.why)
        connection.attach(session)

    async def are_two_hosts(self, one: str, other: str) -> bool:
        """Whether these are not the same host, as far as can be known (requirements E.11: names are resolved first)."""
        differ = hosts_differ(one, other)
        if differ is not None:
            return differ
        try:
            found = [set(await addresses_of(host, self._resolve)) for host in (one, other)]
        except Unreachable:
            return False
        return found[0].isdisjoint(found[1])

    def expected(self, send: Send) -> MsrpSession | None:
        """The session that a SEND is for, if its peer is not known yet: its answer was overtaken (E.11)."""
        session = self._sessions.get(send.to_path[0].session_id or "")
        if session is None or session.peer_path or len(send.to_path) > 1 or not session.own.matches(send.to_path[0]):
            return None
        return session

    def bind(self, send: Send, connection: MsrpConnection) -> MsrpSession | int:
        """RFC 4975 §5.4, §7.3: one URI, ours, of a session that this connection carries or may carry."""
        session = self._sessions.get(send.to_path[0].session_id or "")
        if session is None or session.is_over or not _is_between(send, session):
            return NO_SESSION
        if session.link is connection:
            return session
        if session.link is not None:
            return BOUND_ELSEWHERE
        if session.relay is not None:
            return self._bind_relayed(session, session.relay, connection)
        if not self._is_peer(session, connection):
            self._turn_away(session, connection)
            return NO_SESSION
        connection.attach(session)
        return session

    def relayed(self, session_id: str) -> MsrpSession | None:
        """A peer's relay goes by our URI, and may connect to us for its REPORTs although we have connected to it.

        Kamailio does. Nothing is believed by that but a report with the session-id and Message-ID of our content.
        """
        session = self._sessions.get(session_id)
        return session if session is not None and len(session.peer_path) > 1 else None

    def is_used(self, connection: MsrpConnection) -> None:
        """It carries a session. Sessions have limits of their own, so it is none of the strangers any more."""
        if guest := self._guests.get(connection):
            guest.is_known()

    def may_idle(self, connection: MsrpConnection) -> bool:
        """Whether a connection that carries no session any more may stay open: as long as its source has a place."""
        guest = self._guests.get(connection)
        return guest is None or guest.is_stranger()

    def connection_lost(self, connection: MsrpConnection) -> None:
        leave = self._connections.pop(connection)
        leave()
        if self._stopped is not None and not self._connections and not self._stopped.called:
            self._stopped.callback(None)

    def make_connection(self, secure: bool, leave: Callable[[], None]) -> MsrpConnection:
        """A connection of ours, to be put on a transport; `leave` is called when it is gone."""
        connection = MsrpConnection(self, self._reactor, self._observer, secure=secure)
        self._connections[connection] = leave
        return connection

    def receive_guest(self, secure: bool, guest: Guest) -> MsrpConnection:
        """A connection for one that came in."""

        def leave() -> None:
            del self._guests[connection]
            guest.left()

        connection = self.make_connection(secure, leave)
        self._guests[connection] = guest
        return connection

    # -- ours

    def _bind_relayed(self, session: MsrpSession, relay: AtRelay, connection: MsrpConnection) -> MsrpSession | int:
        """The relay is who may come for it, over the connection that it has."""
        if relay.link is not connection:
            return BOUND_ELSEWHERE
        relay.bind()
        return session

    def _is_peer(self, session: MsrpSession, connection: MsrpConnection) -> bool:
        """Requirements E.10 rules 2, 4 and 6: whether who is there is whom the session description announced."""
        if session.own.secure is not connection.secure:
            return False
        if not connection.secure or not session.fingerprints:
            return True
        certificate = connection.certificate
        if certificate is None and not self._tls.insists:
            self.log.info("{peer} announced a fingerprint and presents no certificate", peer=connection.peer)
            return True
        return is_announced(certificate, session.fingerprints, self._settings.sha1_fingerprints)

    def _turn_away(self, session: MsrpSession, connection: MsrpConnection) -> None:
        """Somebody came in the name of a peer (E.10 rule 2). Sessions that are rightly on the connection stay."""
        error = _not_the_announced(connection)
        self.log.warn("{reason}", reason=error.reason, call_id=session.call_id)
        if not connection.sessions:
            connection.drop()
        session.on_failed(error)


def _not_the_announced(connection: MsrpConnection) -> Unreachable:
    return Unreachable(f"the certificate of {connection.peer} is not the announced one", retry=False)


def _is_between(send: Send, session: MsrpSession) -> bool:
    """Whether a SEND is for this session, and from its peer."""
    return len(send.to_path) == 1 and session.own.matches(send.to_path[0]) and session.is_with(send.from_path)


class _Inward(Factory):
    """Makes a connection for each that comes in and is admitted."""

    noisy = False

    def __init__(self, endpoint: MsrpEndpoint, secure: bool) -> None:
        self._endpoint = endpoint
        self._secure = secure
        self._admission = Admission()

    def buildProtocol(self, addr: IAddress | None) -> MsrpConnection | None:
        host = getattr(addr, "host", "")
        if not self._admission.admit(host):
            return None
        connection = self._endpoint.receive_guest(self._secure, Guest(self._admission, host))
        connection.ready.addErrback(lambda _: None)  # nobody waits for one that comes in
        return connection

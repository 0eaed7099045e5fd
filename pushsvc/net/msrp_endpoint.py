"""Every MSRP session and connection of this process: who listens, who connects, and which session a SEND is for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import Unreachable
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import Send
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.admission import Admission
from pushsvc.net.locate import Resolve, is_address
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.observer import Observer
from pushsvc.net.tls import Tls, fingerprint, is_announced

UNUSED_PORT = 9  # requirements E.1: customary for who only connects

NO_SESSION = 481
BOUND_ELSEWHERE = 506


@attrs.frozen
class MsrpSettings:
    """Times in seconds; names as in the configuration's section [msrp]."""

    bind_timeout: float = 30.0
    idle_timeout: float = 60.0
    connect_timeout: float = 30.0
    sha1_fingerprints: bool = False
    client_certificate_required: bool = False
    transfer: Transfer = Transfer()


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
    ) -> None:
        self._reactor = reactor
        self._tls = tls
        self._tokens = tokens
        self._observer = observer
        self._resolve = resolve
        self._settings = settings
        self._advertise = advertise
        self._sessions: dict[str, MsrpSession] = {}
        self._connections: dict[MsrpConnection, Callable[[], None]] = {}
        self._outward: dict[tuple[str, str, int], _Outward] = {}
        self._ports: list[IListeningPort] = []
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

    # -- listening

    def listen(self, transport: str, host: str, port: int) -> tuple[str, int]:
        """Open a listener, `tls` or `tcp`; gives the address that it really has. Raises CannotListenError."""
        secure = transport == "tls"
        factory: IProtocolFactory = _Inward(self, secure)
        if secure:
            factory = self._tls.server(factory)
        listener = self._reactor.listenTCP(port, factory, interface=host)
        self._ports.append(listener)
        self.addresses[transport] = (host, listener.getHost().port)
        return self.addresses[transport]

    def stop_listening(self) -> list[Deferred[Any]]:
        ports, self._ports = self._ports, []
        return [d for d in (port.stopListening() for port in ports) if d is not None]

    def stop(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            connection.close()

    # -- sessions

    def host_and_port(self, secure: bool) -> tuple[str, int]:
        """What to write into c= and m=: where we listen, or who we are and port 9 where we do not."""
        host, port = self.addresses.get("tls" if secure else "tcp", ("", UNUSED_PORT))
        return self._advertise or host or next((h for h, _ in self.addresses.values()), "127.0.0.1"), port

    def open(self, call_id: str, *, secure: bool = True) -> MsrpSession:
        """A new session with a path of its own; `close` it when it is over."""
        host, port = self.host_and_port(secure)
        own = MsrpUri(
            scheme="msrps" if secure else "msrp",
            host=f"[{host}]" if ":" in host else host,
            port=port,
            session_id=self._tokens.word(24),
        )
        session = MsrpSession(own, call_id, self._reactor, self._tokens, self._settings.transfer)
        self._sessions[session.id] = session
        return session

    def close(self, session: MsrpSession) -> None:
        """Forget the session: whatever still comes for it is answered 481."""
        self._sessions.pop(session.id, None)
        connection = session.link
        session.close()
        if isinstance(connection, MsrpConnection):
            connection.detach(session)

    async def connect(self, session: MsrpSession) -> None:
        """Be the active side: bind the session to a connection to its peer, an open one if it fits.

        Raises Unreachable; without `retry` when the peer is not who its session description says.
        """
        target = session.peer_path[0]
        address = (target.scheme, target.host.lower(), target.port or 0)
        outward = self._outward.get(address)
        if outward is None:
            outward = self._outward[address] = _Outward(address)
            self._open(target, bool(session.fingerprints), outward)
        connection = outward.connection or await outward.wait()
        self._check_peer(session, connection)
        connection.attach(session)

    def bind(self, send: Send, connection: MsrpConnection) -> MsrpSession | int:
        """RFC 4975 §5.4, §7.3: one URI, ours, of a session that this connection carries or may carry."""
        session = self._sessions.get(send.to_path[0].session_id or "")
        if session is None or len(send.to_path) != 1 or not session.own.matches(send.to_path[0]):
            return NO_SESSION
        if session.link is connection:
            return session
        if session.link is not None:
            return BOUND_ELSEWHERE
        # The port of an active peer's path means nothing, its session-id does (PEERS 10).
        if not session.peer_path or send.from_path[-1].session_id != session.peer_path[-1].session_id:
            return NO_SESSION
        try:
            self._check_peer(session, connection)
        except Unreachable as error:
            self.log.warn("{reason}", reason=error.reason, call_id=session.call_id)
            connection.drop()
            return NO_SESSION
        connection.attach(session)
        return session

    def connection_lost(self, connection: MsrpConnection) -> None:
        leave = self._connections.pop(connection)
        leave()

    def make_connection(self, secure: bool, leave: Callable[[], None]) -> MsrpConnection:
        """A connection of ours, to be put on a transport; `leave` is called when it is gone."""
        connection = MsrpConnection(self, self._reactor, self._observer, secure=secure)
        self._connections[connection] = leave
        return connection

    # -- ours

    def _check_peer(self, session: MsrpSession, connection: MsrpConnection) -> None:
        """Requirements E.10 rules 2, 4 and 6."""
        if not connection.secure or not session.fingerprints:
            return
        certificate = connection.certificate
        if certificate is None and not self._settings.client_certificate_required:
            self.log.info("{peer} announced a fingerprint and presents no certificate", peer=connection.peer)
        elif not is_announced(certificate, session.fingerprints, self._settings.sha1_fingerprints):
            raise Unreachable(f"the certificate of {connection.peer} is not the announced one", retry=False)

    def _open(self, target: MsrpUri, announced: bool, outward: _Outward) -> None:
        connecting = Deferred.fromCoroutine(self._connected(target, announced, outward))
        connecting.addTimeout(self._settings.connect_timeout, self._reactor)
        connecting.addCallbacks(outward.succeeded, lambda failure: self._not_opened(target, outward, failure))

    def _not_opened(self, target: MsrpUri, outward: _Outward, failure: Failure) -> None:
        self._forget(outward)
        if not failure.check(Unreachable):
            reason = failure.getErrorMessage() or "no answer"
            failure = Failure(Unreachable(f"{target.host}:{target.port} cannot be reached over MSRP: {reason}"))
        outward.failed(failure)

    def _forget(self, outward: _Outward) -> None:
        if self._outward.get(outward.address) is outward:
            del self._outward[outward.address]

    async def _connected(self, target: MsrpUri, announced: bool, outward: _Outward) -> MsrpConnection:
        if target.port is None:
            raise Unreachable("the peer's path has no port", retry=False)
        host = target.host.strip("[]")
        addresses = [host] if is_address(host) else await self._resolve(host)
        if not addresses:
            raise Unreachable(f"the name {host} has no address")
        factory: IProtocolFactory = _Outwards(
            lambda: self.make_connection(target.secure, partial(self._forget, outward))
        )
        if target.secure:
            factory = self._tls.client(factory) if announced else self._tls.client_for_name(factory, host)
        make = TCP6ClientEndpoint if ":" in addresses[0] else TCP4ClientEndpoint
        wire: Any = await make(self._reactor, addresses[0], target.port, self._settings.connect_timeout).connect(
            factory
        )
        connection: MsrpConnection = getattr(wire, "wrappedProtocol", wire)
        return await connection.ready


class _Outwards(Factory):
    """Makes the one connection of an attempt to connect."""

    noisy = False

    def __init__(self, make: Callable[[], MsrpConnection]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> MsrpConnection:
        return self._make()


@attrs.define(eq=False)
class _Outward:
    """A connection that we open, and who waits for it. Several sessions to one address share it."""

    address: tuple[str, str, int]
    connection: MsrpConnection | None = None
    _waiting: list[Deferred[MsrpConnection]] = attrs.Factory(list)

    def wait(self) -> Deferred[MsrpConnection]:
        waiting: Deferred[MsrpConnection] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def succeeded(self, connection: MsrpConnection) -> None:
        self.connection = connection
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(connection)

    def failed(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(failure)


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
        connection = self._endpoint.make_connection(self._secure, lambda: self._admission.left(host))
        connection.ready.addErrback(lambda _: None)  # nobody waits for those that come in
        return connection

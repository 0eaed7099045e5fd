"""MSRP connections that we open: where to, with what proof of who is there, and shared by whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import Unreachable
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.locate import MAX_ADDRESSES, Resolve, addresses_of
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.tls import Tls, fingerprint
from pushsvc.net.tls_transport import TlsTransport
from pushsvc.sip.inside import is_inside

# A connection of ours, to be put on a transport: secure or not, and whom to tell when it is gone.
Make = Callable[[bool, Callable[[], None]], MsrpConnection]


@attrs.frozen
class Way:
    """Where a connection leads and what its handshake says of both ends. Sessions that need the same may share it."""

    secure: bool
    host: str
    port: int
    name: str
    """Who the peer says that it is, by the host of its path: with RFC 6714 it is connected to by another address."""
    announced: bool
    """The peer's certificate is to be compared with a fingerprint; else its chain and name were checked (E.10)."""
    ours: bytes
    """The fingerprint of the certificate that we present: peers compare it, too."""
    alone: str = ""
    """Whose way this is, where it must not be shared."""
    foreign: bool = False
    """It was named from outside of this machine, and leads nowhere inside of it."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@attrs.define(eq=False)
class _Opening:
    """A connection under way, and who waits for it."""

    way: Way
    waiting: list[Deferred[MsrpConnection]] = attrs.Factory(list)
    attempt: Deferred[Any] | None = None


class Outward:
    """Opens connections, each within `timeout` seconds, and knows those that are open."""

    log = Logger()

    def __init__(self, reactor: Any, tls: Tls, resolve: Resolve, timeout: float, make: Make) -> None:
        self._reactor = reactor
        self._tls = tls
        self._resolve = resolve
        self._timeout = timeout
        self._make = make
        self._open: dict[Way, MsrpConnection] = {}
        self._opening: dict[Way, _Opening] = {}

    def way(
        self,
        target: MsrpUri,
        announced: bool,
        anchor: tuple[str, int] | None = None,
        alone: str = "",
        *,
        foreign: bool = False,
    ) -> Way:
        """The way to this URI, by the address `anchor` if there is one; `alone` names who does not share it.

        Raises Unreachable when it leads nowhere.
        """
        name = target.host.strip("[]").lower()
        host, port = anchor or (name, target.port)
        if not port:
            raise Unreachable("the peer's path has no port", retry=False)
        ours = fingerprint(self._tls.identity.der) if target.secure else b""
        return Way(target.secure, host.lower(), port, name, announced, ours, alone, foreign)

    def shared(self, way: Way) -> MsrpConnection | None:
        """The connection that goes this way already."""
        connection = self._open.get(way)
        return None if connection is None or connection.closing else connection

    def connect(self, way: Way) -> Deferred[MsrpConnection]:
        """A new connection, ready; or the one that is just being opened. Fails with Unreachable.

        Cancelling gives it up, unless others wait for it, too.
        """
        opening = self._opening.get(way)
        begun = opening is not None
        if opening is None:
            opening = self._opening[way] = _Opening(way)
        waiting: Deferred[MsrpConnection] = Deferred(lambda cancelled: self._leave(opening, cancelled))
        opening.waiting.append(waiting)
        if not begun:
            self._begin(opening)
        return waiting

    def stop(self) -> None:
        """Give up what is under way."""
        for opening in list(self._opening.values()):
            if opening.attempt is not None:
                opening.attempt.cancel()

    # -- ours

    def _leave(self, opening: _Opening, waiting: Deferred[MsrpConnection]) -> None:
        if waiting in opening.waiting:
            opening.waiting.remove(waiting)
        if not opening.waiting and opening.attempt is not None:
            opening.attempt.cancel()

    def _begin(self, opening: _Opening) -> None:
        way, timeout = opening.way, self._timeout

        def too_late(result: object, seconds: float) -> None:
            raise Unreachable(f"{way} was not reached over MSRP within {seconds:g} s")

        opening.attempt = attempt = Deferred.fromCoroutine(self._connected(way))
        attempt.addTimeout(timeout, self._reactor, onTimeoutCancel=too_late)
        attempt.addCallbacks(
            lambda connection: self._opened(opening, connection), lambda why: self._failed(opening, why)
        )
        attempt.addErrback(
            lambda bug: self.log.failure("a bug: whoever waits for {way} was not told", bug, way=str(way))
        )

    def _opened(self, opening: _Opening, connection: MsrpConnection) -> None:
        del self._opening[opening.way]
        self._open[opening.way] = connection
        while opening.waiting:
            opening.waiting.pop(0).callback(connection)
        if not connection.sessions:  # nobody waits any more, or it is not who it should be (E.10 rule 2)
            connection.close()

    def _failed(self, opening: _Opening, failure: Failure) -> None:
        del self._opening[opening.way]
        if not failure.check(Unreachable, CancelledError, ConnectingCancelledError):
            self.log.failure("a bug: {way} could not be tried", failure, way=str(opening.way))
        if not failure.check(Unreachable):
            failure = Failure(Unreachable(f"the connection to {opening.way} was given up"))
        while opening.waiting:
            opening.waiting.pop(0).errback(failure)

    async def _connected(self, way: Way) -> MsrpConnection:
        """Over the first address of the host that lets us."""
        addresses = (await addresses_of(way.host, self._resolve))[:MAX_ADDRESSES]
        if way.foreign:  # what a name leads to is known only here, and it may be another thing each time
            addresses = [address for address in addresses if not is_inside(address)]
            if not addresses:
                raise Unreachable(f"{way} is inside of this machine, and was named from outside", retry=False)
        failure: ConnectError | Unreachable | None = None
        for address in addresses:
            try:
                return await self._shaken_hands(way, address, self._timeout / len(addresses))
            except (ConnectError, Unreachable) as error:
                failure = error
        retry = not isinstance(failure, Unreachable) or failure.retry
        raise Unreachable(f"{way} cannot be reached over MSRP: {failure}", retry=retry)

    async def _shaken_hands(self, way: Way, address: str, patience: float) -> MsrpConnection:
        make = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        wire: Any = await make(self._reactor, address, way.port, patience).connect(self._factory(way))
        connection: MsrpConnection = wire.wrapped if isinstance(wire, TlsTransport) else wire  # type: ignore[assignment]
        try:
            return await connection.ready
        except CancelledError:
            connection.drop()
            raise

    def _factory(self, way: Way) -> IProtocolFactory:
        factory: IProtocolFactory = _OneWay(lambda: self._build(way))
        if not way.secure:
            return factory
        if way.announced:
            return self._tls.client(factory, way.name)
        try:
            return self._tls.client_for_name(factory, way.name)
        except ValueError:
            raise Unreachable(f"no certificate can be for {way.name}", retry=False) from None

    def _build(self, way: Way) -> MsrpConnection:
        def lost() -> None:
            if self._open.get(way) is connection:
                del self._open[way]

        connection = self._make(way.secure, lost)
        return connection


class _OneWay(Factory):
    """Makes the one connection of an attempt to connect."""

    noisy = False

    def __init__(self, make: Callable[[], MsrpConnection]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> MsrpConnection:
        return self._make()

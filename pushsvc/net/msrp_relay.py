"""Our MSRP relay (RFC 4976): each session gets a connection to it, is asked for there, and ends with it.

What is said to the relay is in `msrp.authorization`; paths with its URIs are the session's.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.digest import Account
from pushsvc.errors import DeliveryError, Unreachable
from pushsvc.machine import Tokens
from pushsvc.msrp.authorization import Allowed, Authorization, Denied, Output, Unheard
from pushsvc.msrp.chunk import OtherRequest, Reply
from pushsvc.msrp.uri import MsrpUri, Path
from pushsvc.net.driver import Driver
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_outward import Outward
from pushsvc.net.msrp_session import MsrpSession

DEFAULT_PORT = 2855  # RFC 4976 §8.1
WRONG_PASSWORD = 401


@attrs.frozen
class Relay:
    """Where it is, as our AUTHs name it, and who we are there."""

    uri: MsrpUri
    account: Account


class _NoReply(Exception):
    """Our credentials, as they were written, got no reply."""


class RelayClient:
    """Asks the relay for sessions, each on its own.

    The certificate that counts is the relay's, by its name (requirements E.10 rule 8); peers' are not seen.
    """

    def __init__(self, relay: Relay, outward: Outward, tokens: Tokens, clock: IReactorTime) -> None:
        self._relay = relay
        self._outward = outward
        self._tokens = tokens
        self._clock = clock
        self._with_uri = True
        self._address = _address(relay.uri)

    @property
    def address(self) -> tuple[str, int]:
        """Where our paths begin, as the relay said last."""
        return self._address

    async def reserve(self, session: MsrpSession) -> None:
        """Have the relay carry this session; its path is known then. Raises Unreachable, always worth another try:
        what is wrong with our relay is no fault of whoever the session is with.
        """
        try:
            await self._reserve(session)
        except DeliveryError as error:
            host, port = _address(self._relay.uri)
            raise Unreachable(f"no path from our MSRP relay {host}:{port}: {error.reason}") from error
        self._address = _address(session.path[0])

    async def _reserve(self, session: MsrpSession) -> None:
        """PEERS 6: RFC 7616 wants a uri in credentials. One relay replies only with it, and another only without."""
        try:
            await self._reserved(session, with_uri=self._with_uri)
        except _NoReply:
            await self._reserved(session, with_uri=False)
            self._with_uri = False

    async def _reserved(self, session: MsrpSession, *, with_uri: bool) -> None:
        host, port = _address(self._relay.uri)
        way = self._outward.way(attrs.evolve(self._relay.uri, host=host, port=port), announced=False, alone=session.id)
        connection = await self._outward.connect(way)
        if session.is_over:
            raise Unreachable(session.why)
        authorization = Authorization(self._relay.uri, session.own, self._relay.account, self._tokens, with_uri)
        reserved = session.relay = Reserved(session, connection, authorization, self._clock)
        connection.carry(session)
        await reserved.begin()


class Reserved:
    """One session at the relay (`msrp_session.AtRelay`)."""

    log = Logger()

    def __init__(
        self, session: MsrpSession, connection: MsrpConnection, machine: Authorization, clock: IReactorTime
    ) -> None:
        self.link = connection
        self.use_path: Path = ()
        self._session = session
        self._machine = machine
        self._clock = clock
        self._driver: Driver[Output] = Driver(machine, self._perform, clock)
        self._begun: Deferred[None] = Deferred()

    def begin(self) -> Deferred[None]:
        """Fires when the relay carries the session; fails with Unreachable, or with _NoReply."""
        self._driver.run(self._machine.begin(self._clock.seconds()))
        return self._begun

    def bind(self) -> None:
        """The session begins."""
        self.link.attach(self._session)

    def owns(self, transaction_id: str) -> bool:
        return self._machine.owns(transaction_id)

    def replied(self, reply: Reply) -> None:
        self._driver.run(self._machine.replied(reply, self._clock.seconds()))

    def close(self, error: Exception) -> None:
        self._driver.stop()
        self.link.detach(self._session)
        self.link.close()
        if not self._begun.called:
            self._begun.errback(Failure(error))

    def _perform(self, output: Output) -> None:
        match output:
            case OtherRequest():
                self.link.transmit(output, self._session)
            case Allowed():
                self._allowed(output.use_path)
            case Denied():
                self._denied(output)
            case Unheard():
                self._leave(_NoReply())

    def _allowed(self, use_path: Path) -> None:
        before, self.use_path = self.use_path, use_path
        if not self._begun.called:
            self._begun.callback(None)
        elif before != use_path:
            self._session.on_moved()

    def _denied(self, denied: Denied) -> None:
        if self._begun.called:
            self.log.warn("the MSRP relay: {reason}", reason=denied.reason, call_id=self._session.call_id)
            self._session.connection_lost(denied.reason)
        else:
            self._leave(Unreachable(denied.reason))

    def _leave(self, error: Exception) -> None:
        """The session is not carried from here; whoever waits for that hears why."""
        self._session.relay = None
        self.close(error)


def _address(uri: MsrpUri) -> tuple[str, int]:
    return uri.host.strip("[]"), uri.port or DEFAULT_PORT

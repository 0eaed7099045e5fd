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
from pushsvc.net.locate import is_address
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_outward import Outward
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.service_lookup import ServiceLookup
from pushsvc.sip.service_records import in_order

DEFAULT_PORT = 2855  # RFC 4976 §8.1
MAX_PLACES = 3  # that are tried, of those that DNS names

Place = tuple[str, int]
"""A host, by its name or address, and a port."""


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

    def __init__(
        self, relay: Relay, outward: Outward, lookup: ServiceLookup | None, tokens: Tokens, clock: IReactorTime
    ) -> None:
        self._relay = relay
        self._outward = outward
        self._lookup = lookup
        self._tokens = tokens
        self._clock = clock
        self._with_uri = True
        self._address = _place(relay.uri)

    @property
    def address(self) -> Place:
        """Where our paths begin, as the relay said last."""
        return self._address

    async def reserve(self, session: MsrpSession) -> None:
        """Have the relay carry this session; its path is known then.

        Raises Unreachable, always worth another try: a relay of ours that does not work is no fault of the peer's.
        """
        try:
            await self._in_one_way_or_the_other(session)
        except DeliveryError as error:
            raise Unreachable(f"no path from our MSRP relay {self._name}: {error.reason}") from error
        self._address = _place(session.path[0])

    @property
    def _name(self) -> str:
        uri = self._relay.uri
        return uri.host if uri.port is None else f"{uri.host}:{uri.port}"

    async def _in_one_way_or_the_other(self, session: MsrpSession) -> None:
        """PEERS 6: RFC 7616 wants a uri in credentials. One relay replies only with it, and another only without."""
        try:
            await self._reserve(session, with_uri=self._with_uri)
        except _NoReply:
            await self._reserve(session, with_uri=False)
            self._with_uri = False
        except DeliveryError:
            self._with_uri = True  # another relay may be there now
            raise

    async def _reserve(self, session: MsrpSession, *, with_uri: bool) -> None:
        connection = await self._connected(session)
        if session.is_over:
            raise Unreachable(session.why)
        authorization = Authorization(self._relay.uri, session.own, self._relay.account, self._tokens, with_uri)
        reserved = session.relay = Reserved(session, connection, authorization, self._clock)
        connection.carry(session)
        await reserved.begin()

    async def _connected(self, session: MsrpSession) -> MsrpConnection:
        failure = Unreachable("DNS says that there is none")
        for place in await self._places():
            way = self._outward.way(self._relay.uri, announced=False, anchor=place, alone=session.id)
            try:
                return await self._outward.connect(way)
            except Unreachable as error:
                failure = error
        raise failure

    async def _places(self) -> list[Place]:
        """RFC 4976 §5.1: by the port that is configured, by SRV records, or by the port that relays have."""
        uri = self._relay.uri
        if uri.port is not None or self._lookup is None or is_address(uri.host.strip("[]")):
            return [_place(uri)]
        records = await self._lookup.srv(f"_msrps._tcp.{uri.host}")
        if not records:
            return [_place(uri)]
        return [(record.target, record.port) for record in in_order(records, self._tokens.fraction)][:MAX_PLACES]


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


def _place(uri: MsrpUri) -> Place:
    return uri.host.strip("[]"), uri.port or DEFAULT_PORT

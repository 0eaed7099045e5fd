"""MSRP endpoints on a simulated network: contents, sinks, and sessions between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import Send
from pushsvc.msrp.outgoing import Receipt
from pushsvc.net.msrp_endpoint import MsrpEndpoint, MsrpSettings
from pushsvc.net.msrp_receiving import Wanted
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.observer import Direction
from pushsvc.net.tls import Tls
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message
from tests.identities import identity_of
from tests.sim import Network, Stream, Weather
from tests.tokens import CountedTokens

ALICE, BOB, CAROL = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ALICE_6, BOB_6 = "2001:db8::1", "2001:db8::2"
PORT = 2855
NAMES = {"bob.example.com": [BOB], "moved.example.com": [CAROL, BOB], "six.example.com": [BOB_6]}


@attrs.frozen
class Print:
    """A fingerprint, as a session description states it."""

    digest: bytes
    algorithm: str = "sha-256"


@attrs.define(eq=False)
class Octets:
    """A content in memory. `broken` is raised instead of being read."""

    octets: bytes
    content_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()
    broken: OSError | None = None
    read_to: int = 0

    @property
    def size(self) -> int:
        return len(self.octets)

    def read(self, offset: int, size: int) -> bytes:
        if self.broken is not None:
            raise self.broken
        self.read_to = offset + size
        return self.octets[offset : offset + size]


@attrs.define(eq=False)
class Kept:
    """A sink in memory. `durable` is what `finish` gives; `broken` is raised instead of keeping anything more."""

    send: Send
    octets: bytearray = attrs.Factory(bytearray)
    durable: Deferred[Any] = attrs.Factory(lambda: succeed(None))
    finished: bool = False
    discarded: str | None = None
    is_cut: bool = False
    broken: Exception | None = None

    def write(self, offset: int, octets: memoryview) -> None:
        if self.broken is not None:
            raise self.broken
        end = offset + len(octets)
        self.octets.extend(bytes(max(0, end - len(self.octets))))
        self.octets[offset:end] = octets

    def finish(self) -> Deferred[Any]:
        self.finished = True
        if self.broken is not None:
            raise self.broken
        return self.durable

    def cut(self, why: str) -> None:
        self.discarded, self.is_cut = why, True

    def discard(self, why: str) -> None:
        self.discarded = why


class Shelf:
    """Takes what comes in: `kept`, in the order in which it began."""

    def __init__(self, **facts: Any) -> None:
        self.kept: list[Kept] = []
        self.facts = facts
        self.full: OSError | None = None

    def make_sink(self, send: Send) -> Kept:
        if self.full is not None:
            raise self.full
        self.kept.append(Kept(send, **self.facts))
        return self.kept[-1]

    def wanted(self, **limits: Any) -> Wanted:
        return Wanted(lambda media_type: media_type.startswith("text/"), self.make_sink, **limits)


class Notes:
    """An observer of frames."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str, int, str]] = []

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        self.frames.append((direction.value, summary, size, call_id))

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None: ...

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...


class Side:
    """One endpoint, listening for TLS, and for plain TCP on the port behind."""

    def __init__(
        self, network: Network, address: str, name: str, *, transfer: Transfer | None = None, **settings: Any
    ) -> None:
        self.address = address
        self.notes = Notes()
        self.tls = Tls(identity_of(name))
        self.endpoint = MsrpEndpoint(
            network.host(address),
            self.tls,
            CountedTokens(name),
            self.notes,
            lambda host: succeed(NAMES.get(host, [])),
            MsrpSettings(transfer=transfer or Transfer(), **settings),
        )
        self.endpoint.listen("tls", address, PORT)
        self.endpoint.listen("tcp", address, PORT + 1)
        self.bound: list[MsrpSession] = []
        self.failed: list[Exception] = []

    def open(self, *, secure: bool = True, active: bool = False, call_id: str = "call") -> MsrpSession:
        session = self.endpoint.open(call_id, secure=secure, active=active)
        session.on_bound = lambda: self.bound.append(session)
        session.on_failed = self.failed.append
        return session

    def prints(self) -> tuple[Print, ...]:
        """What its session descriptions announce."""
        return (Print(self.endpoint.fingerprint),)

    def connect(self, session: MsrpSession) -> Deferred[None]:
        return Deferred.fromCoroutine(self.endpoint.connect(session))


class MsrpTest(SynchronousTestCase):
    """Alice sends, Bob receives."""

    weather = Weather()
    secure = True

    def setUp(self) -> None:
        self.network = Network(0, self.weather)
        self.alice = Side(self.network, ALICE, "alice")
        self.bob = Side(self.network, BOB, "bob")

    def agreed(self, shelf: Shelf | None = None, **limits: Any) -> tuple[MsrpSession, MsrpSession]:
        """What offer and answer do: a session on both sides, each knowing the other's path and fingerprint."""
        near, far = (side.open(secure=self.secure) for side in (self.alice, self.bob))
        for one, other, side in ((near, far, self.bob), (far, near, self.alice)):
            one.peer_path = (other.own,)
            one.fingerprints = side.prints() if self.secure else ()
        if shelf is not None:
            far.receive(shelf.wanted(**limits))
        return near, far

    def connected(self, shelf: Shelf | None = None, **limits: Any) -> tuple[MsrpSession, MsrpSession]:
        """The same, with the active side's connection."""
        near, far = self.agreed(shelf, **limits)
        self.network.run(self.alice.connect(near))
        return near, far

    def delivered(self, sending: Deferred[Receipt]) -> Receipt:
        receipt: Receipt = self.network.run(sending)
        return receipt

    def wires(self) -> list[Stream]:
        """The ends of connections that are up."""
        return [stream for stream in self.network.streams if stream.connected]

    def close(self, *sessions: MsrpSession) -> None:
        for session in sessions:
            for side in (self.alice, self.bob):
                side.endpoint.close(session)

    def assert_nothing_left(self, *sessions: MsrpSession, seconds: float = 100.0) -> None:
        """Once these are closed: no session, no connection, no timer, on either side."""
        self.close(*sessions)
        self.network.settle(seconds)
        ends: Sequence[MsrpEndpoint] = (self.alice.endpoint, self.bob.endpoint)
        self.assertEqual([(end.sessions, end.connections) for end in ends], [(0, 0), (0, 0)])
        self.assertEqual(self.wires(), [])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

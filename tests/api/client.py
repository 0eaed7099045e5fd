"""HTTP clients for tests: a whole one (treq) on an `ApiSite` in memory, and raw octets on one connection."""

from __future__ import annotations

import json
from typing import Any

import treq
from treq.testing import StubTreq
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pushsvc.api.doctor import DoctorPage
from pushsvc.api.resource import ApiResource
from pushsvc.api.site import ApiSite

BASE = "http://127.0.0.1"


def tree(**children: ApiResource) -> ApiResource:
    """A root with these children; `v1_things` becomes /v1/things."""
    root = ApiResource()
    for name, child in children.items():
        parent = root
        *folders, last = name.split("_")
        for folder in folders:
            parent = parent.children.setdefault(folder.encode(), ApiResource())
        parent.putChild(last.encode(), child)
    return root


class ApiClient:
    """A real HTTP client before a real site; only the wire is in memory."""

    def __init__(self, case: SynchronousTestCase, root: ApiResource, **options: Any) -> None:
        self._case = case
        self._stub = StubTreq(root)
        self.clock = self._stub._agent._memoryReactor
        self.site = ApiSite(root, self.clock, **options)
        self._stub._agent._serverFactory = self.site

    def start(self, method: str, path: str, **options: Any) -> Deferred[Any]:
        """The answer, when it comes."""
        return self._stub.request(method, BASE + path, **options)

    def flush(self) -> None:
        self._stub.flush()

    def finish(self, response: Deferred[Any]) -> tuple[int, dict[str, str], bytes]:
        """Status, header fields (names in lower case) and body of an answer that is there."""
        self.flush()
        answer = self._case.successResultOf(response)
        body = self._case.successResultOf(treq.content(answer))
        headers = {name.decode().lower(): values[-1].decode() for name, values in answer.headers.getAllRawHeaders()}
        return answer.code, headers, body

    def ask(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, str], bytes]:
        return self.finish(self.start(method, path, **options))

    def ask_json(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and JSON value (None without a body)."""
        status, _, body = self.ask(method, path, **options)
        return status, json.loads(body) if body else None


def no_doctor(role: str, clock: IReactorTime) -> DoctorPage:
    """One that finds nothing."""
    return DoctorPage(role, lambda: succeed([]), clock)


@implementer(ITCPTransport)
class HalfClosable(StringTransport):
    """A transport that can be closed for writing only, as a TCP connection can."""

    half_closed = False
    disconnected = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.disconnected = self.disconnecting = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to delay."""


class RawClient:
    """Octets on one connection, and what came back."""

    def __init__(self, site: ApiSite, *, peer: str = "127.0.0.1") -> None:
        address = IPv4Address("TCP", peer, 31337)
        self.transport = HalfClosable(IPv4Address("TCP", "127.0.0.1", 80), address)
        self.channel = site.buildProtocol(address)
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, octets: bytes) -> bytes:
        """What came back since the last call."""
        assert self.channel is not None
        if not self.transport.disconnected:
            self.channel.dataReceived(octets)
        return self.take()

    def take(self) -> bytes:
        answer = self.transport.value()
        self.transport.clear()
        return answer

    @property
    def ended(self) -> bool:
        """Whether the server has said that it is over."""
        return self.transport.disconnecting or self.transport.half_closed or self.transport.disconnected

    def lose(self) -> None:
        """The client goes away."""
        if self.channel is not None and self.channel.connected:
            self.channel.connected = False
            self.channel.connectionLost(Failure(ConnectionDone()))


def new_site(root: ApiResource, **options: Any) -> tuple[ApiSite, Clock]:
    clock = Clock()
    return ApiSite(root, clock, **options), clock

"""One HTTP connection: how long each step may take, and how it ends. Who may ask is in site, what in request."""

# mypy: allow-untyped-calls
# (Twisted Web is not annotated.)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import attrs
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from pushsvc.api.pace import BodyPace
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest

if TYPE_CHECKING:
    from pushsvc.api.site import ApiSite


@attrs.frozen
class SiteLimits:
    """Seconds and counts that bound what one client, and all of them, can cost."""

    header: float = 15.0  # the whole header, from its first octet
    keep_alive: float = 15.0  # between two requests
    write_stall: float = 30.0  # an answer of which nothing more is taken
    linger: float = 3.0  # reading on after a refusal, so that the client hears it
    close: float = 15.0  # for a close that waits for the last octets to be taken
    requests: int = 100  # on one connection
    connections: int = 2000
    connections_per_source: int = 64  # loopback excepted: there all clients have one address


class ApiChannel(HTTPChannel):
    """One connection. Every timeout is absolute: nothing that the client sends moves it, only its getting on does.

    idle -- first octet --> header -- blank line --> body -- end --> answering --> idle
                                       | refused                        | last one
                                       +--> lingering ------------------+--> closing
    """

    site: ApiSite
    transport: Any
    source: str | None = None
    _line: bytes | None = None
    _begun = False
    _pace: BodyPace | None = None
    _answering = False
    _refusing = False
    _closing = False
    _requests = 0

    # --- what requests ask of it ---

    def request_line(self) -> tuple[bytes, bytes, bytes]:
        """Method, target and version of the request whose headers are being read."""
        command, target, version = (self._line or b"").split(b" ")
        return command, target, version

    def refuse_rest(self) -> None:
        """An answer leaves before its request was read: nothing more is read as requests."""
        self._refusing = True
        self.persistent = False

    def body_received(self, octets: int) -> None:
        """So many octets of the body have arrived."""
        if self._pace is not None:
            self._pace.received(octets, self.site.reactor.seconds())

    def pause_body(self) -> None:
        """Read no further: who takes the body is busy."""
        if self._pace is not None:
            self._pace.paused(self.site.reactor.seconds())
            self.transport.pauseProducing()

    def resume_body(self) -> None:
        """Read on."""
        if self._pace is not None and not self._closing:
            self._pace.resumed(self.site.reactor.seconds())
            self._rearm_body()
            self.transport.resumeProducing()

    def cut(self) -> None:
        """Drop the connection, so that a half answer looks like one."""
        self.transport.abortConnection()

    # --- what Twisted calls ---

    def connectionMade(self) -> None:
        super().connectionMade()
        self.setTimeout(self.site.limits.header)

    def resetTimeout(self) -> None:
        """Twisted calls this for every octet that arrives; ours do not move."""

    def dataReceived(self, data: bytes) -> None:
        if not self._begun and not self._answering and not self._closing:
            self._begun = True
            self.setTimeout(self.site.limits.header)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self._line is None and line:
            self._line = line
        super().lineReceived(line)

    def allHeadersReceived(self) -> None:
        self._pace = BodyPace.starting(self.site.reactor.seconds())
        self._rearm_body()
        super().allHeadersReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        self._requests += 1
        if self._requests >= self.site.limits.requests or self.site.draining:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    def rawDataReceived(self, data: bytes) -> None:
        if not self._refusing:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        if self._refusing:
            return
        self._line = None
        self._pace = None
        self._answering = True
        # Twisted stops this timer while we answer, and starts it again afterwards.
        self.setTimeout(self.site.limits.keep_alive)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self._answering = False
        self._begun = False
        super().requestDone(request)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        if self._answering:
            self.setTimeout(self.site.limits.write_stall)

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self._answering:
            self.setTimeout(None)
        if self._pace is not None and self._pace.deadline is None:
            self.transport.pauseProducing()

    def loseConnection(self) -> None:
        """Close once all is written; after a refusal, read on for a moment, or the reset would destroy the answer."""
        if self._closing:
            return
        self._closing = True
        half_closes = ITCPTransport.providedBy(self.transport)
        if self._refusing and half_closes:
            self._pace = None
            self.transport.loseWriteConnection()
            self.transport.resumeProducing()
            self.setTimeout(self.site.limits.linger)
        else:
            self.setTimeout(self.site.limits.close)
            super().loseConnection()

    def timeoutConnection(self) -> None:
        """Something takes too long: a header, a body, a close, or an answer that nobody takes."""
        now = self.site.reactor.seconds()
        if self._closing or self._answering:
            self.cut()
        elif self._pace is None:
            self.loseConnection()
        elif self._pace.deadline is not None and self._pace.deadline > now:
            self._rearm_body()
        elif self._pace.deadline is not None:
            cast(ApiRequest, self.requests[-1]).refuse(Problem(408, "too-slow", "the body comes too slowly"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        super().connectionLost(reason)
        self.site.left(self)

    def _rearm_body(self) -> None:
        if self._pace is not None and self._pace.deadline is not None:
            self.setTimeout(max(0.0, self._pace.deadline - self.site.reactor.seconds()))

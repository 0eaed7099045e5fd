"""The HTTP server of an API: who may connect and who may ask. What is asked is in resource, time is in channel."""

# mypy: allow-untyped-calls
# (Twisted Web is not annotated.)

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_address
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.server import Site

from pushsvc.api.channel import ApiChannel, SiteLimits
from pushsvc.api.hosts import check_host
from pushsvc.api.problem import Problem, not_found
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from pushsvc.api.tokens import BearerTokens

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]{1,512})", re.ASCII)


class ApiSite(Site):
    """The server of one API. Wrap it round a tree of `ApiResource`s and listen with it.

    `tokens` None lets everybody in who can connect: for loopback and Unix sockets only. `draining` set to True answers
    503 to everything that is not marked otherwise.
    """

    _log = Logger()
    protocol = ApiChannel  # type: ignore[assignment]

    def __init__(
        self,
        root: ApiResource,
        clock: IReactorTime,
        *,
        tokens: BearerTokens | None = None,
        limits: SiteLimits | None = None,
    ) -> None:
        super().__init__(root, ApiRequest, reactor=clock, parsePOSTFormSubmission=False)
        self.tokens = tokens
        self.limits = limits or SiteLimits()
        self.draining = False
        self._channels: set[ApiChannel] = set()
        self._sources: Counter[str] = Counter()

    def admit(self, request: ApiRequest) -> ApiResource:
        """The resource that shall answer. Raises Problem for a request that its headers alone forbid."""
        check_host(request, strict=self.tokens is None)
        resource = self.getResourceFor(request)
        if not isinstance(resource, ApiResource):
            raise not_found()
        resource.check_method(request.verb)
        if self.draining and not resource.open_while_draining:
            raise Problem(503, "draining", "the service is stopping", headers=[("Retry-After", "30")])
        self._authorize(request, resource.scope(request.verb))
        return resource

    def _authorize(self, request: ApiRequest, scope: str | None) -> None:
        if self.tokens is None or scope is None:
            return
        found = _BEARER.fullmatch(request.header("Authorization") or "")
        request.token = self.tokens.holder(found[1].encode("ascii")) if found else None
        if request.token is None:
            raise Problem(401, "no-token", "a bearer token is needed", headers=[("WWW-Authenticate", "Bearer")])
        if not request.token.allows(scope):
            raise Problem(403, "wrong-scope", f"this token does not have the scope {scope}")

    # --- what Twisted calls ---

    def buildProtocol(self, addr: IAddress | None) -> ApiChannel | None:  # type: ignore[override]
        source = _source(addr)
        crowded = source is not None and self._sources[source] >= self.limits.connections_per_source
        if crowded or len(self._channels) >= self.limits.connections:
            return None
        channel = cast(ApiChannel, super().buildProtocol(addr))
        channel.source = source
        self._channels.add(channel)
        if source is not None:
            self._sources[source] += 1
        return channel

    def left(self, channel: ApiChannel) -> None:
        """This connection is gone."""
        if channel in self._channels:
            self._channels.remove(channel)
            if channel.source is not None:
                self._sources[channel.source] -= 1
                if not self._sources[channel.source]:
                    del self._sources[channel.source]

    def close_idle(self) -> None:
        """Close every connection that is not in the middle of a request."""
        for channel in tuple(self._channels):
            if not channel.requests:
                channel.loseConnection()

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """No access log file: each request is a log event."""

    def stopFactory(self) -> None:
        """Nothing was started."""

    def log(self, request: Request) -> None:
        self._log.debug(
            "api {method} {path} {status} {size}",
            method=request.method, path=request.path, status=request.code, size=request.sentLength,
        )  # fmt: skip


def _source(addr: IAddress | None) -> str | None:
    """The address that counts as one source; None for those that are not counted: loopback and Unix sockets."""
    if isinstance(addr, IPv4Address | IPv6Address) and not ip_address(addr.host.partition("%")[0]).is_loopback:
        return addr.host
    return None

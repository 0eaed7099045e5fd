"""Where to send a request: the hops for a URI, in the order in which they are tried (RFC 3263 §4).

Literal addresses and A/AAAA records so far; SRV and NAPTR have their place in `Locator.locate`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from pushsvc.errors import Unreachable
from pushsvc.sip.hop import Hop, default_port
from pushsvc.sip.uri import SipUri

TRANSPORTS = ("udp", "tcp", "tls")
MAX_ADDRESSES = 10  # of one name: more would outlast the patience of whoever waits for the answer

Resolve = Callable[[str], "Deferred[list[str]]"]


class Locator:
    """Knows how to reach a URI. `resolve` turns a host name into addresses, best first."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def locate(self, uri: SipUri) -> list[Hop]:
        """The hops for this URI, at least one. Raises Unreachable when the name leads nowhere."""
        transport = transport_of(uri)
        if transport not in TRANSPORTS:
            raise Unreachable(f"SIP over {transport} is not possible here", retry=False)
        port = uri.port or default_port(transport)
        host = uri.parameter("maddr") or uri.host
        addresses = await addresses_of(host, self._resolve)
        return [Hop(transport, address, port, name=host) for address in addresses[:MAX_ADDRESSES]]


def transport_of(uri: SipUri) -> str:
    """The transport that a URI asks for (RFC 3263 §4.1, without NAPTR)."""
    return "tls" if uri.secure else uri.transport or "udp"


async def addresses_of(host: str, resolve: Resolve) -> list[str]:
    """The addresses of a host, at least one, each in its one canonical form. Raises Unreachable."""
    literal = host.strip("[]")
    try:
        found = [literal] if is_address(literal) else await resolve(_resolvable(host))
    except DNSLookupError as error:
        raise Unreachable(f"the name {host} cannot be looked up: {error}") from error
    if not found:
        raise Unreachable(f"the name {host} has no address")
    return [str(ipaddress.ip_address(each)) for each in found]


def _resolvable(name: str) -> str:
    """Twisted's resolver never answers when asked for what cannot be a name."""
    try:
        name.encode("idna")
    except UnicodeError:
        raise Unreachable(f"{name} is no host name", retry=False) from None
    return name


def is_address(host: str) -> bool:
    """Whether this is an IP address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve_with(resolver: IHostnameResolver) -> Resolve:
    """A `Resolve` by one of Twisted's resolvers, as `reactor.nameResolver` is one."""

    def resolve(host: str) -> Deferred[list[str]]:
        if host == "localhost":
            return succeed(["127.0.0.1"])
        found = _Addresses()
        resolver.resolveHostName(found, host)
        return found.complete

    return resolve


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects what a resolver finds."""

    def __init__(self) -> None:
        self.complete: Deferred[list[str]] = Deferred()
        self._hosts: list[str] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None: ...

    def addressResolved(self, address: IAddress) -> None:
        host: str = address.host  # type: ignore[attr-defined]
        if host not in self._hosts:
            self._hosts.append(host)

    def resolutionComplete(self) -> None:
        if not self.complete.called:
            self.complete.callback(self._hosts)

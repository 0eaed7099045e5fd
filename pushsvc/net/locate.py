"""Where to send a request: the hops for a URI, in the order in which they are tried (RFC 3263 §4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IAddress, IHostnameResolver, IReactorTime, IResolutionReceiver
from zope.interface import implementer

from pushsvc.errors import Unreachable
from pushsvc.net.service_lookup import ServiceLookup
from pushsvc.sip.hop import Hop, default_port
from pushsvc.sip.service_records import guessed_srv_names, in_order, srv_names
from pushsvc.sip.uri import SipUri

TRANSPORTS = ("udp", "tcp", "tls")
REMEMBERED = 256  # hosts, to be an address or not
MAX_ADDRESSES = 10  # of one name: more would outlast the patience of whoever waits for the answer
RESOLVE_SECONDS = 30.0  # a C library asks three name servers for ten seconds each, and some for ever

Resolve = Callable[[str], "Deferred[list[str]]"]


class Locator:
    """Knows how to reach a URI. `resolve` turns a host name into addresses, best first; `lookup` asks for services.

    Without a `lookup` a name has addresses and nothing else. `fraction` is the chance that weights ask for.
    """

    def __init__(
        self, resolve: Resolve, lookup: ServiceLookup | None = None, fraction: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._resolve = resolve
        self._lookup = lookup
        self._fraction = fraction

    async def locate(self, uri: SipUri) -> list[Hop]:
        """The hops for this URI, at least one and at most `MAX_ADDRESSES`, best first.

        Raises Unreachable when the name leads nowhere. The `name` of a hop is always the URI's: whatever DNS says, a
        certificate must be for the domain that was asked for (RFC 5922 §4).
        """
        transport = transport_of(uri)
        if transport not in TRANSPORTS:
            raise Unreachable(f"SIP over {transport} is not possible here", retry=False)
        host = uri.parameter("maddr") or uri.host
        if uri.port is None and self._lookup is not None and _may_have_services(host):
            hops = await self._by_services(uri, host, self._lookup)
            if hops:
                return hops
        port = uri.port or default_port(transport)
        addresses = await addresses_of(host, self._resolve)
        return [Hop(transport, address, port, name=host) for address in addresses[:MAX_ADDRESSES]]

    async def _by_services(self, uri: SipUri, host: str, lookup: ServiceLookup) -> list[Hop]:
        """The hops that the domain's NAPTR and SRV records lead to; none: it has no such records."""
        hops: list[Hop] = []
        failure: Unreachable | None = None
        for transport, name in await self._services(uri, host, lookup):
            records = await lookup.srv(name)
            if records and all(record.target == "." for record in records):
                failure = Unreachable(f"{host} says that it has no SIP service")
            for target in in_order(records, self._fraction):
                try:
                    addresses = await addresses_of(target.target, self._resolve)
                except Unreachable as error:
                    failure = error
                    continue
                hops += [Hop(transport, address, target.port, name=host) for address in addresses]
                if len(hops) >= MAX_ADDRESSES:
                    return hops[:MAX_ADDRESSES]
        if not hops and failure is not None:
            raise failure
        return hops

    async def _services(self, uri: SipUri, host: str, lookup: ServiceLookup) -> list[tuple[str, str]]:
        """RFC 3263 §4.1: the transport that the URI names; else those that NAPTR names; else all that we speak."""
        if uri.secure:
            transports: Sequence[str] = ("tls",)
        elif uri.transport is not None:
            return guessed_srv_names(host, [transport_of(uri)])
        else:
            transports = TRANSPORTS
        named = srv_names(await lookup.naptr(host), transports)
        return named or guessed_srv_names(host, transports)


def _may_have_services(host: str) -> bool:
    """Addresses have no records, and names without a dot belong to this machine's own list of hosts."""
    return "." in host and not is_address(host.strip("[]"))


def transport_of(uri: SipUri) -> str:
    """The transport that a URI asks for, or gets where its domain says nothing (RFC 3263 §4.1)."""
    return "tls" if uri.secure else uri.transport or "udp"


async def addresses_of(host: str, resolve: Resolve) -> list[str]:
    """The addresses of a host, at least one, each in its one canonical form. Raises Unreachable."""
    literal = _canonical(host.strip("[]"))
    if literal is not None:
        return [literal]
    try:
        found = await resolve(_resolvable(host))
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
    return _canonical(host) is not None


@lru_cache(REMEMBERED)
def _canonical(host: str) -> str | None:
    """An IP address in its one canonical form; None for a name. Each push asks for the same few, ten times over."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def resolve_with(resolver: IHostnameResolver, clock: IReactorTime) -> Resolve:
    """A `Resolve` by one of Twisted's resolvers, as `reactor.nameResolver` is one: those may take for ever."""

    def too_late(result: object, seconds: float) -> NoReturn:
        raise DNSLookupError(f"no answer within {seconds:.0f} s")

    def resolve(host: str) -> Deferred[list[str]]:
        if host == "localhost":
            return succeed(["127.0.0.1"])
        found = _Addresses()
        resolver.resolveHostName(found, host)
        return found.complete.addTimeout(RESOLVE_SECONDS, clock, too_late)

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

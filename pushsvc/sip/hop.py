"""Hops: where a message goes, and where one came from (RFC 3261 §18.2, RFC 3581). From URI to hop: net/locate.py."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import attrs

from pushsvc.sip.message import Message, Request, Response

AnyMessage = TypeVar("AnyMessage", Request, Response)


Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


@attrs.frozen
class Hop:
    """A transport and an address. `host` is an IP literal without brackets."""

    transport: str
    """"udp", "tcp" or "tls"."""
    host: str
    port: int
    connection: int | None = None
    """The stream or socket that it came on, to be answered on."""
    name: str = ""
    """The host name that a TLS certificate must carry."""

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


ONE_NETWORK = 64  # bits: who has one IPv6 address has the 2**64 of its network


def network_of(host: str) -> str:
    """Who is one peer as far as limits go: an IPv4 address, or an IPv6 network. `host` is an IP literal."""
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:  # what a socket for both families calls an IPv4 peer
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, ONE_NETWORK), strict=False))


def is_in(host: str, networks: Networks) -> bool:
    """Whether an IP literal is in one of these networks, also as a socket for both families calls it."""
    if not networks:
        return False
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def membership(networks: Networks) -> Callable[[str], bool]:
    """`is_in` of these networks, for whoever asks for each message: it remembers the hosts it was asked for lately."""
    return lru_cache(maxsize=1024)(lambda host: is_in(host, networks))


def default_port(transport: str) -> int:
    """The port of a Via or URI that names none (RFC 3261 §18.2.2, §19.1.2)."""
    return 5061 if transport.lower() == "tls" else 5060


def stamped(message: AnyMessage, source: Hop) -> AnyMessage:
    """The message with the truth in its top Via: `received` where sent-by is not the source, `rport` where asked for.

    Whatever the peer wrote there itself is overwritten. [D-SIP-2], RFC 3261 §18.2.1, RFC 3581 §4.
    """
    via = message.via
    asked = via.rport is not None
    differs = asked or via.host.strip("[]").lower() != source.host.lower()
    if not differs and via.received is None:
        return message
    via = via.with_parameter("received", source.host) if differs else via.without_parameter("received")
    return message.with_via(via.with_parameter("rport", str(source.port)) if asked else via)


def reply_hop(message: Message, source: Hop) -> Hop:
    """Where the response to a message from there goes.

    Over a stream that is the same connection, with the address to open one to if it is gone (RFC 3261 §18.2.2).
    Over UDP the source address, and its port when `rport` is there (RFC 3581 §4), else the port of sent-by.
    `maddr` is ignored: it would let a stranger choose whom we send to.
    """
    via = message.via
    port = via.port or default_port(source.transport)
    if not source.reliable and via.rport is not None:
        port = source.port
    return Hop(source.transport, source.host, port, source.connection, source.name)

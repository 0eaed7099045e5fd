"""What is inside of this machine, and who may name it: nobody outside of it has us talk to its own services.

Every address that a peer names and that we go to is judged by this (SECURITY part 2, outbound reach): Contact,
Record-Route, the targets of a 3xx, and the path of its media.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from pushsvc.sip.hop import Hop
from pushsvc.sip.uri import SipUri

REMEMBERED = 256  # hosts, to be an address or not: a push asks for the same few over and over


def is_inside(host: str) -> bool:
    """Whether this is the machine itself or its own link, and no place in a network. Other names are not looked up."""
    address = _address(host)
    if address is None:
        return host.lower().rstrip(".") == "localhost"
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


def leads_inside(uri: SipUri) -> bool:
    """Whether this URI says itself that it leads there; of a name that is only known once it is looked up."""
    return is_inside(uri.host) or is_inside(uri.parameter("maddr") or "")


def is_foreign(source: Hop) -> bool:
    """Whether who is there is another machine. A neighbour on the link is one."""
    address = _address(source.host)
    return address is None or not address.is_loopback


@lru_cache(REMEMBERED)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address

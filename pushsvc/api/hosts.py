"""Whether a browser was tricked into sending a request: its Host and Origin. Tokens are in tokens."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address

from pushsvc.api.problem import Problem

if TYPE_CHECKING:
    from pushsvc.api.request import ApiRequest

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


def check_host(request: ApiRequest, *, strict: bool) -> None:
    """Raises Problem for a request that a foreign web page made a browser send.

    Without tokens, being able to connect is all the right one has; a page must not get it by naming its own host with
    our address (DNS rebinding), nor by a form. Over a Unix socket no browser comes.
    """
    hosts = request.requestHeaders.getRawHeaders(b"host") or []
    if len(hosts) > 1 or (not hosts and request.clientproto == b"HTTP/1.1"):
        raise Problem(400, "bad-host", "exactly one Host field is needed")
    host = hosts[0].decode("utf-8", "replace") if hosts else ""
    origin = request.header("Origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise Problem(403, "foreign-origin", "requests from pages of other sites are not taken")
    if strict and host and isinstance(request.client, IPv4Address | IPv6Address) and not _is_local_name(host):
        raise Problem(403, "foreign-host", "without tokens the Host must be localhost or an address")


def _is_local_name(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

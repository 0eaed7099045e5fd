"""What a domain's DNS says of its SIP service, and in which order it wants to be tried (RFC 3263 §4, RFC 2782)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import attrs

# NAPTR services by transport (RFC 3263 §4.1): those that we speak, TLS for SIP and SIPS alike.
_SERVICES = {"sips+d2t": "tls", "sip+d2t": "tcp", "sip+d2u": "udp"}
_PREFIXES = {"tls": "_sips._tcp", "tcp": "_sip._tcp", "udp": "_sip._udp"}


@attrs.frozen
class Naptr:
    """One NAPTR record: `replacement` is the name whose SRV records lead on."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@attrs.frozen
class Srv:
    """One SRV record. A target of "." says that the service is not offered."""

    priority: int
    weight: int
    port: int
    target: str


def srv_names(naptrs: Iterable[Naptr], transports: Collection[str]) -> list[tuple[str, str]]:
    """Transport and SRV name of each service that a domain points to and that is one of `transports`, best first."""
    found = []
    for naptr in sorted(naptrs, key=lambda each: (each.order, each.preference)):
        transport = _SERVICES.get(naptr.service.lower(), "")
        if naptr.flags.lower() == "s" and transport in transports:
            found.append((transport, naptr.replacement))
    return found


def guessed_srv_names(domain: str, transports: Iterable[str]) -> list[tuple[str, str]]:
    """The same for a domain without NAPTR records."""
    return [(transport, f"{_PREFIXES[transport]}.{domain}") for transport in transports]


def in_order(records: Iterable[Srv], fraction: Callable[[], float]) -> list[Srv]:
    """The targets in the order in which to try them: by priority, then by chance as their weights say (RFC 2782).

    `fraction` gives a number from 0 (included) to 1 (excluded).
    """
    ordered: list[Srv] = []
    rest = sorted((each for each in records if each.target != "."), key=lambda each: (each.priority, each.weight))
    while rest:
        best = [each for each in rest if each.priority == rest[0].priority]
        chosen = _by_weight(best, fraction())
        ordered.append(chosen)
        rest.remove(chosen)
    return ordered


def _by_weight(records: list[Srv], fraction: float) -> Srv:
    """Those of weight 0 come first in the list, which gives them a small chance."""
    chosen = int(fraction * (sum(each.weight for each in records) + 1))
    running = 0
    for each in records:
        running += each.weight
        if chosen <= running:
            return each
    return records[-1]

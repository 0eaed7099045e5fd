"""Asks DNS for NAPTR and SRV records, and remembers what it said for as long as it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime, IResolver
from twisted.names import client, dns
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSFormatError,
    DNSQueryRefusedError,
    DNSServerError,
    DNSUnknownError,
    DomainError,
    ResolverError,
)

from pushsvc.errors import Unreachable
from pushsvc.sip.service_records import Naptr, Srv

PATIENCE = (1, 2, 4)  # seconds to wait for each of three queries
NOTHING_TTL = 30.0  # seconds for which a name that has no such records is not asked for again
LONGEST_TTL = 3600.0  # a record's own time to live counts up to this
MAX_REMEMBERED = 1000  # names; the oldest go first
MAX_RECORDS = 32  # of one answer; a domain with more gets by with these

# These say nothing about the domain. To go on without its records could lead to another service of the same host.
_NO_ANSWER = (
    TimeoutError, ResolverError, OSError, DNSServerError, DNSFormatError, DNSQueryRefusedError, DNSUnknownError,
)  # fmt: skip

_KINDS = {"NAPTR": dns.NAPTR, "SRV": dns.SRV}

Record = TypeVar("Record")


class ServiceLookup(Protocol):
    """Where the records of a domain come from. Both raise Unreachable when DNS does not answer."""

    async def naptr(self, name: str) -> list[Naptr]:
        """Its NAPTR records, in any order."""

    async def srv(self, name: str) -> list[Srv]:
        """Its SRV records, in any order."""


class DnsLookup:
    """By a resolver of `twisted.names`, which `make` makes when it is first needed."""

    def __init__(self, make: Callable[[], IResolver], clock: IReactorTime) -> None:
        self._make = make
        self._clock = clock
        self._resolver: IResolver | None = None
        self._remembered: dict[tuple[int, str], tuple[float, list[Any]]] = {}

    async def naptr(self, name: str) -> list[Naptr]:
        return await self._records(dns.NAPTR, name, _naptr)

    async def srv(self, name: str) -> list[Srv]:
        return await self._records(dns.SRV, name, _srv)

    def lives(self, kind: str, name: str) -> float | None:
        """Seconds until this name's "NAPTR" or "SRV" records are asked for again; None: they are not remembered."""
        key = _KINDS[kind], name.lower().rstrip(".")
        return max(0.0, self._remembered[key][0] - self._clock.seconds()) if key in self._remembered else None

    async def _records(self, kind: int, name: str, read: Callable[[Any], Record]) -> list[Record]:
        key = kind, name.lower().rstrip(".")
        until, known = self._remembered.get(key, (0.0, []))
        if self._clock.seconds() < until:
            return known
        answers = [each for each in await self._ask(kind, name) if each.type == kind][:MAX_RECORDS]
        lives = min((float(each.ttl) for each in answers), default=NOTHING_TTL)
        records = [read(each.payload) for each in answers]
        self._remembered.pop(key, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = self._clock.seconds() + min(lives, LONGEST_TTL), records
        return records

    async def _ask(self, kind: int, name: str) -> list[Any]:
        if self._resolver is None:
            self._resolver = self._make()
        look_up = self._resolver.lookupService if kind == dns.SRV else self._resolver.lookupNamingAuthorityPointer
        try:
            answers, _, _ = await _uncancelled(look_up(name, PATIENCE))
        except _NO_ANSWER as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            raise Unreachable(f"DNS does not say how {name} is reached: {why}") from error
        except (DomainError, AuthoritativeDomainError):
            return []
        except UnicodeError:  # in a URI, or in a NAPTR record: an empty label, or a very long one
            raise Unreachable(f"{name} is no host name", retry=False) from None
        return list(answers)


def system_lookup(reactor: Any) -> DnsLookup:
    """By the name servers of this machine."""
    return DnsLookup(lambda: client.Resolver(resolv="/etc/resolv.conf", timeout=PATIENCE, reactor=reactor), reactor)


def _uncancelled(asked: Deferred[Any]) -> Deferred[Any]:
    """The same result. The resolver asks once for all who wait: who gives up must not take the answer from the others.

    The query itself ends by `PATIENCE`.
    """
    told: Deferred[Any] = Deferred()
    asked.addCallbacks(told.callback, told.errback)
    return told


def _naptr(payload: Any) -> Naptr:
    return Naptr(
        payload.order,
        payload.preference,
        _text(payload.flags.string),
        _text(payload.service.string),
        _name(payload.replacement),
    )


def _srv(payload: Any) -> Srv:
    return Srv(payload.priority, payload.weight, payload.port, _name(payload.target))


def _name(name: Any) -> str:
    """Without the dot at its end, but for the root."""
    return _text(name.name).rstrip(".") or "."


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "replace")

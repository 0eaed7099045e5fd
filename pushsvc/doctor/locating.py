"""Where a URI leads, and every question to DNS on the way: the locator of all requests, looked over the shoulder."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pushsvc.doctor.judgement.way import Step
from pushsvc.doctor.patience import in_time
from pushsvc.errors import DeliveryError
from pushsvc.net.locate import Locator, Resolve
from pushsvc.net.service_lookup import DnsLookup
from pushsvc.sip.hop import Hop
from pushsvc.sip.service_records import Naptr, Srv
from pushsvc.sip.uri import SipUri

SECONDS = 8.0  # one query may take 7
MAX_STEPS = 8  # that are told of


@attrs.frozen
class Located:
    """The steps, and the hops that they led to; none, and why: `failure`."""

    steps: tuple[Step, ...]
    hops: tuple[Hop, ...] = ()
    failure: str = ""


async def located(uri: SipUri, resolve: Resolve, lookup: DnsLookup, clock: IReactorTime) -> Located:
    """Find the hops of this URI."""
    watched = _Watched(resolve, lookup)
    locating = Locator(watched.resolve, watched).locate(uri)
    try:
        hops = await in_time(locating, SECONDS, clock, f"DNS did not answer for {uri.host} within {SECONDS:.0f} s")
    except DeliveryError as error:
        return Located(tuple(watched.steps[:MAX_STEPS]), failure=error.reason)
    return Located(tuple(watched.steps[:MAX_STEPS]), tuple(hops))


class _Watched:
    """Notes what is asked and answered: a `ServiceLookup`, and a `Resolve`."""

    def __init__(self, resolve: Resolve, lookup: DnsLookup) -> None:
        self.steps: list[Step] = []
        self._resolve = resolve
        self._lookup = lookup

    async def naptr(self, name: str) -> list[Naptr]:
        records = await self._lookup.naptr(name)
        self._note("NAPTR", name, [f"{each.service} {each.replacement}" for each in records])
        return records

    async def srv(self, name: str) -> list[Srv]:
        records = await self._lookup.srv(name)
        self._note("SRV", name, [f"{each.target}:{each.port}" for each in records])
        return records

    def resolve(self, host: str) -> Deferred[list[str]]:
        def found(addresses: list[str]) -> list[str]:
            self.steps.append(Step("address", host, tuple(addresses)))
            return addresses

        def failed(failure: Failure) -> Failure:
            self.steps.append(Step("address", host, error=failure.getErrorMessage()))
            return failure

        return self._resolve(host).addCallbacks(found, failed)

    def _note(self, kind: str, name: str, found: list[str]) -> None:
        self.steps.append(Step(kind, name, tuple(found), self._lookup.lives(kind, name)))

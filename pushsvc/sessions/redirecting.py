"""Asking one target after the other, as those that were asked before send us on (RFC 3261 §8.1.3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from pushsvc.errors import DeliveryError, TimedOut, Unreachable
from pushsvc.net.reaching import Exchange
from pushsvc.sip.redirection import Target, Targets
from pushsvc.sip.uri import SipUri


async def redirected(first: SipUri, ask: Callable[[Target], Awaitable[Exchange]]) -> Exchange:
    """The exchange with the first target that takes the request, or that speaks for all (6xx); else with the last one.

    `ask` sends the request to this target. Raises TimedOut or Unreachable when none of them answers.
    """
    targets = Targets(first)
    refused: Exchange | None = None
    failure: DeliveryError = Unreachable("no target to try")
    sent_on: Exchange | None = None
    while (target := targets.next()) is not None:
        try:
            exchange = await ask(target)
        except (TimedOut, Unreachable) as error:
            failure = error
            continue
        status = exchange.response.status
        if 300 <= status < 400:
            sent_on = attrs.evolve(exchange, why=targets.redirected(exchange.response, exchange.hop) or "")
        elif status < 300 or status >= 600:
            return exchange
        else:
            refused = exchange
    if refused is not None:
        return refused
    if sent_on is not None and sent_on.why:
        return sent_on
    raise failure

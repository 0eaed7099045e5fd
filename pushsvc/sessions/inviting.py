"""Asking by INVITE, which may take as long as somebody needs to decide, but not for ever."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import TimedOut
from pushsvc.net.alarm import Alarm
from pushsvc.net.reaching import Exchange, Make
from pushsvc.sessions.floors import Floors
from pushsvc.sip.credentials import Credentials
from pushsvc.sip.message import Response
from pushsvc.sip.uri import SipUri


async def invite(
    floors: Floors,
    make: Make,
    next_hop: SipUri,
    patience: float,
    credentials: Credentials,
    next_number: Callable[[], int],
    *,
    foreign: bool = False,
) -> Exchange:
    """The final answer; see `UserAgent.request`. Cancelling withdraws the INVITE.

    A client has no timer of its own once a provisional answer came (RFC 3261 §17.1.1): `patience` is how many
    seconds it gets from then on. Raises TimedOut, too, when they are over.
    """
    impatient = False

    def withdraw() -> None:
        nonlocal impatient
        impatient = True
        asking.cancel()

    def proceeding(response: Response) -> None:
        if not alarm.is_set:
            alarm.after(patience)

    alarm = Alarm(floors.clock, withdraw)
    asking = Deferred.fromCoroutine(
        floors.agent.request(make, next_hop, proceeding, credentials, next_number, foreign=foreign)
    )
    try:
        return await asking
    except CancelledError:
        if not impatient:
            raise
        raise TimedOut(f"no final answer within {patience:g} s") from None
    finally:
        alarm.clear()

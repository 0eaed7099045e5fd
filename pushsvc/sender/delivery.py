"""One attempt to deliver, from the choice of the way to the result. What the result means is in outcome."""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError, Deferred

from pushsvc.errors import DeliveryError, Refused, Withdrawn
from pushsvc.sender.job import AttemptResult, Job
from pushsvc.sender.message import Message
from pushsvc.sender.transfer import Transfer
from pushsvc.sender.ways import Ways
from pushsvc.sessions import Progress

# A peer that says this to a MESSAGE may still take the same content over MSRP (INTERFACES §4).
TRY_MSRP_INSTEAD = (405, 413, 415, 501, 513)


class Delivery:
    """Delivers jobs, each by the way that fits it."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    def deliver(self, job: Job, progress: Progress) -> Deferred[AttemptResult]:
        """The result of one attempt; never fails for what the peer does. Cancelling withdraws it (CANCEL, `#`, BYE)."""
        return Deferred.fromCoroutine(self._deliver(job, progress))

    async def _deliver(self, job: Job, progress: Progress) -> AttemptResult:
        message = Message(self._ways, job)
        why = message.why_not()
        if why is None:
            result = await self._by_message(message)
            if not _wants_msrp(job, result):
                return result
            why = f"MESSAGE was refused with {result.sip_status}"
        return await self._by_msrp(job, progress, why)

    async def _by_message(self, message: Message) -> AttemptResult:
        try:
            return await message.send()
        except DeliveryError as error:
            return attrs.evolve(message.result(), failure=error)
        except CancelledError:
            return attrs.evolve(message.result(), failure=Withdrawn())

    async def _by_msrp(self, job: Job, progress: Progress, why: str) -> AttemptResult:
        transfer = Transfer(self._ways, job, progress, why)
        try:
            await transfer.run()
        except DeliveryError as error:
            return transfer.result(error)
        except CancelledError:
            return transfer.result(Withdrawn())
        return transfer.result()


def _wants_msrp(job: Job, result: AttemptResult) -> bool:
    return job.mode == "auto" and isinstance(result.failure, Refused) and result.failure.status in TRY_MSRP_INSTEAD

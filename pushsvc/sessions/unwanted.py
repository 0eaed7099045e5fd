"""Sessions that nobody wants: made by another fork, or by a 200 that crossed our CANCEL (R-PSA-CAN-1, D-SIP-11)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import BadMessage, DeliveryError
from pushsvc.net.user_agent import UserAgent
from pushsvc.sessions.repeats import Acknowledging
from pushsvc.sip.credentials import credentials_of
from pushsvc.sip.dialog import Dialog, DialogId, dialog_id
from pushsvc.sip.inside import is_foreign
from pushsvc.sip.message import Request, Response

MAX_AT_ONCE = 100  # who makes up answers to our INVITEs shall not have us call the whole world


class Unwanted:
    """Each is acknowledged, as often as its 2xx comes, and ended by BYE."""

    log = Logger()

    def __init__(self, agent: UserAgent) -> None:
        self._agent = agent
        self._ending: dict[DialogId, Acknowledging] = {}

    def repeated(self, response: Response) -> bool:
        """Whether a 2xx is of a session that is being ended; it was acknowledged again then."""
        acknowledging = self._ending.get(dialog_id(response))
        if acknowledging is not None:
            acknowledging.repeated(response)
        return acknowledging is not None

    def answered(self, response: Response, invite: Request) -> None:
        """A 2xx to this INVITE of ours came that was not heard of before."""
        if len(self._ending) < MAX_AT_ONCE:
            Deferred.fromCoroutine(self._end(response, invite)).addErrback(self._bug)

    async def _end(self, response: Response, invite: Request) -> None:
        agent, number = self._agent, invite.cseq.number
        acknowledging = self._ending[dialog_id(response)] = Acknowledging(agent)
        acknowledging.won(response)
        try:
            hop = agent.hop_of(invite)
            foreign = hop is None or is_foreign(hop)
            dialog = Dialog.from_answer(invite, response, foreign=foreign)
            next_hop, credentials = dialog.next_hop_uri(), credentials_of(invite)
            acknowledging.acknowledged(
                *await agent.acknowledge(lambda via: dialog.ack(number, via, credentials), next_hop, foreign=foreign)
            )
            await agent.request(
                lambda via: dialog.request("BYE", via)[0], next_hop, credentials=agent.credentials(), foreign=foreign
            )
        except (BadMessage, DeliveryError) as error:
            self.log.info("an unwanted session was not ended: {reason}", reason=error.reason, call_id=invite.call_id)
        finally:
            del self._ending[dialog_id(response)]

    def _bug(self, failure: Failure) -> None:
        self.log.failure("a bug: an unwanted session was not ended", failure)

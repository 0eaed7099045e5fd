"""Our requests inside a dialog (RFC 3261 §12.2.1): numbered, and the ACKs to our INVITEs as often as needed."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pushsvc.errors import Unreachable
from pushsvc.net.reaching import Exchange
from pushsvc.sessions.fields import Fields, typed
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.inviting import invite
from pushsvc.sessions.offer_body import SDP
from pushsvc.sessions.refusal import refusal
from pushsvc.sessions.repeats import Acknowledging
from pushsvc.sessions.standing import Standing
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Request, Response
from pushsvc.sip.session_timer import min_se_of

TOO_SHORT = 422
REMEMBERED = 8  # INVITEs whose 2xx may still be repeated; one lives for 32 s


class OwnRequests:
    """What we ask of the peer in a session.

    `refreshed()` is told of each 2xx that starts the session interval anew, `crossed` of one to an INVITE that we had
    given up. `patience` is how many seconds an INVITE gets after its first provisional answer.
    """

    def __init__(
        self,
        floors: Floors,
        standing: Standing,
        refreshed: Callable[[], None],
        crossed: Callable[[Response], None],
        patience: float,
    ) -> None:
        self._floors = floors
        self._standing = standing
        self._tell_refreshed = refreshed
        self._tell_crossed = crossed
        self._patience = patience
        self._stopped = False
        self._acknowledging: dict[int, Acknowledging] = {}  # by the CSeq number of the INVITE

    def stop(self) -> None:
        """The session is ending: only BYE goes out from now on."""
        self._stopped = True

    async def refresh(self, method: str, body: bytes = b"", content_type: str = SDP) -> Response:
        """The 2xx to an INVITE, which is still to be acknowledged, or to an UPDATE: both refresh the session.

        Raises Refused, TimedOut, Unreachable.
        """
        exchange = await self._refresh(method, body, content_type)
        if exchange.response.status == TOO_SHORT and self._lengthened(exchange.response):
            exchange = await self._refresh(method, body, content_type)
        if exchange.response.status >= 300:
            raise refusal(exchange)
        self._standing.granted(exchange.response)
        self._tell_refreshed()
        return exchange.response

    async def bye(self) -> None:
        """The answer does not matter (rule A-27). Raises TimedOut or Unreachable without one."""
        await self._ask("BYE", [], b"")

    async def acknowledge(self, response: Response) -> None:
        """Send the ACK of a 2xx to an INVITE of ours, and again whenever it is repeated. Raises Unreachable."""
        number = response.cseq.number
        acknowledging = self._acknowledging[number] = Acknowledging(self._floors.agent)
        if len(self._acknowledging) > REMEMBERED:
            del self._acknowledging[min(self._acknowledging)]
        acknowledging.won(response)
        dialog, credentials = self._standing.dialog, self._standing.credentials.of_invite(number)
        ack, hop = await self._floors.agent.acknowledge(
            lambda via: dialog.ack(number, via, credentials), dialog.next_hop_uri(), foreign=dialog.foreign
        )
        acknowledging.acknowledged(ack, hop)

    def repeated(self, response: Response) -> Response | None:
        """A 2xx that nobody waits for came. Gives it back when it is of another fork, which nobody wants."""
        acknowledging = self._acknowledging.get(response.cseq.number)
        if acknowledging is not None:
            return acknowledging.repeated(response)
        if response.to.tag == self._standing.dialog.remote_tag and response.cseq.number > max(
            self._acknowledging, default=0
        ):
            self._tell_crossed(response)
        return None

    # -- ours

    async def _refresh(self, method: str, body: bytes, content_type: str) -> Exchange:
        if self._stopped:
            raise Unreachable("the session is ending")
        fields = typed(self._standing.request_fields(with_body=bool(body)), content_type)
        return await self._ask(method, fields, body)

    def _lengthened(self, response: Response) -> bool:
        """Whether the 422 says what would be enough (RFC 4028 §7.4); it is what we ask for now."""
        timer, enough = self._standing.timer, min_se_of(response)
        if timer is None or enough is None or enough <= timer.interval:
            return False
        self._standing.timer = attrs.evolve(timer, interval=enough)
        return True

    async def _ask(self, method: str, fields: Fields, body: bytes) -> Exchange:
        standing = self._standing
        number = standing.next_number()
        next_hop, foreign = standing.dialog.next_hop_uri(), standing.dialog.foreign
        credentials, next_number = standing.credentials, standing.next_number

        def make(via: Via) -> Request:  # the same number over every hop that is tried
            before = attrs.evolve(standing.dialog, local_cseq=number - 1)
            return before.request(method, via, fields, body)[0]

        if method == "INVITE":
            patience = self._patience
            return await invite(self._floors, make, next_hop, patience, credentials, next_number, foreign=foreign)
        return await self._floors.agent.request(make, next_hop, None, credentials, next_number, foreign=foreign)

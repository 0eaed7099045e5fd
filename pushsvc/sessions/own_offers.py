"""What we offer in a session, and what the answers mean for its media lines (RFC 3264, RFC 3261 §14.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import DeferredLock
from twisted.internet.task import deferLater

from pushsvc import sdp
from pushsvc.errors import ProtocolError, Refused, Unreachable
from pushsvc.sessions.anchoring import needs_plain_offer
from pushsvc.sessions.errands import Errands
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.further import Further
from pushsvc.sessions.line import Line
from pushsvc.sessions.offer_body import NO_ICONS, WITHOUT_ICONS, Icons, write_offer
from pushsvc.sessions.own_requests import OwnRequests
from pushsvc.sessions.standing import Standing
from pushsvc.sessions.user_plane import UserPlane
from pushsvc.sip.message import Response
from pushsvc.sip.session_timer import refresh_method

REPLY_GRACE = 0.25  # seconds between our 413 or 481 and the INVITE or BYE that follows: time for the reply
GLARE = 491
GLARE_TRIES = 4  # each wait is random: to collide four times running is no accident

Settle = Callable[[Sequence[sdp.MediaOffer], Sequence[sdp.MediaOffer]], None]
"""Told of every line as it was offered and as it was answered."""


class OwnOffers:
    """Our first offer's answer, and later offers: one at a time, and again after a while when they cross the peer's.

    `turn` is held while an INVITE of either side is under way, `inviting` says that it is ours. Everything raises
    Refused, TimedOut or Unreachable; the last without `retry` where an answer cannot be used.
    """

    def __init__(
        self, floors: Floors, standing: Standing, plane: UserPlane, requests: OwnRequests, errands: Errands
    ) -> None:
        self.turn = DeferredLock()
        self.inviting = False
        self._floors = floors
        self._standing = standing
        self._plane = plane
        self._requests = requests
        self._errands = errands

    async def agree(self, response: Response) -> None:
        """Acknowledge the 200 to our first offer, take its answer, and have the accepted lines carried."""
        await self._requests.acknowledge(response)
        answered = self._take_answer(self._standing.ours, response)
        offered = [line.view for line in self._plane.lines]
        for line, view in zip(self._plane.lines, answered, strict=True):
            line.answered(view)
        self._settle(offered, answered)
        await self._errands.keep(self._carry(self._plane.lines, answered))

    async def close_lines(self, indices: Sequence[int]) -> None:
        """Close these media lines by port 0 (rule A-20)."""
        await self._errands.ask(self._offer(lambda: sdp.closing(self._standing.ours, indices)))

    async def close_refused(self, line: Line) -> None:
        """Close a line by which we have answered 413, even the last one: then its sender hangs up (flow 10)."""
        await self.when_replied()
        if line.is_open:
            await self.close_lines([self._plane.lines.index(line)])

    async def when_replied(self) -> None:
        """Wait a moment: a 413 or 481 goes by another way than our INVITE or BYE, and must not be overtaken by it."""
        await self._errands.ask(self._moment())

    async def offer_more(self, files: Sequence[sdp.FileOffer], icons: Icons = NO_ICONS) -> list[Line]:
        """Offer further files, each by a line that is free or new; where the peer takes no icons, without these."""
        further = Further(self._floors, self._standing, self._plane, files)
        try:
            await self._errands.ask(further.reserve())
            await self._errands.ask(self._offer_further(further, icons))
            await self._errands.keep(self._carry(further.lines, further.answered))
        except BaseException:
            further.give_up()
            raise
        return further.lines

    async def move(self) -> None:
        """Our relay carries lines by other paths than before: say so (E.13)."""
        await self._errands.ask(self._offer(lambda: sdp.moved(self._standing.ours, self._plane.paths)))

    async def refresh(self) -> None:
        """RFC 4028 §7.4: UPDATE where the peer takes it, else the same offer again: nothing is negotiated anew."""
        if refresh_method(self._standing.peer_allows) == "INVITE":
            await self._errands.ask(self._offer(lambda: sdp.again(self._standing.ours)))
        else:
            await self._errands.ask(self._requests.refresh("UPDATE"))

    # -- ours

    async def _moment(self) -> None:
        await deferLater(self._floors.clock, REPLY_GRACE)

    async def _carry(self, lines: Sequence[Line], answered: Sequence[sdp.MediaOffer]) -> None:
        """Have these lines carried as they were answered, or as they are when they are offered again (RFC 6714)."""
        if await needs_plain_offer(self._floors, lines, answered):
            settled: list[sdp.MediaOffer] = []

            def settle(offered: Sequence[sdp.MediaOffer], answered: Sequence[sdp.MediaOffer]) -> None:
                for line, ours, theirs in zip(self._plane.lines, offered, answered, strict=True):
                    line.view = ours
                    line.answered(theirs)
                settled.extend(answered)

            await self._offer(lambda: sdp.without_cema(self._standing.ours), settle)
            answered = [settled[line.view.index] for line in lines]
        await self._plane.carry(lines, answered)

    async def _offer_further(self, further: Further, icons: Icons) -> None:
        try:
            await self._offer(further.describe, further.settle, icons)
        except Refused as refused:
            if not icons or refused.status not in WITHOUT_ICONS:
                raise
            further.drop_icons()
            await self._offer(further.describe, further.settle)

    async def _offer(
        self, describe: Callable[[], sdp.Description], settle: Settle | None = None, icons: Icons = NO_ICONS
    ) -> None:
        """Offer what `describe` says when its turn has come; after a 491 once more, as things are by then."""
        for remaining in reversed(range(GLARE_TRIES)):
            await self.turn.acquire()
            self.inviting = True
            try:
                await self._exchange(describe(), settle, icons)
                return
            except Refused as refused:
                if refused.status != GLARE or not remaining:
                    raise
            finally:
                self.inviting = False
                self.turn.release()
            await deferLater(self._floors.clock, self._back_off())

    async def _exchange(self, offer: sdp.Description, settle: Settle | None, icons: Icons) -> None:
        content_type, body = write_offer(offer, icons, self._floors.tokens)
        response = await self._requests.refresh("INVITE", body, content_type)
        await self._requests.acknowledge(response)
        offered, answered = sdp.media(offer), self._take_answer(offer, response)
        if settle is not None:
            settle(offered, answered)
        self._settle(offered, answered)

    def _take_answer(self, offer: sdp.Description, response: Response) -> list[sdp.MediaOffer]:
        before = self._standing.theirs
        try:
            # Some leave the answer out of the 200 to a refresh: then it is what it was.
            answer = before if before is not None and not response.body else sdp.parse(response.body)
            answered = sdp.answered(offer, answer)
        except ProtocolError as error:
            raise Unreachable(f"the answer cannot be used: {error.reason}", retry=False) from error
        self._standing.ours, self._standing.theirs = offer, answer
        return answered

    def _settle(self, offered: Sequence[sdp.MediaOffer], answered: Sequence[sdp.MediaOffer]) -> None:
        """What either side has set to port 0 carries nothing any more; others may lead elsewhere now."""
        for line, ours, theirs in zip(self._plane.lines, offered, answered, strict=True):
            if ours.refused:
                self._plane.close(line)
            elif theirs.refused:
                self._plane.ended(line)
            else:
                line.reroute(theirs)

    def _back_off(self) -> float:
        """RFC 3261 §14.1: seconds in steps of 10 ms; whoever made the Call-ID waits longer."""
        fraction = self._floors.tokens.fraction()
        return (210 + int(fraction * 191)) / 100 if self._standing.dialog.we_called else int(fraction * 201) / 100

"""One push session: one dialog and the MSRP sessions of its media lines, from the 200 to the end.

This is what its owner holds, and where its parts meet: `user_plane`, `own_requests`, `peer_offers`, `refreshing`,
`parting`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc import sdp
from pushsvc.errors import BadMessage, DeliveryError, Refused
from pushsvc.sessions.errands import Errands
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.lifecycle import live
from pushsvc.sessions.line import Line
from pushsvc.sessions.offer_body import NO_ICONS, Icons
from pushsvc.sessions.own_offers import OwnOffers
from pushsvc.sessions.own_requests import OwnRequests
from pushsvc.sessions.parting import Parting
from pushsvc.sessions.peer_offers import Asker, PeerOffers
from pushsvc.sessions.refreshing import Refreshing
from pushsvc.sessions.standing import Standing
from pushsvc.sessions.take import we_connect
from pushsvc.sessions.user_plane import UserPlane
from pushsvc.sip.dialog import Dialog, DialogId
from pushsvc.sip.message import Request, Response, reply_to

PATIENCE = 180.0  # seconds after the first provisional answer; requirements F, answer wait


@attrs.frozen
class Ended:
    """Why a session ended, in a few words, and whether that was our wish."""

    why: str
    ours: bool


class Session:
    """Made by `Sessions.dial` or `Invitation.accept`; ends by `close`, by the peer, by a timer, by its connection."""

    log = Logger()

    def __init__(
        self,
        floors: Floors,
        standing: Standing,
        lines: Sequence[Line],
        forget: Callable[[Session], None],
        asker: Asker | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._floors = floors
        self._standing = standing
        self._forget = forget
        self._ended: Ended | None = None
        self._over = False
        self._waiting: list[Deferred[Ended]] = []
        self._to_reach: list[Line] = []
        self._life = live(self)
        self._parting = Parting(
            floors.clock, self._life.close, lambda: self._offers.unacked, lambda: self._plane.is_done
        )
        wish = self._parting.wish
        self._errands = Errands(wish)
        self._plane = UserPlane(
            floors,
            lines,
            self._life.opened,
            self._lost,
            wish,
            self._parting.done,
            self._moved,
            foreign=standing.dialog.foreign,
        )
        self._requests = OwnRequests(floors, standing, self._refreshed, self._crossed, patience)
        self._own = OwnOffers(floors, standing, self._plane, self._requests, self._errands)
        self._offers = PeerOffers(self, floors, standing, self._plane, self._own, asker)
        self._refreshing = Refreshing(floors, standing, self._own.refresh, wish, self._heard_at, self._spawn)
        self._refreshing.restart()

    @property
    def id(self) -> DialogId:
        return self._standing.dialog.id

    @property
    def dialog(self) -> Dialog:
        return self._standing.dialog

    @property
    def lines(self) -> list[Line]:
        """The media lines, in the order of the session descriptions."""
        return self._plane.lines

    @property
    def is_alive(self) -> bool:
        """Whether it is not ending, and has not ended."""
        return self._ended is None

    @property
    def peer(self) -> str:
        """The connection that carries the session, as `tls:192.0.2.20:2855`; "" when none does."""
        links = (line.msrp.link for line in self.lines if line.msrp is not None)
        return next((link.peer for link in links if link is not None), "")

    # -- what the owner does

    def close(self, why: str = "done") -> Deferred[Ended]:
        """End it, once; fires when it has ended, within the time of one transaction, or two before the first ACK."""
        self._parting.wish(why)
        return self.when_ended()

    def close_when_done(self, why: str) -> Deferred[Ended]:
        """End it once nothing is under way in it: at once, or a moment after the last content's end."""
        self._parting.wish_when_done(why)
        return self.when_ended()

    def when_ended(self) -> Deferred[Ended]:
        """Fires with a value when the session has ended, however it did."""
        ended: Deferred[Ended] = Deferred(self._waiting.remove)
        if self._over and self._ended is not None:
            ended.callback(self._ended)
        else:
            self._waiting.append(ended)
        return ended

    async def close_lines(self, indices: Sequence[int]) -> None:
        """Close these media lines by port 0; the others go on (rules A-20, A-21). Raises DeliveryError.

        When none would be left, the session is closed instead [A-38].
        """
        if all(not line.is_open for index, line in enumerate(self.lines) if index not in indices):
            await self.close("every media line is closed")
        else:
            await self._own.close_lines(indices)

    async def offer_more(self, files: Sequence[sdp.FileOffer], icons: Icons = NO_ICONS) -> list[Line]:
        """Offer further files in this session; one line each, open where the peer takes it [R-PSA-REL-0].

        Paths are filled in here; lines whose transfer is over are taken over. `icons` are those that the files name.
        Raises DeliveryError; whether the session goes on then, `is_alive` tells: it does when the peer refused.
        """
        return await self._own.offer_more(files, icons)

    # -- caller: from the 2xx to the MSRP connection

    async def agree(self, response: Response) -> None:
        """Acknowledge the 200 and take its answer. Raises Unreachable or TimedOut."""
        await self._own.agree(response)
        self._life.opened()

    def repeated(self, response: Response) -> Response | None:
        """A 2xx to an INVITE of ours came (again). Gives it back when it is another fork's, which nobody wants."""
        return self._requests.repeated(response)

    # -- callee: from the 2xx to the ACK

    def answer_with(self, response: Response) -> None:
        """Send the 2xx until its ACK comes; one side has to connect soon."""
        self._to_reach = list(self.lines)
        self._plane.expect()
        self._offers.answer(response)

    def acked(self, ack: Request) -> None:
        """An ACK of this dialog came."""
        self._offers.acked(ack)

    # -- requests of the peer inside the dialog

    def received(self, request: Request) -> bool:
        """Deal with a request of this dialog; ACK and CANCEL are not among them. False: it means no session."""
        try:
            target = self._standing.heard(request)
        except BadMessage as error:
            self._respond(request, error.status)
            return True
        match request.method:
            case "BYE":
                self._respond(request, 200)
                self._life.hung_up("the peer hung up")
            case "INVITE":
                self._offers.overtaken()
                if self._takes(request):
                    self._offers.invited(request, target)
            case "UPDATE":
                if self._takes(request):
                    self._offers.updated(request, target)
            case _:
                return False
        return True

    def cancelled(self, cancel: Request) -> None:
        """The peer takes an INVITE of this dialog back."""
        self._offers.cancelled(cancel)

    # -- what the parts tell

    def granted(self, new: Sequence[Line]) -> None:
        """We granted a later INVITE or UPDATE of the peer, with these new lines."""
        self._refreshing.restart()
        self._to_reach += new
        if any(line.is_open for line in new):
            self._plane.expect()
        elif not self._plane.is_used and self.dialog.we_called:
            self._parting.wish("no media line is left")

    def acknowledged(self) -> None:
        """The peer has our 200."""
        if self._parting.acked():
            return
        lines = [line for line in self._to_reach if we_connect(self._floors, line)]
        self._to_reach = []
        if lines:
            self._spawn(self._reach(lines))

    def never_acknowledged(self) -> None:
        """Nor will it be any more."""
        self._parting.never_acked()

    # -- what the lifecycle does (`lifecycle.Deeds`)

    def send_bye(self) -> None:
        self._stop()
        self._plane.stop_expecting()
        self._spawn(self._bye())

    def release(self) -> None:
        self._stop()
        self._parting.stop()
        self._offers.stop()
        self._errands.call_off(self._ended.why if self._ended is not None else "")
        self._plane.release()

    def tell_ended(self) -> None:
        self._over = True
        self._forget(self)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(self._ended or Ended("", ours=True))

    def note_why(self, why: str, ours: bool) -> None:
        self._ended = self._ended or Ended(why, ours)

    # -- ours

    def _stop(self) -> None:
        self._refreshing.stop()
        self._requests.stop()
        self._offers.withdraw()

    async def _bye(self) -> None:
        try:
            await self._requests.bye()
        except DeliveryError as error:
            self.log.info("BYE not answered: {reason}", reason=error.reason, call_id=self.dialog.call_id)
        finally:
            self._life.bye_over()

    def _takes(self, request: Request) -> bool:
        """After our BYE the dialog is over, whatever the peer knows of that (RFC 3261 §15.1.1)."""
        if not self.is_alive:
            self._respond(request, 481)
        return self.is_alive

    async def _reach(self, lines: Sequence[Line]) -> None:
        try:
            await self._errands.keep(self._plane.reach(lines))
        except DeliveryError as error:
            self.log.warn("no MSRP connection: {reason}", reason=error.reason, call_id=self.dialog.call_id)

    def _refreshed(self) -> None:
        self._refreshing.restart()

    def _heard_at(self) -> float:
        return self._plane.heard_at

    def _crossed(self, response: Response) -> None:
        """The peer granted an INVITE after we had given it up: nobody knows any more what holds."""
        self._spawn(self._acknowledge_and_end(response))

    async def _acknowledge_and_end(self, response: Response) -> None:
        try:
            await self._requests.acknowledge(response)
        except DeliveryError as error:
            self.log.info("no ACK: {reason}", reason=error.reason, call_id=self.dialog.call_id)
        self._parting.wish("an INVITE was granted after it had been given up")

    def _moved(self) -> None:
        self._spawn(self._move())

    async def _move(self) -> None:
        """What the peer still sends by the path before, the relay may refuse once its time is over."""
        try:
            await self._own.move()
        except DeliveryError as error:
            call_id = self.dialog.call_id
            self.log.warn("the peer was not told of another path: {reason}", reason=error.reason, call_id=call_id)

    def _lost(self, line: Line, error: DeliveryError) -> None:
        """Its peer stopped sending (requirements F, stall) or is somebody else (E.10 rule 2), or we take no more.

        The line is over, and so is the session, if it was the last.
        """
        self._spawn(self._close_lost(line, error))

    async def _close_lost(self, line: Line, error: DeliveryError) -> None:
        try:
            match error:
                case Refused(retry=True):
                    # Another session may bring it. To close the line would be to refuse it for good (RFC 5547 §8.4).
                    await self._own.when_replied()
                    self._parting.wish(error.reason)
                case Refused():
                    await self._own.close_refused(line)
                case _:
                    await self.close_lines([self.lines.index(line)])
        except DeliveryError as failure:
            if not self._over:
                self._parting.wish(f"{error.reason}; {failure.reason}")

    def _respond(self, request: Request, status: int) -> None:
        self._floors.agent.respond(reply_to(request, status))

    def _spawn(self, story: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(story).addErrback(self._bug)

    def _bug(self, failure: Failure) -> None:
        self.log.failure("a bug ended a session", failure, call_id=self.dialog.call_id)
        self._life.hung_up("internal error")

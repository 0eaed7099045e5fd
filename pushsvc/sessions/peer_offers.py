"""Later INVITEs and UPDATEs of the peer: refreshes, closed lines, further files (RFC 3261 §14.2, RFC 3311 §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from pushsvc import sdp
from pushsvc.errors import ProtocolError
from pushsvc.sessions.fitness import unacceptable
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.invitation import Accepted, Invitation
from pushsvc.sessions.line import Line
from pushsvc.sessions.offer_body import NO_ICONS, Icons, read_offer
from pushsvc.sessions.own_offers import OwnOffers
from pushsvc.sessions.reanswer import Reanswer
from pushsvc.sessions.repeats import Answering
from pushsvc.sessions.standing import Standing
from pushsvc.sessions.take import decision_for, line_for
from pushsvc.sessions.user_plane import UserPlane
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.session_timer import SessionTimer
from pushsvc.sip.uri import SipUri

if TYPE_CHECKING:
    from pushsvc.sessions.session import Session

LONGEST_PAUSE = 10  # seconds, RFC 3261 §14.2: when to try again after a 500


@attrs.frozen
class Asker:
    """Whom to ask about further files, and in whose name: the opening INVITE and where it came from."""

    opening: tuple[Request, Hop]
    invite: Callable[[Invitation], None]


@attrs.frozen
class _Wish:
    """A request that could be granted: where its sender will be then, the timer, and what it offers."""

    request: Request
    target: SipUri
    timer: SessionTimer | None
    again: Reanswer | None
    icons: Icons


class PeerOffers:
    """Answers what the peer asks for in `session`, and makes sure of the 200s to its INVITEs, the first included.

    `asker` is None where files are only sent: then further ones are declined.
    """

    def __init__(
        self,
        session: Session,
        floors: Floors,
        standing: Standing,
        plane: UserPlane,
        own: OwnOffers,
        asker: Asker | None,
    ) -> None:
        self._session = session
        self._floors = floors
        self._standing = standing
        self._plane = plane
        self._own = own
        self._asker = asker
        self._undecided: Invitation | None = None
        self._answering: Answering | None = None
        self._has_turn = False

    # -- the 200 and its ACK

    @property
    def unacked(self) -> bool:
        """Whether a 200 of ours waits for its ACK."""
        return self._answering is not None

    def answer(self, response: Response) -> None:
        """Send this 2xx until its ACK comes."""
        self._take_turn()
        self._answering = Answering(self._floors, response, self._acked, self._never_acked)

    def acked(self, ack: Request) -> None:
        """An ACK of this dialog came."""
        if self._answering is not None:
            self._answering.acked(ack)

    def overtaken(self) -> None:
        """A new INVITE came: who makes one has our last 200, even if its ACK was lost."""
        if self._answering is not None:
            self._answering.stop()
            self._acked()

    def stop(self) -> None:
        """The session is over."""
        if self._answering is not None:
            self._answering.stop()

    # -- requests

    def invited(self, request: Request, target: SipUri) -> None:
        """An INVITE (D-SIP-6)."""
        if self._own.inviting:
            self._respond(request, 491)
        elif self._undecided is not None:
            self._respond(request, 500, [self._pause()])
        else:
            self._take_turn()
            self._consider(request, target)

    def updated(self, request: Request, target: SipUri) -> None:
        """An UPDATE; without an offer it gets in nobody's way."""
        if request.body and self._own.inviting:
            self._respond(request, 491)
        elif request.body and self._undecided is not None:
            self._respond(request, 500, [self._pause()])
        else:
            self._consider(request, target)

    def cancelled(self, cancel: Request) -> None:
        if self._undecided is not None and self._undecided.answers(cancel):
            self.withdraw()

    def withdraw(self) -> None:
        """Whoever is being asked about further files need not decide any more (R-PRA-REL-2)."""
        if self._undecided is not None:
            self._undecided.withdraw(487)

    # -- ours

    def _consider(self, request: Request, target: SipUri) -> None:
        floors, standing = self._floors, self._standing
        try:
            timer = SessionTimer.agreed_by_us(request, floors.session_expires, floors.min_se, standing.timer)
            offer = read_offer(request) if request.body else None
            again = (
                Reanswer(standing.theirs or offer.description, offer.description, cema=floors.cema)
                if offer is not None
                else None
            )
        except ProtocolError as error:
            self._refuse(request, *unacceptable(error, floors.min_se))
            return
        wish = _Wish(request, target, timer, again, offer.icons if offer is not None else NO_ICONS)
        if self._asker is not None and request.method == "INVITE" and again is not None and again.new:
            self._ask(self._asker, wish, again.new)
        else:
            self._grant(wish, None)

    def _ask(self, asker: Asker, wish: _Wish, lines: list[sdp.MediaOffer]) -> None:
        def accepted(accepted: Accepted) -> Session:
            self._undecided = None
            self._grant(wish, accepted)
            return self._session

        def refused() -> None:
            self._undecided = None
            self._leave_turn()

        dialog = self._standing.dialog
        self._undecided = Invitation(
            self._floors, wish.request, lines, asker.opening, dialog, accepted, refused, wish.icons
        )
        asker.invite(self._undecided)

    def _grant(self, wish: _Wish, accepted: Accepted | None) -> None:
        standing, request = self._standing, wish.request
        body, new = self._answer_to(wish, accepted)
        standing.timer = wish.timer
        standing.move(wish.target)
        if accepted is not None:
            standing.fields = accepted.describe(standing.dialog.contact)
        response = reply_to(request, 200, headers=standing.response_fields(with_body=bool(body)), body=body)
        if request.method == "INVITE":
            self.answer(response)
        else:
            self._floors.agent.respond(response)
        self._session.granted(new)

    def _answer_to(self, wish: _Wish, accepted: Accepted | None) -> tuple[bytes, list[Line]]:
        """Body of the 2xx, and the lines that are new."""
        standing, again = self._standing, wish.again
        if again is None:
            if wish.request.method != "INVITE":
                return b"", []
            # RFC 3261 §14.2: an INVITE without an offer asks for one of ours.
            standing.ours = sdp.again(standing.ours)
            return sdp.format(standing.ours), []
        takes = accepted.takes if accepted is not None else [None] * len(again.new)
        types = accepted.accept_types if accepted is not None else ()
        call_id = standing.dialog.call_id
        reserved = accepted.reserved if accepted is not None else {}
        lines = [
            line_for(self._floors, call_id, view, take, reserved.get(view.index))
            for view, take in zip(again.new, takes, strict=True)
        ]
        decided = {
            line.view.index: decision_for(self._floors, line, take, types)
            for line, take in zip(lines, takes, strict=True)
        }
        standing.ours = again.answer(standing.ours, decided, self._floors.local_end(secure=again.secure))
        standing.theirs = again.offer
        for view in again.kept:
            self._plane.lines[view.index].reroute(view)
        for index in again.ended:
            self._plane.ended(self._plane.lines[index])
        for line in lines:
            self._plane.put(line.view.index, line)
        return sdp.format(standing.ours), lines

    def _refuse(self, request: Request, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._respond(request, status, headers)
        if request.method == "INVITE":
            self._leave_turn()

    def _respond(self, request: Request, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._floors.agent.respond(reply_to(request, status, headers=headers))

    def _pause(self) -> tuple[str, str]:
        return "Retry-After", str(int(self._floors.tokens.fraction() * (LONGEST_PAUSE + 1)))

    def _acked(self) -> None:
        self._answering = None
        self._session.acknowledged()
        self._leave_turn()

    def _never_acked(self) -> None:
        self._answering = None
        self._session.never_acknowledged()
        self._leave_turn()

    def _take_turn(self) -> None:
        """Free whenever we come here: it is ours, or no INVITE is under way."""
        if not self._has_turn:
            self._has_turn = True
            self._own.turn.acquire()

    def _leave_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._own.turn.release()

"""An INVITE that nobody has answered yet: accept it, refuse it, or hear that its sender took it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from pushsvc import sdp
from pushsvc.net.msrp_receiving import Wanted
from pushsvc.sessions.fields import Fields
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.session import Line, Session
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.session_timer import SessionTimer
from pushsvc.sip.uri import SipUri


@attrs.frozen
class Take:
    """We want what this media line offers: what may come in, and what the answer says of it."""

    wanted: Wanted
    accept_types: tuple[str, ...]
    max_size: int | None = None


class Invitation:
    """One INVITE, its offer read. Either `accept` or `refuse` is called, once, unless `on_cancelled` comes first.

    Making one raises BadMessage where no dialog can come of it. `over(invitation, session)` is told of its end, with
    the session that came out.
    """

    def __init__(
        self,
        floors: Floors,
        request: Request,
        source: Hop,
        offer: sdp.Description,
        timer: SessionTimer | None,
        over: Callable[[Invitation, Session | None], None],
        forget: Callable[[Session], None],
    ) -> None:
        self.request = request
        self.source = source
        self.lines = sdp.media(offer)
        self.on_cancelled: Callable[[], None] = lambda: None
        self.is_over = False
        self._tag = floors.tokens.word(16)
        self._floors = floors
        self._offer = offer
        # Made at once: what cannot be a dialog is refused before anybody is asked.
        contact = floors.agent.contact(getattr(request.uri, "user", None), source.transport)
        self._dialog = Dialog.from_invite(request, self._tag, contact)
        self._timer = timer
        self._tell_over = over
        self._forget = forget

    def ring(self) -> None:
        """Somebody is being asked (D-SIP-13)."""
        if not self.is_over:
            self._floors.agent.respond(reply_to(self.request, 180, to_tag=self._tag))

    def refuse(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """The final answer is no."""
        if not self.is_over:
            self.is_over = True
            self._floors.agent.respond(reply_to(self.request, status, to_tag=self._tag, headers=headers))
            self._tell_over(self, None)

    def cancelled(self) -> None:
        """Its sender took it back (RFC 3261 §9.2)."""
        if not self.is_over:
            self.refuse(487)
            self.on_cancelled()

    def accept(
        self, takes: Sequence[Take | None], describe: Callable[[SipUri], Fields], accept_types: Sequence[str] = ()
    ) -> Session:
        """The answer is yes to each line that has a `Take`; content may come in from this moment (R-PRA-INV-8).

        `describe` gives the headers of the 200 for a Contact, without those of the session timer; `accept_types` is
        what refused lines are told that would have been taken.
        """
        self.is_over = True
        fields = describe(self._dialog.contact)
        lines = [self._line(view, take) for view, take in zip(self.lines, takes, strict=True)]
        ours = self._answer(lines, takes, tuple(accept_types))
        session = Session(
            self._floors, self._dialog, lines, ours, self._offer, fields, self._timer, forget=self._forget
        )
        timer = self._timer.response_headers() if self._timer is not None else []
        response = reply_to(self.request, 200, to_tag=self._tag, headers=[*fields, *timer], body=sdp.format(ours))
        self._tell_over(self, session)
        session.answer_with(response)
        return session

    def _line(self, view: sdp.MediaOffer, take: Take | None) -> Line:
        if take is None:
            return Line(view, None)
        msrp = self._floors.msrp.open(self.request.call_id, secure=view.secure)
        msrp.peer_path, msrp.fingerprints = view.path, view.fingerprints
        msrp.receive(take.wanted)
        return Line(view, msrp)

    def _answer(
        self, lines: Sequence[Line], takes: Sequence[Take | None], accept_types: tuple[str, ...]
    ) -> sdp.Description:
        secure = next((line.view.secure for line in lines if line.is_open), True)
        decisions = [_decision(line, take, accept_types) for line, take in zip(lines, takes, strict=True)]
        local = self._floors.local_end(secure=secure)
        return sdp.answer(self._offer, decisions, local, (self._floors.session_number(), 1))


def _decision(line: Line, take: Take | None, accept_types: tuple[str, ...]) -> sdp.Decision:
    if take is None or line.msrp is None:
        return sdp.Declined(accept_types)
    setup = sdp.answer_setup(line.view.setup)
    return sdp.Accepted((line.msrp.own,), take.accept_types, take.max_size, setup)

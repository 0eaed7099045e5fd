"""The callee's way from an INVITE with an offer to a session: the invitation, the answer, the 200."""

from __future__ import annotations

from collections.abc import Callable

from pushsvc import sdp
from pushsvc.errors import NotAcceptable
from pushsvc.sessions.fields import Fields
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.invitation import Accepted, Invitation
from pushsvc.sessions.offer_body import read_offer
from pushsvc.sessions.peer_offers import Asker
from pushsvc.sessions.session import Session
from pushsvc.sessions.standing import Standing
from pushsvc.sessions.take import decision_for, line_for
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.hop import Hop
from pushsvc.sip.inside import is_foreign
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.session_timer import SessionTimer
from pushsvc.sip.uri import SipUri


class Opening:
    """One INVITE that opens a session. Making one raises ProtocolError where nothing can come of it.

    `begun` is told of the session before its 200 goes out, `over` that there will be none, `forget` of its end, and
    `further` of invitations inside it.
    """

    def __init__(
        self,
        floors: Floors,
        request: Request,
        source: Hop,
        begun: Callable[[Session], None],
        over: Callable[[], None],
        forget: Callable[[Session], None],
        further: Callable[[Invitation], None],
    ) -> None:
        self._floors = floors
        # Without its body: that may be large, and the session keeps its opening request for as long as it lives.
        self._request = request.evolve(body=b"")
        self._source = source
        self._begun = begun
        self._forget = forget
        self._further = further
        self._timer = SessionTimer.agreed_by_us(request, floors.session_expires, floors.min_se)
        if not request.body:
            raise NotAcceptable("an INVITE without an offer asks for one, and we have nothing to offer")
        offer = read_offer(request)
        self._offer = offer.description
        self._tag = floors.tokens.word(16)
        # Made at once: what cannot be a dialog is refused before anybody is asked.
        user, secure = (request.uri.user, request.uri.secure) if isinstance(request.uri, SipUri) else (None, False)
        contact = floors.agent.places.answering(user, source, secure=secure)
        self._dialog = Dialog.from_invite(request, self._tag, contact, foreign=is_foreign(source))
        lines = sdp.media(self._offer, cema=floors.cema)
        self.invitation = Invitation(
            floors, self._request, lines, (self._request, source), self._dialog, self._accepted, over, offer.icons
        )

    def _accepted(self, accepted: Accepted) -> Session:
        floors, views = self._floors, self.invitation.lines
        lines = [
            line_for(floors, self._request.call_id, view, take, accepted.reserved.get(view.index))
            for view, take in zip(views, accepted.takes, strict=True)
        ]
        decisions = [
            decision_for(floors, line, take, accepted.accept_types)
            for line, take in zip(lines, accepted.takes, strict=True)
        ]
        local = floors.local_end(secure=next((line.view.secure for line in lines if line.is_open), True))
        ours = sdp.answer(self._offer, decisions, local, (floors.session_number(), 1))
        fields = accepted.describe(self._dialog.contact)
        asker = Asker((self._request, self._source), self._further)
        session = Session(floors, self._standing(ours, fields), lines, self._forget, asker)
        self._begun(session)
        timer = self._timer.response_headers() if self._timer is not None else []
        session.answer_with(
            reply_to(self._request, 200, to_tag=self._tag, headers=[*fields, *timer], body=sdp.format(ours))
        )
        return session

    def _standing(self, ours: sdp.Description, fields: Fields) -> Standing:
        allows = tuple(self._request.headers.values("allow"))
        credentials = self._floors.agent.credentials()
        return Standing(self._dialog, ours, self._offer, fields, self._timer, allows, credentials=credentials)

"""How a session stands: its dialog, what both sides described last, the session timer, and what messages repeat."""

from __future__ import annotations

import attrs

from pushsvc import sdp
from pushsvc.errors import BadMessage
from pushsvc.sessions.fields import Fields, later
from pushsvc.sip.credentials import Credentials
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.message import Request, Response
from pushsvc.sip.session_timer import SessionTimer
from pushsvc.sip.uri import SipUri


@attrs.define(eq=False)
class Standing:
    """Facts that change while a session lives. `ours` and `theirs` are the descriptions agreed to last.

    `theirs` is None until the answer to our first offer has come; `fields` are the headers of the INVITE or 200 that
    made the session; `credentials` those that our requests carry.
    """

    dialog: Dialog
    ours: sdp.Description
    theirs: sdp.Description | None
    fields: Fields
    timer: SessionTimer | None
    peer_allows: tuple[str, ...] = ()
    credentials: Credentials = attrs.field(kw_only=True)

    def heard(self, request: Request) -> SipUri:
        """Count a request of the peer; gives the target that it asks for, which moves only once it is granted.

        Raises BadMessage with the status to answer.
        """
        after = self.dialog.accepts(request)
        self.dialog = attrs.evolve(after, target=self.dialog.target)
        return after.target

    def move(self, target: SipUri) -> None:
        """The peer is there from now on (RFC 3261 §12.2.2)."""
        self.dialog = attrs.evolve(self.dialog, target=target)

    def granted(self, response: Response) -> None:
        """A 2xx to a later INVITE or UPDATE of ours came. A Contact that cannot be followed moves nothing."""
        self.timer = SessionTimer.agreed_by_answer(response)
        try:
            self.dialog = self.dialog.retargeted(response)
        except BadMessage:
            return

    def next_number(self) -> int:
        """The CSeq number of our next request; it is used up by this."""
        number = self.dialog.local_cseq + 1
        self.dialog = attrs.evolve(self.dialog, local_cseq=number)
        return number

    def request_fields(self, *, with_body: bool) -> Fields:
        """The headers of a later INVITE or UPDATE of ours."""
        return later(self.fields, with_body=with_body) + (self.timer.request_headers() if self.timer else [])

    def response_fields(self, *, with_body: bool) -> Fields:
        """The headers of our 2xx to a later INVITE or UPDATE."""
        return later(self.fields, with_body=with_body) + (self.timer.response_headers() if self.timer else [])

"""An INVITE that offers files and that nobody has answered yet: accept it, refuse it, or hear that it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from pushsvc import sdp
from pushsvc.errors import Misuse
from pushsvc.net.alarm import Alarm
from pushsvc.sessions.fields import Fields
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.offer_body import NO_ICONS, Icon, Icons
from pushsvc.sessions.take import Take
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.uri import SipUri

if TYPE_CHECKING:
    from pushsvc.sessions.session import Session

RING_AGAIN = 60.0  # seconds; proxies give an INVITE up after three minutes of silence (RFC 3261 §13.3.1.1)


@attrs.frozen
class Accepted:
    """What was decided: line by line, the headers of the 200, and what refused lines are told would be taken."""

    takes: tuple[Take | None, ...]
    describe: Callable[[SipUri], Fields]
    accept_types: tuple[str, ...]


class Invitation:
    """An INVITE that opens a session, or one inside a session that offers further files.

    Either `accept` or `refuse` is called, once, unless `on_cancelled` comes first. `lines` are those to decide about,
    `icons` the pictures that came with them; `request` and `source` say who calls, and for whom: they are the opening
    INVITE's, without its body. `contact` is where we are to be reached, `our_tag` what we answer with.
    """

    def __init__(
        self,
        floors: Floors,
        invite: Request,
        lines: Sequence[sdp.MediaOffer],
        opening: tuple[Request, Hop],
        dialog: Dialog,
        accepted: Callable[[Accepted], Session],
        refused: Callable[[], None],
        icons: Icons = NO_ICONS,
    ) -> None:
        self.lines = list(lines)
        self.icons = icons
        self.request, self.source = opening
        self.on_cancelled: Callable[[], None] = lambda: None
        self.is_over = False
        self.contact = dialog.contact
        self.our_tag = dialog.local_tag or ""
        self._floors = floors
        self._invite = invite
        self._contact_field = f"<{self.contact}>"
        self._accepted = accepted
        self._tell_refused = refused
        self._ringing = Alarm(floors.clock, self._ring)

    def icon_of(self, line: sdp.MediaOffer) -> Icon | None:
        """The picture of the file that this line offers, if one came along."""
        return self.icons.get(line.icon) if line.icon is not None else None

    def ring(self, contact: str = "") -> None:
        """Somebody is being asked: 180, and again each minute (D-SIP-13).

        That makes an early dialog, so we say where to reach us (RFC 3261 §12.1.1): `contact` is `self.contact` as the
        header's value, with what is to be said of us.
        """
        self._contact_field = contact or self._contact_field
        self._ring()

    def refuse(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """The final answer is no."""
        if not self.is_over:
            self._end()
            self._floors.agent.respond(reply_to(self._invite, status, to_tag=self.our_tag, headers=headers))
            self._tell_refused()

    def withdraw(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """It is over before anybody decided: its sender took it back (RFC 3261 §9.2), or we cannot wait any more."""
        if not self.is_over:
            self.refuse(status, headers)
            self.on_cancelled()

    def answers(self, cancel: Request) -> bool:
        """Whether this INVITE is what a CANCEL means."""
        invite = self._invite
        return (invite.call_id, invite.from_.tag, invite.cseq.number) == (
            cancel.call_id,
            cancel.from_.tag,
            cancel.cseq.number,
        )

    def is_early_dialog_of(self, request: Request) -> bool:
        """Whether a request belongs to the dialog that our provisional answer made."""
        return request.to.tag == self.our_tag

    def accept(
        self, takes: Sequence[Take | None], describe: Callable[[SipUri], Fields], accept_types: Sequence[str] = ()
    ) -> Session:
        """The answer is yes to each line that has a `Take`; content may come in from this moment (R-PRA-INV-8).

        `describe` gives the headers of the 200 for a Contact, without those of the session timer; `accept_types` is
        what refused lines are told that would have been taken.
        """
        if self.is_over or len(takes) != len(self.lines):
            raise Misuse("an invitation is accepted once, line by line")
        self._end()
        return self._accepted(Accepted(tuple(takes), describe, tuple(accept_types)))

    def _ring(self) -> None:
        if not self.is_over:
            fields = [("Contact", self._contact_field)]
            self._floors.agent.respond(reply_to(self._invite, 180, to_tag=self.our_tag, headers=fields))
            self._ringing.after(RING_AGAIN)

    def _end(self) -> None:
        self.is_over = True
        self._ringing.clear()

"""An INVITE that offers files and that nobody has answered yet: accept it, refuse it, or hear that it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from pushsvc import sdp
from pushsvc.errors import Misuse, Unreachable
from pushsvc.net.alarm import Alarm
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.sessions.fields import Fields
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.offer_body import NO_ICONS, Icon, Icons
from pushsvc.sessions.take import Take, open_for
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, reply_to
from pushsvc.sip.uri import SipUri

if TYPE_CHECKING:
    from pushsvc.sessions.session import Session

NO_PATH = 480
NO_PATH_WARNING = '399 pushsvc "No path for the content at the moment"'
RETRY_AFTER = 30  # seconds, when our relay gives us no path: it may be back by then
RING_AGAIN = 60.0  # seconds; proxies give an INVITE up after three minutes of silence (RFC 3261 §13.3.1.1)


@attrs.frozen
class Accepted:
    """What was decided: line by line, the headers of the 200, and what refused lines are told would be taken.

    `reserved` are the sessions that our relay carries, by the index of the line.
    """

    takes: tuple[Take | None, ...]
    describe: Callable[[SipUri], Fields]
    accept_types: tuple[str, ...]
    reserved: Mapping[int, MsrpSession] = attrs.Factory(dict)


class Invitation:
    """An INVITE that opens a session, or one inside a session that offers further files.

    Either `accept`, after `reserve`, or `refuse` is called, once, unless `on_cancelled` comes first. `lines` are those
    to decide about, `icons` the pictures that came with them; `request` and `source` say who calls, and for whom: they
    are the opening INVITE's, without its body. `contact` is where we are to be reached, `our_tag` what we answer with.
    """

    log = Logger()

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
        self._reserved: dict[int, MsrpSession] = {}
        self._reserving: Deferred[None] | None = None

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

    async def reserve(self, lines: Iterable[sdp.MediaOffer]) -> bool:
        """Have our relay, if we have one, carry these lines. False: the invitation is over.

        It may have been taken back meanwhile; where the relay gives us no path it is refused: 480, as for somebody who
        cannot be reached now.
        """
        msrp, call_id = self._floors.msrp, self._invite.call_id
        for line in lines:
            if msrp.is_relayed(line.secure):
                self._reserved[line.index] = open_for(self._floors, call_id, line)
        self._reserving = Deferred.fromCoroutine(msrp.reserve(list(self._reserved.values())))
        try:
            await self._reserving
        except CancelledError:
            return False
        except Unreachable as error:
            self.log.warn("push refused: {reason}", reason=error.reason, call_id=call_id)
            self.refuse(NO_PATH, [("Retry-After", str(RETRY_AFTER)), ("Warning", NO_PATH_WARNING)])
        return not self.is_over

    def accept(
        self, takes: Sequence[Take | None], describe: Callable[[SipUri], Fields], accept_types: Sequence[str] = ()
    ) -> Session:
        """The answer is yes to each line that has a `Take`; content may come in from this moment (R-PRA-INV-8).

        `describe` gives the headers of the 200 for a Contact, without those of the session timer; `accept_types` is
        what refused lines are told that would have been taken.
        """
        if self.is_over or len(takes) != len(self.lines):
            raise Misuse("an invitation is accepted once, line by line")
        wanted = {line.index for line, take in zip(self.lines, takes, strict=True) if take is not None}
        reserved = {index: self._reserved.pop(index) for index in wanted & self._reserved.keys()}
        self._end()
        return self._accepted(Accepted(tuple(takes), describe, tuple(accept_types), reserved))

    def _ring(self) -> None:
        if not self.is_over:
            fields = [("Contact", self._contact_field)]
            self._floors.agent.respond(reply_to(self._invite, 180, to_tag=self.our_tag, headers=fields))
            self._ringing.after(RING_AGAIN)

    def _end(self) -> None:
        self.is_over = True
        self._ringing.clear()
        if self._reserving is not None:
            self._reserving.cancel()
        for session in self._reserved.values():
            self._floors.msrp.close(session)
        self._reserved.clear()

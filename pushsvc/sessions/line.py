"""One media line of a session: what was offered by it, and the MSRP session that carries it."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from pushsvc import sdp
from pushsvc.errors import DeliveryError, Unreachable
from pushsvc.msrp.outgoing import Receipt
from pushsvc.net.msrp_sending import Content, Progress
from pushsvc.net.msrp_session import MsrpSession


@attrs.define(eq=False)
class Line:
    """`msrp` is None where the line was refused, or is closed.

    `answer` is the peer's answer when `view` is our offer. `is_finished`: the peer has the content that we sent by it,
    so another file may take the line over. `impostor` is set once somebody came for it who is not the peer, `is_ended`
    once the peer has closed it, by which it aborts what is under way (RFC 5547 §8.4).
    """

    view: sdp.MediaOffer
    msrp: MsrpSession | None
    is_finished: bool = False
    answer: sdp.MediaOffer | None = None
    impostor: DeliveryError | None = None
    is_ended: bool = False
    _waiting: list[Deferred[None]] = attrs.field(factory=list, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the line was accepted and is not closed."""
        return self.msrp is not None

    @property
    def is_free(self) -> bool:
        """Whether another file, or the rest of a cut one, may take the line over (RFC 5547 §8.6)."""
        return self.msrp is None or self.is_finished or self.msrp.is_over

    @property
    def takes_range(self) -> bool:
        """Whether the peer knows which octets of the file it gets: its answer repeats the range (RFC 5547 §8.3.1).

        Who does not know ranges would take a rest for a file.
        """
        answer, offered = self.answer, self.view.file_range
        if answer is None or answer.refused:
            return False
        return offered is None or answer.file_range in (offered, sdp.FileRange(offered.first))

    def answered(self, view: sdp.MediaOffer) -> None:
        """The peer's answer to it. Raises Unreachable, without `retry`, when it cannot be used."""
        if view.problem is not None:
            raise Unreachable(f"the answer cannot be used: {view.problem}", retry=False)
        self.answer = view
        if self.msrp is not None and not view.refused:
            self.msrp.agreed(view.path, view.fingerprints, view.anchor if self.view.cema else None)

    def reroute(self, view: sdp.MediaOffer) -> None:
        """The peer's description of it came again: what goes on may have to go another way."""
        if self.msrp is not None:
            self.msrp.reroute(view.path)

    def send(self, content: Content, progress: Progress = lambda sent, acknowledged: None) -> Deferred[Receipt]:
        """Send the content of this line; see `MsrpSession.send`. Fails with Unreachable when the line is not open."""
        if self.msrp is None:
            return fail(Unreachable("the media line is closed"))
        return self.msrp.send(content, progress).addCallback(self._sent)

    def closed(self) -> MsrpSession | None:
        """It carries nothing any more; gives what carried it."""
        msrp, self.msrp = self.msrp, None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        return msrp

    def when_closed(self) -> Deferred[None]:
        """Fires when the line is closed: at once where it is."""
        if self.msrp is None:
            return succeed(None)
        closed: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(closed)
        return closed

    def _sent(self, receipt: Receipt) -> Receipt:
        self.is_finished = True
        return receipt

"""The answer to a later offer inside a session, line by line (requirements E.5)."""

from __future__ import annotations

from pushsvc import sdp


class Reanswer:
    """What a later offer means for each line. Raises NotAcceptable (488) when lines are missing or have moved.

    A further file in a running session is declined: its sender then offers it in a session of its own.
    """

    def __init__(self, before: sdp.Description, offer: sdp.Description) -> None:
        self._offer = offer
        self._changes = sdp.changes(before, offer)
        self.secure = next((line.secure for line in sdp.media(offer)), True)

    @property
    def ended(self) -> list[int]:
        """The lines whose transfer is over by this offer."""
        over = (sdp.Change.CLOSED, sdp.Change.CONFLICT, sdp.Change.REPLACED)
        return [index for index, change in enumerate(self._changes) if change in over]

    def answer(self, ours: sdp.Description, local: sdp.LocalEnd) -> sdp.Description:
        """Our answer, which follows `ours`."""
        return sdp.answer_again(self._offer, ours, [_decision(change) for change in self._changes], local)


def _decision(change: sdp.Change) -> sdp.LaterDecision:
    match change:
        case sdp.Change.KEPT:
            return sdp.Repeated()
        case sdp.Change.CLOSED | sdp.Change.CONFLICT:
            return sdp.Closed()
        case sdp.Change.NEW | sdp.Change.REPLACED:
            return sdp.Declined()

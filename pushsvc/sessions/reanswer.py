"""The answer to a later offer inside a session, line by line (requirements E.5)."""

from __future__ import annotations

from collections.abc import Mapping

from pushsvc import sdp

_ENDED = (sdp.Change.CLOSED, sdp.Change.CONFLICT, sdp.Change.REPLACED)
_NEW = (sdp.Change.NEW, sdp.Change.REPLACED)


class Reanswer:
    """What a later offer means for each line. Raises NotAcceptable (488) when lines are missing or have moved."""

    def __init__(self, before: sdp.Description, offer: sdp.Description, *, cema: bool = False) -> None:
        self.offer = offer
        self._lines = sdp.media(offer, cema=cema)
        self._changes = sdp.changes(before, offer)

    @property
    def new(self) -> list[sdp.MediaOffer]:
        """The lines that offer something to decide about."""
        return [line for line, change in zip(self._lines, self._changes, strict=True) if change in _NEW]

    @property
    def kept(self) -> list[sdp.MediaOffer]:
        """The lines that go on, perhaps by another path."""
        pairs = zip(self._lines, self._changes, strict=True)
        return [line for line, change in pairs if change is sdp.Change.KEPT]

    @property
    def ended(self) -> list[int]:
        """The lines whose transfer is over by this offer, once it is granted."""
        return [index for index, change in enumerate(self._changes) if change in _ENDED]

    @property
    def secure(self) -> bool:
        return next((line.secure for line in self._lines), True)

    def answer(
        self, ours: sdp.Description, decided: Mapping[int, sdp.Decision], local: sdp.LocalEnd
    ) -> sdp.Description:
        """Our answer, which follows `ours`; `decided` has a decision for each new line."""
        decisions = [_decision(change, decided.get(index)) for index, change in enumerate(self._changes)]
        return sdp.answer_again(self.offer, ours, decisions, local)


def _decision(change: sdp.Change, decided: sdp.Decision | None) -> sdp.LaterDecision:
    match change:
        case sdp.Change.KEPT:
            return sdp.Repeated()
        case sdp.Change.CLOSED | sdp.Change.CONFLICT:
            return sdp.Closed()
        case sdp.Change.NEW | sdp.Change.REPLACED:
            return decided or sdp.Declined()

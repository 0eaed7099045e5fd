"""Further files in a running session: finished lines are taken over, others follow at the end (RFC 5547 §8.6)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pushsvc import sdp
from pushsvc.errors import Unreachable
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.line import Line
from pushsvc.sessions.standing import Standing
from pushsvc.sessions.user_plane import UserPlane


class Further:
    """One re-offer. `lines` and `answered` are its files' lines, in their order, once it was answered."""

    def __init__(self, floors: Floors, standing: Standing, plane: UserPlane, files: Sequence[sdp.FileOffer]) -> None:
        first = plane.lines[0].view  # how we offer was settled by the first offer and its answer
        self.lines: list[Line] = []
        self.answered: list[sdp.MediaOffer] = []
        self._floors = floors
        self._standing = standing
        self._plane = plane
        local = floors.local_end(secure=first.secure, setup=first.setup or "actpass")
        self._local = attrs.evolve(local, cema=first.cema)
        self._places: list[int] = []
        call_id, active = standing.dialog.call_id, first.setup == "active"
        self._msrp = [floors.msrp.open(call_id, secure=first.secure, active=active) for _ in files]
        self._files = list(files)

    async def reserve(self) -> None:
        """Have our relay carry them, where it is to. Raises Unreachable."""
        await self._floors.msrp.reserve(self._msrp)

    def describe(self) -> sdp.Description:
        """The offer, as lines are free now. Raises Unreachable when there are too few."""
        lines = self._plane.lines
        free = [index for index, line in enumerate(lines) if line.is_free]
        places = [*free, *range(len(lines), sdp.MAX_MEDIA)]
        if len(places) < len(self._files):
            raise Unreachable("the session has no room for so many further files")
        self._places = places[: len(self._files)]
        files = [attrs.evolve(file, path=msrp.path) for file, msrp in zip(self._files, self._msrp, strict=True)]
        return sdp.reoffer(self._standing.ours, self._local, dict(zip(self._places, files, strict=True)))

    def drop_icons(self) -> None:
        """Offer the same without them."""
        self._files = [attrs.evolve(file, icon=None) for file in self._files]

    def settle(self, offered: Sequence[sdp.MediaOffer], answered: Sequence[sdp.MediaOffer]) -> None:
        """The peer's answer. Raises Unreachable, without `retry`, when it cannot be used."""
        for place, msrp in zip(self._places, self._msrp, strict=True):
            line = Line(offered[place], msrp)
            self._plane.put(place, line)
            self.lines.append(line)
            self.answered.append(answered[place])
            line.answered(answered[place])

    def give_up(self) -> None:
        """It came to nothing: no MSRP session stays behind."""
        for line in self.lines:
            self._plane.close(line)
        for msrp in self._msrp:
            self._floors.msrp.close(msrp)

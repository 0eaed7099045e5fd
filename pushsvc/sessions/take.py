"""What is wanted of an offered media line, and what that makes of the line and of our answer to it."""

from __future__ import annotations

import attrs

from pushsvc import sdp
from pushsvc.net.msrp_receiving import Wanted
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.line import Line


@attrs.frozen
class Take:
    """We want what this media line offers: what may come in, and what the answer says of it."""

    wanted: Wanted
    accept_types: tuple[str, ...]
    max_size: int | None = None
    accept_wrapped_types: tuple[str, ...] = ()


def line_for(
    floors: Floors, call_id: str, view: sdp.MediaOffer, take: Take | None, reserved: MsrpSession | None = None
) -> Line:
    """The line with an MSRP session, ready for content (R-PRA-INV-8), or without one when it is not wanted.

    `reserved` is the session that our relay carries for it.
    """
    if take is None:
        return Line(view, None)
    msrp = reserved or open_for(floors, call_id, view)
    msrp.agreed(view.path, view.fingerprints, view.anchor if floors.cema and view.cema else None)
    msrp.receive(take.wanted)
    return Line(view, msrp)


def open_for(floors: Floors, call_id: str, view: sdp.MediaOffer) -> MsrpSession:
    """An MSRP session of ours for a line that is offered."""
    return floors.msrp.open(call_id, secure=view.secure, active=setup_for(floors, view) == "active")


def decision_for(floors: Floors, line: Line, take: Take | None, accept_types: tuple[str, ...]) -> sdp.Decision:
    """What our answer says; `accept_types` is what a line that is refused is told that would have been taken."""
    if take is None or line.msrp is None:
        return sdp.Declined(accept_types)
    setup = setup_for(floors, line.view)
    return sdp.Accepted(line.msrp.path, take.accept_types, take.max_size, setup, take.accept_wrapped_types)


def setup_for(floors: Floors, view: sdp.MediaOffer) -> str:
    """Our `a=setup` in answer to this line."""
    return sdp.answer_setup(view.setup, prefer_active=floors.prefer_active)


def we_connect(floors: Floors, line: Line) -> bool:
    """Whether our answer made us the active side of this line."""
    return line.is_open and not sdp.offerer_connects(line.view.setup, setup_for(floors, line.view))

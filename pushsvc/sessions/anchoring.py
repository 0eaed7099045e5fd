"""Middleboxes that anchor media (RFC 6714): whether an answer without `a=msrp-cema` can be used as it is.

Offered with it, answered without it (requirements E.11):

    c= and m= are the first hop of the path   as ever (RFC 4975)
    they differ, and we connect to the peer   by c= and m=: only who connects has to know of RFC 6714
    they differ, and it connects, or relays   offer again without it: the middlebox writes itself into the paths then
"""

from __future__ import annotations

from collections.abc import Sequence

from pushsvc import sdp
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.line import Line


async def needs_plain_offer(floors: Floors, lines: Sequence[Line], answered: Sequence[sdp.MediaOffer]) -> bool:
    """Whether one of these lines cannot be carried unless it is offered again without `a=msrp-cema`."""
    for line, view in zip(lines, answered, strict=True):
        if _may_fall_back(line, view) and await _is_anchored(floors, view):
            return True
    return False


async def _is_anchored(floors: Floors, view: sdp.MediaOffer) -> bool:
    return view.leads_elsewhere or await floors.msrp.are_two_hosts(view.path[0].host, view.connection_host)


def _may_fall_back(line: Line, view: sdp.MediaOffer) -> bool:
    if line.msrp is None or line.msrp.link is not None:
        return False
    we_wait = not sdp.offerer_connects(line.view.setup, view.setup)
    return line.view.cema and not view.cema and (we_wait or len(view.path) > 1)

"""Which types only wrap a content, how we announce them, and whether a peer wants a content wrapped (RFC 4975 §8.6)."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from pushsvc.push.cpim import CPIM
from pushsvc.sdp.media_types import bare_type, media_type_matches

SIGNED = "multipart/signed"
ALTERNATIVE = "multipart/alternative"
WRAPPERS = (CPIM, "multipart/mixed", ALTERNATIVE, "multipart/related", SIGNED)  # D-MSRP-6
WRAPPER_ROOM = 64 * 1024  # octets that a wrapping may add to the announced size of a file: four of the largest heads


def is_wrapper(type: str) -> bool:
    """Whether a content of this type only wraps another one."""
    return bare_type(type) in WRAPPERS


def announced(types: Sequence[str]) -> tuple[str, ...]:
    """What to announce where contents of these types (patterns) are taken: them, and what may wrap them."""
    further = [type for type in WRAPPERS if not _among(type, types)]
    return (*types, *further)


def announced_to(types: Sequence[str], offered: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Our accept-types and accept-wrapped-types in answer to a line that was offered with these accept-types.

    Whoever offers wrappers alone wraps, and hears that it may (E.3).
    """
    wrappers = tuple(type for type in offered if is_wrapper(type))
    if wrappers and len(wrappers) == len(offered):
        return wrappers, tuple(type for type in types if not is_wrapper(type))
    return announced(types), ()


class Way(enum.Enum):
    """How a content goes to a peer."""

    BARE = "bare"
    WRAPPED = "wrapped"
    NOT = "not"


def way_for(type: str, accepted: Sequence[str], wrapped: Sequence[str]) -> Way:
    """How a content of this type goes to whoever answered with these accept-types and accept-wrapped-types [F-12].

    What is accepted bare is accepted wrapped, too. A peer that announces nothing takes what it agreed to; one that
    announces wrappers alone, and not for what, takes anything in them [A-02].
    """
    if not accepted:
        return Way.BARE
    inside = (*(one for one in accepted if not is_wrapper(one)), *wrapped) or ("*",)
    wraps = _among(CPIM, accepted) and _among(type, inside)
    if bare_type(accepted[0]) == CPIM and wraps:
        return Way.WRAPPED
    if _among(type, accepted):
        return Way.BARE
    return Way.WRAPPED if wraps else Way.NOT


def _among(type: str, patterns: Sequence[str]) -> bool:
    return any(media_type_matches(pattern, type) for pattern in patterns)

"""What a later offer changes, line by line (table E.5 of the requirements; RFC 5547 §8.1, §8.6)."""

from __future__ import annotations

import enum
import itertools

from pushsvc.errors import NotAcceptable
from pushsvc.sdp.description import Description
from pushsvc.sdp.media import MediaOffer, media


class Change(enum.Enum):
    """What became of one line since the offer before."""

    KEPT = "nothing new: a transfer goes on, or stays finished; answer as before"
    CLOSED = "it has port 0 now: its transfer ends; answer port 0"
    NEW = "a line that was not there or was closed: decide as for a first offer"
    REPLACED = "another transfer takes the line over: end the one before, then decide as for a first offer"
    CONFLICT = "another file under the old transfer id, or no way to serve it any more: end the transfer, answer port 0"


def changes(previous: Description, new: Description) -> list[Change]:
    """One verdict per line of `new`, compared with the offer that this session is based on now.

    Raises `NotAcceptable` (488) when a line is missing or has moved [D-SDP-1].
    """
    before, after = media(previous), media(new)
    if len(after) < len(before):
        raise NotAcceptable("the offer leaves out a media line of the one before")
    pairs = list(itertools.zip_longest(before, after))
    known = {line.transfer_id for line in before if line.transfer_id is not None}
    if any(new.transfer_id in known and (old is None or old.transfer_id != new.transfer_id) for old, new in pairs):
        raise NotAcceptable("the offer moves a media line of the one before")
    return [_change(old, new) for old, new in pairs]


def _change(before: MediaOffer | None, after: MediaOffer) -> Change:
    if before is None:
        return Change.CLOSED if after.refused else Change.NEW
    if after.refused:
        return Change.KEPT if before.refused else Change.CLOSED
    if not _same_transfer(before, after):
        return Change.NEW if before.refused else Change.REPLACED
    if before.selector is not None and after.selector is not None and not before.selector.agrees(after.selector):
        return Change.CONFLICT
    if before.problem is None and after.problem is not None:  # such as a=inactive [D-SDP-4]
        return Change.CONFLICT
    return Change.KEPT


def _same_transfer(before: MediaOffer, after: MediaOffer) -> bool:
    if before.transfer_id is None and after.transfer_id is None:
        return before.path == after.path  # without files, the MSRP session is the transfer
    return before.transfer_id == after.transfer_id

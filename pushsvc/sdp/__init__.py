"""Session descriptions: their text, what it means, offer and answer for MSRP lines. Nothing here knows SIP or sockets.

`description` is the text, `attributes`, `media_types` and `dates` are the values inside it, `media` is what one line
means, `setup` who connects, `negotiation` writes offers and answers, `changes` compares a later offer with the one
before. The names that other parts use are all importable from here.
"""

from pushsvc.sdp.attributes import FileRange, FileSelector, Fingerprint
from pushsvc.sdp.changes import Change, changes
from pushsvc.sdp.dates import format_date, parse_date
from pushsvc.sdp.description import MAX_MEDIA, Description, Origin, Section, format, parse
from pushsvc.sdp.media import (
    MediaOffer,
    Problem,
    acceptable_types,
    answered,
    media,
    warning,
)
from pushsvc.sdp.media_types import bare_type, media_type_matches, types_meet
from pushsvc.sdp.negotiation import (
    Accepted,
    Closed,
    Decision,
    Declined,
    FileOffer,
    LaterDecision,
    LocalEnd,
    Repeated,
    again,
    answer,
    answer_again,
    capabilities,
    closing,
    moved,
    offer,
    reoffer,
    succeeding,
    without_cema,
)
from pushsvc.sdp.setup import answer_setup, offerer_connects

__all__ = [
    "MAX_MEDIA",
    "Accepted",
    "Change",
    "Closed",
    "Decision",
    "Declined",
    "Description",
    "FileOffer",
    "FileRange",
    "FileSelector",
    "Fingerprint",
    "LaterDecision",
    "LocalEnd",
    "MediaOffer",
    "Origin",
    "Problem",
    "Repeated",
    "Section",
    "acceptable_types",
    "again",
    "answer",
    "answer_again",
    "answer_setup",
    "answered",
    "bare_type",
    "capabilities",
    "changes",
    "closing",
    "format",
    "format_date",
    "media",
    "media_type_matches",
    "moved",
    "offer",
    "offerer_connects",
    "parse",
    "parse_date",
    "reoffer",
    "succeeding",
    "types_meet",
    "warning",
    "without_cema",
]

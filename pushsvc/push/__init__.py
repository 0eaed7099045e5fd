"""How a push looks on the wire, the same for both sides. Values only: who sends them, and when, is above.

`targeting` is feature tags, `requests` the header lists of INVITE, its 200 and MESSAGE, `content` the headers that
describe the content inside MSRP or MESSAGE, `wrapping` which types wrap a content, `unwrapping` takes it out, `cpim` is
the commonest wrapper, `names` file names and ids. Media lines are in `sdp`. The names that other parts use are all
importable from here.
"""

from pushsvc.push.content import (
    Disposition,
    content_description,
    content_disposition,
    content_headers,
    parse_content_description,
    parse_content_disposition,
)
from pushsvc.push.cpim import CPIM, CpimHead, read_head, write_head
from pushsvc.push.names import push_id, safe_name, transfer_id
from pushsvc.push.requests import (
    MAX_MESSAGE,
    PUSH_ID,
    RECEIVER_ALLOW,
    SENDER_ALLOW,
    answer_headers,
    fits_message,
    invite_headers,
    message_headers,
)
from pushsvc.push.targeting import Targeting, accept_contact, contact, feature_tags, named_in
from pushsvc.push.unwrapping import Expected, InMemory, Readable, unwrapped
from pushsvc.push.wrapping import WRAPPER_ROOM, Way, announced, announced_to, is_wrapper, way_for
from pushsvc.sdp.media_types import bare_type, media_type_matches

__all__ = [
    "CPIM",
    "MAX_MESSAGE",
    "PUSH_ID",
    "RECEIVER_ALLOW",
    "SENDER_ALLOW",
    "WRAPPER_ROOM",
    "CpimHead",
    "Disposition",
    "Expected",
    "InMemory",
    "Readable",
    "Targeting",
    "Way",
    "accept_contact",
    "announced",
    "announced_to",
    "answer_headers",
    "bare_type",
    "contact",
    "content_description",
    "content_disposition",
    "content_headers",
    "feature_tags",
    "fits_message",
    "invite_headers",
    "is_wrapper",
    "media_type_matches",
    "message_headers",
    "named_in",
    "parse_content_description",
    "parse_content_disposition",
    "push_id",
    "read_head",
    "safe_name",
    "transfer_id",
    "unwrapped",
    "way_for",
    "write_head",
]

"""A content as one peer takes it: as it is, or wrapped in message/cpim (RFC 3862), or not at all (F-12, E.7)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pushsvc import push, sdp
from pushsvc.api.fields import time_text
from pushsvc.errors import Refused
from pushsvc.sender.content import OpenContent
from pushsvc.sender.job import Job


class Unfit(Refused):
    """The peer's answer does not let this content come; we say so, with MSRP's status, before the peer has to."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason, protocol="local")


@attrs.frozen
class Packed:
    """The octets of `head`, then those of `content`: what is sent as one content of `content_type`."""

    content_type: str
    head: bytes
    content: OpenContent

    @property
    def size(self) -> int:
        return len(self.head) + self.content.size

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Those of the content [A-28]: they stand before the wrapper, and in it."""
        return self.content.headers

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these octets. Raises OSError."""
        of_head = self.head[offset : offset + size]
        return of_head + self.content.read(self.of_content(offset), size - len(of_head))

    def of_content(self, octets: int) -> int:
        """How many of so many octets, from the first on, are the content's."""
        return max(0, octets - len(self.head))


def packed(content: OpenContent, job: Job, sender: str, answer: sdp.MediaOffer | None) -> Packed:
    """The content for a line that was answered so. Raises Unfit."""
    accepted, wrapped = ((), ()) if answer is None else (answer.accept_types, answer.accept_wrapped_types)
    match push.way_for(content.content_type, accepted, wrapped):
        case push.Way.BARE:
            result = Packed(content.content_type, b"", content)
        case push.Way.WRAPPED:
            result = Packed(push.CPIM, _head(content, job, sender), content)
        case push.Way.NOT:
            raise Unfit(415, f"the peer takes {_some(accepted)}, not {content.content_type}")
    if answer is not None and answer.max_size is not None and result.size > answer.max_size:
        raise Unfit(413, f"the peer takes {answer.max_size} octets, not {result.size}")
    return result


def _head(content: OpenContent, job: Job, sender: str) -> bytes:
    return push.write_head(
        [("From", f"<{sender}>"), ("To", f"<{job.to}>"), ("DateTime", f"{time_text(job.created_at)[:19]}Z")],
        [("Content-Type", content.content_type), *content.headers],
    )


def _some(types: Sequence[str]) -> str:
    return ", ".join(types[:3]) + (" …" if len(types) > 3 else "")

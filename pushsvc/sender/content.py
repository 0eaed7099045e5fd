"""The content of a push while it is sent: octets of a file at an offset, and the headers that describe them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from pushsvc import push, sdp
from pushsvc.sender.job import ContentFile, Job
from pushsvc.sessions import Icon, Icons

ICON_ROOM = 48 * 1024  # octets of icons in an INVITE: all of it stays below 64 KiB, the most that careful peers read


@attrs.frozen
class OpenContent:
    """A content whose file is open, from octet `start` (counted from 0) on; `size` is what is left from there.

    Reading blocks for as long as the page cache takes.
    """

    size: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    _descriptor: int
    _start: int = 0

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these octets. Raises OSError when the file has fewer."""
        octets = os.pread(self._descriptor, size, self._start + offset)
        if len(octets) != size:
            raise OSError(None, "the file is shorter than it was")
        return octets


@contextmanager
def opened(job: Job, content: ContentFile, start: int = 0) -> Iterator[OpenContent]:
    """Open one content of a job, or the rest of it behind `start` octets. Raises OSError."""
    descriptor = os.open(content.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield OpenContent(content.size - start, content.type, described(job, content), descriptor, start)
    finally:
        os.close(descriptor)


def described(job: Job, content: ContentFile) -> tuple[tuple[str, str], ...]:
    """The headers that tell what the content is; the title stands in for a description."""
    return push.content_headers(
        job.disposition,
        content.name,
        content.size,
        created_at=job.created_at,
        description=job.description or job.title or "",
    )


def icons_of(job: Job, host: str) -> tuple[list[str | None], Icons]:
    """The Content-ID of each content's icon, and the icons by these, as many as fit into one INVITE.

    `host` makes the Content-IDs ours.
    """
    names: list[str | None] = []
    icons, room = dict[str, Icon](), ICON_ROOM
    for content in job.contents:
        name = None
        if content.icon is not None and len(content.icon.octets) <= room:
            name = f"{content.transfer_id}@{host}"
            icons[name] = content.icon
            room -= len(content.icon.octets)
        names.append(name)
    return names, icons


def offered(job: Job, content: ContentFile, icon: str | None = None) -> sdp.FileOffer:
    """The content as a media line offers it; `icon` is the Content-ID of its icon."""
    return sdp.FileOffer(
        name=content.name,
        type=content.type,
        size=content.size,
        sha1=content.sha1,
        transfer_id=content.transfer_id,
        path=(),
        disposition=job.disposition,
        created_at=job.created_at,
        title=job.title,
        icon=icon,
    )

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
    """A content whose file is open. Reading blocks for as long as the page cache takes."""

    size: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    _descriptor: int

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these octets. Raises OSError when the file has fewer."""
        octets = os.pread(self._descriptor, size, offset)
        if len(octets) != size:
            raise OSError(None, "the file is shorter than it was")
        return octets


@contextmanager
def opened(job: Job, content: ContentFile) -> Iterator[OpenContent]:
    """Open one content of a job. Raises OSError."""
    descriptor = os.open(content.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield OpenContent(content.size, content.type, described(job, content), descriptor)
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


def offers(job: Job, host: str) -> tuple[tuple[sdp.FileOffer, ...], Icons]:
    """All contents as media lines offer them, and the icons that these name, as many as fit into one INVITE.

    `host` makes the Content-IDs ours.
    """
    files, icons, room = [], dict[str, Icon](), ICON_ROOM
    for content in job.contents:
        content_id = None
        if content.icon is not None and len(content.icon.octets) <= room:
            content_id = f"{content.transfer_id}@{host}"
            icons[content_id] = content.icon
            room -= len(content.icon.octets)
        files.append(offered(job, content, content_id))
    return tuple(files), icons


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

"""What a wrapped content is once it is out of its wrapping: its octets, and what is known about it [D-MSRP-6]."""

from __future__ import annotations

import os
from collections.abc import Callable

import attrs

from pushsvc import push, sdp
from pushsvc.errors import ProtocolError, Refused
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import Arriving

PIECE = 1024 * 1024  # octets that are moved at once

_NO_FILE = sdp.FileSelector(None, None, None, None)


@attrs.frozen
class _OnDisk:
    """All that is in a file (`push.Readable`)."""

    fd: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self.fd, size, offset)


@attrs.frozen
class Wrapping:
    """What is known of a content while it is wrapped, and what is to come out.

    `about.type` is the wrapper's. `is_disposed`: the disposition was said outside of the wrapper, so it stays.
    """

    about: Arriving
    expected: push.Expected
    is_disposed: bool = False

    def taken_off(self, content: push.Readable) -> tuple[Arriving, push.Readable]:
        """What is known now, and the content alone. What was said outside of the wrapper counts first.

        Raises ProtocolError with the status to answer, and OSError of the content. Blocks for as long as reading does.
        """
        about = self.about
        inside = push.unwrapped(about.type, content, self.expected)
        disposition = push.parse_content_disposition(inside.headers.get("content-disposition", ""))
        description = push.parse_content_description(inside.headers.get("content-description", ""))
        known = attrs.evolve(
            about,
            type=inside.type,
            name=about.name or (disposition.filename if disposition else None) or "",
            description=about.description or description or None,
            disposition=about.disposition if self.is_disposed or disposition is None else disposition.kind,
        )
        return known, inside.content

    def taken_off_file(self, fd: int, size: int, disk: Disk) -> tuple[Arriving, int]:
        """Leave the content alone in a file that has `size` octets, wrapping and all; what is known now, and its size.

        Raises Refused, as it is said over MSRP, and OSError. Blocks.
        """
        whole = _OnDisk(fd, size)
        try:
            about, inside = self.taken_off(whole)
        except ProtocolError as error:
            raise Refused(error.status, error.reason, protocol="msrp") from error
        if inside is not whole:
            # Forward, to where it was read already: no octet is lost by that.
            for at in range(0, inside.size, PIECE):
                disk.write(fd, inside.read(at, min(PIECE, inside.size - at)), at)
            disk.cut(fd, inside.size)
        return about, inside.size


def wrapping_of(
    about: Arriving,
    accepts: Callable[[str], bool],
    selector: sdp.FileSelector | None = None,
    *,
    is_disposed: bool = False,
) -> Wrapping | None:
    """The wrapping of a content that is described so; None where its type is no wrapper's, or the `selector`'s own.

    `accepts` judges the type of what is inside.
    """
    file = selector or _NO_FILE
    expected = push.Expected(accepts, file.type, file.size)
    is_wrapped = push.is_wrapper(about.type) and not expected.is_type(about.type)
    return Wrapping(about, expected, is_disposed) if is_wrapped else None


def out_of_wrapping(about: Arriving, octets: bytes, accepts: Callable[[str], bool]) -> tuple[Arriving, bytes]:
    """A content that is in memory, without its wrapping if it has one, and what is known then. Raises ProtocolError."""
    wrapping = wrapping_of(about, accepts, is_disposed=about.disposition is not None)
    if wrapping is None:
        return about, octets
    known, inside = wrapping.taken_off(push.InMemory(octets))
    return known, inside.read(0, inside.size)

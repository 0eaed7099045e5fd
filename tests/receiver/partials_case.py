"""An inbox that keeps first parts: parts that are cut, and continued."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from pushsvc.receiver.inbox_entry import Entry
from pushsvc.receiver.part import Part
from pushsvc.receiver.partials import FileId, Limits
from tests.receiver.inboxes import InboxCase, arriving

CONTENT = bytes(range(256)) * 400  # 102,400 octets
HALF = len(CONTENT) // 2
HOUR = 3600.0
MIB = 1 << 20


def file_id(content: bytes = CONTENT, name: str = "gate.jpg", **facts: Any) -> FileId:
    known = FileId("sip:push@example.com", False, name, len(content), hashlib.sha1(content).digest())
    return attrs.evolve(known, **facts)


class KeepingCase(InboxCase):
    """An inbox that keeps first parts for an hour, four mebioctets of them, one of each sender."""

    limits = Limits(HOUR, 4 * MIB)

    def begin(self, content: bytes = CONTENT, key: str = "first", **facts: Any) -> Part:
        """A part of this content, nothing of it there yet."""
        wanted = file_id(content, **facts)
        about = arriving(
            name=wanted.name, sender=wanted.sender, key=key, size=wanted.size, sha1=wanted.sha1, call_id="call"
        )
        return self.inbox.part(about, 1 << 30, file_id=wanted)

    def cut(self, octets: int = HALF, content: bytes = CONTENT, **facts: Any) -> None:
        """So much of a content came, then its transfer was cut."""
        part = self.begin(content, **facts)
        part.write(0, memoryview(content)[:octets])
        part.cut("the connection was lost")

    def go_on(self, octets: int = HALF, wanted: FileId | None = None) -> Part:
        """The first part, claimed, with room for the rest behind so many octets."""
        partial = self.inbox.partials.claim(wanted or file_id(), octets)
        assert partial is not None
        about = arriving(name=partial.file_id.name, key="second", size=partial.file_id.size, sha1=partial.file_id.sha1)
        return self.inbox.rest(about, partial, octets)

    def kept(self) -> list[tuple[str, int]]:
        """Name and octets of each first part."""
        return [(partial.file_id.name, partial.octets) for partial in self.inbox.partials._kept.values()]

    def finish(self, part: Part, rest: bytes) -> Entry:
        part.write(0, memoryview(rest))
        entry = self.successResultOf(part.finish()).entry
        assert entry is not None
        return entry

    def assert_nothing_left(self) -> None:
        self.assertEqual((self.files("tmp"), self.kept(), bool(self.inbox.parts)), (set(), [], False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

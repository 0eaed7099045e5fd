"""How contents become entries: what becomes durable in which order, so that no kill loses or doubles anything.

    large   content, then sidecar durable in tmp; both moved into the inbox, the sidecar first; the directory durable;
            then the entry and its key, in one commit, which is what makes it an entry. Killed before: whole files
            without an entry, which `inbox_repair` makes one of.
    small   the entry, its key and the content itself in one commit, shared with others that came meanwhile; the files
            are written after it (`spread`). Killed before that: `inbox_repair` writes them.

Blocking; runs in the writer's thread. What is told to whom is in inbox.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import attrs

from pushsvc.errors import Refused
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import SIDECAR, Entry, Kept, sidecar_text
from pushsvc.receiver.inbox_index import Index

SMALL = 32 * 1024  # octets; a larger content costs more in the index than a file and its sync do


@attrs.frozen
class Publication:
    """A content that is complete and checked: durable in tmp, or small and in `content`."""

    entry: Entry
    content: bytes | None = None


Outcome = Kept | Refused | OSError


class Publisher:
    """Turns publications into entries, many with one commit."""

    def __init__(self, disk: Disk, index: Index) -> None:
        self._disk = disk
        self._index = index
        self._directory = str(disk.directory)

    def publish_all(self, publications: Sequence[Publication]) -> list[Outcome]:
        """One outcome each, all durable. Raises OSError when none of them is."""
        try:
            with self._index.change():
                outcomes = [self._publish(publication) for publication in publications]
                if any(publication.content is None for publication in publications):
                    self._disk.sync_directory()
        except OSError:
            self._take_back(publications)
            raise
        return outcomes

    def spread(self, sequences: Sequence[int] | None, limit: int) -> list[Entry]:
        """Give contents that wait in the index their files: these, or the oldest `limit`. Returns their entries."""
        waiting = self._index.waiting(sequences, limit)
        files: dict[str, bytes] = {}
        for entry, content in waiting:
            files[entry.file + SIDECAR] = sidecar_text(entry, self._directory)
            files[entry.file] = content
        for name in files:
            self._disk.drop(name)  # of an earlier try
        self._disk.write_new(files)
        for name in files:
            self._disk.replace(name)
        if waiting:
            self._disk.sync_directory()
            with self._index.change():
                for entry, _ in waiting:
                    self._index.remove_waiting(entry.sequence)
        return [entry for entry, _ in waiting]

    def delete(self, entry_id: str) -> bool:
        """Whether there was such an entry; its files and it are gone, in this order, its key stays."""
        entry = self._index.entry(entry_id)
        if entry is None:
            return False
        self._disk.remove(entry.file)
        self._disk.remove(entry.file + SIDECAR)
        self._disk.sync_directory()
        with self._index.change():
            self._index.remove(entry_id)
        return True

    def _publish(self, publication: Publication) -> Outcome:
        entry, about = publication.entry, publication.entry.about
        seen = self._index.seen(about.sender, about.key) if about.key else None
        if seen is not None:
            self._disk.drop(entry.file)
            if seen.sha256 == entry.sha256:
                return Kept(seen.entry, fresh=False)
            return Refused(413, "Other content under a known id", protocol="msrp")
        if publication.content is None:
            self._move_in(entry)
        added = self._index.add(entry, entry.received_at)
        if publication.content is not None:
            self._index.add_waiting(added.sequence, publication.content)
        return Kept(added, fresh=True)

    def _move_in(self, entry: Entry) -> None:
        self._disk.write_new({entry.file + SIDECAR: sidecar_text(entry, self._directory)})
        # Who looks for contents finds the sidecar already there.
        self._disk.publish(entry.file + SIDECAR)
        self._disk.publish(entry.file)

    def _take_back(self, publications: Sequence[Publication]) -> None:
        """Leave nothing of what is not acknowledged; what cannot be removed now is made an entry at the next start."""
        with contextlib.suppress(OSError):
            for publication in publications:
                for name in (publication.entry.file, publication.entry.file + SIDECAR):
                    self._disk.drop(name)
                    self._disk.remove(name)

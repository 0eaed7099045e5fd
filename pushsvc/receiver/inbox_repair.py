"""What a kill or a power cut left behind, put right at start. In which order things are written is in inbox_publish."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator

import attrs

from pushsvc.receiver.inbox_disk import INDEX, Disk
from pushsvc.receiver.inbox_entry import SIDECAR, STORED_NAME, Entry, entry_of_sidecar
from pushsvc.receiver.inbox_index import DamagedIndex, Index
from pushsvc.receiver.inbox_publish import Publisher

_PIECE = 1024 * 1024
_MAX_SIDECAR = 128 * 1024  # octets: an icon in base64, and texts that were long headers


@attrs.frozen
class Repaired:
    """What was found: parts thrown away, files made entries, files and entries without the other half, a lost index."""

    leftovers: int = 0
    adopted: int = 0
    orphans: int = 0
    lost: int = 0
    index_damaged: bool = False


def repair(
    disk: Disk, index: Index, publisher: Publisher, now: float, spared: Collection[str] = ()
) -> tuple[Repaired, list[Entry]]:
    """Open the index and make it and the directory agree. Blocking; raises OSError.

    What is below tmp goes, but for the names in `spared`. Besides what was found, gives the entries of which the
    arrival was never told: a kill came between.
    """
    leftovers = [name for name in disk.leftovers() if name not in spared]
    for name in leftovers:
        with contextlib.suppress(OSError):  # a folder, say: not ours, not in the way
            disk.drop(name)
    damaged = _open(disk, index)
    unproved = index.unproved()
    untold: list[Entry] = []
    while spread := publisher.spread(None, limit=1000):
        untold += spread
    with index.change():
        adopted, orphans, lost = _agree(disk, index, now, unproved)
        index.forget_keys(now)
    if not index.new:
        untold += adopted
    return Repaired(len(leftovers), len(adopted), orphans, lost, damaged), untold


def _open(disk: Disk, index: Index) -> bool:
    try:
        index.open()
    except DamagedIndex:
        # All but the states and the keys of what was deleted can be made again from the sidecars.
        disk.set_aside(INDEX)
        index.open()
        return True
    return False


def _agree(disk: Disk, index: Index, now: float, unproved: set[str]) -> tuple[list[Entry], int, int]:
    names = set(disk.names())
    known = index.files()
    adopted: list[Entry] = []
    orphans = 0
    for name in sorted(name for name in names if STORED_NAME.fullmatch(name) and name not in known):
        entry = _whole(disk, name) if name + SIDECAR in names else None
        if entry is None or (entry.about.key and index.seen(entry.about.sender, entry.about.key)):
            disk.remove(name)
            disk.remove(name + SIDECAR)
            orphans += 1
        elif index.entry(entry.id) is None:  # else somebody's copy of one that is here
            adopted.append(index.add(entry, now))
    for name in _lone_sidecars(names):
        disk.remove(name)
        orphans += 1
    lost = [entry_id for name, entry_id in known.items() if name not in names]
    for entry_id in lost:
        # Somebody took the file away, or the commit had failed and its sender may come again.
        index.remove(entry_id, with_key=entry_id in unproved)
    disk.sync_directory()
    return adopted, orphans, len(lost)


def _lone_sidecars(names: set[str]) -> Iterator[str]:
    for name in names:
        content = name.removesuffix(SIDECAR)
        if content != name and STORED_NAME.fullmatch(content) and content not in names:
            yield name


def _whole(disk: Disk, name: str) -> Entry | None:
    """The entry that a content and its sidecar make, None when they do not fit each other."""
    entry = entry_of_sidecar(_read(disk, name + SIDECAR), name)
    if entry is None:
        return None
    fd = disk.open_content(name)
    try:
        digest = hashlib.sha256()
        while piece := os.read(fd, _PIECE):
            digest.update(piece)
    finally:
        os.close(fd)
    return entry if digest.hexdigest() == entry.sha256 else None


def _read(disk: Disk, name: str) -> bytes:
    fd = disk.open_content(name)
    try:
        return os.read(fd, _MAX_SIDECAR)
    finally:
        os.close(fd)

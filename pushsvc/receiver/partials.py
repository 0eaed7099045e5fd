"""First parts of contents whose transfer was cut, kept for a while so that the rest can be joined to them (flow 11).

    coming in --cut--> kept --claim--> waiting for the rest --SEND--> coming in --complete--> an entry
                        |  ^                   |
                        |  +---- give_back ----+  (the session ended without it)
                        +--> gone: its time is up, others need the space, a newer one of the same file

A first part is found again by who sent it and what the selector said: name, size, SHA-1. There is one at most for each
such file. Beside it, in tmp, lies a note that says the same, so that it outlives the process; it is not synced, as the
SHA-1 of the whole file is checked in any case. Only contents that came unwrapped have one: octets of a file inside a
CPIM or multipart message are not at the offset that they have on the wire.

How once stays once (promise 3): a resumed transfer has a new file-transfer-id (E.16), but what comes of it is kept
under the id of the transfer that began the file. So a sender that offers the file whole again, with the first id, is
recognised, whichever transfer was the one that completed it. Where the last 200 was lost and the sender, in the same
dialog, wants to go on, `is_done` says that nothing is missing: what comes then is acknowledged and dropped. In another
dialog that would be a guess (the same file may have been pushed twice), so the rest is declined there, and the whole
file that follows is recognised by its id.

Where the same file of one sender is cut twice under different ids, two pushes bring it, and the rest of one would be
joined to what the other began: that would be kept under the other's id, and the other taken for a repetition. So
neither first part is kept, and both come again whole.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import STORED_NAME

WORTH = 256 * 1024  # octets of a file; a smaller one is sent again sooner than its first part is looked after
MAX_PARTIALS = 1000  # of all senders together: two files each
MAX_OF_SENDER = 16  # as many as a session has lines, twice
SENDER_SHARE = 4  # one sender's may take this part of the space
MAX_DONE = 1000  # completed contents that are remembered; their dialogs soon end
NOTE = ".part"  # behind the name of the file whose note it is


@attrs.frozen
class FileId:
    """What a first part is found by: its sender, and the selectors of the file. `size` is octets of the whole."""

    sender: str
    asserted: bool
    name: str
    size: int
    sha1: bytes


@attrs.frozen
class Partial:
    """A first part: its file below tmp has `octets` in a row. `key` is the id of the transfer that began it."""

    file_id: FileId
    file: str
    octets: int
    key: str
    kept_at: float


@attrs.frozen
class Limits:
    """`keep_for`: seconds, 0 for not at all; `octets`: of all first parts; `free_min`: octets of disk to leave free."""

    keep_for: float = 0.0
    octets: int = 4 << 30
    free_min: int = 0


class Partials:
    """The first parts that are kept. Nothing here blocks for longer than it takes to remove a file."""

    _log = Logger()

    def __init__(self, disk: Disk, clock: IReactorTime, limits: Limits) -> None:
        self.limits = limits
        self._disk = disk
        self._clock = clock
        self._kept: dict[FileId, Partial] = {}
        self._done: dict[tuple[FileId, str], None] = {}  # by file and Call-ID, oldest first
        self._alarm: IDelayedCall | None = None
        self._stopped = False

    @property
    def octets(self) -> int:
        """What all of them take, and give back when it is needed for something else."""
        return sum(partial.octets for partial in self._kept.values())

    def keep(self, partial: Partial) -> None:
        """Keep it as long as the limits allow; an older one of the same file goes, and both if their ids differ."""
        if self._stopped:
            return  # for the next start, which finds it by its note
        other = self._kept.pop(partial.file_id, None)
        if other is not None:
            self._remove(other, "there is a newer one")
            if other.key != partial.key:
                self._remove(partial, "the same file was cut for two pushes")
                self._tidy()
                return
        share = self.limits.octets // SENDER_SHARE
        if self.limits.keep_for <= 0 or partial.octets > share:
            self._remove(partial, "the limits do not allow it")
            return
        self._kept[partial.file_id] = partial
        self._bound(partial.file_id.sender, MAX_OF_SENDER, share)
        self._bound(None, MAX_PARTIALS, self.limits.octets)
        self._tidy()

    def change(self, limits: Limits) -> None:
        """Other limits from now on."""
        self.limits = limits
        self._bound(None, MAX_PARTIALS, limits.octets)
        self._tidy()

    def has(self, file_id: FileId, octets: int) -> bool:
        """Whether so many octets of this file, from the first on, are kept."""
        partial = self._kept.get(file_id)
        return partial is not None and partial.octets >= octets

    def claim(self, file_id: FileId, octets: int) -> Partial | None:
        """Take the first part out, if it has so many octets, until it is continued or given back."""
        partial = self._kept.pop(file_id) if self.has(file_id, octets) else None
        self._tidy()
        return partial

    def give_back(self, partial: Partial) -> None:
        """The rest did not come."""
        newer = self._kept.get(partial.file_id)
        if newer is not None and newer.key == partial.key:
            self._remove(partial, "there is a newer one")
        else:
            self.keep(partial)

    def make_room(self, octets: int) -> None:
        """Somebody needs so many: the oldest go."""
        while octets > 0 and self._kept:
            octets -= self._drop(self._oldest(self._kept.values()), "its space is needed")
        self._tidy()

    def done(self, file_id: FileId, key: str, call_id: str) -> None:
        """The whole file is an entry, under this id."""
        partial = self._kept.get(file_id)
        if partial is not None and partial.key == key:
            self._drop(partial, "the whole file is there")
            self._tidy()
        self._done[file_id, call_id] = None
        if len(self._done) > MAX_DONE:
            del self._done[next(iter(self._done))]

    def is_done(self, file_id: FileId, call_id: str) -> bool:
        """Whether the dialog with this Call-ID has brought the whole file."""
        return (file_id, call_id) in self._done

    def begin(self, file: str, file_id: FileId, key: str, call_id: str) -> None:
        """A content begins that may be cut: write its note. Raises OSError."""
        self._done.pop((file_id, call_id), None)  # the same file again, for another push
        self._disk.note(file + NOTE, _note(file_id, key))

    def forget(self, file: str) -> None:
        """The file is no first part any more: its note goes."""
        with contextlib.suppress(OSError):  # a lone note is removed at the next start
            self._disk.drop(file + NOTE)

    def stop(self) -> None:
        """Keep no time any more; the files stay for the next start."""
        self._stopped = True
        self._set_alarm(None)

    # --- inside ---

    def _tidy(self) -> None:
        """Drop those whose time is up, and come again for the next."""
        now = self._clock.seconds()
        for partial in list(self._kept.values()):
            if partial.kept_at + self.limits.keep_for <= now:
                self._drop(partial, "its time is up")
        self._set_alarm(self._oldest(self._kept.values()).kept_at + self.limits.keep_for if self._kept else None)

    def _set_alarm(self, at: float | None) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        if at is not None and not self._stopped:
            self._alarm = self._clock.callLater(max(0.0, at - self._clock.seconds()), self._tidy)

    def _bound(self, sender: str | None, count: int, octets: int) -> None:
        """No more than these of one sender, or of all."""
        while True:
            kept = [partial for partial in self._kept.values() if sender in (None, partial.file_id.sender)]
            if len(kept) <= count and sum(partial.octets for partial in kept) <= octets:
                return
            self._drop(self._oldest(kept), "there are too many")

    def _oldest(self, partials: Iterable[Partial]) -> Partial:
        return min(partials, key=lambda partial: partial.kept_at)

    def _drop(self, partial: Partial, why: str) -> int:
        del self._kept[partial.file_id]
        self._remove(partial, why)
        return partial.octets

    def _remove(self, partial: Partial, why: str) -> None:
        self._log.info("a first part is not kept: {why}", why=why, peer=partial.file_id.sender, size=partial.octets)
        try:
            self._disk.drop(partial.file)
        except OSError as error:
            self._log.error("a first part cannot be removed: {reason}", reason=str(error), file=partial.file)
        self.forget(partial.file)


def leftover(disk: Disk, now: float) -> list[Partial]:
    """The first parts that an earlier process left below tmp, oldest first. Raises OSError."""
    names = set(disk.leftovers())
    found = (_found(disk, name, now) for name in names if STORED_NAME.fullmatch(name) and name + NOTE in names)
    return sorted((partial for partial in found if partial is not None), key=lambda partial: partial.kept_at)


def _found(disk: Disk, name: str, now: float) -> Partial | None:
    try:
        noted = _read_note(disk.read_note(name + NOTE))
        octets, written_at = disk.written(name)
    except OSError:  # a folder, say: not ours
        return None
    if noted is None or not 0 < octets <= noted[0].size:
        return None
    file_id, key = noted
    return Partial(file_id, name, octets, key, min(written_at, now))  # a moment to come: the clock was set


def _note(file_id: FileId, key: str) -> bytes:
    return json.dumps({**attrs.asdict(file_id), "sha1": file_id.sha1.hex(), "key": key}).encode()


def _read_note(text: bytes) -> tuple[FileId, str] | None:
    """What `_note` wrote; None for anything else."""
    try:
        match json.loads(text):
            case {
                "sender": str(sender),
                "asserted": bool(asserted),
                "name": str(name),
                "size": int(size),
                "sha1": str(sha1),
                "key": str(key),
            }:
                return FileId(sender, asserted, name, size, bytes.fromhex(sha1)), key
    except (ValueError, RecursionError):
        pass
    return None

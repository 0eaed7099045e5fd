"""The contents that are on their way: begun, cut, continued, ended. One of them is `part`, what is cut `partials`."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from pushsvc import push
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import Arriving, harmless
from pushsvc.receiver.inbox_writer import InThread
from pushsvc.receiver.part import Keeper, Part
from pushsvc.receiver.partials import FileId, Partial, Partials
from pushsvc.receiver.wrapped import Wrapping


class Parts:
    """Every part there is. `keeper` is who makes entries of them, and is told when one is no more."""

    def __init__(
        self, disk: Disk, clock: IReactorTime, in_thread: InThread, keeper: Keeper, partials: Partials
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._in_thread = in_thread
        self._keeper = keeper
        self._partials = partials
        self._parts: set[Part] = set()
        self._settling: list[tuple[FileId, Deferred[None]]] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def needed(self) -> int:
        """Octets that the parts may still need of the disk."""
        return sum([max(0, (part.about.size or 0) - part.size) for part in self._parts])

    def begin(self, about: Arriving, file: str, limit: int, wrapping: Wrapping | None, file_id: FileId | None) -> Part:
        """A content of at most `limit` octets. Raises OSError."""
        self.make_room(about.size or 0)
        room = 0 if wrapping is None else push.WRAPPER_ROOM
        most = limit if about.size is None else min(limit, about.size + room)
        if wrapping is not None or self._partials.limits.keep_for <= 0:
            file_id = None
        args = (self._disk, self._in_thread, self._keeper, wrapping, file_id)
        part = self._add(Part(harmless(about), file, most, *args))
        if file_id is not None:
            try:
                self._partials.begin(file, file_id, about.key, about.call_id)
            except OSError:
                part.discard("its note cannot be written")
                raise
        return part

    def go_on(self, about: Arriving, partial: Partial, start: int) -> Part:
        """The rest of a content; the octets of the first part from `start` on come again. Raises OSError."""
        file_id = partial.file_id
        self.make_room(file_id.size - start)
        about = attrs.evolve(harmless(about), key=partial.key)
        args = (self._disk, self._in_thread, self._keeper, None, file_id, start)
        return self._add(Part(about, partial.file, file_id.size, *args))

    def cut(self, file_id: FileId, call_id: str) -> None:
        """Whoever sends this file in this dialog is done with what came so far: its rest is offered."""
        for part in tuple(self._parts):
            if part.file_id == file_id and part.about.call_id == call_id:
                part.cut("its rest is offered")

    def cut_all(self) -> None:
        """We stop."""
        for part in tuple(self._parts):
            part.cut("the service stops")

    def settled(self, file_id: FileId) -> Deferred[None]:
        """Fires when it is clear what there is of this file: nothing of it is being set aside or made durable."""
        if not self._is_settling(file_id):
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._settling.append((file_id, done))
        return done

    def set_aside(self, part: Part, file_id: FileId) -> None:
        """It was cut; its file is a first part now."""
        self._partials.keep(Partial(file_id, part.file, part.in_a_row, part.about.key, self._clock.seconds()))
        self._remove(part)
        self.make_room(0)

    def left(self, part: Part) -> None:
        """It is an entry, or nothing."""
        if part.file_id is not None:
            self._partials.forget(part.file)
        self._remove(part)

    def make_room(self, octets: int) -> None:
        """First parts give way to what comes in, and to what must stay free."""
        if self._partials.octets:
            unused = self._disk.free() - self.needed
            self._partials.make_room(octets + self._partials.limits.free_min - unused)

    # --- inside ---

    def _add(self, part: Part) -> Part:
        self._parts.add(part)
        return part

    def _remove(self, part: Part) -> None:
        self._parts.discard(part)
        settled = [done for file_id, done in self._settling if not self._is_settling(file_id)]
        self._settling = [waiting for waiting in self._settling if waiting[1] not in settled]
        for done in settled:
            done.callback(None)

    def _is_settling(self, file_id: FileId) -> bool:
        return any(part.is_over and part.file_id == file_id for part in self._parts)

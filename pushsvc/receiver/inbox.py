"""The inbox: what was received, complete and durable, each content once. How that is done is in the modules beside it.

`parts` are the contents on their way, `partials` what is kept of those that were cut, `inbox_writer` the one thread
that changes the index, `inbox_publish` the order in which things become durable, `inbox_repair` what happens at start,
`inbox_disk` and `inbox_index` the files, `inbox_entry` the values.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import Misuse
from pushsvc.machine import Tokens
from pushsvc.receiver.inbox_disk import INDEX, Disk
from pushsvc.receiver.inbox_entry import Arriving, Entry, Kept, harmless, stored_name
from pushsvc.receiver.inbox_index import Index, Seen
from pushsvc.receiver.inbox_publish import SMALL, Publication, Publisher
from pushsvc.receiver.inbox_repair import Repaired, repair
from pushsvc.receiver.inbox_writer import InThread, Writer
from pushsvc.receiver.part import Part, Sealed
from pushsvc.receiver.partials import NOTE, FileId, Limits, Partial, Partials, leftover
from pushsvc.receiver.parts import Parts
from pushsvc.receiver.wrapped import Wrapping

PROBE_FIRST = 0.5  # seconds until a disk that failed is tried: many errors are over at once
PROBE_EVERY = 5.0  # seconds from one try to the next
SPREAD_AFTER = 0.05  # seconds of quiet before small contents get their files
LOOK_AGAIN = 0.02  # seconds: in less a disk does not fill by more than what is left free for others
PROBE = "probe"
PROBE_SIZE = 4096  # octets
EVERYTHING = 2**62
NOTHING_KEPT = Limits()


class Inbox:
    """What was received. Start it before anything else, stop it last.

    `in_thread` runs a blocking function in some thread. `arrived` is told once of each new entry when its file is
    there. `limits` are those of `partials`. After a failed write or sync nothing is taken (`writable` is False) until a
    probe of the disk succeeds.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        clock: IReactorTime,
        tokens: Tokens,
        in_thread: InThread,
        *,
        arrived: Callable[[Entry], None] = lambda entry: None,
        disk: Disk | None = None,
        limits: Limits = NOTHING_KEPT,
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._in_thread = in_thread
        self._disk = disk or Disk(directory.absolute())
        self._index = Index(self._disk.directory / INDEX)
        self._publisher = Publisher(self._disk, self._index)
        self._arrived = arrived
        self._writer = Writer(self._publisher, in_thread, arrived=arrived, broken=self.broken)
        self.partials = Partials(self._disk, clock, limits)
        self.parts = Parts(self._disk, clock, in_thread, self, self.partials)
        self._started = False
        self._stopped: Deferred[None] | None = None
        self._failure: OSError | None = None
        self._probe: IDelayedCall | None = None
        self._spreading: IDelayedCall | None = None
        self._free, self._looked_at = 0, -LOOK_AGAIN

    @property
    def directory(self) -> str:
        """The absolute path."""
        return str(self._disk.directory)

    @property
    def writable(self) -> bool:
        """Whether contents are taken now."""
        return self._started and self._stopped is None and self._failure is None

    def start(self) -> Deferred[Repaired]:
        """Open it and put right what a kill left behind. Fails with OSError; EBUSY: another process has it."""
        return self._in_thread(self._start_in_thread).addCallback(self._opened)

    def stop(self) -> Deferred[None]:
        """Give up what is not complete, finish what is, close. Always fires."""
        if self._stopped is None:
            self._stopped = Deferred()
            self.partials.stop()
            self.parts.cut_all()
            self._tell_stopped()
        return Deferred.fromCoroutine(self._stop(self._stopped))

    # --- contents that come in ---

    def part(
        self, about: Arriving, limit: int, wrapping: Wrapping | None = None, file_id: FileId | None = None
    ) -> Part:
        """A place for a content of at most `limit` octets. Raises OSError when nothing is taken now.

        `wrapping` is taken off before it is checked and kept; until then it may be so much larger. With a `file_id` its
        first part is kept when it is cut, unless it is wrapped.
        """
        if not self.writable:
            raise _not_now()
        return self.parts.begin(about, self._new_name(about.name), limit, wrapping, file_id)

    def rest(self, about: Arriving, partial: Partial, start: int) -> Part:
        """A place for the rest of a content, behind the first `start` octets of a first part that was claimed.

        Raises OSError when nothing is taken now, or the first part is not there any more.
        """
        if not self.writable:
            raise _not_now()
        return self.parts.go_on(about, partial, start)

    def store(self, about: Arriving, content: bytes) -> Deferred[Kept]:
        """Keep a whole content; many at once share one sync. Fires when it is durable.

        Fails with OSError when it cannot be kept, with Refused 413 for other content under a known key. Raises Misuse
        for more than `SMALL` octets: those are for `part`.
        """
        if len(content) > SMALL:
            raise Misuse(f"{len(content)} octets are no small content")
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        sealed = Sealed(len(content), sha1, hashlib.sha256(content).hexdigest(), content)
        return self._keep(harmless(about), self._new_name(about.name), sealed)

    def known(self, sender: str, key: str) -> Deferred[Seen | None]:
        """What was kept under this key of this sender, however long ago keys are kept."""
        return self._writer.run(lambda: self._index.seen(sender, key))

    def free(self) -> int | None:
        """Octets for further contents, those of first parts with them, which give way; None: nothing is taken now."""
        if not self.writable:
            return None
        now = self._clock.seconds()
        if not 0 <= now - self._looked_at < LOOK_AGAIN:
            self._free, self._looked_at = self._disk.free() + self.partials.octets, now
        return max(0, self._free - self.parts.needed)

    # --- entries ---

    def entries(self, state: str | None = None, below: int = EVERYTHING, limit: int = 50) -> Deferred[list[Entry]]:
        """The newest entries, only those in `state` when given, with a sequence lower than `below`."""
        return self._writer.give_out(lambda: self._index.page(state, below, limit))

    def entry(self, entry_id: str) -> Deferred[Entry | None]:
        """The entry of this id, None when there is none."""
        found = self._writer.give_out(lambda: [entry for entry in (self._index.entry(entry_id),) if entry])
        return found.addCallback(lambda entries: entries[0] if entries else None)

    def opened(self, entry_id: str) -> Deferred[bool]:
        """Somebody has looked at it. Fires with whether there is such an entry."""

        def change() -> bool:
            with self._index.change():
                return self._index.set_state(entry_id, "opened")

        return self._writer.run(change)

    def delete(self, entry_id: str) -> Deferred[bool]:
        """It goes, durably; what came once does not come again. Fires with whether there was such an entry."""
        return self._writer.run(lambda: self._publisher.delete(entry_id))

    def open_content(self, entry: Entry) -> BinaryIO:
        """The content, open for reading. Raises FileNotFoundError when somebody took it away."""
        return open(self._disk.open_content(entry.file), "rb", buffering=0)

    # --- what parts ask (Keeper) ---

    def keep(self, part: Part, sealed: Sealed) -> Deferred[Kept]:
        return self._keep(part.about, part.file, sealed).addCallback(self._completed, part)

    def set_aside(self, part: Part, file_id: FileId) -> None:
        self.parts.set_aside(part, file_id)
        self._tell_stopped()

    def left(self, part: Part) -> None:
        self.parts.left(part)
        self._tell_stopped()

    def broken(self, error: OSError) -> None:
        """Something could not be made durable: take nothing until the disk works again."""
        if self._failure is None and self._started:
            self._log.error("inbox takes nothing: {reason}", reason=str(error))
            self._failure = error
            self._probe = self._clock.callLater(PROBE_FIRST, self._try_disk)

    # --- inside ---

    def _keep(self, about: Arriving, file: str, sealed: Sealed) -> Deferred[Kept]:
        if self._failure is not None or not self._started:
            return self._dropped(file, Failure(_not_now()))
        entry = Entry(
            id="inb_" + self._tokens.word(20),
            file=file,
            received_at=self._clock.seconds(),
            size=sealed.size,
            sha1=sealed.sha1,
            sha256=sealed.sha256,
            about=about,
        )
        publishing = self._writer.publish(Publication(entry, sealed.content))
        # The writer takes back what it has tried; what waited behind that is still where it was.
        publishing.addErrback(lambda failure: self._dropped(file, failure))
        return publishing.addBoth(self._kept, about)

    def _dropped(self, file: str, failure: Failure) -> Deferred[Kept]:
        """Nothing of it stays below tmp; fails with this failure."""
        return self._in_thread(self._disk.drop, file).addBoth(lambda _: failure)

    def _kept(self, result: Kept | Failure, about: Arriving) -> Kept | Failure:
        if isinstance(result, Failure) and not isinstance(result.value, OSError):
            # A sender that says the same id twice and means two things is broken, or not who it says it is.
            self._log.error("inbox refused content: {reason}", reason=str(result.value), peer=about.sender)
        elif isinstance(result, Kept) and not result.fresh:
            # Its sender missed that we have it, or one of us was killed before it could be told.
            entry_id = result.entry.id if result.entry is not None else "deleted"
            self._log.info("push came again", id=entry_id, peer=about.sender, call_id=about.call_id)
        if self._writer.waiting and (self._spreading is None or not self._spreading.active()):
            self._spreading = self._clock.callLater(SPREAD_AFTER, self._spread)
        elif self._spreading is not None and self._spreading.active():
            self._spreading.reset(SPREAD_AFTER)
        return result

    def _completed(self, kept: Kept, part: Part) -> Kept:
        if part.file_id is not None:
            self.partials.done(part.file_id, part.about.key, part.about.call_id)
        return kept

    def _spread(self) -> None:
        if self.writable and self._writer.waiting:
            self._writer.spread_some()
            self._spreading = self._clock.callLater(SPREAD_AFTER / 10, self._spread)

    def _new_name(self, name: str) -> str:
        return stored_name(self._clock.seconds(), self._tokens.word(12), name)

    def _start_in_thread(self) -> tuple[list[Partial], Repaired, list[Entry]]:
        self._disk.open()
        now = self._clock.seconds()
        try:
            partials = leftover(self._disk, now) if self.partials.limits.keep_for > 0 else []
            spared = {name for partial in partials for name in (partial.file, partial.file + NOTE)}
            return partials, *repair(self._disk, self._index, self._publisher, now, spared)
        except BaseException:
            self._close()
            raise

    def _opened(self, found: tuple[list[Partial], Repaired, list[Entry]]) -> Repaired:
        self._started = True
        partials, repaired, untold = found
        for partial in partials:
            self.partials.keep(partial)
        if partials:
            self._log.info("first parts of {count} cut contents were left by an earlier process", count=len(partials))
        if repaired != Repaired():
            self._log.warn("inbox repaired: {repaired}", **attrs.asdict(repaired), repaired=repaired)
        for entry in untold:
            self._arrived(entry)
        return repaired

    def _tell_stopped(self) -> None:
        if self._stopped is not None and not self._stopped.called and not self.parts:
            self._stopped.callback(None)

    async def _stop(self, parts_gone: Deferred[None]) -> None:
        await parts_gone
        await self._writer.when_idle()
        self._started = False
        for call in (self._probe, self._spreading):
            if call is not None and call.active():
                call.cancel()
        try:
            await self._in_thread(self._close)
        except OSError as error:
            self._log.error("inbox not closed in order: {reason}", reason=str(error))

    def _close(self) -> None:
        self._index.close()
        self._disk.close()

    def _try_disk(self) -> None:
        self.parts.make_room(PROBE_SIZE)  # else first parts could keep a full disk full
        self._writer.run(self._probe_in_thread).addCallbacks(self._works_again, self._still_broken)

    def _probe_in_thread(self) -> None:
        self._disk.drop(PROBE)
        self._disk.write_new({PROBE: bytes(PROBE_SIZE)})
        self._disk.drop(PROBE)
        self._index.probe()

    def _works_again(self, _: object) -> None:
        self._failure = None
        self._log.info("inbox takes contents again")
        self._spread()

    def _still_broken(self, failure: Failure) -> None:
        if self._started:
            self._probe = self._clock.callLater(PROBE_EVERY, self._try_disk)


def _not_now() -> OSError:
    return OSError(errno.EROFS, "the inbox takes nothing now")

"""The contents of one MSRP session on its receiving side: those that have begun, and how the last ones ended."""

from __future__ import annotations

import attrs

from pushsvc.msrp.assembly import Assembly
from pushsvc.msrp.chunk import Send

MAX_OPEN = 16  # contents begun and not completed, on one session (SECURITY part 5)
MAX_REMEMBERED = 64  # Message-IDs of ended contents: a repetition follows soon, or on another session


@attrs.define
class Content:
    """One content that has started. `held` are the chunks to be answered when it is durable."""

    message_id: str
    media_type: str
    assembly: Assembly
    complete: bool = False
    status: int | None = None  # how it ended
    held: list[Send] = attrs.field(factory=list)


@attrs.define
class Contents:
    """By Message-ID. `one_content`: there is only ever one, even where the peer gives it no Message-ID."""

    one_content: bool
    _open: dict[str, Content] = attrs.field(factory=dict, init=False)  # those that wait for longest first
    _ended: dict[str, int] = attrs.field(factory=dict, init=False)  # the status of each, oldest first
    _has_begun: bool = attrs.field(default=False, init=False)

    @property
    def is_over(self) -> bool:
        """Whether the one content has begun already."""
        return self.one_content and self._has_begun

    @property
    def is_full(self) -> bool:
        """Whether there are so many that no other one may begin."""
        return len(self._open) >= MAX_OPEN

    def open(self, message_id: str) -> Content | None:
        """The one that has begun and not ended under this Message-ID."""
        return self._open.get(message_id)

    def status(self, message_id: str) -> int | None:
        """How the one ended that had this Message-ID; None: there was none, or it is forgotten."""
        return self._ended.get(message_id)

    def first(self, message_id: str | None, *, complete: bool) -> Content | None:
        """The one that has been complete, or else open, for longest; with a `message_id` only that one."""
        for content in self._open.values():
            if content.complete is complete and message_id in (None, content.message_id):
                return content
        return None

    def begin(self, content: Content) -> None:
        """It has started."""
        self._has_begun = True
        self._open[content.message_id] = content

    def completed(self, content: Content) -> None:
        """All of it is here: it waits, behind the others that do."""
        content.complete = True
        self._open[content.message_id] = self._open.pop(content.message_id)

    def end(self, content: Content, status: int) -> None:
        """It is over, and this is what its sender was told."""
        content.status = status
        del self._open[content.message_id]
        self.remember(content.message_id, status)

    def remember(self, message_id: str, status: int) -> None:
        """A repetition gets the same answer. Contents without a Message-ID cannot be told apart from repetitions."""
        if message_id or self.one_content:
            self._ended[message_id] = status
        if len(self._ended) > MAX_REMEMBERED:
            del self._ended[next(iter(self._ended))]

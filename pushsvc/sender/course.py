"""One content of an attempt: from which octet on it is sent, how far it is, and where it may go on when it was cut.

What the receiver has is only what it acknowledged, by 200 or in a success REPORT, from the first octet on without a
gap. It is asked for the rest behind that (file-range, flow 11), and for the whole again when it has not kept it.
"""

from __future__ import annotations

import attrs

from pushsvc import push, sdp
from pushsvc.errors import DeliveryError, Refused, Unreachable
from pushsvc.machine import Tokens
from pushsvc.sender.content import offered
from pushsvc.sender.job import ContentFile, FileResult, FileState, Job

MAX_RESUMPTIONS = 8  # in one attempt, each after some progress: a worse connection had better wait for the next
NOT_JOINED = (400, 413)  # MSRP: what the parts make is not the file, or there is nothing to join the rest to


@attrs.define
class Course:
    """`start`: so many octets are left out, the receiver has them. `sent` and `acknowledged` count from the first."""

    content: ContentFile
    start: int
    sent: int
    acknowledged: int
    result: FileResult | None = None
    error: DeliveryError | None = None  # why it is no better
    resumed: list[int] = attrs.field(factory=list)  # octets, counted from 1, that were gone on with
    ended_at: int | None = None  # so many octets were acknowledged when the receiver closed its line
    is_wrapped: bool = False  # then the receiver keeps no first part: its octets are not the file's

    @classmethod
    def of(cls, content: ContentFile) -> Course:
        """The course as the attempt before left it."""
        start = content.resume_at if 0 < content.resume_at < content.size else 0
        return cls(content, start, start, start)

    def offer(self, job: Job, tokens: Tokens, icon: str | None = None) -> sdp.FileOffer:
        """The content as a media line offers it: whole, or its rest, which is a transfer of its own (E.16).

        `icon` is the Content-ID of its icon.
        """
        whole = offered(job, self.content, icon)
        if not self.start:
            return whole
        rest = sdp.FileRange(self.start + 1, self.content.size)
        return attrs.evolve(whole, transfer_id=push.transfer_id(tokens), file_range=rest)

    def moved(self, sent: int, acknowledged: int) -> None:
        """Octets of what is sent now."""
        self.sent, self.acknowledged = self.start + sent, self.start + acknowledged

    def start_whole(self) -> None:
        """The receiver has nothing to join a rest to."""
        self.start = self.sent = self.acknowledged = 0

    def began(self, *, is_wrapped: bool = False) -> None:
        """It is being sent from `start` on. Raises Unreachable when only a part of it would be wrapped."""
        self.is_wrapped = is_wrapped
        if self.start and is_wrapped:
            raise Unreachable("the rest of a file cannot be wrapped")
        if self.start:
            self.resumed.append(self.start + 1)

    def can_go_on(self, error: DeliveryError) -> bool:
        """Whether its rest may be offered in the dialog that has lost its connection by this error."""
        lost = isinstance(error, Unreachable) and error.retry
        progress = self.start < self.acknowledged < self.content.size
        return lost and progress and not self.is_wrapped and len(self.resumed) < MAX_RESUMPTIONS

    def go_on(self) -> None:
        """Leave out what the receiver has."""
        self.start = self.sent = self.acknowledged

    def delivered(self, *, confirmed: bool) -> None:
        """All of it was sent."""
        self.sent = self.acknowledged = self.content.size
        state, code = (FileState.DELIVERED, 200) if confirmed else (FileState.UNCONFIRMED, None)
        self.result = FileResult(self.content.name, state, code)

    def refused(self, error: Refused | None = None) -> None:
        """It is not sent, as the peer's answer has no place for it; `error` says how we know."""
        self.error = error
        self.result = FileResult(self.content.name, FileState.REFUSED, None if error is None else error.status)

    def ended(self) -> None:
        """The receiver wants no more of it, and said so by closing its line (RFC 5547 §8.4)."""
        self.ended_at = self.acknowledged
        self.result = FileResult(self.content.name, FileState.REFUSED)

    def failed(self, error: DeliveryError) -> None:
        """It failed, by this; where only the rest was refused that means less."""
        code = error.status if isinstance(error, Refused) and error.protocol == "msrp" else None
        if self.start and code in NOT_JOINED:
            self.start_whole()
            error, code = Unreachable(f"the rest was refused: MSRP {code} {error.reason}"), None
        self.error = error
        self.result = self._unfinished() if code is None else FileResult(self.content.name, FileState.FAILED, code)

    def so_far(self) -> FileResult:
        """Its result; where it has none yet, what remains when it is given up now."""
        return self.result or self._unfinished()

    def _unfinished(self) -> FileResult:
        may_go_on = not self.is_wrapped and 0 < self.acknowledged < self.content.size
        return FileResult(self.content.name, FileState.FAILED, resume_at=self.acknowledged if may_go_on else 0)

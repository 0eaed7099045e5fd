"""Small content in one SIP MESSAGE (RFC 3428): whether it fits, and sending it. It makes no session (R-INF-3)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from twisted.internet.defer import Deferred

from pushsvc import push
from pushsvc.errors import DeliveryError, Refused
from pushsvc.sender.job import AttemptResult, ContentFile, FileResult, FileState, Job
from pushsvc.sender.outbox_records import Submission
from pushsvc.sender.ways import Ways
from pushsvc.sessions import Exchange, opening_request, redirected, refusal
from pushsvc.sip.codec import encode
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Request
from pushsvc.sip.redirection import Target
from pushsvc.sip.uri import SipUri

TRANSFER_ID_LENGTH = 32
LONGEST_VIA = Via("TCP", "x" * 64, 65535, (("branch", "z9hG4bK" + "x" * 16), ("rport", None)))


def too_big_for_message(ways: Ways, submission: Submission) -> str | None:
    """Why a push that asks for MESSAGE cannot go by it, in words; None: it can."""
    contents = tuple(
        ContentFile(
            wanted.name, wanted.type, wanted.upload.size, b"", b"", Path(), "x" * TRANSFER_ID_LENGTH, wanted.icon
        )
        for wanted in submission.contents
    )
    for target in submission.to:
        job = Job(
            submission.id, 0, target, contents, submission.title, submission.description, submission.application,
            "message", submission.disposition, 1, submission.not_after, submission.submitted_at,
        )  # fmt: skip
        why = Message(ways, job).why_not()
        if why is not None:
            return why
    return None


class Message:
    """One attempt by MESSAGE."""

    def __init__(self, ways: Ways, job: Job) -> None:
        self._ways = ways
        self._job = job
        self._call_id = ways.tokens.word(24)
        self._tag = ways.tokens.word(16)
        self._number = 0  # of CSeq
        self._target = SipUri.parse(job.to)

    @cached_property
    def _fields(self) -> list[tuple[str, str]]:
        """Made when it is known that there may be a MESSAGE."""
        return self._ways.caller.message(self._job, self._ways.clock.seconds())

    def why_not(self) -> str | None:
        """Why this push does not go by MESSAGE, in words; None: it does (R-GEN-1, A-01)."""
        job = self._job
        if job.mode == "msrp":
            return "MSRP was asked for"
        if len(job.contents) != 1:
            return "a MESSAGE carries one content"
        if job.contents[0].icon is not None:
            return "a MESSAGE carries no icon"
        if job.size > push.MAX_MESSAGE:
            return f"{job.size} octets do not fit into a MESSAGE"
        if not push.fits_message(len(encode(self._request(self._target, 1, LONGEST_VIA, bytes(job.size))))):
            return f"the request would be larger than {push.MAX_MESSAGE} octets"
        return None

    async def send(self) -> AttemptResult:
        """200 is delivery, 202 is somebody's promise. Raises Refused, TimedOut or Unreachable."""
        try:
            body = self._job.contents[0].path.read_bytes()
        except OSError as error:
            raise Refused(500, f"content cannot be read: {error.strerror}", protocol="local") from error
        self._ways.began(self._call_id, self._job)
        exchange = await redirected(self._target, lambda target: self._asked(target, body))
        response = exchange.response
        if response.status >= 300:
            return self.result(str(exchange.hop), response.status, response.reason, refusal(exchange))
        return self.result(str(exchange.hop), response.status, response.reason)

    def result(
        self,
        peer: str | None = None,
        status: int | None = None,
        reason: str | None = None,
        failure: DeliveryError | None = None,
    ) -> AttemptResult:
        """The result that this status makes."""
        content = self._job.contents[0]
        states = {200: FileState.DELIVERED, 202: FileState.UNCONFIRMED}
        state = FileState.FAILED if failure is not None or status is None else states.get(status, FileState.UNCONFIRMED)
        return AttemptResult(
            files=(FileResult(content.name, state, status),) if state is not FileState.FAILED else (),
            mode="message",
            why_mode="the whole request fits into one MESSAGE",
            call_id=self._call_id,
            peer=peer,
            sip_status=status,
            sip_reason=reason,
            octets_acknowledged=content.size if state is FileState.DELIVERED else 0,
            failure=failure,
        )

    def _asked(self, target: Target, body: bytes) -> Deferred[Exchange]:
        number, route = self._next_number(), self._ways.caller.route
        return self._ways.sessions.ask(
            lambda via: self._request(target.uri, number, via, body),
            route or target.uri,
            self._next_number,
            foreign=target.foreign and route is None,
        )

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _request(self, target: SipUri, number: int, via: Via, body: bytes) -> Request:
        route = self._ways.caller.route
        return opening_request(
            "MESSAGE", target, via, self._tag, self._call_id, number, self._fields, body, route=route
        )

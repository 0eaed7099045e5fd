"""One incoming push, as a straight story: who calls, what the policy says, the answer, the content into the inbox."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc import push, sdp
from pushsvc.errors import ProtocolError, Refused
from pushsvc.receiver.caller import caller_of
from pushsvc.receiver.described import arriving, message_about
from pushsvc.receiver.inbox import Inbox
from pushsvc.receiver.policy import MOMENT_RETRY, Caller, Cause, FileAsked, FileVerdict, Policy, Refuse, Take, Verdict
from pushsvc.receiver.resuming import Joined, Known, Resuming, file_of
from pushsvc.receiver.wrapped import out_of_wrapping, wrapping_of
from pushsvc.sessions import Invitation, Send, Sessions, Sink, Wanted
from pushsvc.sessions import Take as TakeLine
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri

MAX_MESSAGE_BODY = 8192  # SECURITY part 5: a MESSAGE is for small content
NO_FIRST_PART = '399 pushsvc "The first part of the file is not kept"'
MESSAGE_REFUSALS = {488: 415}  # a MESSAGE has no offer that could be unacceptable: its type is


@attrs.frozen
class Host:
    """Whose pushes these are, and what the answers say: `user` None takes any, `types` are taken, wrapped or not.

    `declined(cause)` is told of each file that is not taken. `plain`: MSRP without TLS is taken, too.
    """

    user: str | None
    targeting: push.Targeting
    types: tuple[str, ...]
    accept_contact_in_response: bool = True
    plain: bool = False
    declined: Callable[[str], None] = lambda cause: None


class Reception:
    """Decides about each invitation and each message, and keeps what comes in."""

    log = Logger()

    def __init__(self, sessions: Sessions, policy: Policy, inbox: Inbox, host: Host) -> None:
        self.policy = policy
        self.host = host
        self._sessions = sessions
        self._inbox = inbox
        sessions.on_invitation = lambda invitation: self._begin(
            self._invited(invitation), lambda: invitation.withdraw(500)
        )
        sessions.on_message = lambda request, source: self._begin(
            self._messaged(request), lambda: sessions.respond(request, 500)
        )

    # -- INVITE

    async def _invited(self, invitation: Invitation) -> None:
        request = invitation.request
        caller = caller_of(request)
        if not self._is_ours(request):
            invitation.refuse(404)
            return
        resuming = Resuming(self._inbox, caller, request.call_id)
        await resuming.settle(invitation.lines)
        if invitation.is_over:
            return
        usable = [line for line in invitation.lines if self._can_serve(line)]
        servable = [line for line in usable if resuming.can(line)]
        if not servable:
            warning = NO_FIRST_PART if usable else sdp.warning("pushsvc", invitation.lines)
            invitation.refuse(488, [("Warning", warning)])
            return
        verdict = await self._judged(
            caller, [FileAsked.of_line(line, invitation.icon_of(line)) for line in servable], invitation
        )
        match verdict:
            case None:
                self.log.info("push withdrawn before it was decided", call_id=request.call_id)
            case Refuse():
                self._refuse(invitation, verdict)
            case Take():
                if await invitation.reserve(_wanted(servable, verdict)):
                    self._accept(invitation, caller, servable, verdict, resuming)

    async def _judged(
        self, caller: Caller, files: Sequence[FileAsked], invitation: Invitation | None = None
    ) -> Verdict | None:
        """The verdict; None when the caller did not wait for it."""
        verdict = self.policy.judge(caller, files)
        if not isinstance(verdict, Deferred):
            return verdict
        if invitation is not None:
            invitation.ring(push.contact(invitation.contact, self.host.targeting))
            invitation.on_cancelled = verdict.cancel
        try:
            return await verdict
        except CancelledError:
            return None

    def _can_serve(self, line: sdp.MediaOffer) -> bool:
        return line.problem is None and not line.refused and (line.secure or self.host.plain)

    def _refuse(self, invitation: Invitation, refuse: Refuse) -> None:
        self.host.declined(refuse.cause.value)
        self.log.info(
            "push declined: {reason}",
            reason=refuse.reason,
            cause=refuse.cause.value,
            call_id=invitation.request.call_id,
        )
        invitation.refuse(refuse.status, refusal_headers(refuse))

    def _accept(
        self,
        invitation: Invitation,
        caller: Caller,
        servable: Sequence[sdp.MediaOffer],
        taken: Take,
        resuming: Resuming,
    ) -> None:
        for verdict in taken.files:
            if verdict.cause is not None:
                self.host.declined(verdict.cause.value)
        takes: dict[int, TakeLine] = {}
        rests: list[Joined | Known] = []
        for line, verdict in zip(servable, taken.files, strict=True):
            rest = resuming.join(line) if verdict.taken else None
            if rest is not None:
                rests.append(rest)
            if verdict.taken and (rest is not None or resuming.can(line)):
                takes[line.index] = self._take(invitation, caller, line, verdict, rest)
        if not takes:  # while somebody was asked, the first part went
            invitation.refuse(488, [("Warning", NO_FIRST_PART)])
            return
        all_lines = [takes.get(line.index) for line in invitation.lines]
        session = invitation.accept(all_lines, self._describe, push.announced(self.host.types))
        if rests:
            session.when_ended().addCallback(lambda _: [rest.release() for rest in rests])

    def _take(
        self,
        invitation: Invitation,
        caller: Caller,
        line: sdp.MediaOffer,
        verdict: FileVerdict,
        rest: Joined | Known | None,
    ) -> TakeLine:
        selector, request = line.selector, invitation.request
        icon = invitation.icon_of(line)
        if line.icon is not None and icon is None:
            self.log.info("an icon is not kept: it did not come along, or is none", call_id=request.call_id)

        def make_sink(send: Send) -> Sink:
            about, is_disposed = arriving(request, caller, line, send, icon)
            if rest is not None:
                return rest.sink(about)
            wrapping = wrapping_of(about, verdict.accepts, line.selector, is_disposed=is_disposed)
            return self._inbox.part(about, verdict.max_size, wrapping, file_of(line, caller))

        wanted = Wanted(
            accepts=lambda type: (rest is None and push.is_wrapper(type)) or verdict.accepts(type),
            make_sink=make_sink,
            max_size=verdict.max_size,
            expected_size=rest.size if rest is not None else selector.size if selector is not None else None,
            one_content=selector is not None,
            room=lambda type: push.WRAPPER_ROOM if rest is None and push.is_wrapper(type) else 0,
            refused=self._count_type,
        )
        accept_types, accept_wrapped_types = push.announced_to(self.host.types, line.accept_types)
        return TakeLine(wanted, accept_types, verdict.max_size, accept_wrapped_types)

    def _describe(self, contact: SipUri) -> list[tuple[str, str]]:
        return push.answer_headers(
            contact_uri=contact,
            targeting=self.host.targeting,
            accept_contact_in_response=self.host.accept_contact_in_response,
        )

    # -- MESSAGE

    async def _messaged(self, request: Request) -> None:
        """200 only when the content is in the inbox (promise 2)."""
        caller = caller_of(request)
        unfit = self._unfit(request)
        if unfit is not None:
            self._sessions.respond(request, unfit)
            return
        try:
            about, content = out_of_wrapping(message_about(request, caller), request.body, self.policy.accepts)
        except ProtocolError as error:
            self._refuse_content(request, error)
            return
        verdict = await self._judged(caller, [FileAsked(None, about.name, about.type, len(content))])
        if isinstance(verdict, Refuse):
            self.host.declined(verdict.cause.value)
            status = MESSAGE_REFUSALS.get(verdict.status, verdict.status)
            accept = self._accept_header() if verdict.cause is Cause.TYPE else []
            self._sessions.respond(request, status, [*refusal_headers(verdict), *accept])
            return
        try:
            await self._inbox.store(about, content)
        except OSError as error:
            self.log.error("message not kept: {reason}", reason=error.strerror, call_id=request.call_id)
            self._sessions.respond(request, 503, [("Retry-After", str(MOMENT_RETRY))])
        except Refused as refused:
            self._sessions.respond(request, refused.status)
        else:
            self._sessions.respond(request, 200)

    def _refuse_content(self, request: Request, error: ProtocolError) -> None:
        self.log.info("push declined: {reason}", reason=error.reason, status=error.status, call_id=request.call_id)
        self._count_type(error.status)
        self._sessions.respond(request, error.status, self._accept_header() if error.status == 415 else [])

    def _count_type(self, status: int) -> None:
        """Only with the content it is known what type it really has."""
        if status == 415:
            self.host.declined(Cause.TYPE.value)

    def _accept_header(self) -> list[tuple[str, str]]:
        return [("Accept", ", ".join(push.announced(self.host.types)))]

    def _unfit(self, request: Request) -> int | None:
        if not self._is_ours(request):
            return 404
        if request.headers.get("content-type") is None:
            return 415 if request.body else 400
        return 413 if len(request.body) > MAX_MESSAGE_BODY else None

    # -- both

    def _is_ours(self, request: Request) -> bool:
        user = request.uri.user if isinstance(request.uri, SipUri) else None
        return self.host.user is None or user is None or user == self.host.user

    def _begin(self, story: Coroutine[Any, Any, None], give_up: Callable[[], None]) -> None:
        Deferred.fromCoroutine(story).addErrback(self._bug, give_up)

    def _bug(self, failure: Failure, give_up: Callable[[], None]) -> None:
        self.log.failure("a bug: a push was not dealt with", failure)
        give_up()


def _wanted(servable: Sequence[sdp.MediaOffer], taken: Take) -> list[sdp.MediaOffer]:
    return [line for line, verdict in zip(servable, taken.files, strict=True) if verdict.taken]


def refusal_headers(refuse: Refuse) -> list[tuple[str, str]]:
    """Warning and Retry-After, where the verdict has them."""
    headers = []
    if refuse.warning is not None:
        code, text = refuse.warning
        headers.append(("Warning", f'{code} pushsvc "{text}"'))
    if refuse.retry_after is not None:
        headers.append(("Retry-After", str(refuse.retry_after)))
    return headers

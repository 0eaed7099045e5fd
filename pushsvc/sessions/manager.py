"""The session manager: every push session alive in this process, and what becomes of each request that comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from pushsvc.errors import ProtocolError
from pushsvc.net.reaching import Exchange, Make
from pushsvc.sessions.dialing import Call, Dialing
from pushsvc.sessions.fitness import SUPPORTED, unacceptable, unfit
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.invitation import Invitation
from pushsvc.sessions.opening import Opening
from pushsvc.sessions.room import Room
from pushsvc.sessions.session import Ended, Session
from pushsvc.sessions.unwanted import Unwanted
from pushsvc.sip.dialog import DialogId, dialog_id
from pushsvc.sip.headers import Headers
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.uri import SipUri

AGAIN_AFTER = 30  # seconds, unless the daemon knows better how long it takes nothing
BUSY_SECONDS = 10  # RFC 3261 §14.2: the longest Retry-After for an INVITE that came too early


class Sessions:
    """Dials, is invited, and routes every request to the session that it belongs to.

    `on_invitation` hears of INVITEs that offer files, those inside sessions included, `on_message` of MESSAGEs; what
    is not set is not allowed. `capabilities` gives the headers and the description that answer OPTIONS. While
    `refusing`, what runs goes on and nothing new is begun: whoever calls is to call again after `again_after` seconds.
    """

    log = Logger()

    def __init__(self, floors: Floors, *, allow: Sequence[str], max_sessions: int = 2000) -> None:
        self.on_invitation: Callable[[Invitation], None] | None = None
        self.on_message: Callable[[Request, Hop], None] | None = None
        self.capabilities: Callable[[], tuple[list[tuple[str, str]], bytes]] = lambda: ([], b"")
        self.refusing = False
        self.again_after = AGAIN_AFTER
        self._floors = floors
        self._allow = tuple(allow)
        self._room = Room(max_sessions, floors.agent.limits)
        self._sessions: dict[DialogId, Session] = {}
        self._calls: dict[tuple[str, str | None], Session] = {}  # those we dialed, by Call-ID and our tag
        self._invitations: dict[tuple[str, str | None], Invitation] = {}  # by Call-ID and the caller's tag
        self._told: tuple[list[tuple[str, str]], Headers] = [], Headers()  # what OPTIONS was last answered with
        self._unwanted = Unwanted(floors.agent)
        floors.agent.on_request = self._arrived
        floors.agent.on_stray = self._answered_again

    @property
    def alive(self) -> int:
        """Sessions and invitations that have not ended."""
        return len(self._sessions) + len(self._invitations)

    @property
    def _later(self) -> list[tuple[str, str]]:
        return [("Retry-After", str(self.again_after))]

    # -- outwards

    def dial(self, call: Call) -> Deferred[Session]:
        """An open session. Cancelling withdraws the INVITE. Fails with Refused, TimedOut or Unreachable."""
        return Deferred.fromCoroutine(Dialing(self._floors, call, self._remember, self._forget).dial())

    def ask(
        self, make: Make, next_hop: SipUri, next_number: Callable[[], int] | None = None, *, foreign: bool = False
    ) -> Deferred[Exchange]:
        """Send a request outside of any dialog, as MESSAGE is one. Fails with TimedOut or Unreachable.

        `next_number` gives the CSeq number that it is sent again with after a challenge; `foreign` is that of
        `UserAgent.request`.
        """
        agent = self._floors.agent
        return Deferred.fromCoroutine(agent.request(make, next_hop, next_number=next_number, foreign=foreign))

    def close_all(self, why: str) -> Deferred[list[Ended]]:
        """Refuse what is not answered, end what is open; fires when all have ended."""
        self.refusing = True
        for invitation in list(self._invitations.values()):
            invitation.withdraw(503, self._later)
        return gatherResults([session.close(why) for session in list(self._sessions.values())])

    def drain(self, why: str) -> Deferred[list[Ended]]:
        """Begin nothing new, end each session once its transfers are over; fires when all have ended."""
        self.refusing = True
        return gatherResults([session.close_when_done(why) for session in list(self._sessions.values())])

    # -- inwards

    def _arrived(self, request: Request, source: Hop) -> None:
        match request.method:
            case "ACK":
                session = self._sessions.get(dialog_id(request))
                if session is not None:
                    self._room.proved(source)
                    session.acked(request)
            case "CANCEL":
                self._cancelled(request)
            case _:
                refusal = unfit(request, self._allow)
                if refusal is not None:
                    self.respond(request, *refusal)
                elif request.to.tag is not None:
                    self._in_dialog(request, source)
                else:
                    self._outside(request, source)

    def _in_dialog(self, request: Request, source: Hop) -> None:
        session = self._sessions.get(dialog_id(request))
        if session is None:
            self._in_early_dialog(request)
        elif not session.received(request):
            self._outside(request, source)

    def _in_early_dialog(self, request: Request) -> None:
        """A caller may hang up before our final answer (RFC 3261 §15, R-PRA-REL-2)."""
        invitation = self._invitations.get((request.call_id, request.from_.tag))
        if request.method == "BYE" and invitation is not None and invitation.is_early_dialog_of(request):
            self.respond(request, 200)
            invitation.withdraw(487)
        else:
            self.respond(request, 481)

    def _outside(self, request: Request, source: Hop) -> None:
        """A request that is about no session, or begins one."""
        if request.method == "OPTIONS":
            self._answer_options(request)
        elif request.method not in ("INVITE", "MESSAGE"):
            self.respond(request, 481)
        elif self.refusing:
            self.respond(request, 503, self._later)
        elif request.method == "INVITE":
            self._invited(request, source)
        elif self.on_message is not None:
            self.on_message(request, source)
        else:
            self.respond(request, 603)

    def _cancelled(self, cancel: Request) -> None:
        invite = self._floors.agent.cancelled_by(cancel)
        if invite is None or (invite.call_id, invite.from_.tag) != (cancel.call_id, cancel.from_.tag):
            self.respond(cancel, 481)
            return
        self.respond(cancel, 200, tag=self._tag_for(cancel.call_id, cancel.from_.tag))
        session = self._sessions.get(dialog_id(invite))
        invitation = self._invitations.get((cancel.call_id, cancel.from_.tag))
        if session is not None:
            session.cancelled(cancel)
        elif invitation is not None and invitation.answers(cancel):
            invitation.withdraw(487)

    def _tag_for(self, call_id: str, caller: str | None) -> str | None:
        """What we answered this caller with: a CANCEL should get the tag that its INVITE got (RFC 3261 §9.2)."""
        invitation = self._invitations.get((call_id, caller))
        if invitation is not None:
            return invitation.our_tag
        return next((ours for id, ours, theirs in self._sessions if (id, theirs) == (call_id, caller)), None)

    def _answer_options(self, request: Request) -> None:
        fields, body = self.capabilities()
        if fields is not self._told[0]:
            common = [("Allow", ", ".join(self._allow)), ("Supported", ", ".join(SUPPORTED))]
            self._told = fields, Headers([*common, *fields])
        self.respond(request, 200, self._told[1], body)

    def _invited(self, request: Request, source: Hop) -> None:
        caller = (request.call_id, request.from_.tag)
        if self.on_invitation is None:
            self.respond(request, 603)
        elif caller in self._invitations:
            seconds = int(self._floors.tokens.fraction() * (BUSY_SECONDS + 1))
            self.respond(request, 500, [("Retry-After", str(seconds))])
        elif not self._room.has(source, self.alive):
            self.respond(request, 486)
        else:
            opening = self._opening(request, source)
            if opening is not None:
                self._invitations[caller] = opening.invitation
                self._ask(self.on_invitation, opening.invitation)

    def _opening(self, request: Request, source: Hop) -> Opening | None:
        """The INVITE with its offer read; None when that made the answer."""
        caller = (request.call_id, request.from_.tag)

        def over() -> None:
            self._invitations.pop(caller, None)
            self._room.left(source)

        def begun(session: Session) -> None:
            self._invitations.pop(caller, None)
            self._remember(session)

        def forget(session: Session) -> None:
            self._forget(session)
            self._room.left(source)

        try:
            opening = Opening(self._floors, request, source, begun, over, forget, self._invited_again)
        except ProtocolError as error:
            self.respond(request, *unacceptable(error, self._floors.min_se))
            return None
        self._room.entered(source)
        return opening

    def _invited_again(self, invitation: Invitation) -> None:
        """Further files are offered in a session that runs."""
        if self.refusing:
            invitation.refuse(503, self._later)
        elif self.on_invitation is None:
            invitation.refuse(603)
        else:
            self._ask(self.on_invitation, invitation)

    def _ask(self, decide: Callable[[Invitation], None], invitation: Invitation) -> None:
        """Whoever decides may fail; the caller is not kept waiting for that."""
        try:
            decide(invitation)
        except BaseException:
            invitation.withdraw(500)
            raise

    def _answered_again(self, response: Response, invite: Request | None) -> None:
        """A 2xx that nobody waits for: repeated, of another fork, or crossing our CANCEL."""
        if invite is not None and (invite.call_id, invite.from_.tag) != (response.call_id, response.from_.tag):
            return  # forged: it has the branch and not the rest
        if self._unwanted.repeated(response):
            return
        session = self._calls.get((response.call_id, response.from_.tag)) or self._sessions.get(dialog_id(response))
        unwanted = response if session is None else session.repeated(response)
        if unwanted is not None and invite is not None:
            self._unwanted.answered(unwanted, invite)

    # -- ours

    def _remember(self, session: Session) -> None:
        self._sessions[session.id] = session
        if session.dialog.we_called:
            self._calls[session.id[:2]] = session

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._calls.pop(session.id[:2], None)

    def respond(
        self,
        request: Request,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        tag: str | None = None,
    ) -> None:
        """Answer a request outside of any session; `tag` is ours where it has one already."""
        tag = tag or self._floors.tokens.word(16)
        self._floors.agent.respond(reply_to(request, status, to_tag=tag, headers=headers, body=body))

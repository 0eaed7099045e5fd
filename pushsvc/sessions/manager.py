"""The session manager: every push session alive in this process, and what becomes of each request that comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc import sdp
from pushsvc.errors import BadMessage, DeliveryError, ProtocolError
from pushsvc.net.user_agent import Exchange, Make
from pushsvc.sessions.dialing import Call, Dialing
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.invitation import Invitation
from pushsvc.sessions.session import Ended, Session
from pushsvc.sip.dialog import Dialog, DialogId, dialog_id
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.session_timer import SessionTimer, too_small_headers
from pushsvc.sip.uri import SipUri

SUPPORTED = ("timer",)
SDP = "application/sdp"
RETRY_AFTER = "30"  # seconds: longer than a restart takes


class Sessions:
    """Dials, is invited, and routes every request to the session that it belongs to.

    `on_invitation` hears of INVITEs, `on_message` of MESSAGEs; what is not set is not allowed. `describe_us` gives
    the headers and the description that answer OPTIONS.
    """

    log = Logger()

    def __init__(self, floors: Floors, *, allow: Sequence[str], max_sessions: int = 2000) -> None:
        self.on_invitation: Callable[[Invitation], None] | None = None
        self.on_message: Callable[[Request, Hop], None] | None = None
        self.capabilities: Callable[[], tuple[list[tuple[str, str]], bytes]] = lambda: ([], b"")
        self.refusing = False
        self._floors = floors
        self._allow = tuple(allow)
        self._max_sessions = max_sessions
        self._sessions: dict[DialogId, Session] = {}
        self._invitations: dict[tuple[str, str | None], Invitation] = {}
        floors.agent.on_request = self._arrived
        floors.agent.on_stray = self._answered_again

    @property
    def alive(self) -> int:
        """Sessions and invitations that have not ended."""
        return len(self._sessions) + len(self._invitations)

    # -- outwards

    def dial(self, call: Call) -> Deferred[Session]:
        """An open session. Cancelling withdraws the INVITE. Fails with Refused, TimedOut or Unreachable."""
        return Deferred.fromCoroutine(Dialing(self._floors, call, self._remember, self._forget).dial())

    def ask(self, make: Make, next_hop: SipUri) -> Deferred[Exchange]:
        """Send a request outside of any dialog, as MESSAGE is one. Fails with TimedOut or Unreachable."""
        return Deferred.fromCoroutine(self._floors.agent.request(make, next_hop))

    def close_all(self, why: str) -> Deferred[list[Ended]]:
        """Refuse what is not answered, end what is open; fires when all have ended."""
        self.refusing = True
        for invitation in list(self._invitations.values()):
            invitation.refuse(503, [("Retry-After", RETRY_AFTER)])
        return gatherResults([session.close(why) for session in list(self._sessions.values())])

    def when_idle(self) -> Deferred[Any]:
        """Fires when every session that is alive now has ended by itself."""
        return gatherResults([session.when_ended() for session in list(self._sessions.values())])

    # -- inwards

    def _arrived(self, request: Request, source: Hop) -> None:
        match request.method:
            case "ACK":
                session = self._sessions.get(dialog_id(request))
                if session is not None:
                    session.acked(request)
            case "CANCEL":
                self._cancelled(request)
            case _ if self._is_fit(request):
                self._dispatch(request, source)

    def _is_fit(self, request: Request) -> bool:
        """RFC 3261 §8.2.1 to §8.2.3: what can be refused before knowing what it is about."""
        unknown = [option for option in request.headers.values("require") if option.lower() not in SUPPORTED]
        if request.method not in self._allow:
            self.respond(request, 405, [("Allow", ", ".join(self._allow))])
        elif not isinstance(request.uri, SipUri):
            self.respond(request, 416)
        elif unknown:
            self.respond(request, 420, [("Unsupported", ", ".join(unknown))])
        else:
            return True
        return False

    def _dispatch(self, request: Request, source: Hop) -> None:
        if request.to.tag is not None:
            self._in_dialog(request)
        elif request.method == "OPTIONS":
            self._answer_options(request)
        elif self.refusing:
            self.respond(request, 503, [("Retry-After", RETRY_AFTER)])
        elif request.method == "INVITE":
            self._invited(request, source)
        elif request.method == "MESSAGE" and self.on_message is not None:
            self.on_message(request, source)
        else:
            self.respond(request, 481)

    def _in_dialog(self, request: Request) -> None:
        session = self._sessions.get(dialog_id(request))
        if session is None:
            self.respond(request, 481)
        elif request.method == "OPTIONS":
            self._answer_options(request)
        else:
            session.received(request)

    def _cancelled(self, cancel: Request) -> None:
        invite = self._floors.agent.cancelled_by(cancel)
        self.respond(cancel, 481 if invite is None else 200)
        invitation = self._invitations.get((cancel.call_id, cancel.from_.tag))
        if invite is not None and invitation is not None:
            invitation.cancelled()

    def _answer_options(self, request: Request) -> None:
        fields, body = self.capabilities()
        common = [("Allow", ", ".join(self._allow)), ("Supported", ", ".join(SUPPORTED))]
        self.respond(request, 200, [*common, *fields], body)

    def _invited(self, request: Request, source: Hop) -> None:
        if self.on_invitation is None:
            self.respond(request, 603)
        elif self.alive >= self._max_sessions:
            self.respond(request, 486)
        else:
            invitation = self._invitation(request, source)
            if invitation is not None:
                self._invitations[request.call_id, request.from_.tag] = invitation
                self.on_invitation(invitation)

    def _invitation(self, request: Request, source: Hop) -> Invitation | None:
        """The INVITE with its offer read; None when that made the answer."""
        floors = self._floors
        content_type = (request.headers.get("content-type") or "").split(";")[0].strip(" \t").lower()
        if request.body and content_type != SDP:
            self.respond(request, 415, [("Accept", SDP)])
            return None
        try:
            timer = SessionTimer.agreed_by_us(request, floors.session_expires, floors.min_se)
            offer = sdp.parse(request.body)
            return Invitation(floors, request, source, offer, timer, self._invitation_over, self._forget)
        except BadMessage as error:
            self.respond(request, error.status, too_small_headers(floors.min_se) if error.status == 422 else ())
        except ProtocolError as error:
            self.respond(request, error.status, [("Warning", f'399 pushsvc "{error.reason}"')])
        return None

    def _invitation_over(self, invitation: Invitation, session: Session | None) -> None:
        self._invitations.pop((invitation.request.call_id, invitation.request.from_.tag), None)
        if session is not None:
            self._remember(session)

    def _answered_again(self, response: Response, invite: Request | None) -> None:
        """A 2xx that nobody waits for: repeated, of another fork, or crossing our CANCEL (R-PSA-CAN-1, D-SIP-11)."""
        call = (response.call_id, response.from_.tag)
        session = next((each for key, each in self._sessions.items() if key[:2] == call), None)
        unwanted = response if session is None else session.repeated(response)
        if unwanted is not None and invite is not None:
            Deferred.fromCoroutine(self._turn_away(invite, unwanted)).addErrback(self._bug)

    async def _turn_away(self, invite: Request, response: Response) -> None:
        """ACK, then BYE: a session that nobody wants."""
        agent = self._floors.agent
        try:
            dialog = Dialog.from_answer(invite, response)
            number = invite.cseq.number
            await agent.acknowledge(lambda via: dialog.ack(number, via), dialog.next_hop_uri())
            await agent.request(lambda via: dialog.request("BYE", via)[0], dialog.next_hop_uri())
        except (BadMessage, DeliveryError) as error:
            self.log.info("an unwanted session was not ended: {reason}", reason=error.reason, call_id=invite.call_id)

    # -- ours

    def _remember(self, session: Session) -> None:
        self._sessions[session.id] = session

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)

    def respond(
        self, request: Request, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Answer a request outside of any session."""
        tag = self._floors.tokens.word(16)
        self._floors.agent.respond(reply_to(request, status, to_tag=tag, headers=headers, body=body))

    def _bug(self, failure: Failure) -> None:
        self.log.failure("a bug: an unwanted session was not ended", failure)

"""From a target and files to an open session: INVITE, answer, ACK, MSRP connection. One sentence, one await."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pushsvc import sdp
from pushsvc.errors import BadMessage, DeliveryError, Unreachable
from pushsvc.net.reaching import Exchange
from pushsvc.sessions.fields import Fields, opening_request, typed
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.inviting import invite
from pushsvc.sessions.line import Line
from pushsvc.sessions.offer_body import NO_ICONS, WITHOUT_ICONS, Icons, write_offer
from pushsvc.sessions.redirecting import redirected
from pushsvc.sessions.refusal import refusal
from pushsvc.sessions.session import Session
from pushsvc.sessions.standing import Standing
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Via
from pushsvc.sip.inside import is_foreign
from pushsvc.sip.message import Request
from pushsvc.sip.redirection import Target
from pushsvc.sip.session_timer import SHORTEST, SessionTimer, min_se_of
from pushsvc.sip.uri import SipUri

INTERVAL_TRIES = 2  # a 422 names what is enough: whoever answers 422 again does not mean it


@attrs.frozen
class Call:
    """Whom to invite and to which files, whose paths are filled in here. `icons` are those that the files name.

    `describe(contact, session_expires, min_se)` gives the headers from From to Content-Type. Times are seconds;
    `answer_timeout` counts from the first provisional answer.
    """

    target: SipUri
    files: tuple[sdp.FileOffer, ...]
    describe: Callable[[SipUri, int, int], Fields]
    call_id: str
    icons: Icons = NO_ICONS
    session_expires: int = 1800
    user: str | None = None
    route: SipUri | None = None
    answer_timeout: float = 180.0
    secure: bool = True
    setup: str = "actpass"


class Dialing:
    """One call on its way to becoming a session. `begun` is told of the session before anything can happen to it."""

    def __init__(
        self, floors: Floors, call: Call, begun: Callable[[Session], None], forget: Callable[[Session], None]
    ) -> None:
        self._floors = floors
        self._call = call
        self._begun = begun
        self._forget = forget
        self._tag = floors.tokens.word(16)
        self._cseq = 0
        self._credentials = floors.agent.credentials()
        self._interval = call.session_expires
        self._min_se = SHORTEST
        active = call.setup == "active"
        self._msrp = [floors.msrp.open(call.call_id, secure=call.secure, active=active) for _ in call.files]

    async def dial(self) -> Session:
        """The session, open. Raises Refused, TimedOut or Unreachable; whatever was begun is ended then."""
        icons = self._call.icons
        try:
            await self._floors.msrp.reserve(self._msrp)
            offer = self._offer()
            exchange = await self._answered(offer, icons)
            if icons and exchange.response.status in WITHOUT_ICONS:
                # RFC 5547 §8.8, D-SIP-10: it may know no multipart bodies, or only no icons.
                offer = sdp.again(offer)
                exchange = await self._answered(offer, NO_ICONS)
            if exchange.response.status >= 300:
                raise refusal(exchange)
            session = self._made(offer, exchange)
        except BaseException:
            for msrp in self._msrp:
                self._floors.msrp.close(msrp)
            raise
        try:
            await session.agree(exchange.response)
        except BaseException as error:
            session.close(error.reason if isinstance(error, DeliveryError) else "withdrawn")
            raise
        return session

    def _offer(self) -> sdp.Description:
        files = [attrs.evolve(file, path=msrp.path) for file, msrp in zip(self._call.files, self._msrp, strict=True)]
        local = self._floors.local_end(secure=self._call.secure, setup=self._call.setup)
        return sdp.offer(local, files, (self._floors.session_number(), 1))

    async def _answered(self, offer: sdp.Description, icons: Icons) -> Exchange:
        """The final answer, of whomever the target sends us on to."""
        content_type, body = write_offer(offer, icons, self._floors.tokens)
        return await redirected(self._call.target, lambda target: self._asked(target, content_type, body))

    async def _asked(self, target: Target, content_type: str, body: bytes) -> Exchange:
        """The final answer of this target, however short an interval it takes."""
        call = self._call
        foreign = target.foreign and call.route is None
        if call.route is None:
            # Who sent us on is not whom our credentials are for.
            self._credentials = self._floors.agent.credentials(foreign=foreign)
        for _ in range(INTERVAL_TRIES):
            self._next_number()
            exchange = await invite(
                self._floors,
                lambda via: self._request(target.uri, via, content_type, body),
                call.route or target.uri,
                call.answer_timeout,
                self._credentials,
                self._next_number,
                foreign=foreign,
            )
            if exchange.response.status != 422 or not self._raised(exchange):
                break
        return exchange

    def _next_number(self) -> int:
        self._cseq += 1
        return self._cseq

    def _raised(self, exchange: Exchange) -> bool:
        """Whether the 422 says what would be enough, and it is more than we asked for (RFC 4028 §7.3)."""
        enough = min_se_of(exchange.response)
        if enough is None or enough <= self._interval:
            return False
        self._interval = self._min_se = enough
        return True

    def _request(self, target: SipUri, via: Via, content_type: str, body: bytes) -> Request:
        call = self._call
        contact = self._floors.agent.places.asking(call.user, via, secure=target.secure)
        fields = typed(call.describe(contact, self._interval, self._min_se), content_type)
        return opening_request(
            "INVITE", target, via, self._tag, call.call_id, self._cseq, fields, body, route=call.route
        )

    def _made(self, offer: sdp.Description, exchange: Exchange) -> Session:
        try:
            dialog = Dialog.from_answer(exchange.request, exchange.response, foreign=is_foreign(exchange.hop))
        except BadMessage as error:
            raise Unreachable(f"the answer cannot be used: {error.reason}", retry=False) from error
        standing = Standing(
            dialog,
            ours=offer,
            theirs=None,
            fields=self._call.describe(dialog.contact, self._interval, self._min_se),
            timer=SessionTimer.agreed_by_answer(exchange.response),
            peer_allows=tuple(exchange.response.headers.values("allow")),
            credentials=self._credentials,
        )
        lines = [Line(view, msrp) for view, msrp in zip(sdp.media(offer), self._msrp, strict=True)]
        session = Session(self._floors, standing, lines, self._forget, patience=self._call.answer_timeout)
        self._begun(session)
        let_go = self._floors.agent.hold(exchange.hop)
        session.when_ended().addCallback(lambda _: let_go())
        return session

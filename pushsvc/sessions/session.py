"""One push session: one dialog and the MSRP sessions of its media lines, from the answer to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc import sdp
from pushsvc.errors import BadMessage, DeliveryError, NotAcceptable, ProtocolError, TimedOut, Unreachable
from pushsvc.msrp.outgoing import Receipt
from pushsvc.net.alarm import Alarm
from pushsvc.net.msrp_sending import Content, Progress
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.user_agent import Exchange
from pushsvc.sessions.fields import Fields, later
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.lifecycle import live
from pushsvc.sessions.reanswer import Reanswer
from pushsvc.sessions.refusal import refusal
from pushsvc.sessions.repeats import Acknowledging, Answering
from pushsvc.sip.dialog import Dialog, DialogId
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Request, Response, reply_to
from pushsvc.sip.session_timer import SessionTimer, refresh_method


@attrs.frozen
class Ended:
    """Why a session ended, in a few words, and whether that was our wish."""

    why: str
    ours: bool


@attrs.define(eq=False)
class Line:
    """One media line: what was offered by it, and the MSRP session that carries it (None: refused, or closed)."""

    view: sdp.MediaOffer
    msrp: MsrpSession | None

    @property
    def is_open(self) -> bool:
        """Whether the line was accepted and is not closed."""
        return self.msrp is not None

    def send(self, content: Content, progress: Progress = lambda sent, acknowledged: None) -> Deferred[Receipt]:
        """Send the content of this line; see `MsrpSession.send`. Raises Unreachable when the line is not open."""
        if self.msrp is None:
            raise Unreachable("the media line is closed")
        return self.msrp.send(content, progress)


class Session:
    """Made by `Sessions.dial` or `Invitation.accept`; ends by `close`, by the peer, by a timer, by its connection."""

    log = Logger()

    def __init__(
        self,
        floors: Floors,
        dialog: Dialog,
        lines: Sequence[Line],
        ours: sdp.Description,
        theirs: sdp.Description | None,
        fields: Fields,
        timer: SessionTimer | None,
        forget: Callable[[Session], None],
    ) -> None:
        self.lines = list(lines)
        self.dialog = dialog
        self._floors = floors
        self._ours = ours
        self._theirs = theirs
        self._fields = fields
        self._timer = timer
        self._forget = forget
        self._allowed: list[str] = []
        self._life = live(self)
        self._ended: Ended | None = None
        self._over = False
        self._waiting: list[Deferred[Ended]] = []
        self._inviting = False
        self._answering: Answering | None = None
        self._acknowledging = Acknowledging(floors.agent)
        self._close_once_acked: str | None = None
        self._unconnected = Alarm(floors.clock, self._never_connected)
        self._expires_at = 0.0
        self._interval = Alarm(floors.clock, self._interval_due)
        for line in self.lines:
            self._watch(line)
        self._start_interval()

    @property
    def id(self) -> DialogId:
        return self.dialog.id

    @property
    def peer(self) -> str:
        """The connection that carries the session, as `tls:192.0.2.20:2855`; "" when none does."""
        links = (line.msrp.link for line in self.lines if line.msrp is not None)
        return next((link.peer for link in links if link is not None), "")

    # -- what the owner does

    def close(self, why: str = "done") -> Deferred[Ended]:
        """End it, once; fires when it has ended, within the time of one transaction."""
        if self._answering is not None and not self._answering.over:
            self._close_once_acked = why  # RFC 3261 §15: a callee says no BYE before the ACK
        else:
            self._life.close(why)
        return self.when_ended()

    def when_ended(self) -> Deferred[Ended]:
        """Fires with a value when the session has ended, however it did."""
        ended: Deferred[Ended] = Deferred(self._waiting.remove)
        if self._over and self._ended is not None:
            ended.callback(self._ended)
        else:
            self._waiting.append(ended)
        return ended

    async def close_lines(self, indices: Sequence[int]) -> None:
        """Close these media lines by port 0; the others go on (rules A-20, A-21). Raises DeliveryError."""
        for index in indices:
            self._close_line(self.lines[index])
        await self._reinvite(sdp.closing(self._ours, indices))

    # -- caller: from the 2xx to the MSRP connection

    async def acknowledge(self, exchange: Exchange) -> None:
        """Send the ACK, and again for every repeated 2xx."""
        number = exchange.request.cseq.number
        self._allowed = exchange.response.headers.values("allow")
        self._acknowledging.won(exchange.response)
        ack, hop = await self._floors.agent.acknowledge(
            lambda via: self.dialog.ack(number, via), self.dialog.next_hop_uri()
        )
        self._acknowledging.acknowledged(ack, hop)

    async def agree(self, answer: sdp.Description) -> None:
        """Take the answer to our offer, and have the accepted lines carried. Raises Unreachable or TimedOut."""
        self._theirs = answer
        try:
            answered = sdp.answered(self._ours, answer)
        except NotAcceptable as error:
            raise Unreachable(f"the answer cannot be used: {error.reason}", retry=False) from error
        for line, view in zip(self.lines, answered, strict=True):
            if view.problem is not None:
                raise Unreachable(f"the answer cannot be used: {view.problem}", retry=False)
            if view.refused:
                self._close_line(line)
            elif line.msrp is not None:
                line.msrp.peer_path, line.msrp.fingerprints = view.path, view.fingerprints
        await self._carried(answered)
        self._life.opened()

    async def _carried(self, answered: Sequence[sdp.MediaOffer]) -> None:
        for line, view in zip(self.lines, answered, strict=True):
            if line.msrp is None or line.msrp.link is not None:
                continue
            if sdp.offerer_connects(line.view.setup, view.setup):
                await self._floors.msrp.connect(line.msrp)
            else:
                await self._bound(line.msrp)

    def _bound(self, msrp: MsrpSession) -> Deferred[None]:
        """The peer is the active side: it has to come, in time."""
        bound: Deferred[None] = Deferred()
        seconds = self._floors.bind_timeout

        def came() -> None:
            if not bound.called:
                bound.callback(None)

        def too_late(result: object, timeout: float) -> None:
            raise TimedOut(f"the peer did not connect within {timeout:g} s")

        msrp.on_bound = came
        return bound.addTimeout(seconds, self._floors.clock, onTimeoutCancel=too_late)

    def repeated(self, response: Response) -> Response | None:
        """A 2xx to our INVITE came (again). Gives it back when it is another fork's, which nobody wants."""
        return self._acknowledging.repeated(response)

    # -- callee: from the 2xx to the ACK

    def answer_with(self, response: Response) -> None:
        """Send the 2xx until its ACK comes; the peer has to connect soon (requirements F, MSRP binding)."""
        self._answering = Answering(self._floors, response, self._acked, self._never_acked)
        self._unconnected.after(self._floors.bind_timeout)

    def acked(self, ack: Request) -> None:
        """An ACK of this dialog came."""
        if self._answering is not None:
            self._answering.acked(ack)

    def _acked(self) -> None:
        if self._close_once_acked is not None:
            self._life.close(self._close_once_acked)

    def _never_acked(self) -> None:
        self._life.close(self._close_once_acked or "the 200 was never acknowledged")

    # -- requests of the peer inside the dialog

    def received(self, request: Request) -> None:
        """Answer a request of this dialog; ACK and CANCEL are not among them."""
        try:
            self.dialog = self.dialog.accepts(request)
        except BadMessage as error:
            self._respond(request, error.status)
            return
        match request.method:
            case "BYE":
                self._respond(request, 200)
                self._life.hung_up("the peer hung up")
            case "INVITE" | "UPDATE" if self._inviting:
                self._respond(request, 491)
            case _:
                self._offered_again(request)

    def _offered_again(self, request: Request) -> None:
        """A later INVITE or UPDATE: a new offer, or a refresh without one (D-SIP-14)."""
        wish = (self._floors.session_expires, self._floors.min_se)
        try:
            timer = SessionTimer.agreed_by_us(request, *wish, running=self._timer)
            body = self._answer_again(request)
        except ProtocolError as error:
            self._respond(request, error.status)
            return
        self._timer = timer
        self._start_interval()
        fields = later(self._fields, with_body=bool(body)) + (timer.response_headers() if timer is not None else [])
        response = reply_to(request, 200, headers=fields, body=body)
        if request.method == "INVITE":
            self._answering = Answering(self._floors, response, self._acked, self._never_acked)
        else:
            self._floors.agent.respond(response)

    def _answer_again(self, request: Request) -> bytes:
        if not request.body:
            return sdp.format(self._ours) if request.method == "INVITE" else b""
        offer = sdp.parse(request.body)
        again = Reanswer(self._theirs or offer, offer)
        for index in again.ended:
            self._close_line(self.lines[index])
        self._ours = again.answer(self._ours, self._floors.local_end(secure=again.secure))
        self._theirs = offer
        return sdp.format(self._ours)

    # -- requests of ours inside the dialog

    async def _request(self, method: str, fields: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Exchange:
        before = self.dialog

        def make(via: Via) -> Request:
            request, self.dialog = before.request(method, via, fields, body)
            return request

        exchange = await self._floors.agent.request(make, before.next_hop_uri())
        if exchange.response.status in (408, 481):
            self._life.hung_up("the peer knows the session no more")
        elif exchange.response.status >= 300 and method != "BYE":
            raise refusal(exchange.response)
        return exchange

    async def _reinvite(self, offer: sdp.Description) -> None:
        fields = later(self._fields, with_body=True) + (self._timer.request_headers() if self._timer else [])
        self._inviting = True
        try:
            exchange = await self._request("INVITE", fields, sdp.format(offer))
        finally:
            self._inviting = False
        self._refreshed(exchange)
        self._ours = offer
        self._acknowledging = Acknowledging(self._floors.agent)
        await self.acknowledge(exchange)

    async def _refresh(self) -> None:
        """RFC 4028 §7.4: UPDATE where the peer takes it, else the same offer again: nothing is negotiated anew."""
        if self._timer is None:
            return
        try:
            if refresh_method(self._allowed) == "INVITE":
                await self._reinvite(self._ours)
            else:
                fields = later(self._fields, with_body=False) + self._timer.request_headers()
                self._refreshed(await self._request("UPDATE", fields))
        except DeliveryError as error:
            self.log.warn("session refresh failed: {reason}", reason=error.reason, call_id=self.dialog.call_id)

    def _refreshed(self, exchange: Exchange) -> None:
        self.dialog = self.dialog.retargeted(exchange.response)
        self._timer = SessionTimer.agreed_by_answer(exchange.response)
        self._start_interval()

    async def _bye(self) -> None:
        try:
            await self._request("BYE")
        except DeliveryError as error:
            self.log.info("BYE not answered: {reason}", reason=error.reason, call_id=self.dialog.call_id)
        finally:
            self._life.bye_over()

    # -- what the lifecycle does (`lifecycle.Deeds`)

    def send_bye(self) -> None:
        self._interval.clear()
        self._unconnected.clear()
        Deferred.fromCoroutine(self._bye()).addErrback(self._bug)

    def release(self) -> None:
        self._interval.clear()
        self._unconnected.clear()
        if self._answering is not None:
            self._answering.stop()
        for line in self.lines:
            self._close_line(line)

    def tell_ended(self) -> None:
        self._over = True
        self._forget(self)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(self._ended or Ended("", ours=True))

    def note_why(self, why: str, ours: bool) -> None:
        self._ended = self._ended or Ended(why, ours)

    # -- ours

    def _watch(self, line: Line) -> None:
        if line.msrp is not None:
            line.msrp.on_bound = self._connected
            line.msrp.on_failed = self._line_failed

    def _connected(self) -> None:
        self._unconnected.clear()
        self._life.opened()

    def _line_failed(self, error: DeliveryError) -> None:
        """A lost connection does not come back. The peer may hang up or offer the rest again; else we hang up."""
        if not self._unconnected.is_set:
            self._unconnected.after(self._floors.bind_timeout)

    def _never_connected(self) -> None:
        self.close("no MSRP connection to carry it")

    def _close_line(self, line: Line) -> None:
        msrp, line.msrp = line.msrp, None
        if msrp is not None:
            msrp.on_failed = lambda error: None
            self._floors.msrp.close(msrp)

    def _start_interval(self) -> None:
        """Counted from now, the moment of a 2xx."""
        now, timer = self._floors.clock.seconds(), self._timer
        if timer is None:
            self._interval.clear()
        else:
            self._expires_at = timer.expires_at(now)
            self._interval.set(timer.refresh_at(now) or self._expires_at)

    def _interval_due(self) -> None:
        if self._floors.clock.seconds() >= self._expires_at:
            self.close("the session interval ran out")
        else:
            self._interval.set(self._expires_at)
            Deferred.fromCoroutine(self._refresh()).addErrback(self._bug)

    def _respond(self, request: Request, status: int) -> None:
        self._floors.agent.respond(reply_to(request, status))

    def _bug(self, failure: Failure) -> None:
        self.log.failure("a bug ended a session", failure, call_id=self.dialog.call_id)
        self._life.hung_up("internal error")

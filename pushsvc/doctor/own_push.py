"""A push to ourselves through the core, which no rule judges and no inbox keeps.

It is recognised by the file-transfer-id, which is random, good for one push and some seconds, and known to nobody but
us and those who carry the INVITE. Whoever used it first would have a few octets thrown away: there is nothing to win.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc import push, sdp
from pushsvc.config.shared import Sip
from pushsvc.doctor.asking import Ear
from pushsvc.doctor.judgement.standing import OwnPush
from pushsvc.doctor.judgement.way import Asked
from pushsvc.doctor.patience import in_time
from pushsvc.errors import DeliveryError, Refused, TimedOut
from pushsvc.sessions import Call, Floors, Invitation, Send, Session, Sessions, Take, Wanted
from pushsvc.sip.hop import Hop, is_in, network_of
from pushsvc.sip.message import Request
from pushsvc.sip.uri import SipUri

TEXT = b"A push from pushsvc to itself, to see whether one goes through.\n"
TYPE = "text/plain"
NAME = "pushsvc-self-test.txt"  # another device of the same user may be who takes it
INVITE_SECONDS = 6.0
CONTENT_SECONDS = 6.0
BYE_SECONDS = 4.0

Invited = Callable[[Invitation], None]


@attrs.frozen
class _Octets:
    """The content (`net.msrp_sending.Content`)."""

    content_type: str = TYPE
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        return len(TEXT)

    def read(self, offset: int, size: int) -> bytes:
        return TEXT[offset : offset + size]


class _Nowhere:
    """Where it goes (`sessions.Sink`)."""

    def write(self, offset: int, octets: memoryview) -> None:
        """Nothing is kept."""

    def finish(self) -> Deferred[Any]:
        return succeed(None)

    def cut(self, why: str) -> None: ...

    def discard(self, why: str) -> None: ...


class OwnPushes:
    """Both ends of it. `secure`: MSRP over TLS is offered."""

    log = Logger()

    def __init__(self, sessions: Sessions, floors: Floors, sip: Sip, ear: Ear, *, secure: bool) -> None:
        self._sessions = sessions
        self._ear = ear
        self._floors = floors
        self._sip = sip
        self._secure = secure
        self._targeting = push.Targeting(sip.service)
        self._awaited: str | None = None
        self._arrived: tuple[Request, Hop] | None = None
        self._theirs: Session | None = None

    def before(self, passed_on: Invited | None) -> Invited:
        """Hears of invitations before others do; what is not our own goes on to them."""

        def invited(invitation: Invitation) -> None:
            if self._is_own(invitation):
                self._take(invitation)
            elif passed_on is None:
                invitation.refuse(603)
            else:
                passed_on(invitation)

        return invited

    async def push(self, route: SipUri | None) -> OwnPush:
        """INVITE, content, BYE; by the outbound proxy if there is one. One at a time."""
        clock = self._floors.clock
        began = clock.seconds()
        self._arrived = self._theirs = None
        awaited = self._awaited = self._floors.tokens.word(32)
        self._ear.listen(lambda request: request.method == "INVITE" and awaited.encode() in request.body)
        try:
            invite, error = await self._pushed(self._call(awaited, route))
        finally:
            self._awaited = None
            heard = self._ear.stop()
        return self._found(invite, error, clock.seconds() - began, heard)

    # -- outwards

    def _call(self, transfer_id: str, route: SipUri | None) -> Call:
        sip, sha1 = self._sip, hashlib.sha1(TEXT, usedforsecurity=False).digest()
        return Call(
            sip.identity,
            (sdp.FileOffer(name=NAME, type=TYPE, size=len(TEXT), sha1=sha1, transfer_id=transfer_id, path=()),),
            self._describe_call,
            self._floors.tokens.word(24),
            session_expires=int(sip.session_expires),
            user=sip.identity.user,
            route=route,
            answer_timeout=INVITE_SECONDS,
            secure=self._secure,
        )

    def _describe_call(self, contact: SipUri, session_expires: int, min_se: int) -> list[tuple[str, str]]:
        return push.invite_headers(
            identity=self._sip.identity,
            target=self._sip.identity,
            contact_uri=contact,
            targeting=self._targeting,
            session_expires=session_expires,
            min_se=min_se,
            allow=push.RECEIVER_ALLOW,
        )

    async def _pushed(self, call: Call) -> tuple[Asked, str]:
        """How the INVITE was answered, and what went wrong after that."""
        clock = self._floors.clock
        try:
            session = await in_time(self._sessions.dial(call), INVITE_SECONDS, clock, "it was not answered in time")
        except TimedOut as error:
            taken = self._theirs is not None
            return Asked(error=error.reason), "no connection for the content came about" if taken else error.reason
        except Refused as refused:
            return Asked(refused.status, refused.reason, error=refused.why), ""
        except DeliveryError as error:
            return Asked(error=error.reason), error.reason
        answered = Asked(200, "OK")
        try:
            await in_time(session.lines[0].send(_Octets()), CONTENT_SECONDS, clock, "the content was not taken in time")
        except DeliveryError as error:
            return answered, error.reason
        finally:
            session.close("the self-test is over")
        if self._theirs is not None:
            try:
                lost = "the BYE does not come back: the core does not stay in the dialog (Record-Route)"
                await in_time(self._theirs.when_ended(), BYE_SECONDS, clock, lost)
            except DeliveryError as error:
                self._theirs.close("the self-test is over")
                return answered, error.reason
        return answered, ""

    def _found(self, invite: Asked, error: str, seconds: float, heard: tuple[Request, Hop] | None) -> OwnPush:
        came = heard or self._arrived
        if came is None:
            return OwnPush(invite, error=error, seconds=seconds)
        request, source = came
        return OwnPush(
            invite,
            came=True,
            arrived=self._arrived is not None,
            error=error or (invite.answer if invite.status >= 300 else ""),
            seconds=seconds,
            asserted=tuple(request.headers.values("p-asserted-identity")),
            source=_plain(source.host),
            trusted=is_in(source.host, self._sip.trusted_peers),
        )

    # -- inwards

    def _is_own(self, invitation: Invitation) -> bool:
        ids = [line.transfer_id or "" for line in invitation.lines]
        if self._awaited is None or len(ids) != 1:
            return False
        return hmac.compare_digest(ids[0].encode("utf-8", "surrogateescape"), self._awaited.encode())

    def _take(self, invitation: Invitation) -> None:
        self._awaited = None
        self._arrived = invitation.request, invitation.source
        taking = Deferred.fromCoroutine(self._taken(invitation))
        taking.addErrback(self._bug, invitation)

    async def _taken(self, invitation: Invitation) -> None:
        (line,) = invitation.lines
        if line.problem is not None or line.refused:
            invitation.refuse(488, [("Warning", sdp.warning("pushsvc", invitation.lines))])
            return
        if not await invitation.reserve(invitation.lines):
            return
        wanted = Wanted(lambda type: type == TYPE, _no_inbox, len(TEXT), len(TEXT))
        self._theirs = invitation.accept([Take(wanted, (TYPE,), len(TEXT))], self._describe_answer)

    def _describe_answer(self, contact: SipUri) -> list[tuple[str, str]]:
        return push.answer_headers(contact_uri=contact, targeting=self._targeting)

    def _bug(self, failure: Failure, invitation: Invitation) -> None:
        self.log.failure("a bug: a push to ourselves was not dealt with", failure)
        invitation.withdraw(500)


def _no_inbox(send: Send) -> _Nowhere:
    return _Nowhere()


def _plain(host: str) -> str:
    """An IPv4 peer as itself, also where a socket for both families calls it otherwise."""
    network = network_of(host)
    return host if ":" in network else network

"""One attempt by INVITE and MSRP: a session, all contents at once, each line closed when its content has arrived."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, TimeoutError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from pushsvc.errors import DeliveryError, Refused
from pushsvc.sdp import FileOffer
from pushsvc.sender.content import offers, opened
from pushsvc.sender.job import AttemptResult, ContentFile, FileResult, FileState, Job
from pushsvc.sender.lingering import Key
from pushsvc.sender.packing import Unfit, packed
from pushsvc.sender.ways import Ways
from pushsvc.sessions import Call, ConfirmedBy, Icons, Line, Progress, Session
from pushsvc.sip.uri import SipUri

STOP_SENDING = 413


class Transfer:
    """Run it once, then ask for its result, whether it failed or not."""

    log = Logger()

    def __init__(self, ways: Ways, job: Job, progress: Progress, why: str) -> None:
        self._ways = ways
        self._job = job
        self._progress = progress
        self._why = why
        self._call_id = ways.tokens.word(24)
        self._session: Session | None = None
        self._peer: str | None = None
        self._results: dict[int, FileResult] = {}
        self._errors: list[DeliveryError] = []
        self._octets = dict.fromkeys(range(len(job.contents)), (0, 0))
        self._one_offer = DeferredLock()

    async def run(self) -> None:
        """Raises DeliveryError when no session came about; what happens to single contents is in the result."""
        session, lines = await self._reused() or await self._dialled()
        self._session, self._peer = session, session.peer
        try:
            await _all([Deferred.fromCoroutine(self._send(index, line)) for index, line in enumerate(lines)])
        except BaseException:
            session.close("withdrawn")
            raise
        if self._errors:
            session.close(self._errors[0].reason)
        else:
            self._ways.lingering.keep(self._key, session)

    def result(self, failure: DeliveryError | None = None) -> AttemptResult:
        """How it went so far."""
        failure = failure or next(iter(self._errors), None)
        said = failure if isinstance(failure, Refused) else None
        in_session = self._session is not None
        return AttemptResult(
            files=tuple(self._results.get(index, _nothing(content)) for index, content in self._contents())
            if in_session
            else (),
            mode="msrp",
            why_mode=self._why,
            call_id=self._call_id,
            peer=self._peer,
            sip_status=200 if in_session else said.status if said and said.protocol == "sip" else None,
            sip_reason="OK" if in_session else said.reason if said and said.protocol == "sip" else None,
            msrp_status=self._msrp_status(said),
            octets_acknowledged=sum(acknowledged for _, acknowledged in self._octets.values()),
            failure=failure,
        )

    async def _reused(self) -> tuple[Session, list[Line]] | None:
        """A session that lingers for this recipient, with our files offered in it [R-PSA-REL-0]; None: there is none.

        One that does not take them is ended: a session of our own says more clearly what the peer thinks of them.
        """
        session = self._ways.lingering.take(self._key)
        if session is None:
            return None
        call_id = session.dialog.call_id
        self._ways.began(call_id, self._job)
        try:
            lines = await session.offer_more(*self._offers())
        except DeliveryError as error:
            self.log.info("a lingering session is of no more use: {reason}", reason=error.reason, call_id=call_id)
            session.close("no further files")
            return None
        except BaseException:
            session.close("withdrawn")
            raise
        self._call_id = call_id
        return session, lines

    async def _dialled(self) -> tuple[Session, list[Line]]:
        self._ways.began(self._call_id, self._job)
        session = await self._ways.sessions.dial(self._call())
        return session, session.lines

    @property
    def _key(self) -> Key:
        return self._job.to, self._job.application

    def _offers(self) -> tuple[tuple[FileOffer, ...], Icons]:
        files, icons = offers(self._job, self._ways.caller.identity.host)
        wanted = sum(content.icon is not None for content in self._job.contents)
        if len(icons) < wanted:
            self.log.info("{count} icons do not fit into an INVITE", count=wanted - len(icons), push=self._job.push_id)
        return files, icons

    def _call(self) -> Call:
        ways, job = self._ways, self._job
        files, icons = self._offers()
        return Call(
            SipUri.parse(job.to),
            files,
            lambda contact, interval, min_se: ways.caller.invite(job, contact, interval, min_se),
            self._call_id,
            icons,
            session_expires=ways.caller.session_expires,
            user=ways.caller.identity.user,
            route=ways.caller.route,
            answer_timeout=ways.answer_timeout,
            secure=ways.secure,
            setup=ways.setup,
        )

    async def _send(self, index: int, line: Line) -> None:
        content = self._job.contents[index]
        if not line.is_open:
            self._results[index] = FileResult(content.name, FileState.REFUSED)
            return
        try:
            with opened(self._job, content) as octets:
                whole = packed(octets, self._job, str(self._ways.caller.identity), line.answer)
                count = whole.of_content
                receipt = await line.send(whole, lambda sent, known: self._moved(index, count(sent), count(known)))
        except Unfit as unfit:
            self._results[index] = FileResult(content.name, FileState.REFUSED, unfit.status)
            self._errors.append(unfit)
            await self._close_line(line)
            return
        except DeliveryError as error:
            code = error.status if isinstance(error, Refused) and error.protocol == "msrp" else None
            self._results[index] = FileResult(content.name, FileState.FAILED, code)
            self._errors.append(error)
            if isinstance(error, Refused):
                await self._give_up(line, code)
            return
        except OSError as error:
            self._results[index] = FileResult(content.name, FileState.FAILED)
            self._errors.append(Refused(500, f"content cannot be read: {error.strerror}", protocol="local"))
            return
        confirmed = receipt.confirmed_by is not ConfirmedBy.NONE
        self._results[index] = FileResult(
            content.name, FileState.DELIVERED if confirmed else FileState.UNCONFIRMED, 200 if confirmed else None
        )
        self._moved(index, content.size, content.size)
        if self._ways.close_at_once:
            await self._close_line(line)

    async def _give_up(self, line: Line, code: int | None) -> None:
        """Requirements E.8: nothing more goes by this line. After a 413 the peer closes it, if it does so in time."""
        if code == STOP_SENDING and self._ways.after_413:
            with suppress(TimeoutError):
                await line.when_closed().addTimeout(self._ways.after_413, self._ways.clock)
                await deferLater(self._ways.clock, 0)  # by an INVITE that is being answered; no BYE before that
        await self._close_line(line)

    async def _close_line(self, line: Line) -> None:
        """A file that is finished is closed by port 0 while others run; the last one by BYE (rule A-21)."""
        await self._one_offer.acquire()
        try:
            session = self._session
            running = [other for other in self._octets if other not in self._results]
            if session is not None and running and line.is_open:
                await session.close_lines([session.lines.index(line)])
        except DeliveryError as error:
            self.log.info("a finished line stays open: {reason}", reason=error.reason, call_id=self._call_id)
        finally:
            self._one_offer.release()

    def _moved(self, index: int, sent: int, acknowledged: int) -> None:
        self._octets[index] = (sent, acknowledged)
        self._progress(sum(sent for sent, _ in self._octets.values()), sum(known for _, known in self._octets.values()))

    def _contents(self) -> list[tuple[int, ContentFile]]:
        return list(enumerate(self._job.contents))

    def _msrp_status(self, said: Refused | None) -> int | None:
        if said is not None and said.protocol == "msrp":
            return said.status
        delivered = any(each.result is FileState.DELIVERED for each in self._results.values())
        return 200 if delivered else None


def _nothing(content: ContentFile) -> FileResult:
    return FileResult(content.name, FileState.FAILED)


async def _all(work: list[Deferred[None]]) -> None:
    """Wait for all of it; cancelling cancels each. Raises the first failure, once all have ended."""
    results: list[tuple[bool, Any]] = await DeferredList(work, consumeErrors=True)
    for succeeded, result in results:
        if not succeeded:
            raise result.value

"""One attempt by INVITE and MSRP: a session, all contents at once, each line closed when its content has arrived."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, TimeoutError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from pushsvc.errors import DeliveryError, Refused
from pushsvc.sdp import FileOffer
from pushsvc.sender.content import icons_of, opened
from pushsvc.sender.course import Course
from pushsvc.sender.job import AttemptResult, FileState, Job
from pushsvc.sender.lingering import Key
from pushsvc.sender.outcome import is_settled
from pushsvc.sender.packing import Unfit, packed
from pushsvc.sender.ways import Ways
from pushsvc.sessions import Call, ConfirmedBy, Icons, Line, Progress, Session
from pushsvc.sip.uri import SipUri

STOP_SENDING = 413
NOT_ACCEPTABLE = 488  # what a receiver says when all it was offered are rests of files that it has not kept


class Transfer:
    """Run it once, then ask for its result, whether it failed or not."""

    log = Logger()

    def __init__(self, ways: Ways, job: Job, progress: Progress, why: str) -> None:
        self._ways = ways
        self._job = job
        self._progress = progress
        self._why = why
        self._call_id = ""
        self._session: Session | None = None
        self._peer = ""
        self._courses = [Course.of(content) for content in job.contents]
        self._one_offer = DeferredLock()

    async def run(self) -> None:
        """Raises DeliveryError when no session came about; what happens to single contents is in the result."""
        session, lines = await self._reused() or await self._dialled()
        self._session, self._peer = session, session.peer
        try:
            sending = zip(self._courses, lines, strict=True)
            await _all([Deferred.fromCoroutine(self._send(session, course, line)) for course, line in sending])
        except BaseException:
            session.close("withdrawn")
            raise
        if self._failure is not None:
            session.close(self._failure.reason)
        elif any(line.is_open for line in session.lines):
            self._ways.lingering.keep(self._key, session)
        else:
            session.close("every file was refused")

    def result(self, failure: DeliveryError | None = None) -> AttemptResult:
        """How it went so far."""
        failure = failure or self._failure
        said = failure if isinstance(failure, Refused) else None
        in_session = self._session is not None
        return AttemptResult(
            files=tuple(course.so_far() for course in self._courses) if in_session else (),
            mode="msrp",
            why_mode="; ".join([self._why, *self._resumptions(), *self._ends()]),
            call_id=self._call_id,
            peer=self._peer or (said.peer if said else "") or None,
            sip_status=200 if in_session else said.status if said and said.protocol == "sip" else None,
            sip_reason="OK" if in_session else said.reason if said and said.protocol == "sip" else None,
            msrp_status=self._msrp_status(said),
            octets_acknowledged=sum(course.acknowledged for course in self._courses) if in_session else 0,
            failure=failure,
        )

    async def _reused(self) -> tuple[Session, list[Line]] | None:
        """A session that lingers for this recipient, with our files offered in it [R-PSA-REL-0]; None: there is none.

        One that does not take them is ended: a session of our own says more clearly what the peer thinks of them.
        """
        session = self._ways.lingering.take(self._key)
        if session is None:
            return None
        self._call_id = session.dialog.call_id
        self._ways.began(self._call_id, self._job)
        try:
            lines = await session.offer_more(*self._offers())
        except DeliveryError as error:
            self.log.info("a lingering session is of no more use: {reason}", reason=error.reason, call_id=self._call_id)
            session.close("no further files")
            return None
        except BaseException:
            session.close("withdrawn")
            raise
        return (session, lines) if await self._takes_rests(session, lines) else None

    async def _dialled(self) -> tuple[Session, list[Line]]:
        """A session of our own; where a rest is refused, one more in which that file is offered whole."""
        while True:
            self._call_id = self._ways.tokens.word(24)
            self._ways.began(self._call_id, self._job)
            try:
                session = await self._ways.sessions.dial(self._call())
            except Refused as refused:
                rests = [course for course in self._courses if course.start]
                if refused.status != NOT_ACCEPTABLE or not rests:
                    raise
                self._offer_whole(rests)
                continue
            if await self._takes_rests(session, session.lines):
                return session, session.lines

    async def _takes_rests(self, session: Session, lines: list[Line]) -> bool:
        """Whether every rest that we offered can be joined. If not, the session is ended."""
        refused = [course for course, line in zip(self._courses, lines, strict=True) if course.start and _refused(line)]
        if refused:
            self._offer_whole(refused)
            await session.close("the first part is not kept")
        return not refused

    def _offer_whole(self, courses: list[Course]) -> None:
        for course in courses:
            self.log.info("a rest is refused, the file is offered whole", call_id=self._call_id, octet=course.start + 1)
            course.start_whole()

    @property
    def _failure(self) -> DeliveryError | None:
        """What went wrong with a file that is still to be sent; else with one that is refused for good."""
        failed = [course for course in self._courses if course.error is not None]
        failed.sort(key=lambda course: is_settled(course.result))
        return failed[0].error if failed else None

    @property
    def _key(self) -> Key:
        return self._job.to, self._job.application

    def _offers(self) -> tuple[tuple[FileOffer, ...], Icons]:
        job = self._job
        names, icons = icons_of(job, self._ways.caller.identity.host)
        wanted = sum(content.icon is not None for content in job.contents)
        if len(icons) < wanted:
            self.log.info("{count} icons do not fit into an INVITE", count=wanted - len(icons), push=job.push_id)
        offers = [course.offer(job, self._ways.tokens, name) for course, name in zip(self._courses, names, strict=True)]
        return tuple(offers), icons

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

    async def _send(self, session: Session, course: Course, line: Line) -> None:
        if not line.is_open:
            course.refused()
            return
        going: Line | None = line
        while going is not None:
            line = going
            going = await self._sent(session, course, line)
        result = course.result
        if result is None or (result.result is FileState.FAILED and result.code is None):
            return
        if result.result is FileState.FAILED:
            await self._give_up(session, line, result.code)
        elif result.result is FileState.REFUSED or self._ways.close_at_once:
            await self._close_line(session, line)

    async def _give_up(self, session: Session, line: Line, code: int | None) -> None:
        """Requirements E.8: nothing more goes by this line. After a 413 the peer closes it, if it does so in time."""
        if code == STOP_SENDING and self._ways.after_413:
            with suppress(TimeoutError):
                await line.when_closed().addTimeout(self._ways.after_413, self._ways.clock)
                await self._until_answered()
        await self._close_line(session, line)

    async def _until_answered(self) -> None:
        """A line is closed by an INVITE that is being answered; no BYE before that."""
        await deferLater(self._ways.clock, 0)

    async def _sent(self, session: Session, course: Course, line: Line) -> Line | None:
        """Send what is left of it by this line. Gives the line by which to go on; None: it has its result."""
        try:
            with opened(self._job, course.content, course.start) as octets:
                whole = packed(octets, self._job, str(self._ways.caller.identity), line.answer)
                course.began(is_wrapped=bool(whole.head))
                count = whole.of_content
                receipt = await line.send(whole, lambda sent, known: self._moved(course, count(sent), count(known)))
        except Unfit as unfit:
            course.refused(unfit)
            return None
        except DeliveryError as error:
            if line.is_ended:
                course.ended()
                await self._until_answered()
                return None
            going = await self._gone_on(session, course) if session.is_alive and course.can_go_on(error) else None
            if going is None:
                course.failed(error)
            return going
        except OSError as error:
            course.failed(Refused(500, f"content cannot be read: {error.strerror}", protocol="local"))
            return None
        course.delivered(confirmed=receipt.confirmed_by is not ConfirmedBy.NONE)
        self._tell_progress()
        return None

    async def _gone_on(self, session: Session, course: Course) -> Line | None:
        """The connection is lost and the dialog lives: offer the rest in it (flow 11). None: it is not taken.

        A refused rest is offered whole in the next attempt: in this dialog the id of the whole transfer is used up.
        """
        course.go_on()
        self.log.info("a transfer is resumed at octet {octet}", octet=course.start + 1, call_id=self._call_id)
        await self._one_offer.acquire()
        try:
            names, icons = icons_of(self._job, self._ways.caller.identity.host)
            rest = course.offer(self._job, self._ways.tokens, names[self._courses.index(course)])
            (line,) = await session.offer_more([rest], icons)
        except DeliveryError as error:
            self.log.info("a rest was not taken: {reason}", reason=error.reason, call_id=self._call_id)
            if isinstance(error, Refused) and error.status == NOT_ACCEPTABLE:
                course.start_whole()
            return None
        finally:
            self._one_offer.release()
        if _refused(line):
            course.start_whole()
            return None
        return line

    async def _close_line(self, session: Session, line: Line) -> None:
        """A file that is finished is closed by port 0 while others run; the last one by BYE (rule A-21)."""
        await self._one_offer.acquire()
        try:
            running = any(course.result is None for course in self._courses)
            # A line that was finished may be the resumed one's of another file by now.
            if running and line.is_open and line in session.lines:
                await session.close_lines([session.lines.index(line)])
        except DeliveryError as error:
            self.log.info("a finished line stays open: {reason}", reason=error.reason, call_id=self._call_id)
        finally:
            self._one_offer.release()

    def _moved(self, course: Course, sent: int, acknowledged: int) -> None:
        course.moved(sent, acknowledged)
        self._tell_progress()

    def _tell_progress(self) -> None:
        courses = self._courses
        self._progress(sum(course.sent for course in courses), sum(course.acknowledged for course in courses))

    def _resumptions(self) -> list[str]:
        return [
            f"{course.content.name} resumed at octet {octet}" for course in self._courses for octet in course.resumed
        ]

    def _ends(self) -> list[str]:
        return [
            f"the receiver ended {course.content.name} after {course.ended_at} octets"
            for course in self._courses
            if course.ended_at is not None
        ]

    def _msrp_status(self, said: Refused | None) -> int | None:
        if said is not None and said.protocol == "msrp":
            return said.status
        results = [course.result for course in self._courses if course.result is not None]
        return 200 if any(result.result is FileState.DELIVERED for result in results) else None


def _refused(line: Line) -> bool:
    """Whether a rest that was offered by this line is not taken as one."""
    return not (line.is_open and line.takes_range)


async def _all(work: list[Deferred[None]]) -> None:
    """Wait for all of it; cancelling cancels each. Raises the first failure, once all have ended."""
    results: list[tuple[bool, Any]] = await DeferredList(work, consumeErrors=True)
    for succeeded, result in results:
        if not succeeded:
            raise result.value

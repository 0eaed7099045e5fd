"""The HTTP API of the sender (INTERFACES 4): its paths and answers. What a submission may say is in submission."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pushsvc.api.answer import Answer, json_answer, text_answer
from pushsvc.api.body import BodyConsumer
from pushsvc.api.doctor import DoctorPage
from pushsvc.api.health import Healthz, MetricsPage, Readyz
from pushsvc.api.lists import cursor_of, cursor_parts, list_answer, page_limit, read_query
from pushsvc.api.problem import FieldError, Problem, not_found
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from pushsvc.machine import Tokens
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.dispatch import Dispatch
from pushsvc.sender.explain import explain, explain_text
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_records import Backlog, KeyReused, Push, Query, Stored, Submission, untried
from pushsvc.sender.outbox_wishes import ContentGone
from pushsvc.sender.outcome import PARTIAL, State
from pushsvc.sender.push_json import push_json
from pushsvc.sender.submission import Draft, Rules, read_submission
from pushsvc.sender.submission_forms import Reservations, client_of, open_form, storage_problems

MAX_WAIT = 300.0  # seconds that an answer is held back for `Prefer: wait`
COUNTING_SHARE = 0.02  # of the outbox's time is for counting what is in it, however often and however long that is
LONGEST_OLD = 30.0  # seconds that such a count is good at most
STATES = frozenset({state.value for state in State} | {PARTIAL})

# RFC 7240 §4.3
_wait = re.compile(r"(?:^|[,;])[ \t]*wait[ \t]*=[ \t]*\"?([0-9]{1,6})\"?[ \t]*(?:$|[,;])", re.IGNORECASE).search
_number = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch


class Trace(Protocol):
    """What went over the wire for one push."""

    def ladder(self) -> str: ...
    def to_json(self) -> Any: ...


class Traces(Protocol):
    """The traces that are kept."""

    def of(self, push_id: str) -> Trace | None: ...


class ApiMetrics(Protocol):
    """What is counted here, and shown."""

    def push_submitted(self, door: str) -> None: ...
    def queue(self, items: Mapping[str, int], oldest: float) -> None: ...
    def exposition(self) -> bytes: ...


@attrs.frozen
class PushApi:
    """What the resources work with."""

    outbox: Outbox
    store: ContentStore
    dispatch: Dispatch
    traces: Traces
    clock: IReactorTime
    tokens: Tokens
    metrics: ApiMetrics
    rules: Rules
    reservations: Reservations = attrs.field(factory=Reservations)

    def root(self, obstacles: Callable[[], Mapping[str, str]], doctor: DoctorPage) -> ApiResource:
        """The resource tree. `obstacles` says what else is in the way of being ready: names, and words for people."""
        root, v1 = ApiResource(), ApiResource()
        root.putChild(b"v1", v1)
        v1.putChild(b"pushes", PushesPage(self))
        v1.putChild(b"doctor", doctor)
        root.putChild(b"healthz", Healthz())
        root.putChild(b"readyz", Readyz(lambda: {**obstacles(), **self._own_obstacles()}))
        root.putChild(b"metrics", QueueMetricsPage(self))
        return root

    async def push(self, push_id: str) -> Push:
        """The push with this id. Raises Problem 404."""
        push = await self.outbox.push(push_id)
        if push is None:
            raise no_push()
        return push

    def answer(self, push: Push, status: int, *headers: tuple[str, str]) -> Answer:
        """The push as it is now."""
        return json_answer(push_json(push, self.dispatch.progress), status, headers)

    def _own_obstacles(self) -> Mapping[str, str]:
        if self.store.is_broken:
            self.store.probe()
            return {"content": "contents cannot be written"}
        return {} if self.store.has_room(0) else {"disk": "less room than the floor is left"}


class PushesPage(ApiResource):
    """/v1/pushes"""

    _log = Logger()

    def __init__(self, api: PushApi) -> None:
        super().__init__()
        self._api = api

    def child(self, name: str) -> ApiResource:
        return PushPage(self._api, name)

    def open_body(self, request: ApiRequest) -> BodyConsumer:
        return open_form(request, self._api.store, self._api.rules, self._api.reservations)

    async def render_POST(self, request: ApiRequest) -> Answer:
        """202 when the push is durable; with `Prefer: wait`, 200 when it is final in time."""
        draft: Draft = request.body
        stored = await self._put(draft, client_of(request))
        if not stored.replayed:
            self._api.metrics.push_submitted(draft.door)
            self._log.info("push {push} is accepted as {door}", push=stored.push_id, door=draft.door)
        headers = [("Location", f"/v1/pushes/{stored.push_id}")]
        headers += [("Idempotency-Replayed", "true")] if stored.replayed else []
        seconds = wanted_wait(request.header("Prefer"))
        if not seconds:
            return Answer(202, stored.answer.encode(), (("Content-Type", "application/json"), *headers))
        push = await self._final(stored.push_id, seconds)
        applied = ("Preference-Applied", f"wait={seconds:.0f}")
        return self._api.answer(push, 200 if push.is_final else 202, *headers, applied)

    # `curl -T file` says PUT.
    render_PUT = render_POST

    async def render_GET(self, request: ApiRequest) -> Answer:
        query = read_query(request, ("state", "to", "label", "limit", "cursor"))
        state = query.get("state")
        if state is not None and state not in STATES:
            raise Problem(422, "bad-query", f"there is no state {state!r}", [FieldError("?state", "value")])
        before = _before(query["cursor"]) if "cursor" in query else None
        page = await self._api.outbox.page(Query(page_limit(query), before, state, query.get("to"), query.get("label")))
        items = [push_json(push, self._api.dispatch.progress) for push in page.pushes]
        return list_answer(items, cursor_of(str(page.pushes[-1].number)) if page.more else None)

    async def _put(self, draft: Draft, client: str) -> Stored:
        api = self._api
        api.dispatch.check_clock()
        with storage_problems():
            submission = read_submission(
                draft, api.rules, api.store, api.tokens, client=client, now=api.clock.seconds()
            )
            try:
                return await api.outbox.put(submission, _first_answer(submission), api.dispatch.wake)
            except KeyReused as error:
                raise Problem(422, "key-reused", str(error), [FieldError("/idempotency", "reused")]) from error

    async def _final(self, push_id: str, seconds: float) -> Push:
        """The push once it is final, or as it is after so many seconds."""
        final = self._api.outbox.when_final(push_id)
        final.addTimeout(seconds, self._api.clock)
        final.addErrback(lambda failure: failure.trap(CancelledError, DeferredTimeout) and None)
        push = await self._api.push(push_id)
        if push.is_final:
            final.cancel()
            return push
        await final
        return await self._api.push(push_id)


class PageOfPush(ApiResource):
    """A page of one push, which need not exist."""

    def __init__(self, api: PushApi, push_id: str) -> None:
        super().__init__()
        self._api = api
        self._id = push_id


class PushPage(PageOfPush):
    """/v1/pushes/{id}"""

    def __init__(self, api: PushApi, push_id: str) -> None:
        super().__init__(api, push_id)
        self.putChild(b"retry", RetryPage(api, push_id))
        self.putChild(b"explain", ExplainPage(api, push_id))
        self.putChild(b"trace", TracePage(api, push_id))

    async def render_GET(self, request: ApiRequest) -> Answer:
        return self._api.answer(await self._api.push(self._id), 200)

    async def render_DELETE(self, request: ApiRequest) -> Answer:
        cancelling = await self._api.dispatch.cancel(self._id)
        if cancelling is None:
            raise no_push()
        if not cancelling.cancelled and not cancelling.in_flight:
            raise Problem(409, "final", "this push is over, nothing is left to cancel")
        return self._api.answer(await self._api.push(self._id), 202)


class RetryPage(PageOfPush):
    """/v1/pushes/{id}/retry"""

    async def render_POST(self, request: ApiRequest) -> Answer:
        api = self._api
        try:
            count = await api.outbox.retry(self._id, api.clock.seconds(), api.rules.time_to_live)
        except ContentGone as error:
            raise Problem(409, "content-gone", str(error)) from error
        if count is None:
            raise no_push()
        if not count:
            raise Problem(409, "nothing-failed", "no recipient of this push has failed")
        api.dispatch.wake()
        return api.answer(await api.push(self._id), 202)


class ExplainPage(PageOfPush):
    """/v1/pushes/{id}/explain"""

    async def render_GET(self, request: ApiRequest) -> Answer:
        push = await self._api.push(self._id)
        return text_answer(explain_text(push)) if wants_text(request) else json_answer(explain(push))


class TracePage(PageOfPush):
    """/v1/pushes/{id}/trace"""

    async def render_GET(self, request: ApiRequest) -> Answer:
        push = await self._api.push(self._id)
        trace = self._api.traces.of(push.id)
        if trace is None:
            raise Problem(404, "no-trace", "it was not tried since the service started, or too long ago")
        return text_answer(trace.ladder()) if wants_text(request) else json_answer(trace.to_json())


class QueueMetricsPage(MetricsPage):
    """The counters, with the queue as it is now, or, where counting it takes long, as it was a moment ago."""

    def __init__(self, api: PushApi) -> None:
        super().__init__(api.metrics.exposition)
        self._api = api
        self._backlog = Backlog({}, None)
        self._good_until = 0.0

    async def render_GET(self, request: ApiRequest) -> Answer:  # type: ignore[override]
        clock = self._api.clock
        asked = clock.seconds()
        if not asked < self._good_until <= asked + LONGEST_OLD:  # somebody may have set the clock
            self._backlog = await self._api.outbox.backlog()
            took = max(0.0, clock.seconds() - asked)
            self._good_until = clock.seconds() + min(took / COUNTING_SHARE, LONGEST_OLD)
        backlog = self._backlog
        oldest = max(0.0, clock.seconds() - backlog.oldest) if backlog.oldest is not None else 0.0
        self._api.metrics.queue({state.value: count for state, count in backlog.counts.items()}, oldest)
        return super().render_GET(request)


def wanted_wait(prefer: str | None) -> float:
    """The seconds of `Prefer: wait=…`, `MAX_WAIT` at most; 0.0 without one."""
    found = _wait(prefer or "")
    return min(float(found[1]), MAX_WAIT) if found else 0.0


def wants_text(request: ApiRequest) -> bool:
    """Whether the client asks for text/plain and not for JSON."""
    accept = (request.header("Accept") or "").lower()
    return "text/plain" in accept and "json" not in accept


def no_push() -> Problem:
    """404, for an id that is none."""
    return not_found("there is no such push")


def _first_answer(submission: Submission) -> str:
    return json_answer(push_json(untried(submission), lambda recipient: None)).body.decode()


def _before(cursor: str) -> int:
    (text,) = cursor_parts(cursor, 1)
    if not _number(text):
        raise Problem(422, "bad-query", "this cursor means nothing here", [FieldError("?cursor", "value")])
    return int(text)

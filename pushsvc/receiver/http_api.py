"""The receiver's HTTP API (INTERFACES section 5): its resources. Rules are in inbox and decisions, HTTP in api."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from twisted.internet.defer import Deferred

from pushsvc.api.answer import NO_CONTENT, Answer, Reply, json_answer
from pushsvc.api.body import JsonBody
from pushsvc.api.doctor import DoctorPage
from pushsvc.api.events import EventLog, EventStream
from pushsvc.api.fields import Fields
from pushsvc.api.files import file_answer, foreign_headers
from pushsvc.api.health import Healthz, MetricsPage, Readyz
from pushsvc.api.lists import cursor_of, cursor_parts, list_answer, page_limit, read_query
from pushsvc.api.problem import FieldError, Problem, not_found
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from pushsvc.receiver.decisions import AlreadyDecided, Decisions, UnknownDecision, UnknownFile
from pushsvc.receiver.events import Events
from pushsvc.receiver.http_values import decision_json
from pushsvc.receiver.inbox import EVERYTHING, Inbox
from pushsvc.receiver.inbox_entry import Entry, entry_json

STATES = ("new", "opened")
ANSWERS = ("accept", "decline")
Result = TypeVar("Result")


def receiver_api(
    *,
    inbox: Inbox,
    decisions: Decisions,
    events: Events,
    event_log: EventLog,
    account: Callable[[], object],
    obstacles: Callable[[], Mapping[str, str]],
    metrics: Callable[[], bytes],
    doctor: DoctorPage,
) -> ApiResource:
    """The tree of all resources. `account` gives the registration as a JSON value, the others as in `api.health`."""
    v1 = ApiResource()
    v1.putChild(b"inbox", InboxList(inbox, events))
    v1.putChild(b"decisions", DecisionList(decisions))
    v1.putChild(b"account", Account(account))
    v1.putChild(b"events", EventStream(event_log))
    v1.putChild(b"doctor", doctor)
    root = ApiResource()
    root.putChild(b"v1", v1)
    root.putChild(b"healthz", Healthz())
    root.putChild(b"readyz", Readyz(obstacles))
    root.putChild(b"metrics", MetricsPage(metrics))
    return root


class InboxList(ApiResource):
    """/v1/inbox"""

    def __init__(self, inbox: Inbox, events: Events) -> None:
        super().__init__()
        self._inbox = inbox
        self._events = events

    def child(self, name: str) -> ApiResource:
        return EntryPage(self._inbox, self._events, name)

    async def render_GET(self, request: ApiRequest) -> Answer:
        query = read_query(request, ("state", "limit", "cursor"))
        state = query.get("state")
        if state is not None and state not in STATES:
            raise Problem(422, "bad-query", "state is new or opened", [FieldError("?state", "value")])
        limit = page_limit(query)
        below = _sequence(query["cursor"]) if "cursor" in query else EVERYTHING
        found = await _stored(self._inbox.entries(state, below, limit + 1))
        items = [entry_json(entry, self._inbox.directory) for entry in found[:limit]]
        return list_answer(items, cursor_of(str(found[limit - 1].sequence)) if len(found) > limit else None)


class EntryPage(ApiResource):
    """/v1/inbox/{id}"""

    def __init__(self, inbox: Inbox, events: Events, entry_id: str) -> None:
        super().__init__()
        self._inbox = inbox
        self._events = events
        self._id = entry_id
        self.putChild(b"content", ContentPage(inbox, entry_id))
        self.putChild(b"icon", IconPage(inbox, entry_id))
        self.putChild(b"opened", OpenedPage(inbox, events, entry_id))

    async def render_GET(self, request: ApiRequest) -> Answer:
        return json_answer(entry_json(await _entry(self._inbox, self._id), self._inbox.directory))

    async def render_DELETE(self, request: ApiRequest) -> Answer:
        if not await _stored(self._inbox.delete(self._id)):
            raise not_found("there is no such entry")
        self._events.changed(self._id, "deleted")
        return NO_CONTENT


class ContentPage(ApiResource):
    """/v1/inbox/{id}/content"""

    def __init__(self, inbox: Inbox, entry_id: str) -> None:
        super().__init__()
        self._inbox = inbox
        self._id = entry_id

    async def render_GET(self, request: ApiRequest) -> Reply:
        entry = await _entry(self._inbox, self._id)
        about = entry.about
        try:
            return file_answer(
                request,
                lambda: self._inbox.open_content(entry),
                size=entry.size, type=about.type, name=about.name, sha256=entry.sha256,
            )  # fmt: skip
        except FileNotFoundError:
            raise not_found("somebody took the content away") from None
        except OSError as error:
            raise _storage(error) from error


class IconPage(ApiResource):
    """/v1/inbox/{id}/icon"""

    def __init__(self, inbox: Inbox, entry_id: str) -> None:
        super().__init__()
        self._inbox = inbox
        self._id = entry_id

    async def render_GET(self, request: ApiRequest) -> Answer:
        icon = (await _entry(self._inbox, self._id)).about.icon
        if icon is None:
            raise not_found("the entry has no icon")
        return Answer(200, icon.octets, foreign_headers(icon.type, "icon"))


class OpenedPage(ApiResource):
    """/v1/inbox/{id}/opened"""

    def __init__(self, inbox: Inbox, events: Events, entry_id: str) -> None:
        super().__init__()
        self._inbox = inbox
        self._events = events
        self._id = entry_id

    async def render_POST(self, request: ApiRequest) -> Answer:
        if not await _stored(self._inbox.opened(self._id)):
            raise not_found("there is no such entry")
        self._events.changed(self._id, "opened")
        return NO_CONTENT


class DecisionList(ApiResource):
    """/v1/decisions: all that are pending, on one page."""

    def __init__(self, decisions: Decisions) -> None:
        super().__init__()
        self._decisions = decisions

    def child(self, name: str) -> ApiResource:
        return DecisionPage(self._decisions, name)

    def render_GET(self, request: ApiRequest) -> Answer:
        read_query(request, ())
        return list_answer([decision_json(pending) for pending in self._decisions.pending()], None)


class DecisionPage(ApiResource):
    """/v1/decisions/{id}"""

    def __init__(self, decisions: Decisions, decision_id: str) -> None:
        super().__init__()
        self._decisions = decisions
        self._id = decision_id
        self.putChild(b"icon", AskedIconPage(decisions, decision_id))

    def open_body(self, request: ApiRequest) -> JsonBody:
        return JsonBody(request)

    def render_POST(self, request: ApiRequest) -> Answer:
        fields = Fields(request.body)
        answer = fields.text("answer", None, choices=ANSWERS)
        each = fields.part("answers")
        answers = {name: each.text(name, choices=ANSWERS) == "accept" for name in each.names()} if each else {}
        if (answer is None) == (each is None):
            fields.wrong("", "value")
        fields.done()
        self._answer(answer, answers)
        return NO_CONTENT

    def _answer(self, answer: str | None, answers: Mapping[str, bool]) -> None:
        try:
            if answer is not None:
                self._decisions.answer(self._id, answer == "accept")
            else:
                self._decisions.answer_each(self._id, answers)
        except UnknownDecision as error:
            raise not_found(str(error)) from None
        except AlreadyDecided as error:
            raise Problem(409, "already-decided", str(error)) from None
        except UnknownFile as error:
            raise Problem(422, "bad-field", str(error), [FieldError("/answers", "value")]) from None


class AskedIconPage(ApiResource):
    """/v1/decisions/{id}/icon?file={file_transfer_id}"""

    def __init__(self, decisions: Decisions, decision_id: str) -> None:
        super().__init__()
        self._decisions = decisions
        self._id = decision_id

    def render_GET(self, request: ApiRequest) -> Answer:
        wanted = read_query(request, ("file",)).get("file")
        files = (file for pending in self._decisions.pending() if pending.id == self._id for file in pending.files)
        icon = next((file.icon for file in files if file.icon is not None and file.transfer_id == wanted), None)
        if icon is None:
            raise not_found("there is no such question, or no such file in it with an icon")
        return Answer(200, icon.octets, foreign_headers(icon.type, "icon"))


class Account(ApiResource):
    """/v1/account"""

    def __init__(self, account: Callable[[], object]) -> None:
        super().__init__()
        self._account = account

    def render_GET(self, request: ApiRequest) -> Answer:
        return json_answer(self._account())


async def _entry(inbox: Inbox, entry_id: str) -> Entry:
    entry = await _stored(inbox.entry(entry_id))
    if entry is None:
        raise not_found("there is no such entry")
    return entry


async def _stored(asked: Deferred[Result]) -> Result:
    try:
        return await asked
    except OSError as error:
        raise _storage(error) from error


def _storage(error: OSError) -> Problem:
    detail = error.strerror or "the disk fails"
    return Problem(503, "storage", f"the inbox cannot be used now: {detail}", headers=[("Retry-After", "10")])


def _sequence(cursor: str) -> int:
    (text,) = cursor_parts(cursor, 1)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Problem(422, "bad-query", "this cursor means nothing here", [FieldError("?cursor", "value")])
    return int(text)

"""How a push comes in: JSON, one raw body, or multipart (in submission_multipart). Each becomes a Draft on arrival."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.api.body import BodyConsumer, JsonBody, media_type
from pushsvc.api.problem import FieldError, Problem, unsupported_type
from pushsvc.api.request import ApiRequest
from pushsvc.sender.content_store import ContentStore, NoRoom, StoreBroken
from pushsvc.sender.submission import Draft, Rules
from pushsvc.sender.submission_contents import Part
from pushsvc.sender.submission_multipart import MultipartForm

MAX_JSON = 8 * 1024 * 1024  # octets: it is held in memory, thrice; what is bigger comes as octets

_log = Logger()
_RAW = {
    "push-title": "title",
    "push-description": "description",
    "push-application": "application",
    "push-mode": "mode",
    "push-disposition": "disposition",
    "push-priority": "priority",
    "push-until": "not_after",
}
_LISTS = {"push-to": "to", "push-labels": "labels"}
# A comma between angle brackets belongs to the address, and all that follows a bracket that is never closed.
_items = re.compile(r"(?:<[^>]*+(?:>|\Z)|[^,<]++)++").findall
# What curl says when nobody told it a type.
_NO_TYPE = frozenset({"", "application/x-www-form-urlencoded"})


class Reservations:
    """Idempotency keys of requests that are still being received: a second one must wait (409)."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str]] = set()

    def take(self, client: str, key: str | None) -> Callable[[], None]:
        """Hold this client's key; what comes back lets it go. Raises Problem 409."""
        if key is None:
            return lambda: None
        held = (client, key)
        if held in self._held:
            raise Problem(409, "in-progress", "a request with this Idempotency-Key is still being received")
        self._held.add(held)
        return lambda: self._held.discard(held)


class Reserved:
    """A consumer that lets its reservation go when its body has come, or will not."""

    def __init__(self, consumer: BodyConsumer, release: Callable[[], None]) -> None:
        self._consumer = consumer
        self._release = release
        self.limit = consumer.limit

    def write(self, octets: bytes) -> Deferred[Any] | None:
        with storage_problems():
            written = self._consumer.write(octets)
        return None if written is None else written.addErrback(_as_problem)

    def finish(self) -> Any:
        self._release()
        with storage_problems():
            return self._consumer.finish()

    def abandon(self) -> None:
        self._release()
        self._consumer.abandon()


def open_form(request: ApiRequest, store: ContentStore, rules: Rules, reservations: Reservations) -> BodyConsumer:
    """Who takes the body of this submission. Raises Problem: 409, 415, 422, 503, 507."""
    _check_room(request, store)
    key = request.header("Idempotency-Key")
    make = _form(request)
    release = reservations.take(client_of(request), key)
    try:
        return Reserved(make(request, store, rules, key), release)
    except BaseException:
        release()
        raise


def client_of(request: ApiRequest) -> str:
    """Who asks, by the name of the token; "" where no tokens are needed."""
    return request.token.name if request.token else ""


@contextmanager
def storage_problems() -> Iterator[None]:
    """Where contents are kept: a failure becomes what the client is told."""
    try:
        yield
    except NoRoom as error:
        raise Problem(507, "no-room", f"there is no room for this: {error}") from error
    except StoreBroken as error:
        raise store_broken() from error
    except DBAPIError as error:
        _log.failure("the outbox cannot be written")
        raise store_broken() from error


def store_broken() -> Problem:
    """503, while nothing can be kept durably."""
    return Problem(503, "not-writable", "pushes cannot be kept now", headers=[("Retry-After", "10")])


def _as_problem(failure: Failure) -> None:
    with storage_problems():
        failure.raiseException()


def _check_room(request: ApiRequest, store: ContentStore) -> None:
    length = request.header("Content-Length") or "0"
    if not store.has_room(int(length) if re.fullmatch("[0-9]{1,18}", length) else 0):
        raise Problem(507, "no-room", "the disk would have too little left", headers=[("Retry-After", "60")])
    if store.is_broken:
        store.probe()
        raise store_broken()


def _form(request: ApiRequest) -> Callable[[ApiRequest, ContentStore, Rules, str | None], BodyConsumer]:
    kind = media_type(request)
    if kind == "multipart/form-data":
        return MultipartForm
    if request.verb == "PUT" or any(name.lower().startswith(b"push-") for name in _names(request)):
        return RawForm
    if kind == "application/json":
        return JsonForm
    raise unsupported_type("application/json", "multipart/form-data")


def _names(request: ApiRequest) -> list[bytes]:
    return [name for name, _ in request.requestHeaders.getAllRawHeaders()]


class JsonForm(JsonBody):
    """Everything in one JSON text, contents as text or base64."""

    def __init__(self, request: ApiRequest, store: ContentStore, rules: Rules, key: str | None) -> None:
        super().__init__(request, MAX_JSON)
        self._key = key

    def finish(self) -> Draft:
        return Draft("json", super().finish(), key=self._key)


class RawForm:
    """The body is the content; everything else is in header fields, so that `curl -T file` works."""

    def __init__(self, request: ApiRequest, store: ContentStore, rules: Rules, key: str | None) -> None:
        self._fields = _raw_fields(request)
        self._name = request.header("Push-Name")
        self._type = None if media_type(request) in _NO_TYPE else request.header("Content-Type")
        self._key = key
        self._upload = store.receive()
        self.limit = rules.max_content

    def write(self, octets: bytes) -> Deferred[None] | None:
        return self._upload.write(octets)

    def finish(self) -> Draft:
        part = Part("body", self._upload, self._name, self._type)
        return Draft("raw", self._fields, (part,), self._key)

    def abandon(self) -> None:
        self._upload.discard()


def _raw_fields(request: ApiRequest) -> dict[str, Any]:
    """The header fields `Push-*` as the JSON members that they stand for. Raises Problem 422 for an unknown one."""
    fields: dict[str, Any] = {}
    for octets, values in request.requestHeaders.getAllRawHeaders():
        name = octets.decode("ascii", "replace").lower()
        texts = [value.decode("utf-8", "replace") for value in values]
        if name in _LISTS:
            items = [item.strip(" \t") for text in texts for item in _items(text)]
            fields[_LISTS[name]] = [_bare(item) for item in items if item]
        elif name in _RAW:
            fields[_RAW[name]] = texts[-1]
        elif name.startswith("push-") and name != "push-name":
            error = FieldError(f"/{name}", "unknown")
            raise Problem(422, "bad-field", f"there is no header field {name}", [error])
    return fields


def _bare(address: str) -> str:
    return address[1:-1] if address.startswith("<") and address.endswith(">") else address

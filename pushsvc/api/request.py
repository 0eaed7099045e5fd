"""One HTTP request: refused, or its body streamed to whom its resource names, then answered. Time is in channel."""

# mypy: allow-untyped-calls
# (Twisted Web is not annotated.)

from __future__ import annotations

from http import HTTPStatus
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import Request

from pushsvc.api.answer import Answer, HeaderFields, Reply, Streamed
from pushsvc.api.body import Feed, NoBody, encoded_as_is
from pushsvc.api.problem import Problem, problem_answer, too_large
from pushsvc.api.resource import ApiResource
from pushsvc.api.tokens import Token

if TYPE_CHECKING:
    from pushsvc.api.channel import ApiChannel
    from pushsvc.api.site import ApiSite

MAX_PARAMETERS = 32
_WITH_BODY = ("POST", "PUT", "PATCH")
_ALWAYS: HeaderFields = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class ApiRequest(Request):
    """A request on its way: headers, then its body to the resource's consumer, then its resource's answer.

    Refused with its headers alone where these are enough: the answer then leaves before the body is read.
    `body` is what the resource's `BodyConsumer` made of the body; `token` is who asks, None without tokens.
    """

    _log = Logger()

    channel: ApiChannel
    site: ApiSite
    resource: ApiResource
    prepath: list[bytes]
    postpath: list[bytes]
    verb: str = ""
    body: Any = None
    token: Token | None = None
    refused = False
    gone = False
    _feed: Feed | None = None
    _problem: Problem | None = None
    _handling: Deferred[None] | None = None

    def header(self, name: str) -> str | None:
        """The last field of this name, None when there is none; what is no UTF-8 in it becomes U+FFFD."""
        values = self.requestHeaders.getRawHeaders(name.encode("ascii"))
        return values[-1].decode("utf-8", "replace") if values else None

    def query(self) -> list[tuple[str, str]]:
        """The query's parameters in order. Raises Problem 400 when it is none."""
        _, _, text = self.uri.partition(b"?")
        try:
            return parse_qsl(
                text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text), errors="strict",
                max_num_fields=MAX_PARAMETERS,
            )  # fmt: skip
        except ValueError:
            raise Problem(400, "bad-query", "the query cannot be read") from None

    def route(self, command: bytes, target: bytes, version: bytes) -> None:
        """Know the request line before the body comes. Raises Problem 400 for a target that is no path."""
        self.method, self.uri, self.clientproto = command, target, version
        self.verb = command.decode("ascii")
        self.path = target.partition(b"?")[0]
        if not self.path.startswith(b"/"):
            raise Problem(400, "bad-target", "the target must be a path")
        self.prepath = []
        self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]

    # --- what the channel calls ---

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; `length` is None for a chunked body, 0 for none."""
        try:
            self.site = self.channel.site
            self.route(*self.channel.request_line())
            self.resource = self.site.admit(self)
            self._feed = self._open_feed(length)
        except Exception as error:
            self._problem = self._as_problem(error)
            if length != 0:
                self.refuse(self._problem)

    def handleContentChunk(self, data: bytes) -> None:
        if self._feed is not None and not self.refused:
            self.channel.body_received(len(data))
            self._feed.received(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._problem is not None:
            self._answer(problem_answer(self._problem))
        elif self._feed is not None:
            done = self._feed.ended().addCallback(self._handle)
            done.addErrback(self._failed)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.gone = True
        if self._feed is not None:
            self._feed.abandon()
        # What changes something goes on to its end although nobody hears of it.
        if self._handling is not None and self.verb in ("GET", "HEAD"):
            self._handling.cancel()

    def refuse(self, problem: Problem) -> None:
        """Answer now and end the connection; what is still to come of the body is not read."""
        if self.refused or self.finished or self.gone:
            return
        self.refused = True
        # No "100 Continue" after a final answer.
        self.requestHeaders.removeHeader(b"expect")
        if self._feed is not None:
            self._feed.abandon()
        self.channel.refuse_rest()
        self.setHeader(b"Connection", b"close")
        self._answer(problem_answer(problem))

    # --- body and resource ---

    def _open_feed(self, length: int | None) -> Feed:
        if length != 0:
            encoded_as_is(self)
        consumer = self.resource.open_body(self) if self.verb in _WITH_BODY else NoBody()
        if length is not None and length > consumer.limit:
            consumer.abandon()
            raise too_large(consumer.limit)
        return Feed(
            consumer,
            pause=self.channel.pause_body,
            resume=self.channel.resume_body,
            failed=lambda error: self.refuse(self._as_problem(error)),
        )

    def _handle(self, body: Any) -> Deferred[None]:
        self.body = body
        self._handling = maybeDeferred(self._handled).addCallback(self._reply)
        return self._handling

    def _handled(self) -> Any:
        handled = self.resource.handle(self)
        return Deferred.fromCoroutine(handled) if iscoroutine(handled) else handled

    def _reply(self, reply: Reply) -> Deferred[None] | None:
        match reply:
            case Answer():
                self._answer(reply)
                return None
            case Streamed():
                return self._stream(reply)

    def _stream(self, reply: Streamed) -> Deferred[None] | None:
        if self.gone:
            return None
        self._head(reply.status, reply.headers, reply.size)
        if self.verb == "HEAD":
            self.finish()
            return None
        return reply.begin(self).addCallback(lambda _: self._end())

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) and self.gone:
            return
        problem = self._as_problem(failure.value)
        if self.gone:
            return
        if self.startedWriting:
            # Half an answer cannot be taken back, only be seen to be half.
            self.channel.cut()
        else:
            self._answer(problem_answer(problem))

    def _as_problem(self, error: BaseException | None) -> Problem:
        if isinstance(error, Problem):
            return error
        self._log.failure("api {method} {path} failed", Failure(error), method=self.verb, path=self.path)
        return Problem(500, "internal", "this is our mistake, it is in our log")

    # --- writing ---

    def _answer(self, answer: Answer) -> None:
        if self.gone or self.finished:
            return
        self._head(answer.status, answer.headers, len(answer.body))
        if answer.status not in http.NO_BODY_CODES:
            self.write(answer.body)
        self._end()

    def _head(self, status: int, headers: HeaderFields, size: int | None) -> None:
        self.setResponseCode(status, HTTPStatus(status).phrase.encode("ascii"))
        self.setHeader(b"Date", http.datetimeToString(self.site.reactor.seconds()))
        for name, value in (*_ALWAYS, *headers):
            self.responseHeaders.setRawHeaders(name, [value])
        if size is not None and status not in http.NO_BODY_CODES:
            self.setHeader(b"Content-Length", b"%d" % size)

    def _end(self) -> None:
        if not self.gone and not self.finished:
            self.finish()

"""How a request's body is taken: never spooled, never longer than its consumer wants. JSON is read in strict_json."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from pushsvc.api.problem import Problem, too_large, unsupported_type
from pushsvc.api.strict_json import read_json

if TYPE_CHECKING:
    from pushsvc.api.request import ApiRequest

SMALL = 64 * 1024  # a JSON body that carries no content; far above any honest one
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})[ \t]*(?:;.*)?", re.ASCII | re.DOTALL)


class BodyConsumer(Protocol):
    """Takes one body. Nothing is kept for it: what it does not keep is gone.

    `limit` is the most octets it takes; a longer body is refused with 413, before it is read where its length is
    known. `write` gets the octets in order; when it returns a Deferred, the next octets come after that has fired and
    the client is not read from meanwhile. `finish` is called once all octets were written, its result (or what its
    Deferred fires with) becomes `request.body`. `abandon` is called instead when the body does not arrive to its end or
    a write failed. `write` and `finish` may raise `Problem`, which ends the request.
    """

    @property
    def limit(self) -> int: ...

    def write(self, octets: bytes) -> Deferred[Any] | None: ...

    def finish(self) -> Any: ...

    def abandon(self) -> None: ...


class NoBody:
    """For requests that have no body; `request.body` is None."""

    limit = 0

    def write(self, octets: bytes) -> None:
        """Nothing is left: the limit keeps everything out."""

    def finish(self) -> None:
        """There is nothing to read."""

    def abandon(self) -> None:
        """There is nothing to forget."""


class WholeBody:
    """A small body kept in memory; `request.body` is bytes."""

    def __init__(self, limit: int = SMALL) -> None:
        self.limit = limit
        self._pieces: list[bytes] = []

    def write(self, octets: bytes) -> None:
        self._pieces.append(octets)

    def finish(self) -> Any:
        return b"".join(self._pieces)

    def abandon(self) -> None:
        self._pieces.clear()


class JsonBody(WholeBody):
    """A JSON text, read strictly; `request.body` is the value. Raises Problem 415 at once for another media type."""

    def __init__(self, request: ApiRequest, limit: int = SMALL) -> None:
        if media_type(request) != "application/json":
            raise unsupported_type("application/json")
        super().__init__(limit)

    def finish(self) -> Any:
        return read_json(super().finish())


def media_type(request: ApiRequest) -> str:
    """The Content-Type without its parameters, lower case; "" when there is none or it cannot be read."""
    found = _MEDIA_TYPE.fullmatch(request.header("Content-Type") or "")
    return found[1].lower() if found else ""


class Feed:
    """Hands a body to its consumer in order, one write at a time, and stops the reading while a write goes on.

    `failed` is called once, with the exception, when a write failed or the body became too long; afterwards nothing
    reaches the consumer but `abandon`.
    """

    def __init__(
        self,
        consumer: BodyConsumer,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._consumer = consumer
        self._pause = pause
        self._resume = resume
        self._failed = failed
        self._octets = 0
        self._held: list[bytes] = []
        self._busy = False
        self._written: Deferred[None] = succeed(None)
        self._over = False

    def received(self, octets: bytes) -> None:
        """These octets have arrived."""
        self._octets += len(octets)
        if self._over:
            return
        if self._octets > self._consumer.limit:
            self._fail(too_large(self._consumer.limit))
        elif self._busy:
            self._held.append(octets)
        else:
            self._write(octets)

    def ended(self) -> Deferred[Any]:
        """All octets have arrived: fires with what the consumer made of them; never when writing fails."""
        return self._written.addCallback(lambda _: self._finish())

    def abandon(self) -> None:
        """The rest will not come."""
        if not self._over:
            self._over = True
            self._held.clear()
            self._consumer.abandon()

    def _write(self, octets: bytes) -> None:
        try:
            written = self._consumer.write(octets)
        except Exception as error:
            self._fail(error)
            return
        if written is not None:
            self._busy = True
            self._written = Deferred.fromCoroutine(self._write_on(written))

    async def _write_on(self, written: Deferred[Any]) -> None:
        self._pause()
        try:
            await written
            while self._held and not self._over:
                octets = b"".join(self._held)
                self._held.clear()
                again = self._consumer.write(octets)
                if again is not None:
                    await again
        except Exception as error:
            self._fail(error)
        self._busy = False
        self._resume()

    def _finish(self) -> Deferred[Any]:
        if self._over:
            return Deferred()
        self._over = True
        return maybeDeferred(self._consumer.finish)

    def _fail(self, error: BaseException) -> None:
        if not self._over:
            self.abandon()
            self._failed(error)


def encoded_as_is(request: ApiRequest) -> None:
    """Nothing is decompressed for anybody. Raises Problem 415 for a Content-Encoding."""
    if (request.header("Content-Encoding") or "identity").lower() != "identity":
        headers = [("Accept-Encoding", "identity")]
        raise Problem(415, "unsupported-encoding", "the body must not be encoded", headers=headers)

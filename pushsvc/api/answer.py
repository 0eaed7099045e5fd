"""What a resource answers with: values, written to the wire by request. What went wrong is in problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from pushsvc.api.request import ApiRequest

HeaderFields = Sequence[tuple[str, str]]


@attrs.frozen
class Answer:
    """A whole answer: its status, its body and the header fields beside Content-Length."""

    status: int = 200
    body: bytes = b""
    headers: HeaderFields = ()


@attrs.frozen
class Streamed:
    """An answer whose body is written bit by bit by `begin`, which ends when all is written.

    `size` is the body's length in octets, None when nobody knows it. The Deferred that `begin` returns is
    cancelled when the client goes away.
    """

    begin: Callable[[ApiRequest], Deferred[None]]
    status: int = 200
    headers: HeaderFields = ()
    size: int | None = None


Reply = Answer | Streamed
Handled = Reply | Deferred[Reply] | Coroutine[Deferred[Any], Any, Reply]

NO_CONTENT = Answer(204)


def json_answer(value: object, status: int = 200, headers: HeaderFields = (), type: str = "application/json") -> Answer:
    """The answer whose body is `value` as one line of JSON, UTF-8."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    return Answer(status, body, (("Content-Type", type), *headers))


def text_answer(text: str, status: int = 200, headers: HeaderFields = (), type: str = "text/plain") -> Answer:
    """The answer whose body is this text, UTF-8."""
    return Answer(status, text.encode(), (("Content-Type", f"{type}; charset=utf-8"), *headers))

"""Lists of either daemon: `{"items": [...], "next": cursor or null}`, their limits and their cursors."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pushsvc.api.answer import Answer, json_answer
from pushsvc.api.problem import FieldError, Problem

if TYPE_CHECKING:
    from pushsvc.api.request import ApiRequest

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,400}", re.ASCII)


def read_query(request: ApiRequest, known: Collection[str]) -> dict[str, str]:
    """The query's parameters. Raises Problem 422 for one that is unknown, 400 for one that is there twice."""
    query: dict[str, str] = {}
    for name, value in request.query():
        if name not in known:
            raise Problem(422, "bad-query", f"there is no parameter {name!r} here", [FieldError(f"?{name}", "unknown")])
        if name in query:
            raise Problem(400, "bad-query", f"the parameter {name!r} is there twice")
        query[name] = value
    return query


def page_limit(query: dict[str, str]) -> int:
    """How many items the client wants: 1 to `MAX_LIMIT`. Raises Problem 422."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise Problem(422, "bad-query", f"limit must be 1 to {MAX_LIMIT}", [FieldError("?limit", "value")])
    return limit


def cursor_of(*parts: str) -> str:
    """The cursor that stands for these texts, which must not hold a newline."""
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def cursor_parts(cursor: str, count: int) -> list[str]:
    """The texts that the cursor stands for. Raises Problem 422 when they are not `count`, or no cursor at all."""
    try:
        if not _CURSOR.fullmatch(cursor):
            raise ValueError("not of our making")
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\n")
        if len(parts) != count:
            raise ValueError("of another list")
    except (ValueError, binascii.Error):
        raise Problem(422, "bad-query", "this cursor means nothing here", [FieldError("?cursor", "value")]) from None
    return parts


def list_answer(items: Sequence[object], cursor: str | None) -> Answer:
    """One page; `cursor` leads to the next one, None when this is the last."""
    return json_answer({"items": items, "next": cursor})

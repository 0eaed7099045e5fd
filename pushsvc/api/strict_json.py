"""JSON as foreigners send it: bounded, one meaning only. What the members mean is in fields."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from pushsvc.api.problem import Problem

MAX_DEPTH = 32  # four times what any body of ours has; far from the recursion limit
MAX_NUMBER = 64  # characters: the longest float has 24
# Matches a string without an end as well: so it never goes back, and none is begun anew at each quote within.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def read_json(text: bytes) -> Any:
    """The value of a JSON text (RFC 8259).

    Raises Problem 400 for what is no JSON, is not UTF-8, nests deeper than `MAX_DEPTH`, names a member twice, or holds
    NaN, Infinity, an endless number or half a surrogate pair: each means different things to different readers.
    """
    try:
        decoded = text.decode("utf-8")
        _check_depth(decoded)
        value = json.loads(
            decoded, object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer, parse_float=_fraction
        )
        # A lone \ud800 passes json but cannot be written anywhere.
        json.dumps(value, ensure_ascii=False).encode("utf-8") if "\\u" in decoded else None
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad-json", f"the body is not JSON: {_why(error)}") from None
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER:
        raise ValueError("a number is too long")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_NUMBER else float("inf")
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _why(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"{error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}"
        case UnicodeError():
            return "not UTF-8"
        case RecursionError():
            return "nested too deeply"
        case _:
            return str(error)

"""Media types (RFC 2045) compared as accept lists compare them: without case, without parameters, with `*`."""

from __future__ import annotations


def bare_type(text: str) -> str:
    """`Text/Plain; charset=utf-8` as `text/plain`."""
    return text.partition(";")[0].strip(" \t").lower()


def media_type_matches(pattern: str, type: str) -> bool:
    """Whether `type` is one of those that `pattern` (`*`, `*/*`, `image/*`, `image/png`) stands for."""
    wanted, given = bare_type(pattern), bare_type(type)
    if wanted in ("*", "*/*"):
        return True
    if wanted.endswith("/*"):
        return given.startswith(wanted[:-1])
    return wanted == given


def types_meet(one: str, other: str) -> bool:
    """Whether some type is in both patterns."""
    return media_type_matches(one, other) or media_type_matches(other, one)

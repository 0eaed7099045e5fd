"""A JSON object read member by member: every mistake is found, none is guessed at. Texts are read in strict_json."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, TypeVar

from pushsvc.api.problem import FieldError, Problem

Default = TypeVar("Default")

_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_CONTROLS_IN_PROSE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# RFC 3339 §5.6
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_ABSENT = object()


class Fields:
    """The members of one JSON object. Read each that you know, then call `done`, which raises for all mistakes at once.

        fields = Fields(request.body)
        title = fields.text("title", None, longest=200)
        recipients = fields.texts("to")
        content = fields.part("content")    # Fields of its own; its mistakes count here
        fields.done()

    A reader without a default asks for a member that must be there. null counts as absent. A member that is wrong is
    noted and read as its default (or as an empty value), so that reading can go on. The codes are `missing`, `type`,
    `control-character`, `too-long`, `value`, `unknown` and what callers note themselves with `wrong`.
    """

    def __init__(self, value: object, pointer: str = "", errors: list[FieldError] | None = None) -> None:
        self._errors: list[FieldError] = [] if errors is None else errors
        self._pointer = pointer
        self._members: dict[str, Any] = {}
        self._known: set[str] = set()
        self._read: list[Fields] = []
        if isinstance(value, dict):
            self._members = value
        else:
            self._errors.append(FieldError(pointer, "type"))

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def wrong(self, name: str, code: str) -> None:
        """Note that the member `name` (or `name/0`, or "" for the whole object) is wrong in the way `code` says."""
        self._errors.append(FieldError(f"{self._pointer}/{name}" if name else self._pointer, code))

    def text(
        self,
        name: str,
        default: Default | object = _ABSENT,
        *,
        longest: int = 1024,
        choices: Collection[str] = (),
        prose: bool = False,
    ) -> str | Default:
        """A string of at most `longest` characters, no control characters among them; `prose` may have line ends."""
        value = self._take(name, str, default, "")
        if isinstance(value, str) and name in self:
            if len(value) > longest:
                self.wrong(name, "too-long")
            if (_CONTROLS_IN_PROSE if prose else _CONTROLS).search(value):
                self.wrong(name, "control-character")
            if choices and value not in choices:
                self.wrong(name, "value")
        return value  # type: ignore[no-any-return]

    def integer(
        self, name: str, default: Default | object = _ABSENT, *, least: int = 0, most: int = 2**53
    ) -> int | Default:
        """A whole number from `least` to `most`."""
        value = self._take(name, int, default, least)
        if name in self and isinstance(value, int) and not least <= value <= most:
            self.wrong(name, "value")
        return value  # type: ignore[no-any-return]

    def boolean(self, name: str, default: Default | object = _ABSENT) -> bool | Default:
        """true or false."""
        return self._take(name, bool, default, False)  # type: ignore[no-any-return]

    def time(self, name: str, default: Default | object = _ABSENT) -> float | Default:
        """A moment of RFC 3339, as seconds since 1970."""
        text = self._take(name, str, default, "1970-01-01T00:00:00Z")
        if not isinstance(text, str):
            return text  # type: ignore[no-any-return]
        moment = moment_of(text)
        if moment is None:
            self.wrong(name, "value")
        return moment or 0.0

    def texts(
        self, name: str, default: Default | object = _ABSENT, *, longest: int = 1024, most: int = 10_000
    ) -> list[str] | Default:
        """A list of at most `most` strings like those of `text`; must not be empty when there is no default."""
        values = self._take(name, list, default, [])
        if not isinstance(values, list) or name not in self:
            return values  # type: ignore[no-any-return]
        if len(values) > most or (not values and default is _ABSENT):
            self.wrong(name, "value")
            return []
        members = {str(index): value for index, value in enumerate(values)}
        items = Fields(members, f"{self._pointer}/{name}", self._errors)
        return [items.text(str(index), longest=longest) for index in range(len(values))]

    def part(self, name: str) -> Fields | None:
        """An object of its own, None when it is not there."""
        if name not in self:
            self._known.add(name)
            return None
        return self._read_part(name, self._take(name, dict, _ABSENT, {}))

    def parts(self, name: str, *, most: int = 100) -> list[Fields]:
        """A list of at most `most` objects; empty when it is not there."""
        values = self._take(name, list, None, []) or []
        if len(values) > most:
            self.wrong(name, "value")
            return []
        return [self._read_part(f"{name}/{index}", value) for index, value in enumerate(values)]

    def anything(self, name: str) -> Any:
        """Whatever JSON value is there, None when nothing is."""
        return self._take(name, object, None, None)

    def names(self) -> list[str]:
        """The names of all members."""
        return list(self._members)

    def done(self) -> None:
        """Everything known has been read. Raises Problem 422 with every mistake, 400 for control characters."""
        self._note_unknown()
        if not self._errors:
            return
        errors = list(dict.fromkeys(self._errors))[:100]
        # CR, LF and NUL are how one field is smuggled into another: no form field, a broken request.
        status = 400 if any(error.code == "control-character" for error in errors) else 422
        first = errors[0]
        raise Problem(status, "bad-field", f"{first.pointer or 'the body'}: {first.code}", errors)

    def _read_part(self, name: str, value: object) -> Fields:
        part = Fields(value, f"{self._pointer}/{name}", self._errors)
        self._read.append(part)
        return part

    def _note_unknown(self) -> None:
        for part in self._read:
            part._note_unknown()
        for name in self._members.keys() - self._known:
            self.wrong(name.replace("~", "~0").replace("/", "~1"), "unknown")

    def _take(self, name: str, kind: type[Any], default: object, empty: object) -> Any:
        self._known.add(name)
        value = self._members.get(name)
        if value is None:
            if default is not _ABSENT:
                return default
            self.wrong(name, "missing")
            return empty
        # bool is an int to Python, not to JSON.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(name, "type")
            return empty if default is _ABSENT else default
        return value


def moment_of(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time with its offset; None when it is none."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()[:10] + "T" + text.upper()[11:]).timestamp()
    except ValueError:
        return None


def time_text(moment: float) -> str:
    """The moment (seconds since 1970) as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Which line of a TOML file each key stands in. tomllib reads the values but does not tell.

The text has been read by tomllib before, so it is known to be valid TOML; this only walks over it.
A key is a path: `("sip", "listen", 1)` is the second address of `listen` in `[sip]`.
"""

from __future__ import annotations

import re
import tomllib

import attrs

KeyPath = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS = {  # opening quote: the string from there on
    '"""': re.compile(r'"""(?:[^\\"]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    "'": re.compile(r"'[^'\n]*'"),
}
_HEADER_END = re.compile(r"\]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each table, key and list item of a valid TOML text."""
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.document()
    return walk.lines


@attrs.define
class _Walk:
    """A position in the text, moved forward by the methods named after TOML's parts."""

    text: str
    at: int = 0
    lines: dict[KeyPath, int] = attrs.field(factory=dict)
    _counted: dict[KeyPath, int] = attrs.field(factory=dict)  # the last index of each list of tables
    _counted_at: int = 0
    _line: int = 1

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip(_SPACE) and self.at < len(self.text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`; the latter counts from 0 for each of the same name."""
        double = self._next("[")
        keys = self._dotted()
        self._skip(_HEADER_END)
        table = self._resolved(keys[:-1])
        if double:
            several = (*table, keys[-1])
            index = self._counted[several] = self._counted.get(several, -1) + 1
            self._mark(several)
            table = (*several, index)
        else:
            table = (*table, keys[-1])
        self._mark(table)
        return table

    def _resolved(self, keys: tuple[str, ...]) -> KeyPath:
        """Where a header's outer names lead: into the last one of a list of tables."""
        table: KeyPath = ()
        for key in keys:
            table = (*table, key)
            if table in self._counted:
                table = (*table, self._counted[table])
        return table

    def _pair(self, table: KeyPath) -> None:
        for key in self._dotted():
            table = (*table, key)
            self._mark(table)
        self._next("=")
        self._value(table)

    def _dotted(self) -> tuple[str, ...]:
        keys = [self._key()]
        while self._next("."):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> str:
        self._skip(_BLANK)
        quoted = self._string()
        if quoted is not None:
            return str(tomllib.loads(f"key = {quoted}")["key"])
        return self._skip(_BARE_KEY)[0]

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        if self._string() is not None:
            return
        if self._next("["):
            self._items(path)
        elif self._next("{"):
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _items(self, path: KeyPath) -> None:
        index = 0
        while self._skip(_SPACE) and not self._next("]"):
            self._mark((*path, index))
            self._value((*path, index))
            index += 1
            self._skip(_SPACE)
            self._next(",")

    def _inline_table(self, path: KeyPath) -> None:
        while self._skip(_SPACE) and not self._next("}"):
            self._pair(path)
            self._skip(_SPACE)
            self._next(",")

    def _string(self) -> str | None:
        """The string that begins here, with its quotes; None when none does."""
        for quote, pattern in _STRINGS.items():
            if self.text.startswith(quote, self.at):
                return self._skip(pattern)[0]
        return None

    def _next(self, mark: str) -> bool:
        """Whether this character comes next, blanks aside; it is stepped over when it does."""
        self._skip(_BLANK)
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) * found
        return found

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:  # not reached with valid TOML; an endless walk would be worse
            raise ValueError(f"unreadable TOML at offset {self.at}")
        self.at = match.end()
        return match

    def _mark(self, path: KeyPath) -> None:
        self._line += self.text.count("\n", self._counted_at, self.at)
        self._counted_at = self.at
        self.lines.setdefault(path, self._line)

"""The text of a configuration: its tables with the overrides in them, and where each key was written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from pushsvc.config.lines import KeyPath, lines_of
from pushsvc.config.shared import Override
from pushsvc.config.values import show
from pushsvc.errors import ConfigError

_DOTTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_BARE_WORD = re.compile(r"[^\[{\"'\x00-\x1f\x7f][^\x00-\x1f\x7f]*|")
TOO_DEEP = "lists and tables are nested too deeply"
_AT = re.compile(r"(.*) \(at line ([0-9]+), column [0-9]+\)")


class NotPermitted(ConfigError):
    """A mistake that only the permissions of a file are: exit code 77, where others give 78."""


@attrs.frozen
class Source:
    """The tables of a file with the overrides in them. `lines` has the keys that the file itself sets."""

    name: str
    tables: dict[str, Any] = attrs.field(factory=dict)
    lines: dict[KeyPath, int] = attrs.field(factory=dict)
    overrides: tuple[Override, ...] = ()

    def place(self, key: KeyPath, judged_by: Sequence[KeyPath] = ()) -> tuple[bool, int, str]:
        """Whether the key was overridden, its line in the file, and both in words; sorts as it should be read.

        A key that is not there at all stands where the keys do that make it wrong, or else where its section begins.
        """
        for candidate in map(self.written, (key, *judged_by)):
            override = self._override(candidate)
            if override:
                return True, 0, override.where
            if candidate in self.lines:
                return False, self.lines[candidate], f"{self.name}:{self.lines[candidate]}"
        line = next((self.lines[key[:end]] for end in range(len(key) - 1, 0, -1) if key[:end] in self.lines), 1)
        return False, line, f"{self.name}:{line}"

    def written(self, key: KeyPath) -> KeyPath:
        """The key without its last index where the file has one value instead of a list."""
        return key[:-1] if isinstance(key[-1], int) and key not in self.lines else key

    def overridden(self, overrides: Sequence[Override], errors: list[ConfigError]) -> Source:
        """With every override in the tables; the last one of a key wins. Those with no place go to `errors`."""
        for override in overrides:
            table: Any = self.tables
            for step in override.key[:-1]:
                table = table.setdefault(step, {}) if isinstance(table, dict) else None
            if isinstance(table, dict):
                table[override.key[-1]] = override.value
            else:
                errors.append(ConfigError(override.where, ".".join(override.key), "does not name a key of a table"))
        return attrs.evolve(self, overrides=tuple(overrides)[::-1])

    def _override(self, key: KeyPath) -> Override | None:
        """The override that set this key, something that it is in, or the only thing that is in it."""
        for override in self.overrides:
            inner = key not in self.lines and override.key[: len(key)] == key
            if inner or key[: len(override.key)] == override.key:
                return override
        return None


def read_source(path: Path, errors: list[ConfigError]) -> Source:
    """The file; empty when it cannot be read, with the reason added to `errors`."""
    name = str(path)
    try:
        text = path.read_bytes().decode()
        return Source(name, tomllib.loads(text), lines_of(text))
    except PermissionError as error:
        errors.append(NotPermitted(f"{name}:1", "file", f"cannot be read: {error.strerror}"))
    except OSError as error:
        errors.append(ConfigError(f"{name}:1", "file", f"cannot be read: {error.strerror}", "name one with --config="))
    except UnicodeDecodeError as error:
        errors.append(ConfigError(f"{name}:1", "file", f"is not UTF-8 text: octet {error.start} is not"))
    except RecursionError:
        errors.append(ConfigError(f"{name}:1", "TOML", TOO_DEEP))
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        found = _AT.fullmatch(str(error))
        what, line = (found[1], found[2]) if found else (str(error), "1")
        errors.append(ConfigError(f"{name}:{line}", "TOML", what[:1].lower() + what[1:]))
    return Source(name)


def parse_overrides(overrides: Sequence[str | Override], errors: list[ConfigError]) -> Iterator[Override]:
    """Those that can be read; the mistakes in the others are added to `errors`."""
    for override in overrides:
        try:
            yield override if isinstance(override, Override) else parse_override(override)
        except ConfigError as error:
            errors.append(error)


def parse_override(text: str) -> Override:
    """`KEY=VALUE`: a dotted key and a TOML value, or a bare word that is a string. Raises ConfigError."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not _DOTTED.fullmatch(key):
        raise ConfigError("--set", show(text), "is not KEY=VALUE", "write --set=sip.identity=sip:me@example.com")
    return Override(tuple(key.split(".")), _override_value(key, value.strip()))


def _override_value(key: str, value: str) -> object:
    try:
        tables = tomllib.loads(f"value = {value}")
        if tables.keys() == {"value"}:
            return tables["value"]
    except RecursionError:
        raise ConfigError("--set", key, TOO_DEEP) from None
    except ValueError:  # as of a file
        if _BARE_WORD.fullmatch(value):
            return value
    raise ConfigError("--set", key, f"{show(value)} is neither a TOML value nor a bare word", "mind the shell's quotes")

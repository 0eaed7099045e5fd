"""A configuration as TOML again: what came out of file, overrides and defaults. Inline secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from pushsvc.config.kinds import kind_of_field
from pushsvc.config.shared import Config
from pushsvc.config.structure import NOT_IN_THE_FILE, toml_name


def to_toml(config: Config) -> str:
    """TOML that reads back as an equal configuration, save for the masked secrets."""
    return "\n".join([f"# state directory: {config.state_dir}", *_table(config, "")]) + "\n"


def _table(section: Any, header: str) -> Iterator[str]:
    """A section: its values first, then the sections in it, as TOML demands."""
    inner: list[tuple[str, Any]] = []
    for field in attrs.fields(attrs.resolve_types(type(section))):
        value, name = getattr(section, field.name), toml_name(field)
        kind = kind_of_field(field)
        if field.name in NOT_IN_THE_FILE:
            continue
        if kind is None:
            inner.append((name, value))
        elif written := kind.write(value):
            yield f"{name} = {written}"
    for name, value in inner:
        repeated = isinstance(value, tuple)
        for each in value if repeated else (value,):
            yield f"\n[[{header}{name}]]" if repeated else f"\n[{header}{name}]"
            yield from _table(each, f"{header}{name}.")

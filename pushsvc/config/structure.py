"""From the tables of a TOML file to the sections, by cattrs, with every mistake and not only the first.

What one value must look like is in `kinds`; what values must be to each other is in `checks`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from pushsvc.config.kinds import Kind, Several, kind_of_field
from pushsvc.config.lines import KeyPath
from pushsvc.config.secrets import Surroundings
from pushsvc.config.values import CHECK, Wrong, show

NOT_IN_THE_FILE = ("state_dir", "origin")  # fields of the whole that are no keys

Section = TypeVar("Section")


@attrs.frozen
class Mistake:
    """One key is wrong, and why."""

    key: KeyPath
    wrong: Wrong
    meant: KeyPath | None = None  # the key that an unknown one probably was to be
    judged_by: tuple[KeyPath, ...] = ()  # the other keys that make it wrong


def structured(kind: type[Section], tables: dict[str, Any], around: Surroundings) -> tuple[Section, list[Mistake]]:
    """The sections, and what was wrong. A wrong key has its default in them, a wrong [[rule]] is left out."""
    converter = _converter(around)
    mistakes: list[Mistake] = []
    try:
        return converter.structure(tables, kind), mistakes
    except ClassValidationError as error:
        mistakes = list(_mistakes(error, ()))
    return converter.structure(_without(tables, mistakes), kind), mistakes


def toml_name(field: attrs.Attribute[Any]) -> str:
    """How a field is spelled in the file: `from_` is `from`."""
    return field.name.rstrip("_")


def keys_of(section: type[Any]) -> list[str]:
    """The keys of a section, in the order of its fields."""
    return [toml_name(field) for field in attrs.fields(section) if field.name not in NOT_IN_THE_FILE]


def _converter(around: Surroundings) -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)

    def hook_for(section: type[Any]) -> Any:
        structure = make_dict_structure_fn(
            section,
            converter,
            **{field.name: _override(field, around) for field in attrs.fields(attrs.resolve_types(section))},
        )

        def hook(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                raise Wrong(f"{show(value)} is not a table")
            return structure(value, section)

        return hook

    converter.register_structure_hook_factory(attrs.has, hook_for)
    return converter


def _override(field: attrs.Attribute[Any], around: Surroundings) -> Any:
    if field.name in NOT_IN_THE_FILE:
        return override(omit=True)
    kind = kind_of_field(field)
    check = field.metadata.get(CHECK)
    return override(rename=toml_name(field), struct_hook=_reader(kind, check, around) if kind else None)


def _reader(kind: Kind, check: Any, around: Surroundings) -> Any:
    def read(value: Any, _: Any) -> Any:
        result = kind.read(value, around)
        if check and result is not None:
            check(result)
        return result

    return read


def _mistakes(error: Exception, key: KeyPath) -> Iterator[Mistake]:
    """The leaves of cattrs' exception group, each with its key."""
    match error:
        case BaseValidationError():
            for inner in error.exceptions:
                yield from _mistakes(inner, key + _step(inner))
        case ForbiddenExtraKeysError():
            for name in sorted(error.extra_fields):
                yield _unknown(name, key, error.cl)
        case Several():
            for index, wrong in error.items:
                yield Mistake((*key, index), wrong)
        case Wrong():
            yield Mistake(key, error)
        case KeyError():
            yield Mistake(key, Wrong("is missing"))
        case TypeError():  # from cattrs, that wanted to iterate
            yield Mistake(key, Wrong("not a list of tables"))
        case _:
            raise error


def _step(error: Exception) -> KeyPath:
    """The attribute or the index that cattrs noted on this exception."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name.rstrip("_"),)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _unknown(name: str, table: KeyPath, section: type[Any]) -> Mistake:
    key, what = (*table, name), "unknown key"
    near = difflib.get_close_matches(name, keys_of(section), 1)
    if near:
        return Mistake(key, Wrong(what, f'did you mean "{near[0]}"?'), (*table, near[0]))
    homes = [home for home, keys in _homes().items() if name in keys]
    if homes:
        return Mistake(key, Wrong(what, f"it belongs in {' or '.join(homes)}"))
    return Mistake(key, Wrong(what, "known here: " + ", ".join(keys_of(section))))


def _homes() -> dict[str, list[str]]:
    """Every section of either daemon as it is called in hints, and its keys."""
    from pushsvc.config.receiver import ReceiverConfig
    from pushsvc.config.sender import SenderConfig

    homes = {"the file of push-sender": keys_of(SenderConfig), "the file of push-receiver": keys_of(ReceiverConfig)}
    for whole in (SenderConfig, ReceiverConfig):
        for field in attrs.fields(attrs.resolve_types(whole)):
            if isinstance(field.type, type) and attrs.has(field.type):
                homes[f"[{field.name}]"] = keys_of(field.type)
    return homes


def _without(tables: dict[str, Any], mistakes: list[Mistake]) -> dict[str, Any]:
    """A copy of the tables in which every wrong key is absent, and every wrong item of a list of tables too."""

    def kept(value: Any, wrong: list[KeyPath]) -> Any:
        below: dict[object, list[KeyPath]] = {}
        for key in wrong:
            below.setdefault(key[0], []).append(key[1:])
        if isinstance(value, dict):
            return {
                name: kept(inner, below.get(name, []))
                for name, inner in value.items()
                if name not in below or not _removes(below[name], inner)
            }
        if isinstance(value, list):
            return [inner for index, inner in enumerate(value) if index not in below]
        return value

    return cast("dict[str, Any]", kept(tables, [mistake.key for mistake in mistakes]))


def _removes(wrong: list[KeyPath], value: Any) -> bool:
    """Whether mistakes at these keys of a value take away all of it: they are its own, or a list of plain values'."""
    plain_list = isinstance(value, list) and not all(isinstance(inner, dict) for inner in value)
    return plain_list or () in wrong

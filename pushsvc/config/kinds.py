"""How a value of each type is read from TOML and written as TOML: one row per type that a section's field may have.

A reader takes what tomllib made of the text and raises `Wrong`; strict on purpose, since `"false"` is not false.
"""

from __future__ import annotations

import enum
import ipaddress
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from pushsvc.config.secrets import Surroundings, read_secret
from pushsvc.config.values import (
    AUTHORITIES,
    KIND,
    Listen,
    Network,
    Octets,
    Seconds,
    Secret,
    UnixListen,
    Wrong,
    read_api_listen,
    read_duration,
    read_listen,
    read_size,
    show,
    write_duration,
    write_size,
)
from pushsvc.errors import ProtocolError
from pushsvc.msrp.uri import MsrpUri
from pushsvc.sip.uri import SipUri

Reader = Callable[[Any, Surroundings], Any]
Writer = Callable[[Any], str | None]


class Several(Exception):
    """Items of a list are wrong; each with its index."""

    def __init__(self, items: list[tuple[int, Wrong]]) -> None:
        super().__init__(items)
        self.items = items


@attrs.frozen
class Kind:
    """How values of one type are read and written; None is written for what is best left out."""

    read: Reader
    write: Writer
    empty: bool = False  # the empty string means that there is none
    lenient_list: bool = False  # one item may stand for a list of it


def kind_of_field(field: attrs.Attribute[Any]) -> Kind | None:
    """The kind of a section's field; None for a section within it, which has fields of its own."""
    return kind_of(field.metadata.get(KIND) or field.type)


def kind_of(annotation: Any) -> Kind | None:
    """The kind of a type, or of the name that stands for one; None for a section."""
    if annotation in _KINDS:
        return _KINDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _choice(annotation)
    if typing.get_origin(annotation) is tuple:
        item = kind_of(typing.get_args(annotation)[0])
        return _list_of(item) if item else None
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        inner = kind_of(typing.get_args(annotation)[0])
        return _optional(inner) if inner else None
    return None


def write_string(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(_escape(letter) for letter in text)
    return f'"{escaped}"'


def _escape(letter: str) -> str:
    if letter in '\\"':
        return "\\" + letter
    return letter if letter >= " " and letter != "\x7f" else f"\\u{ord(letter):04x}"


def _read_string(value: Any, around: Surroundings) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{show(value)} is not a string", f'write "{value}"' if isinstance(value, int | float) else "")
    if not value.isprintable():
        raise Wrong(f"{show(value)} has a control character in it")
    return value


def _read_bool(value: Any, around: Surroundings) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{show(value)} is neither true nor false", "without quotes" if value in ("true", "false") else "")
    return value


def _read_whole_number(value: Any, around: Surroundings) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(f"{show(value)} is not a whole number")
    return value


def _read_number(value: Any, around: Surroundings) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Wrong(f"{show(value)} is not a number")
    return float(value)


def _read_path(value: Any, around: Surroundings) -> Path:
    return around.directory / _read_string(value, around)


def _read_authorities(value: Any, around: Surroundings) -> Path | None:
    return None if value == "system" else _read_path(value, around)


def _read_sip_uri(value: Any, around: Surroundings) -> SipUri:
    try:
        return SipUri.parse(_read_string(value, around))
    except ProtocolError:
        raise Wrong(f"{show(value)} is not a SIP URI", 'write "sip:user@example.com"') from None


def _read_msrp_uri(value: Any, around: Surroundings) -> MsrpUri:
    try:
        return MsrpUri.parse(_read_string(value, around))
    except ProtocolError:
        raise Wrong(f"{show(value)} is not an MSRP URI", 'write "msrps://host:2855;tcp"') from None


def _read_network(value: Any, around: Surroundings) -> Network:
    try:
        return ipaddress.ip_network(_read_string(value, around))
    except ValueError as error:
        raise Wrong(f"{show(value)} is not a network: {error}", 'write "192.0.2.0/24"') from None


def _write_secret(secret: Secret) -> str:
    if secret.source == "inline":
        return '"********"'
    return f"{{ {secret.source} = {write_string(secret.name)} }}"


_KINDS: dict[Any, Kind] = {
    str: Kind(_read_string, write_string),
    bool: Kind(_read_bool, lambda value: str(value).lower()),
    int: Kind(_read_whole_number, str),
    float: Kind(_read_number, repr),
    Octets: Kind(lambda value, _: read_size(value), lambda size: write_string(write_size(size))),
    Seconds: Kind(lambda value, _: read_duration(value), lambda seconds: write_string(write_duration(seconds))),
    Path: Kind(_read_path, lambda path: write_string(str(path)), empty=True),
    AUTHORITIES: Kind(_read_authorities, lambda path: write_string(str(path or "system"))),
    Secret: Kind(read_secret, _write_secret),
    SipUri: Kind(_read_sip_uri, lambda uri: write_string(str(uri)), empty=True),
    MsrpUri: Kind(_read_msrp_uri, lambda uri: write_string(str(uri)), empty=True),
    Network: Kind(_read_network, lambda network: write_string(str(network))),
    Listen: Kind(lambda value, _: read_listen(value), lambda listen: write_string(str(listen)), lenient_list=True),
    Listen | UnixListen | None: Kind(
        lambda value, _: read_api_listen(value), lambda listen: write_string(str(listen or ""))
    ),
}


def _choice(choices: type[enum.Enum]) -> Kind:
    def read(value: Any, around: Surroundings) -> enum.Enum:
        for member in choices:
            if member.value == value:
                return member
        raise Wrong(f"{show(value)} is not one of the choices", ", ".join(str(member.value) for member in choices))

    return Kind(read, lambda member: write_string(member.value))


def _optional(inner: Kind) -> Kind:
    return Kind(
        lambda value, around: None if inner.empty and value == "" else inner.read(value, around),
        lambda value: inner.write(value) if value is not None else '""' if inner.empty else None,
    )


def _list_of(item: Kind) -> Kind:
    def read(value: Any, around: Surroundings) -> tuple[Any, ...]:
        if not isinstance(value, list):
            if item.lenient_list:
                return (item.read(value, around),)
            raise Wrong(f"{show(value)} is not a list", f"write [{show(value)}]")
        items, wrong = [], []
        for index, each in enumerate(value):
            try:
                items.append(item.read(each, around))
            except Wrong as error:
                wrong.append((index, error))
        if wrong:
            raise Several(wrong)
        return tuple(items)

    return Kind(read, lambda values: "[" + ", ".join(str(item.write(each)) for each in values) + "]")

"""Header fields, in order and as received, and the values in them that need reading: Via, Address, CSeq."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

import attrs

from pushsvc.errors import BadMessage, Misuse
from pushsvc.quoting import QUOTED, TOKEN, quoted, split_list, unquoted
from pushsvc.sip.header_names import KEYS, header_key
from pushsvc.sip.uri import (
    HOST,
    REMEMBERED,
    Parameters,
    Uri,
    find_parameter,
    join_parameters,
    parse_uri,
    port_number,
    set_parameter,
)

Field = tuple[str, str]
_Index = tuple[dict[str, str], set[str]]

CONTROL = r"\x00-\x08\x0a-\x1f\x7f"
"""The control octets that no header may carry as they are, for use within a pattern's brackets."""

_CLEAN_QUOTED = rf'"[^"\\{CONTROL}]*+(?:\\[^{CONTROL}][^"\\{CONTROL}]*+)*+"'
_VALUE = r'[^\x00-\x20\x7f",;<>\\]++'
_SPACE = r"[ \t]*+"
_is_token = re.compile(rf"[{TOKEN}]++").fullmatch
_unfit = re.compile(rf"[{CONTROL}\ud800-\udc7f\udd00-\udfff]").search
_controls = re.compile(rf"[{CONTROL}]").sub
_one_parameter = re.compile(rf";([{TOKEN}]++)(?:=({_CLEAN_QUOTED}|{_VALUE}))?+").fullmatch
_parameter = re.compile(
    rf"{_SPACE};{_SPACE}([{TOKEN}]++)(?:{_SPACE}={_SPACE}({_CLEAN_QUOTED}|{_VALUE}))?+{_SPACE}"
).match
# The look-behind lets a run of blanks be tried once only, so that this is linear.
_fold = re.compile(r"(?<![ \t])[ \t]*+\r\n[ \t]++").sub
_sent = re.compile(
    rf"{_SPACE}[sS][iI][pP]{_SPACE}/{_SPACE}2\.0{_SPACE}/{_SPACE}([{TOKEN}]++)"
    rf"[ \t]++({HOST})(?:{_SPACE}:{_SPACE}([0-9]{{1,5}}))?+{_SPACE}"
).fullmatch
_name_addr = re.compile(
    rf"{_SPACE}(?:({QUOTED}){_SPACE}|([{TOKEN} \t\x80-\U0010ffff]*+))<([^\x00-\x20<>\"]++)>{_SPACE}(.*+)"
).fullmatch
_addr_spec = re.compile(rf"{_SPACE}([^\x00-\x20<>\",;?]++){_SPACE}(.*+)").fullmatch
_cseq = re.compile(rf"([0-9]{{1,10}})[ \t]++([{TOKEN}]++)").fullmatch
_set = object.__setattr__  # how a frozen value keeps what it has found out about itself


def _as_tuple(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(fields)


@attrs.frozen
class Headers:
    """The header fields of one message: ordered, names as written but compared in any case and compact as long.

    Building one of text that could end a field early (CR, LF, NUL, other controls) raises Misuse.
    """

    fields: tuple[Field, ...] = attrs.field(default=(), converter=_as_tuple)
    _index: _Index | None = attrs.field(default=None, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        _refuse_unfit(self.fields)

    @classmethod
    def trusted(cls, fields: tuple[Field, ...]) -> Headers:
        """Of fields that a codec has checked already, or that come from other Headers."""
        headers = object.__new__(cls)
        _set(headers, "fields", fields)
        _set(headers, "_index", None)
        return headers

    @property
    def index(self) -> tuple[Mapping[str, str], AbstractSet[str]]:
        """By `header_key`: the first value of each header, and which headers have more than one field."""
        if self._index is not None:
            return self._index
        first: dict[str, str] = {}
        repeated: set[str] = set()
        for name, value in self.fields:
            key = KEYS[name]
            if key in first:
                repeated.add(key)
            else:
                first[key] = value
        index = first, repeated
        _set(self, "_index", index)
        return index

    @property
    def first(self) -> Mapping[str, str]:
        """The first value of each header, by `header_key`."""
        return (self._index or self.index)[0]

    def get(self, name: str) -> str | None:
        """The value of the first field of that name."""
        return (self._index or self.index)[0].get(KEYS[name])

    def all(self, name: str) -> list[str]:
        """The value of every field of that name, comma lists left whole."""
        key = KEYS[name]
        first, repeated = self._index or self.index
        if key in repeated:
            return [value for own, value in self.fields if header_key(own) == key]
        return [first[key]] if key in first else []

    def values(self, name: str) -> list[str]:
        """Every item of every field of that name: comma lists and repeated fields are equal (RFC 3261 §7.3.1)."""
        found = self.all(name)
        return [item for value in found for item in split_list(value)] if found else found

    def __contains__(self, name: str) -> bool:
        return KEYS[name] in (self._index or self.index)[0]

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def replaced(self, name: str, *values: str) -> Headers:
        """With these values for the name, where its first field stood, or at the end."""
        key = header_key(name)
        new = [(name, value) for value in values]
        _refuse_unfit(new)
        fields: list[Field] = []
        for field in self.fields:
            if header_key(field[0]) != key:
                fields.append(field)
            elif new:
                fields += new
                new = []
        return Headers.trusted((*fields, *new))

    def with_first(self, name: str, value: str) -> Headers:
        """With this value in the first field of that name. Raises Misuse when there is none."""
        key = header_key(name)
        first, repeated = self.index
        if key not in first or not is_sendable(value):
            raise Misuse(f"no field {name!r}, or one that cannot be sent: {value!r}")
        fields = list(self.fields)
        place = next(place for place, field in enumerate(fields) if header_key(field[0]) == key)
        fields[place] = (fields[place][0], value)
        headers = Headers.trusted(tuple(fields))
        _set(headers, "_index", ({**first, key: value}, repeated))
        return headers

    def added(self, name: str, value: str) -> Headers:
        """With one more field at the end."""
        new = ((name, value),)
        _refuse_unfit(new)
        return Headers.trusted(self.fields + new)

    def without(self, *names: str) -> Headers:
        """With no field of these names."""
        keys = {header_key(name) for name in names}
        return Headers.trusted(tuple([field for field in self.fields if header_key(field[0]) not in keys]))


@attrs.frozen
class Via:
    """One hop that a request has taken (RFC 3261 §20.42): `SIP/2.0/TCP host:port;branch=...`."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value; the transport becomes upper case. Raises BadMessage."""
        end = text.find(";")
        sent, rest = (text, "") if end < 0 else (text[:end], text[end:])
        transport, host, port = _remembered_sent(sent) if len(sent) <= REMEMBERED else _read_sent(sent)
        return cls(transport, host, port, parse_parameters(rest))

    @property
    def branch(self) -> str:
        """The branch; "" when there is none (RFC 2543)."""
        return find_parameter(self.parameters, "branch") or ""

    @property
    def received(self) -> str | None:
        return find_parameter(self.parameters, "received")

    @property
    def rport(self) -> str | None:
        """The port seen by the server; "" when it is asked for; None when it is not (RFC 3581)."""
        return find_parameter(self.parameters, "rport")

    def with_parameter(self, name: str, value: str | None) -> Via:
        """This Via with the parameter set; a value of None makes it one without `=`."""
        return Via(self.transport, self.host, self.port, set_parameter(self.parameters, name, value))

    def without_parameter(self, name: str) -> Via:
        kept = tuple([pair for pair in self.parameters if pair[0].lower() != name.lower()])
        return Via(self.transport, self.host, self.port, kept)

    def __str__(self) -> str:
        sent_by = self.host if self.port is None else f"{self.host}:{self.port}"
        return f"SIP/2.0/{self.transport} {sent_by}{join_parameters(self.parameters)}"


def _read_sent(text: str) -> tuple[str, str, int | None]:
    """The transport, host and port of a Via: all that is the same in all messages of a peer."""
    found = _sent(text)
    if found is None:
        raise BadMessage("malformed Via")
    transport, host, port = found.groups()
    return transport.upper(), host, port_number(port) if port else None


_remembered_sent = lru_cache(maxsize=1024)(_read_sent)


@attrs.frozen
class Address:
    """A name-addr or addr-spec with the header's own parameters: From, To, Contact, Route (RFC 3261 §20.10).

    The display name is plain text; parameter values are as on the wire, quotes included.
    """

    uri: Uri
    display_name: str = ""
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `"name" <uri>;parameters` or `uri;parameters`. Raises BadMessage."""
        return _remembered_address(text) if len(text) <= REMEMBERED else _read_address(text)

    @property
    def tag(self) -> str | None:
        return find_parameter(self.parameters, "tag") or None

    def parameter(self, name: str) -> str | None:
        """The value of a parameter without its quotes; "" when it has none, None when it is not there."""
        value = find_parameter(self.parameters, name)
        return unquoted(value) if value and value[0] == '"' else value

    def with_parameter(self, name: str, value: str | None) -> Address:
        """This address with the parameter set to this text, quoted where it has to be."""
        if value is not None and not _is_token(value):
            value = quoted(value)
        return Address(self.uri, self.display_name, set_parameter(self.parameters, name, value))

    def __str__(self) -> str:
        name = f"{quoted(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{join_parameters(self.parameters)}"


def _read_address(text: str) -> Address:
    found = _name_addr(text)
    if found is not None:
        quoted_name, words, uri, rest = found.groups()
        # A name may hold control octets as quoted pairs; nobody wants to be given one, or to have to send it back.
        name = words.strip(" \t") if quoted_name is None else _controls("", unquoted(quoted_name))
        return Address(parse_uri(uri), name, parse_parameters(rest))
    found = _addr_spec(text)
    if found is None:
        raise BadMessage("malformed address")
    # RFC 3261 §20: without angle brackets every parameter belongs to the header.
    return Address(parse_uri(found[1]), "", parse_parameters(found[2]))


_remembered_address = lru_cache(maxsize=1024)(_read_address)


@attrs.frozen
class CSeq:
    """A request's place in its dialog (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read `4711 INVITE`. Raises BadMessage, also for a number that needs more than 32 bits."""
        return _remembered_cseq(text) if len(text) <= REMEMBERED else _read_cseq(text)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _read_cseq(text: str) -> CSeq:
    found = _cseq(text)
    if found is None or (number := int(found[1])) >= 1 << 32:
        raise BadMessage("malformed CSeq")
    return CSeq(number, found[2])


_remembered_cseq = lru_cache(maxsize=1024)(_read_cseq)


def unfolded(text: str) -> str:
    """Header lines without folds: each one and its blanks is one blank (RFC 3261 §7.3.1)."""
    return _fold(" ", text)


def parse_parameters(text: str) -> Parameters:
    """Read `;name=value;name="quoted";name`, blanks allowed. Raises BadMessage."""
    if not text:
        return ()
    found = _one_parameter(text)
    if found is not None:
        return ((found[1], found[2]),)
    pairs = []
    position = 0
    while position < len(text):
        found = _parameter(text, position)
        if found is None:
            raise BadMessage("malformed parameters")
        pairs.append((found[1], found[2]))
        position = found.end()
    return tuple(pairs)


def is_sendable(text: str) -> bool:
    """Whether text can stand in a header: nothing that ends a line, no other control, no half of a surrogate pair."""
    return text.isprintable() or _unfit(text) is None


def _refuse_unfit(fields: Iterable[Field]) -> None:
    for name, value in fields:
        if not _is_token(name) or not is_sendable(value):
            raise Misuse(f"header field that cannot be sent: {name!r}: {value!r}")

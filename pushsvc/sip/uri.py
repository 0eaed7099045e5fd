"""SIP URIs (RFC 3261 §19.1), and the other URIs that may stand in their place. Where to send is not decided here."""

from __future__ import annotations

import re
from functools import lru_cache

import attrs

from pushsvc.errors import BadMessage

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters in their order, as on the wire; the value is None where there is no `=`."""

HOST = r"\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9][A-Za-z0-9._-]*+"
"""Pattern of a host name, an IPv4 address or an IPv6 reference; underscores are seen in practice."""

REMEMBERED = 128
"""The longest text whose reading is remembered, in characters.

The same few URIs and addresses come in every message of a peer. The bound keeps a stranger's from filling memory.
"""

_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_PARAMETER = rf"[{_UNRESERVED}%\[\]/:&+$]"
_sip_uri = re.compile(
    r"([sS][iI][pP][sS]?):"
    rf"(?:([{_UNRESERVED}%&=+$,;?/]++)(?::([{_UNRESERVED}%&=+$,]*+))?+@)?+"
    rf"({HOST})(?::([0-9]{{1,5}}))?+"
    rf"((?:;{_PARAMETER}++(?:={_PARAMETER}++)?+)*+)"
    rf"(?:\?([{_UNRESERVED}%\[\]/?:+$&=]*+))?+"
).fullmatch
_parameters = re.compile(r";([^;=]++)(?:=([^;]++))?+").findall
_any_uri = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):([^\x00-\x20\x7f<>\"]++)").fullmatch
_broken_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_escape = re.compile(r"%([0-9A-Fa-f]{2})").sub
_unreserved = re.compile(rf"[{_UNRESERVED}]").fullmatch

# RFC 3261 §19.1.4: URIs differ when only one of them has one of these.
_NEVER_IGNORED = frozenset({"user", "ttl", "method", "maddr", "transport"})


@attrs.frozen
class SipUri:
    """A `sip:` or `sips:` URI, every part as on the wire (escapes kept, an IPv6 host in its brackets)."""

    host: str
    scheme: str = "sip"
    user: str | None = None
    password: str | None = None
    port: int | None = None
    parameters: Parameters = ()
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read `sip:user:password@host:port;parameters?headers`.

        Raises BadMessage: 416 for another scheme, 400 for what RFC 3261 §25 does not allow.
        """
        uri = parse_uri(text)
        if isinstance(uri, OpaqueUri):
            raise BadMessage("not a SIP URI", status=416)
        return uri

    def parameter(self, name: str) -> str | None:
        """The value of a parameter as on the wire; "" when it has none, None when it is not there."""
        return find_parameter(self.parameters, name)

    def with_parameter(self, name: str, value: str | None) -> SipUri:
        """This URI with the parameter set; a value of None makes it one without `=`."""
        return attrs.evolve(self, parameters=set_parameter(self.parameters, name, value))

    def without_parameters(self) -> SipUri:
        return attrs.evolve(self, parameters=())

    @property
    def transport(self) -> str | None:
        """The transport that the URI asks for, in lower case."""
        value = self.parameter("transport")
        return value.lower() if value else None

    @property
    def secure(self) -> bool:
        return self.scheme == "sips"

    def as_target(self) -> SipUri:
        """Without `method` and headers, which have no place in a Request-URI (RFC 3261 §19.1.1)."""
        allowed = tuple(pair for pair in self.parameters if pair[0].lower() != "method")
        return attrs.evolve(self, parameters=allowed, headers="")

    def aor(self) -> SipUri:
        """The address of record: no parameters, no headers (RFC 3261 §10.3 item 5)."""
        return attrs.evolve(self, parameters=(), headers="")

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same resource by the rules of RFC 3261 §19.1.4."""
        return isinstance(other, SipUri) and _core(self) == _core(other) and _parameters_agree(self, other)

    def __str__(self) -> str:
        text = f"{self.scheme}:"
        if self.user is not None:
            text += f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        text += self.host if self.port is None else f"{self.host}:{self.port}"
        if self.parameters:
            text += join_parameters(self.parameters)
        return f"{text}?{self.headers}" if self.headers else text


@attrs.frozen
class OpaqueUri:
    """A URI of another scheme (tel:, urn:, an unknown one): carried as text, never dialled."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | OpaqueUri


def parse_uri(text: str) -> Uri:
    """Read a URI of any scheme. Raises BadMessage (400) for what is none and for a broken SIP one."""
    return _remembered(text) if len(text) <= REMEMBERED else _read_uri(text)


def _read_uri(text: str) -> Uri:
    found = _sip_uri(text)
    if found is None:
        return _opaque(text)
    scheme, user, password, host, port, parameters, headers = found.groups()
    if "%" in text and _broken_escape(text):
        raise BadMessage("broken escape in a URI")
    return SipUri(
        host,
        scheme.lower(),
        user,
        password,
        port_number(port) if port else None,
        tuple([(name, value or None) for name, value in _parameters(parameters)]) if parameters else (),
        headers or "",
    )


_remembered = lru_cache(maxsize=1024)(_read_uri)


def _opaque(text: str) -> OpaqueUri:
    found = _any_uri(text)
    if found is None or found[1].lower() in ("sip", "sips"):
        raise BadMessage("malformed URI")
    return OpaqueUri(found[1], found[2])


def port_number(digits: str) -> int:
    """A port out of at most five ASCII digits. Raises BadMessage outside of 1 to 65535."""
    port = int(digits)
    if not 1 <= port <= 65535:
        raise BadMessage("port out of range")
    return port


def join_parameters(parameters: Parameters) -> str:
    """Pairs as `;a=b;c`, just as they are."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in parameters])


def find_parameter(parameters: Parameters, name: str) -> str | None:
    """The value of the first parameter of that name in any case; "" when it has none; None when it is not there."""
    for own, value in parameters:
        if own == name or (len(own) == len(name) and own.lower() == name.lower()):
            return value or ""
    return None


def set_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """The parameters with this one replaced where it stands, or added at the end."""
    for place, (own, _) in enumerate(parameters):
        if own == name or (len(own) == len(name) and own.lower() == name.lower()):
            return (*parameters[:place], (own, value), *parameters[place + 1 :])
    return (*parameters, (name, value))


def _core(uri: SipUri) -> tuple[object, ...]:
    """What must be equal of two equivalent URIs, escapes and case of no meaning removed."""
    headers = sorted(_folded(part) for part in uri.headers.split("&")) if uri.headers else []
    user = None if uri.user is None else _unescaped(uri.user)
    password = None if uri.password is None else _unescaped(uri.password)
    return uri.scheme, user, password, uri.host.lower(), uri.port, headers


def _parameters_agree(one: SipUri, other: SipUri) -> bool:
    ours, theirs = _compared(one.parameters), _compared(other.parameters)
    for name in ours.keys() | theirs.keys():
        both = name in ours and name in theirs
        if (both and ours[name] != theirs[name]) or (not both and name in _NEVER_IGNORED):
            return False
    return True


def _compared(parameters: Parameters) -> dict[str, str]:
    return {_folded(name): _folded(value or "") for name, value in parameters}


def _folded(text: str) -> str:
    return _unescaped(text).lower()


def _unescaped(text: str) -> str:
    """Text with the escapes undone that mean the same as their character (RFC 3261 §19.1.4)."""

    def undo(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if _unreserved(character) else found[0].upper()

    return _escape(undo, text) if "%" in text else text

"""MSRP URIs, paths of them, and how they compare. Which session a URI belongs to is decided in `net`."""

from __future__ import annotations

import ipaddress
import re

import attrs

from pushsvc.errors import BadChunk

_URI = re.compile(
    r"(?P<scheme>msrps?)://"
    r"(?:(?P<userinfo>[!-.0-:<-?A-~]*)@)?"  # visible, without "/", ";" and "@"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,=-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<session_id>[!-:<-~]*))?"  # visible, without ";": base64 with "/ + =" is seen in relays' URIs
    r"(?P<parameters>(?:;[!-:<-~]*)*)",
    re.IGNORECASE,
)

UNUSED_PORT = 9  # of an end that only connects: customary in its path and its m= line (requirements E.1)

Parameters = tuple[tuple[str, str | None], ...]


def _written(uri: MsrpUri) -> str:
    userinfo = f"{uri.userinfo}@" if uri.userinfo is not None else ""
    port = f":{uri.port}" if uri.port is not None else ""
    session_id = f"/{uri.session_id}" if uri.session_id is not None else ""
    parameters = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in uri.parameters)
    return f"{uri.scheme}://{userinfo}{uri.host}{port}{session_id};{uri.transport}{parameters}"


@attrs.frozen
class MsrpUri:
    """One MSRP URI (RFC 4975 §6). `text` is how it was received: send that back, octet for octet, never a rebuilt one.

    `host` keeps the brackets of an IPv6 literal; `parameters` are those after the transport.
    """

    scheme: str  # "msrp" or "msrps", lower case
    host: str
    port: int | None = None
    session_id: str | None = None
    transport: str = "tcp"
    userinfo: str | None = None
    parameters: Parameters = ()
    text: str = attrs.field(default=attrs.Factory(_written, takes_self=True), kw_only=True)

    @classmethod
    def parse(cls, text: str) -> MsrpUri:
        """The URI written as `text`; a missing transport is taken as tcp. BadChunk: it is no MSRP URI."""
        found = _URI.fullmatch(text)
        if found is None:
            raise BadChunk("not an MSRP URI")
        port = None if found["port"] is None else int(found["port"])
        if port is not None and port > 65535:
            raise BadChunk("port of an MSRP URI above 65535")
        transport, *others = found["parameters"].split(";")[1:] or ["tcp"]
        return cls(
            scheme=found["scheme"].lower(),
            host=found["host"],
            port=port,
            session_id=found["session_id"] or None,
            transport=transport,
            userinfo=found["userinfo"],
            parameters=tuple(_parameter(other) for other in others),
            text=text,
        )

    @property
    def secure(self) -> bool:
        """Whether the URI asks for TLS."""
        return self.scheme == "msrps"

    def matches(self, other: MsrpUri) -> bool:
        """Whether both name the same session (RFC 4975 §6.1): user part and further parameters do not count."""
        return self.text == other.text or (
            self.scheme == other.scheme
            and self.session_id == other.session_id
            and self.port == other.port
            and self.transport.lower() == other.transport.lower()
            and _host_value(self.host) == _host_value(other.host)
        )

    def __str__(self) -> str:
        return self.text


Path = tuple[MsrpUri, ...]


def parse_path(text: str) -> Path:
    """The URIs of a To-Path, From-Path or a=path, separated by blanks. BadChunk: unreadable, or none there."""
    path = tuple(MsrpUri.parse(uri) for uri in text.replace("\t", " ").split(" ") if uri)
    if not path:
        raise BadChunk("empty path")
    return path


def format_path(path: Path) -> str:
    """The path as a header or attribute value."""
    return " ".join(uri.text for uri in path)


def hosts_differ(one: str, other: str) -> bool | None:
    """Whether these are two hosts; None: that is for DNS to say. An empty one is no host, and differs from none."""
    values = _host_value(one), _host_value(other)
    if values[0] == values[1] or "" in values:
        return False
    return None if any(isinstance(value, str) for value in values) else True


def _parameter(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _host_value(host: str) -> object:
    """What makes two hosts equal: an address is compared by value, a name without case."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower()

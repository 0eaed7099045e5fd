"""The kinds of value that a setting can have: sizes, durations, listen addresses, secrets.

Each is read from its TOML form by `read_...`, which raises `Wrong`, and written back by `write_...` or
`str`. Which setting has which kind is in the sections.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NewType

import attrs

Octets = NewType("Octets", int)
Seconds = NewType("Seconds", float)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CHECK = "check"  # metadata of a field: its own check
KIND = "kind"  # metadata of a field: the kind of value it has, when its type does not tell
AUTHORITIES = "authorities"  # such a kind: a file of certificates, or "system" for None

_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SIZE = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{0,3})")
_SPANS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d|w))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d|w)")


class Wrong(ValueError):
    """One value cannot be used: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def setting(default: Any, check: Callable[[Any], None] | None = None, kind: str | None = None) -> Any:
    """An attrs field with its default and, when it has one, its own check (raises `Wrong`)."""
    return attrs.field(default=default, metadata={CHECK: check, KIND: kind})


def between(low: float, high: float, write: Callable[[Any], str] = str) -> Callable[[Any], None]:
    """A check that a number is in this range, both ends included."""

    def check(value: float) -> None:
        if not low <= value <= high:
            raise Wrong(f"{write(value)} is out of range", f"allowed: {write(low)} to {write(high)}")

    return check


def read_size(value: object) -> Octets:
    """Octets of `"64MiB"` or of a plain number; `Wrong` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Octets(value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _UNITS:
        raise Wrong(f"{show(value)} is not a size", 'write "64MiB", "1GiB", or a number of octets')
    return Octets(int(match[1]) * _UNITS[match[2]])


def write_size(size: float) -> str:
    """The shortest exact form: 67108864 is `64MiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _UNITS[unit] == 0:
            return f"{int(size) // _UNITS[unit]}{unit}"
    return f"{int(size)}B"


def read_duration(value: object) -> Seconds:
    """Seconds of `"30s"`, `"500ms"`, `"1h30m"` or of a plain number; `Wrong` for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
        return Seconds(float(value))
    if not isinstance(value, str) or _DURATION.fullmatch(value) is None:
        raise Wrong(f"{show(value)} is not a duration", 'write "500ms", "30s", "5m", "3d", or a number of seconds')
    return Seconds(sum(float(number) * _SPANS[unit] for number, unit in _DURATION_PART.findall(value)))


def write_duration(seconds: float) -> str:
    """A form that reads back equal: 0.5 is `500ms`, 1800.0 is `1800s`."""
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    milliseconds = round(seconds * 1000, 3)
    return f"{milliseconds:g}ms" if milliseconds < 1000 else f"{seconds:.6f}".rstrip("0") + "s"


def show(value: object) -> str:
    """A value as the operator wrote it, short enough for an error line."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 80 else text[:77] + "..."


@attrs.frozen
class Listen:
    """A socket address to listen on. `host` is an IP literal without brackets, `port` 0 means any free one."""

    transport: str  # "udp", "tcp" or "tls"
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def wildcard(self) -> bool:
        """Whether it listens on every address of the machine."""
        return ipaddress.ip_address(self.host).is_unspecified

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


@attrs.frozen
class UnixListen:
    """A socket in the file system to listen on."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


_LISTEN = re.compile(r"(udp|tcp|tls):(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*)):([0-9]{1,5})")


def read_listen(value: object) -> Listen:
    """The address of `"udp:127.0.0.1:5060"` or `"tcp:[::1]:5060"`; `Wrong` for anything else."""
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong(f"{show(value)} is not an address to listen on", 'write "udp:127.0.0.1:5060" or "tls:[::1]:5061"')
    transport, host, port = match[1], match[2] or match[3], int(match[4])
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        raise Wrong(f'"{host}" is not an IP address', "listen on an address; names go into advertise") from None
    if port > 65535:
        raise Wrong(f"port {port} is above 65535")
    return Listen(transport, host, port)


def read_api_listen(value: object) -> Listen | UnixListen | None:
    """As `read_listen`, or `"unix:/path"`, or nothing for the empty string."""
    if value == "":
        return None
    if isinstance(value, str) and value.startswith("unix:"):
        path = Path(value[5:])
        if not path.is_absolute():
            raise Wrong(f"{show(value)} does not name an absolute path", 'write "unix:/run/push-sender/api.sock"')
        return UnixListen(path)
    listen = read_listen(value)
    if listen.transport != "tcp":
        raise Wrong(f"the HTTP API cannot listen on {listen.transport}", 'write "tcp:...", "unix:/...", or ""')
    return listen


@attrs.frozen(repr=False)
class Secret:
    """A password and where it came from. Only `value()` tells it; every other form of it is masked."""

    _value: str
    source: str = "inline"  # "file", "credential" or "inline"
    name: str = ""  # the file's path or the credential's name

    def value(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self.source} {self.name}>" if self.name else "<secret>"

    __str__ = __repr__

"""HTTP to either daemon, over TCP or a unix socket. Knows nothing of what is asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

import attrs

from pushsvc import __version__
from pushsvc.pushctl.exits import CommandFailed, Exit, exit_for_status

Json = dict[str, Any]
DEFAULT_URL = "http://127.0.0.1:8480"  # where both daemons listen unless told otherwise
TIMEOUT = 60.0  # seconds without any octet in either direction
BLOCK = 256 * 1024


class ApiRefused(CommandFailed):
    """The daemon answered, and the answer is no. `status` is HTTP's, `problem` the decoded RFC 9457 body."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(_words(status, problem), exit_for_status(status))
        self.status = status
        self.problem = problem


@attrs.frozen
class Body:
    """What is sent: its octets in pieces, their exact number, and their media type."""

    pieces: Iterable[bytes]
    size: int
    content_type: str


@attrs.frozen
class Api:
    """One daemon's HTTP API. `url` is its base, `unix` a socket's path instead, `token` a bearer token."""

    url: str = DEFAULT_URL
    unix: Path | None = None
    token: str | None = attrs.field(default=None, repr=False)

    def get(self, *path: str, **query: str | int | None) -> Json:
        """The JSON object at this path. Raises ApiRefused, CommandFailed."""
        return _json(self.request("GET", _target(path, query)))

    def text(self, *path: str) -> str:
        """The text/plain form of what is at this path. Raises ApiRefused, CommandFailed."""
        return self.request("GET", _target(path, {}), headers={"Accept": "text/plain"}).decode("utf-8", "replace")

    def post(self, *path: str, body: Body | None = None) -> Json:
        """The JSON object that answers; empty when the answer has no body. Raises ApiRefused, CommandFailed."""
        answer = self.request("POST", _target(path, {}), body or Body((), 0, ""))
        return _json(answer) if answer else {}

    def delete(self, *path: str) -> None:
        """Raises ApiRefused, CommandFailed."""
        self.request("DELETE", _target(path, {}))

    def request(
        self, method: str, target: str, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """One exchange; the whole body of a 2xx answer. Raises ApiRefused, CommandFailed."""
        with self._answer(method, target, body, headers or {}) as response, self._reaching():
            return response.read()

    def download(self, into: IO[bytes], *path: str) -> Iterator[bytes]:
        """Write what is at this path into `into`; yields each block after it was written."""
        with self._answer("GET", _target(path, {}), None, {}) as response:
            while block := self._block(response):
                into.write(block)
                yield block
            if response.length:
                raise CommandFailed("the connection ended in the middle of the content", Exit.UNAVAILABLE)

    def _block(self, response: http.client.HTTPResponse) -> bytes:
        with self._reaching():
            return response.read(BLOCK)

    @contextlib.contextmanager
    def _answer(
        self, method: str, target: str, body: Body | None, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection, prefix = self._connection()
        with contextlib.closing(connection):
            with self._reaching():
                self._send(connection, method, prefix + target, body, headers)
                response = connection.getresponse()
                if not 200 <= response.status < 300:
                    raise ApiRefused(response.status, _problem(response.read()))
            yield response

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """What goes wrong with the connection, as a CommandFailed."""
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            words = str(error) or type(error).__name__
            raise CommandFailed(f"{self.place} cannot be reached: {words}", Exit.UNAVAILABLE) from error

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: Body | None,
        headers: Mapping[str, str],
    ) -> None:
        connection.putrequest(method, target, skip_accept_encoding=True)
        fields = {"User-Agent": f"pushctl/{__version__}", "Accept": "application/json", **headers}
        if self.token is not None:
            fields["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            fields |= {"Content-Length": str(body.size)} | ({"Content-Type": body.content_type} if body.size else {})
        for name, value in fields.items():
            connection.putheader(name, value)
        connection.endheaders()
        # A daemon that refuses early answers and stops reading: what it said is worth more than the broken pipe.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in body.pieces if body is not None else ():
                connection.send(piece)

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        if self.unix is not None:
            return _UnixConnection(self.unix), ""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandFailed(f"{self.url!r} is not an http or https URL", Exit.USAGE)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return make(parts.hostname, parts.port, timeout=TIMEOUT), parts.path.rstrip("/")

    @property
    def place(self) -> str:
        return str(self.unix or self.url)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _target(path: Iterable[str], query: Mapping[str, str | int | None]) -> str:
    asked = {name: value for name, value in query.items() if value is not None}
    return "/" + "/".join(quote(name, safe="") for name in path) + (f"?{urlencode(asked)}" if asked else "")


def _json(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CommandFailed("the answer is not a JSON object: is this a pushsvc daemon?", Exit.UNAVAILABLE)
    return value


def _problem(body: bytes) -> Json:
    try:
        return _json(body)
    except CommandFailed:
        return {}


def _words(status: int, problem: Json) -> str:
    reason = problem.get("detail") or problem.get("title") or http.client.responses.get(status, "refused")
    errors = [f"{error.get('pointer', '')}: {error.get('code', '')}" for error in problem.get("errors") or []]
    return f"{reason} (HTTP {status})" + "".join(f"\n  {error}" for error in errors)

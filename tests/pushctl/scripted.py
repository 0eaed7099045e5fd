"""A daemon's HTTP API that answers from a script, on a real socket and in a thread, as pushctl meets it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import attrs

from pushsvc.pushctl.cli import main


@attrs.frozen
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@attrs.frozen
class Says:
    """An answer. `unread`: given and the connection closed before the request's body was read."""

    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    unread: bool = False
    size: int | None = None

    @property
    def octets(self) -> bytes:
        return (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )


@attrs.define
class Script:
    """What to answer: for each `METHOD target` the answers in turn, the last one for ever."""

    answers: dict[str, list[Says]]
    asked: list[Asked] = attrs.field(factory=list)
    url: str = ""

    def next(self, line: str) -> Says:
        answers = self.answers.get(line) or [Says(404, {"detail": f"nothing at {line}"})]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def scripted(answers: dict[str, list[Says]], unix: Path | None = None) -> Iterator[Script]:
    """A server that follows this script for as long as the context lasts."""
    script = Script(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            says = script.next(f"{self.command} {self.path}")
            body = b"" if says.unread else self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(says.status)
            self.send_header("Content-Type", says.content_type)
            self.send_header("Content-Length", str(len(says.octets) if says.size is None else says.size))
            self.end_headers()
            self.wfile.write(says.octets)
            self.close_connection = True

        do_GET = do_POST = do_DELETE = answer

        def address_string(self) -> str:
            return "somebody"

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = _UnixServer(str(unix), Handler) if unix else ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if isinstance(server, ThreadingHTTPServer):
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@attrs.frozen
class Ran:
    """How a run of pushctl ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Ran:
    """Run pushctl in this process."""
    octets, stderr = BytesIO(), StringIO()
    with TextIOWrapper(octets, write_through=True) as stdout, redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(arguments)
        return Ran(code, octets.getvalue().decode(errors="replace"), stderr.getvalue())


def a_push(*states: str, **members: Any) -> dict[str, Any]:
    """A push of one content of 1000 octets, with a recipient in each of these states."""
    recipients = [
        {
            "to": f"sip:{name}@example.com",
            "state": state,
            "reason": None,
            "progress": {"sent": 500, "acknowledged": 400, "size": 1000} if state == "sending" else None,
            "files": [],
            "attempts": [],
        }
        for name, state in zip(("alice", "bob", "carol"), states, strict=False)
    ]
    content = {"name": "gate.jpg", "type": "image/jpeg", "size": 1000, "sha256": "00"}
    return {
        "id": "psh_1",
        "state": states[0],
        "submitted_at": "2026-11-22T10:00:00Z",
        "title": None,
        "contents": [content],
        "counts": {},
        "recipients": recipients,
        **members,
    }

"""What clients of the HTTP API send: JSON, forms, header fields; a submission, or a Problem that says what is wrong."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from twisted.web.http_headers import Headers

from pushsvc.api.lists import cursor_parts
from pushsvc.api.problem import Problem
from pushsvc.api.strict_json import read_json
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.submission import Draft, Rules, read_submission
from pushsvc.sender.submission_forms import Reservations, open_form
from tests.fuzz.target import SEPARATOR, Frame, Target, holds, pieces_of, words
from tests.sender.outbox_case import NOW, CountingTokens, at_once

RULES = Rules(max_content=10_000, time_to_live=60.0)
PUSH = b'{"to": ["sip:alice@example.com"], "content": {"text": "hello"}}'
FULL = (
    b'{"to": ["sip:a@b", "sips:c@d;x=y"], "contents": [{"type": "image/jpeg", "name": "../g.jpg", "base64": '
    b'"AAAA", "icon": {"type":'
    b' "image/png", "base64": "AA=="}}, {"text": "\\u00e4\\ud83d\\ude00"}], "title": "Gate 3", "description": '
    b'null, "application":'
    b' "mms.ua", "mode": "auto", "disposition": "attachment", "not_after": "2030-11-22T11:00:00Z", "priority": '
    b'"normal",'
    b' "idempotency": "k", "correlation": {"alarm": 4711, "a": [1.5e3, true]}, "labels": ["x"]}'
)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="push"\r\n\r\n{"to": ["sip:a@b"]}\r\n--b\r\n'
    b'Content-Disposition: form-data; name="f";'
    b' filename="../a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n12345\r\n--b--\r\n'
)


class _Asked:
    """As much of a request as a form looks at."""

    token = None
    verb = "POST"

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.requestHeaders = Headers()
        for name, value in fields:
            self.requestHeaders.addRawHeader(name, value)

    def header(self, name: str) -> str | None:
        values = self.requestHeaders.getRawHeaders(name.encode("ascii"))
        return values[-1].decode("utf-8", "replace") if values else None


@cache
def _store() -> ContentStore:
    """One store for all inputs; what an input leaves there is a mistake."""
    store = ContentStore(_directory(), at_once, CountingTokens(), floor=0)
    store.start()
    return store


@cache
def _directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="pushsvc-fuzz-"))


def run_json(octets: bytes) -> None:
    try:
        value = read_json(octets)
        _read(Draft("json", value))
    except Problem as problem:
        _told(problem)
    try:
        cursor_parts(octets[:500].decode("utf-8", "replace"), 2)
    except Problem as problem:
        _told(problem)


def run_form(octets: bytes) -> None:
    """Header lines, an empty one, the body: as by HTTP, whose own framing is Twisted's."""
    head, _, body = octets.partition(b"\n\n")
    lines = (line.partition(b":") for line in head.split(b"\n"))
    fields = [(name.strip(), value.strip()) for name, _, value in lines if name.strip().replace(b"-", b"").isalnum()]
    request: Any = _Asked(fields)
    try:
        consumer = open_form(request, _store(), RULES, Reservations())
    except Problem as problem:
        _told(problem)
        return
    try:
        for piece in pieces_of(body):
            consumer.write(piece)
        draft = consumer.finish()
    except Problem as problem:
        consumer.abandon()
        _told(problem)
    else:
        try:
            _read(draft)
        except Problem as problem:
            _told(problem)
    left = list(_directory().glob("*.part"))
    if left:
        shutil.rmtree(_directory(), ignore_errors=True)
        _store.cache_clear()
        _directory.cache_clear()
    holds(not left, "a part of an upload was left behind")


def _read(draft: Draft) -> None:
    submission = read_submission(draft, RULES, _store(), CountingTokens(), client="ops", now=NOW)
    for content in submission.contents:
        holds("/" not in content.name and "\0" not in content.name, f"{content.name!r} is no name")
        content.upload.discard()


def _told(problem: Problem) -> None:
    holds(400 <= problem.status < 500, f"answered {problem.status}")
    holds(len(problem.errors) <= 100, "more mistakes than anybody reads")


def _forms() -> list[bytes]:
    return [
        b"Content-Type: application/json\n\n" + PUSH,
        b"Content-Type: multipart/form-data; boundary=b\n\n" + FORM,
        b'Content-Type: multipart/form-data; boundary="b"\nIdempotency-Key: k\n\n'
        + FORM.replace(b"12345", b"x" * 3000),
        b"Push-To: sip:a@b, <sip:c@d;x=,>\nPush-Name: a/b.jpg\nPush-Title: =?utf-8?q?x?=\nPush-Until: "
        b"2030-11-22T11:00:00Z\nContent-Type: image/png\n\nPNG",
        b"Push-To: sip:a@b\nPush-Labels: a,b\nPush-Mode: msrp\nIdempotency-Key: x\nContent-Type: "
        b"application/x-www-form-urlencoded\n\na=b",
    ]


JSON = Target(
    "http-json",
    run_json,
    lambda: [PUSH, FULL, b"[]", b'{"a": {"b": [1, 2.5, "\\u00e4"]}}'],
    (
        *words(r"""
    " \\ \\u0000 \\ud800 { } [ ] : , null true 1e999 -0 NaN "to" "content" "base64"
"""),
        b"9" * 70,
    ),
    limit=8 * 1024 * 1024,
    frames=(
        Frame(),
        Frame(b"[" * 33),
        Frame(b"[" * 33 + b'"'),
        Frame(b'{"a":"', b'"}'),
        Frame(b"[", b"1]"),
        Frame(b'{"to":["sip:a@b"],"content":{"text":"', b'"}}'),
        Frame(b'{"to":["sip:a@b"],"content":{"base64":"', b'"}}'),
        Frame(b'{"to":[', b'"sip:a@b"],"content":{"text":"x"}}'),
    ),
    units=words(r"""
    \\" "\\" "a", [], {}, [ 1, "sip:a@b", "a":1, \\u00e4 {"a":1},
"""),
    weight=2,
)
FORMS = Target(
    "http-forms",
    run_form,
    _forms,
    (
        *words(r"""
    --b\r\n --b--\r\n \r\n \r\n\r\n \n \n\n name="push" filename=" filename*=utf-8\x27\x27%00 boundary=
    Push-To:\x20 < > , " Content-Disposition:\x20form-data;\x20name="x"\r\n multipart/form-data
"""),
        SEPARATOR,
    ),
    limit=16384,
    frames=(
        Frame(b"Push-To: ", b"\n\nx"),
        Frame(b"Content-Type: multipart/form-data; boundary=", b"\n\nx"),
        Frame(b'Content-Type: multipart/form-data; boundary=b; x="', b"\n\nx"),
        Frame(b"Content-Type: ", b"\n\nx"),
        Frame(b"Content-Type: multipart/form-data; boundary=b\n\n"),
        Frame(
            b'Content-Type: multipart/form-data; boundary=b\n\n--b\r\nContent-Disposition: form-data; name="',
            b'"\r\n\r\nx\r\n--b--',
        ),
    ),
    units=words(r"""
    < <a> sip:a@b, ;a=b ;a="b" \\" \r\n--b --b\r\n \r\n-
"""),
    weight=2,
)

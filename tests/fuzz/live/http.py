"""Mutated HTTP to the API of either daemon; after each hundred somebody asks whether it is healthy."""

from __future__ import annotations

import re
import time
from itertools import islice

from tests.fuzz.live.sip import BATCH, Told
from tests.fuzz.live.wires import PATIENCE, Wire
from tests.fuzz.mutation import mutations
from tests.fuzz.target import Target, words
from tests.fuzz.targets import http_bodies, http_connection

_status = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
PATHS = words(r"""
    /v1/pushes /v1/inbox /v1/decisions/x /v1/pushes/psh_x/trace /v1/inbox/x/content /metrics /v1/account
""")


def target() -> Target:
    """What is mutated."""
    return Target(
        "live-http", lambda octets: None, _samples, (*http_connection.TARGET.words, *http_bodies.FORMS.words), 8192
    )


def attack(role: str, url: str, count: int, seed: int) -> Told:
    """`count` mutated requests."""
    told = Told(f"HTTP to the {role}")
    address = url.partition("//")[2]
    wire, good = Wire("tcp", address), Wire("tcp", address)
    changed = mutations(target(), seed)
    began = time.monotonic()
    while told.sent < count:
        for octets in islice(changed, BATCH):
            told.sent += wire.write(octets)
            wire.hear(0.0005)
            wire.close()
        _ask(good, told)
    told.seconds, told.calls = time.monotonic() - began, wire.calls
    for status in _status.findall(bytes(wire.came)):
        told.statuses[int(status)] += 1
    return told


def _samples() -> list[bytes]:
    found = []
    for path in PATHS:
        found.append(b"GET %s?limit=5 HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-1\r\n\r\n" % path)
        found.append(b"DELETE %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path)
    for sample in http_bodies.FORMS.samples():
        head, _, body = sample.partition(b"\n\n")
        fields = head.replace(b"\n", b"\r\n")
        found.append(
            b"POST /v1/pushes HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s"
            % (fields, len(body), body.replace(b"sip:alice@example.com", b"sip:nobody@127.0.0.1:9"))
        )
    decision = b'{"answer": "accept"}'
    found.append(
        b"POST /v1/decisions/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
        + decision
    )
    return found


def _ask(good: Wire, told: Told) -> None:
    began = time.monotonic()
    good.came.clear()
    good.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    while b"\r\n\r\n" not in good.came:
        left = began + PATIENCE - time.monotonic()
        if left <= 0 or not good.hear(left):
            told.unanswered += 1
            return
    told.waits.append(time.monotonic() - began)

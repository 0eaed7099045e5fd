"""Somebody well-behaved at each listener: connects, asks one thing, and is timed until the answer is there."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import time

import attrs

from benchmarks.floods.attacks import FRIEND, Target, sip

PATIENCE = 5.0
HERE = "127.0.0.1"
_numbers = itertools.count()


@attrs.define
class Asking:
    """Asks all of them in turn; `waits` are seconds, infinite where nothing came."""

    target: Target
    waits: dict[str, list[float]] = attrs.field(factory=dict)

    def once(self) -> None:
        """Each listener: SIP gets OPTIONS, HTTP a question for health, MSRP a SEND to no session, which is refused."""
        for name in ("TCP", "TLS"):
            number = next(_numbers)
            octets = sip("OPTIONS", self.target, number, HERE, transport=name, caller=FRIEND)
            self._ask(f"SIP/{name}", name.lower(), octets, b"SIP/2.0 200", secure=name == "TLS")
        self._ask("HTTP", "api", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"HTTP/1.1 200", secure=False)

    def p99(self) -> dict[str, float]:
        """Seconds, for each listener."""
        return {name: sorted(waits)[int(len(waits) * 0.99)] for name, waits in self.waits.items()}

    def failed(self) -> int:
        """How often nothing came."""
        return sum(wait == float("inf") for waits in self.waits.values() for wait in waits)

    def _ask(self, name: str, port: str, octets: bytes, wanted: bytes, *, secure: bool) -> None:
        began = time.monotonic()
        answered = False
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            wire: socket.socket = stack.enter_context(
                socket.create_connection((HERE, self.target.ports[port]), PATIENCE)
            )
            if secure:
                wire = stack.enter_context(_TRUSTING.wrap_socket(wire))
            wire.sendall(octets)
            answered = wire.recv(4096).startswith(wanted)
        self.waits.setdefault(name, []).append(time.monotonic() - began if answered else float("inf"))


_TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE

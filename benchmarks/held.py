"""What a session that does nothing costs the receiver: a dialog, an MSRP session, a TLS connection, timers."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from benchmarks.daemons import FOLDER, running
from benchmarks.floods.attacks import FINGERPRINT, FRIEND, Target, offer, sip
from benchmarks.measure import Figure, Result
from benchmarks.processes import bare_tls, memory
from pushsvc.pushctl.lab import Lab

SESSIONS = 2000
PATIENCE = 10.0  # seconds for any answer
ACK = """\
ACK {contact} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5099;rport;branch=z9hG4bKack{number}
Max-Forwards: 70
From: <{caller}>;tag=t{number}
To: {to}
Call-ID: flood-{number}
CSeq: 1 ACK
Content-Length: 0

"""
SEND = """\
MSRP held{number:06} SEND
To-Path: {path}
From-Path: msrps://127.0.0.1:2855/s{number};tcp
Message-ID: m{number}
Byte-Range: 1-0/0

-------held{number:06}$
"""


def held(rounds: int) -> Result:
    """2,000 sessions over a TLS connection each, and as many bare TLS connections; the memory of each."""
    with running() as lab, contextlib.ExitStack() as sessions:
        before = memory(lab.receiver.pid, "VmRSS")
        for stream in _sessions(lab):
            sessions.enter_context(stream)
        ours = _each(memory(lab.receiver.pid, "VmRSS") - before)
    with bare_tls(FOLDER / "bare") as limit, contextlib.ExitStack() as connections:
        before = memory(limit.pid, "VmRSS")
        context = _anybody()
        for _ in range(SESSIONS):
            stream = connections.enter_context(_connected(context, limit.port))
        stream.sendall((1).to_bytes(8) + b"x")
        stream.recv(1)  # they are all through
        bare = _each(memory(limit.pid, "VmRSS") - before)
    return Result(
        f"{SESSIONS:,} idle sessions",
        [
            Figure("memory of a session in push-receiver", "KiB", (ours,)),
            Figure("memory of a bare Twisted TLS connection", "KiB", (bare,)),
            Figure("beyond the bare connection", "KiB", (ours - bare,), "≤ 60"),
        ],
        note="Growth of the resident size; `accept.max_sessions` is 4,000, and the one source is trusted.",
    )


def _each(grown: float) -> float:
    """KiB for each of them, of MiB for all."""
    return grown * 1024 / SESSIONS


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connected(context: ssl.SSLContext, port: int) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE))


def _sessions(lab: Lab) -> Iterator[ssl.SSLSocket]:
    """The connections of sessions that are bound and idle."""
    certificate, key = FOLDER / "lab" / "caller.pem", FOLDER / "lab" / "caller-key.pem"
    lab.authority.issue("caller", certificate, key)
    context = _anybody()
    context.load_cert_chain(certificate, key)
    ours = _fingerprint(certificate)
    port = int(lab.receiver.ready["sip"]["udp"].rsplit(":", 1)[1])
    target = Target({"udp": port}, lab.receiver.uri)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip_socket:
        sip_socket.connect(("127.0.0.1", port))
        sip_socket.settimeout(PATIENCE)
        for number in range(SESSIONS):
            body = offer(number, "127.0.0.1").replace(FINGERPRINT, ours)
            sip_socket.send(
                sip("INVITE", target, number, "127.0.0.1", caller=FRIEND, body=body, kind="application/sdp")
            )
            answer = _final(sip_socket)
            to, contact = _found(r"\nTo: *([^\r]*)", answer), _found(r"\nContact: *<([^>]*)>", answer)
            path = _found(r"\na=path:(\S+)", answer)
            ack = ACK.format(contact=contact, number=number, caller=FRIEND, to=to)
            sip_socket.send(ack.replace("\n", "\r\n").encode())
            stream = _connected(context, int(_found(r":(\d+)/", path)))
            stream.sendall(SEND.format(number=number, path=path).replace("\n", "\r\n").encode())
            reply = stream.recv(4096).decode()
            if " 200" not in reply.splitlines()[0]:
                raise AssertionError(f"session {number} was answered {reply}")
            yield stream


def _fingerprint(certificate: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return hashlib.sha256(der).digest().hex(":").upper()


def _final(sip_socket: socket.socket) -> str:
    while (answer := sip_socket.recv(65536).decode()).startswith("SIP/2.0 1"):
        pass
    if not answer.startswith("SIP/2.0 200"):
        raise AssertionError(answer)
    return answer


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise AssertionError(f"no {pattern} in {text}")
    return found[1]

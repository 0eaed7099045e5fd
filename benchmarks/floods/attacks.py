"""What an attack sends: one thing after the other, each from the source of its number.

All sources are loopback addresses, of 127.0.0.0/8. An attack is made of steps: `UdpFlood` sends datagrams, `TcpFlood`
writes into connections that it keeps open, `Holding` opens connections and lets each have an octet now and then.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import attrs

ONE_SOURCE = ("127.0.0.66",)
MANY_SOURCES = tuple(f"127.66.{high}.{low}" for high in range(16) for low in range(1, 251))
SIX_SOURCES = tuple(f"127.0.1.{number}" for number in range(1, 21))  # 20 of them: each may have 64 connections

SIP = """\
{method} {uri} SIP/2.0
Via: SIP/2.0/{transport} {host}:5099;rport;branch=z9hG4bK{number}
Max-Forwards: 70
From: <{caller}>;tag=t{number}
To: <{uri}>{tag}
Call-ID: flood-{number}
CSeq: 1 {method}
Contact: <sip:flood@{host}:5099>
Content-Type: {type}
Content-Length: {length}

"""
OFFER = """\
v=0
o=flood 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=message 2855 TCP/TLS/MSRP *
a=path:msrps://{host}:2855/s{number};tcp
a=setup:active
a=fingerprint:SHA-256 {fingerprint}
a=accept-types:*
a=sendonly
a=file-selector:name:"a.bin" type:application/octet-stream size:1000
a=file-transfer-id:flood{number}
"""
FINGERPRINT = ":".join(["AB"] * 32)
STRANGER, FRIEND = "sip:flood@example.net", "sip:push@127.0.0.1"


@attrs.frozen
class Target:
    """Where the receiver is: ports of 127.0.0.1, by `udp`, `tcp`, `tls`, `msrp` and `api`; and whom to push to."""

    ports: dict[str, int]
    uri: str


@attrs.frozen
class Attack:
    """`rate` things a second from these sources, over the port of this name.

    `make(number, host)` is the thing; it is empty for connections that say nothing. `kept` is how many connections are
    open at once (0: datagrams), `once` whether each gets one thing and then an octet of it at a time.
    """

    name: str
    port: str
    sources: tuple[str, ...]
    rate: int
    make: Callable[[int, str], bytes]
    kept: int = 0
    trickles: bool = False
    handshake: bool = False


def sip(
    method: str,
    target: Target,
    number: int,
    host: str,
    *,
    transport: str = "UDP",
    caller: str = STRANGER,
    body: str = "",
    kind: str = "text/plain",
    tag: str = "",
) -> bytes:
    """One request."""
    text = SIP.format(
        method=method, uri=target.uri, transport=transport, host=host, number=number, caller=caller, tag=tag,
        type=kind, length=len(body.replace("\n", "\r\n")),
    )  # fmt: skip
    return (text + body).replace("\n", "\r\n").encode()


def offer(number: int, host: str) -> str:
    return OFFER.format(host=host, number=number, fingerprint=FINGERPRINT)


def garbage(number: int, host: str) -> bytes:
    return random.Random(number).randbytes(400)


def unknown_session(number: int, host: str) -> bytes:
    body = "x" * 200
    return (
        f"MSRP f{number:07} SEND\r\nTo-Path: msrps://127.0.0.1:2855/unknown{number};tcp\r\n"
        f"From-Path: msrps://{host}:2855/flood;tcp\r\nMessage-ID: m{number}\r\nByte-Range: 1-200/200\r\n"
        f"Content-Type: text/plain\r\n\r\n{body}\r\n-------f{number:07}$\r\n"
    ).encode()


def nothing(number: int, host: str) -> bytes:
    return b""


def attacks(target: Target) -> Iterator[Attack]:
    """All of them."""

    def request(method: str, **how: str) -> Callable[[int, str], bytes]:
        return lambda number, host: sip(method, target, number, host, **how)

    def invite(caller: str, transport: str = "UDP") -> Callable[[int, str], bytes]:
        return lambda number, host: sip(
            "INVITE", target, number, host, transport=transport, caller=caller, body=offer(number, host),
            kind="application/sdp",
        )  # fmt: skip

    yield Attack("INVITE, UDP, one source", "udp", ONE_SOURCE, 2000, invite(STRANGER))
    yield Attack("INVITE, UDP, 4,000 sources", "udp", MANY_SOURCES, 2000, invite(STRANGER))
    yield Attack("INVITE never acknowledged, UDP, 4,000 sources", "udp", MANY_SOURCES, 1000, invite(FRIEND))
    yield Attack("MESSAGE, UDP, one source", "udp", ONE_SOURCE, 2000, request("MESSAGE", body="flood"))
    yield Attack("OPTIONS, UDP, one source", "udp", ONE_SOURCE, 2000, request("OPTIONS"))
    yield Attack("OPTIONS, UDP, 4,000 sources", "udp", MANY_SOURCES, 2000, request("OPTIONS"))
    yield Attack("BYE of no session, UDP, one source", "udp", ONE_SOURCE, 2000, request("BYE", tag=";tag=x"))
    yield Attack("garbage, UDP, one source", "udp", ONE_SOURCE, 5000, garbage)
    yield Attack("INVITE, TCP, one source", "tcp", ONE_SOURCE, 2000, invite(STRANGER, "TCP"), kept=16)
    yield Attack("garbage, TCP, one source", "tcp", ONE_SOURCE, 2000, garbage, kept=16)
    yield Attack("connections left open, SIP/TCP", "tcp", SIX_SOURCES, 500, nothing, kept=1000)
    yield Attack("handshakes never finished, SIP/TLS", "tls", SIX_SOURCES, 500, nothing, kept=1000)
    yield Attack("handshakes never finished, MSRP/TLS", "msrp", SIX_SOURCES, 500, nothing, kept=1000)
    yield Attack("trickle, SIP/TCP", "tcp", SIX_SOURCES, 500, request("OPTIONS"), kept=1000, trickles=True)
    yield Attack("trickle, HTTP", "api", SIX_SOURCES, 500, http_head, kept=200, trickles=True)
    yield Attack(
        "trickle, MSRP/TLS", "msrp", SIX_SOURCES, 100, unknown_session, kept=200, trickles=True, handshake=True
    )
    yield Attack("unknown MSRP sessions", "msrp", SIX_SOURCES, 1000, unknown_session, kept=100, handshake=True)


def slow(target: Target) -> Iterator[Attack]:
    """G10: a thousand connections to each listener, of which each says one octet a second."""
    things: tuple[tuple[str, str, Callable[[int, str], bytes], bool], ...] = (
        ("SIP/TCP", "tcp", lambda number, host: sip("OPTIONS", target, number, host, transport="TCP"), False),
        ("SIP/TLS", "tls", lambda number, host: sip("OPTIONS", target, number, host, transport="TLS"), True),
        ("MSRP/TLS", "msrp", unknown_session, True),
        ("HTTP", "api", http_head, False),
    )
    for name, port, make, handshake in things:
        yield Attack(
            f"slow, {name}", port, SIX_SOURCES, 50, make, kept=1000, trickles=True, handshake=handshake
        )  # fmt: skip


def http_head(number: int, host: str) -> bytes:
    return b"GET /v1/inbox HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Flood: 1\r\n" * 20


def numbers() -> Iterator[int]:
    """Never the same twice in one run of the process."""
    return itertools.count(random.SystemRandom().randrange(1 << 40))

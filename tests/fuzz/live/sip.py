"""Mutated SIP, a hundred at a time; after each hundred a well-behaved peer asks OPTIONS and is timed."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import attrs

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import Malformed, StreamParser, parse
from pushsvc.sip.message import Message, Response
from tests.fuzz import samples
from tests.fuzz.live.wires import PATIENCE, Wire
from tests.fuzz.mutation import mutations
from tests.fuzz.target import Target
from tests.fuzz.targets.sip_datagram import one_message

BATCH = 100
PACE = 25  # datagrams that fit into the daemon's socket: what the system throws away tests nothing
T1 = 0.5
_numbers = itertools.count(1)
_HOSTS = re.compile(rb"[A-Za-z0-9.-]*example\.(?:com|org|net)|192\.0\.2\.[0-9]+")
_TRANSPORTS = re.compile(rb"SIP/2\.0/(?:UDP|TCP|TLS)")
OPTIONS = (
    "OPTIONS sip:alice@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} "
    "127.0.0.1:9;branch=z9hG4bKgood{number};rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:good@127.0.0.1>;tag=good{number}\r\nTo: <sip:alice@127.0.0.1>\r\nCall-ID: good{number}\r\nCSeq: 1 "
    "OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


@attrs.define
class Told:
    """What came of it: `waits` are seconds that a good peer waited, one for each batch."""

    name: str
    sent: int = 0
    calls: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = attrs.field(factory=Counter)
    waits: list[float] = attrs.field(factory=list)
    unanswered: int = 0
    broken: list[str] = attrs.field(factory=list)

    def add(self, other: Told) -> None:
        """The same attack with another seed."""
        self.name = other.name
        self.sent += other.sent
        self.calls += other.calls
        self.seconds += other.seconds
        self.statuses += other.statuses
        self.waits += other.waits
        self.unanswered += other.unanswered
        self.broken += other.broken

    def p99(self) -> float:
        """Seconds."""
        return sorted(self.waits)[int(len(self.waits) * 0.99)] if self.waits else 0.0


def target(transport: str) -> Target:
    """What is mutated."""
    return Target(f"live-{transport}", lambda octets: None, lambda: _samples(transport), samples.SIP_WORDS, 8192)


def attack(transport: str, address: str, count: int, seed: int) -> Told:
    """`count` mutations over this transport."""
    told = Told(f"SIP over {transport.upper()}")
    wire, good = Wire(transport, address), Wire(transport, address)
    changed = mutations(target(transport), seed)
    began = time.monotonic()
    while told.sent < count:
        for number, octets in enumerate(islice(changed, BATCH), 1):
            told.sent += wire.write(octets[:60000])
            if transport != "udp":
                _end(wire, octets)
            elif number % PACE == 0:
                ask(good, None)
        wire.drain()
        ask(good, told)
    wire.hear(0.5)
    wire.drain()
    told.seconds, told.calls = time.monotonic() - began, wire.calls
    for answer in _messages(wire, told):
        if isinstance(answer, Response):
            told.statuses[answer.status] += 1
    return told


def ask(good: Wire, told: Told | None) -> None:
    """One OPTIONS and its answer, sent again over UDP as it has to be. `told` None: it is not timed."""
    asked = OPTIONS.format(transport=good.transport.upper(), number=next(_numbers)).encode()
    branch = asked.partition(b"branch=")[2].partition(b";")[0]
    began = time.monotonic()
    good.came.clear()
    good.datagrams.clear()
    good.write(asked)
    wait = T1 if good.transport == "udp" else PATIENCE
    while branch not in good.came:
        if time.monotonic() > began + PATIENCE:
            if told is not None:
                told.unanswered += 1
            return
        if not good.hear(wait):
            wait *= 2
            good.write(asked)
    if told is not None:
        told.waits.append(time.monotonic() - began)


def _samples(transport: str) -> list[bytes]:
    """Messages as this transport has them, all of them from and to this machine."""
    here = [_HOSTS.sub(b"127.0.0.1", octets) for octets in samples.sip()]
    ours = [_TRANSPORTS.sub(b"SIP/2.0/" + transport.upper().encode(), octets) for octets in here]
    return [octets.replace(b";branch=", b";rport;branch=") for octets in ours]  # or the answer goes elsewhere


def _end(wire: Wire, octets: bytes) -> None:
    """A new connection where nothing that follows would be read: the framing is lost, or a message does not end."""
    parser = StreamParser()
    events = parser.feed(octets)
    if any(isinstance(event, Malformed) and event.fatal for event in events):
        while wire.hear(1.0):
            pass
        wire.close()
    elif parser.partial:
        wire.drain()
        wire.close()


def _messages(wire: Wire, told: Told) -> Iterator[Message]:
    """What came back, read by our own rules; what cannot be read repeats what could not be read."""
    if wire.transport == "udp":
        for datagram in wire.datagrams:
            _check(datagram, told)
            message = _read(datagram)
            if message is not None:
                yield message
        return
    for head in re.split(rb"(?=SIP/2\.0 [0-9]{3} )", bytes(wire.came)):
        found = re.match(rb"SIP/2\.0 ([0-9]{3}) ", head)
        if found is not None:
            told.statuses[int(found[1])] += 1


def _read(datagram: bytes) -> Message | None:
    try:
        return parse(datagram)
    except BadMessage:
        return None


def _check(datagram: bytes, told: Told) -> None:
    try:
        one_message(datagram)
    except AssertionError as error:
        told.broken.append(f"{error}: {datagram[:200]!r}")

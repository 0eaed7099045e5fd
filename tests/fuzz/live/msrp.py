"""Mutated MSRP from a stranger, and from a peer whose call was taken; a good peer sends a file after each hundred."""

from __future__ import annotations

import itertools
import re
import time
from itertools import islice

from pushsvc.errors import BadChunk
from pushsvc.msrp.framer import Framer
from tests.fuzz.live.sip import BATCH, Told
from tests.fuzz.live.wires import PATIENCE, Wire
from tests.fuzz.mutation import mutations
from tests.fuzz.target import Target
from tests.fuzz.targets.agents import to_msrp
from tests.fuzz.targets.msrp import WORDS

_numbers = itertools.count(1)
_status = re.compile(rb"MSRP [!-~]+ ([0-9]{3})")
_path = re.compile(rb"a=path:(\S+)")
_tag = re.compile(rb"\nTo:[^\r\n]*;tag=([^;\r\n]+)")
OFFER = (
    "v=0\r\no=- {n} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 9 {proto} *\r\n"
    "a=accept-types:*\r\n"
    "a=setup:active\r\na=path:{path}\r\na=sendonly\r\n"
)
REQUEST = (
    "{method} sip:alice@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKm{n}{method}\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:peer@127.0.0.1>;tag=p{n}\r\nTo: <sip:alice@127.0.0.1>{tag}\r\nCall-ID: msrp{n}\r\nCSeq: {cseq} "
    "{name}\r\n"
    "Contact: <sip:peer@127.0.0.1:9;transport=tcp>\r\n{more}Content-Length: {length}\r\n\r\n{body}"
)
SEND = (
    b"MSRP good%d SEND\r\nTo-Path: {you}\r\nFrom-Path: {us}\r\nMessage-ID: good%d\r\nByte-Range: 1-5/5\r\n"
    b"Content-Type: text/plain\r\n\r\n"
    b"%05d\r\n-------good%d$\r\n"
)


class Peer:
    """Calls the receiver, and has one session over one connection."""

    def __init__(self, sip: str, msrp: dict[str, str], transport: str) -> None:
        self.wire = Wire(transport, msrp[transport])
        self._sip = Wire("tcp", sip)
        self._scheme = "msrps" if transport == "tls" else "msrp"
        self._proto = "TCP/TLS/MSRP" if transport == "tls" else "TCP/MSRP"
        self._n = 0
        self._tag = ""
        self.us = self.you = b""

    def call(self) -> bool:
        """A new session; whether it was taken."""
        self.wire.close()
        self._n = next(_numbers)
        self.us = f"{self._scheme}://127.0.0.1:9/peer{self._n};tcp".encode()
        body = OFFER.format(n=self._n, proto=self._proto, path=self.us.decode())
        answer = self._ask("INVITE", 1, "Content-Type: application/sdp\r\n", body)
        found, tag = _path.search(answer), _tag.search(answer)
        if found is None or tag is None:
            return False
        self.you, self._tag = found[1], f";tag={tag[1].decode()}"
        self._sip.write(self._request("ACK", 1))
        return True

    def hang_up(self) -> None:
        """BYE."""
        if self._tag:
            self._ask("BYE", 2)
            self._tag = ""
        self.wire.close()

    def written(self, octets: bytes) -> bytes:
        """With the paths of this session in it."""
        return octets.replace(b"{us}", self.us).replace(b"{you}", self.you)

    def _ask(self, method: str, cseq: int, more: str = "", body: str = "") -> bytes:
        self._sip.came.clear()
        self._sip.write(self._request(method, cseq, more, body))
        ending = f"\r\nCSeq: {cseq} {method}\r\n".encode()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._sip.hear(end - time.monotonic()):
            for answer in re.split(rb"(?=SIP/2\.0 [0-9]{3} )", bytes(self._sip.came)):
                if (
                    answer.startswith(b"SIP/2.0 ")
                    and answer[8:9] != b"1"
                    and ending in answer
                    and b"\r\n\r\n" in answer
                ):
                    return answer
        return b""

    def _request(self, method: str, cseq: int, more: str = "", body: str = "") -> bytes:
        return REQUEST.format(
            method=method, name=method, n=self._n, tag=self._tag, cseq=cseq, more=more, length=len(body), body=body
        ).encode()


def target(transport: str) -> Target:
    """What is mutated."""
    return Target(f"live-msrp-{transport}", lambda octets: None, to_msrp, WORDS, 8192)


def attack(sip: str, msrp: dict[str, str], transport: str, count: int, seed: int, *, bound: bool) -> Told:
    """`count` mutations; `bound`: inside a session of their sender's."""
    told = Told(f"MSRP over {transport.upper()}, {'bound' if bound else 'a stranger'}")
    peer, good = Peer(sip, msrp, transport), Peer(sip, msrp, transport)
    changed = mutations(target(transport), seed)
    began = time.monotonic()
    fresh = False
    while told.sent < count:
        for octets in islice(changed, BATCH):
            if bound and not fresh:
                peer.hang_up()
                fresh = peer.call()
            said = peer.written(octets)
            told.sent += peer.wire.write(said)
            if _ended(peer.wire, said):
                fresh = False
        peer.wire.drain()
        _push(good, told)
    told.seconds, told.calls = time.monotonic() - began, peer.wire.calls
    for status in _status.findall(bytes(peer.wire.came)):
        told.statuses[int(status)] += 1
    peer.hang_up()
    return told


def _push(good: Peer, told: Told) -> None:
    """A whole session of a good peer: INVITE, SEND and its 200, BYE."""
    began = time.monotonic()
    good.wire.came.clear()
    number = next(_numbers)
    if good.call() and good.wire.write(good.written(SEND % (number, number, number, number))):
        wanted = b"MSRP good%d 200" % number
        while wanted not in good.wire.came and good.wire.hear(began + PATIENCE - time.monotonic()):
            pass
        if wanted in good.wire.came:
            told.waits.append(time.monotonic() - began)
            good.hang_up()
            return
    told.unanswered += 1
    good.hang_up()


def _ended(wire: Wire, octets: bytes) -> bool:
    """Whether the connection is over: the framing is lost, or a frame does not end and would take in what follows."""
    framer = Framer()
    try:
        framer.feed(octets)
    except BadChunk:
        while wire.hear(1.0):
            pass
    else:
        if not framer.partial:
            return False
        wire.drain()
    wire.close()
    return True

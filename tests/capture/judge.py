"""The verdict on one capture: malformed packets, and warnings of Wireshark's dissectors of SIP, SDP and MSRP.

Who speaks what on which connection is seen by its first octets, so that nobody has to know ports. Wireshark's dissector
of MSRP does not put frames together that TCP or TLS has cut; that is done here, and it gets them one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.capture.wireshark import dissected, fields, followed

WARNING = 0x600000  # of Wireshark's severities: warnings, errors, and the like
EXPERT = ("_ws.expert.severity", "_ws.expert.message", "_ws.malformed")
START_LINE = re.compile(rb"(?:[A-Z]+ sips?:[^ \r\n]+ SIP/2\.0|SIP/2\.0 \d{3} [^\r\n]*)\r\n")
LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
FRAME = re.compile(rb"MSRP ([^ \r\n]+) [A-Z0-9]")
# "Nobody listens there" quotes the beginning of the datagram that it is about; and the API serves whatever was pushed.
ASIDE = "!icmp && !http"
NO_KEYS = "no keys for its TLS"
TLS_HANDSHAKE = b"\x16\x03"
BIG = 1 << 17  # octets of a frame; Wireshark reads no packet above 1 << 18, and our chunks have that of content alone


@attrs.define
class Verdict:
    """How much was seen, and what is wrong with it."""

    seen: Counter[str] = attrs.field(factory=Counter)
    findings: list[str] = attrs.field(factory=list)


@attrs.define
class Stream:
    """A TCP connection: its two ports, and what it carries ("sip", "msrp", "tls", "sip over tls", ...)."""

    ports: tuple[int, int]
    kind: str = ""


def judge(capture: Path, keys: Path) -> Verdict:
    """`keys` are those of the TLS connections."""
    verdict = Verdict()
    keyed = ("-o", f"tls.keylog_file:{keys}")
    verdict.seen["packets"] = sum(1 for _ in fields(capture, "frame", ["frame.number"]))
    streams, datagrams = _streams(capture)
    followable = {number: "tls" if stream.kind == "tls" else "tcp" for number, stream in streams.items() if stream.kind}
    said = followed(capture, followable, *keyed)
    for number, stream in streams.items():
        if stream.kind == "tls":
            inner = _kind_of(*said[number])
            verdict.seen["TLS connections"] += 1
            stream.kind = f"{inner} over tls" if inner else stream.kind
    verdict.findings += _locked(capture, keys)
    messages = len(datagrams) + sum(
        sum(1 for _ in messages_of(side, verdict.findings))
        for number, stream in streams.items()
        if stream.kind.startswith("sip")
        for side in said[number]
    )
    verdict.seen["SIP messages"] = messages
    verdict.findings += _sip_findings(capture, streams, datagrams, keyed, messages)
    frames = [
        frame
        for number, stream in streams.items()
        if stream.kind.startswith("msrp")
        for side in said[number]
        for frame in frames_of(side, verdict.findings)
    ]
    verdict.seen["MSRP frames"] = len(frames)
    verdict.findings += msrp_findings(frames)
    return verdict


def messages_of(octets: bytes, findings: list[str]) -> Iterator[bytes]:
    """The SIP messages that one side of a stream has said, keep-alives left out; else as `frames_of`."""
    while octets := octets.lstrip(b"\r\n"):
        head, end, rest = octets.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not START_LINE.match(octets) or length is None:
            findings.append(f"no SIP message: {octets[:60]!r}")
            return
        if not end or len(rest) < int(length[1]):
            return
        yield head + end + rest[: int(length[1])]
        octets = rest[int(length[1]) :]


def frames_of(octets: bytes, findings: list[str]) -> Iterator[bytes]:
    """The MSRP frames that one side has said; what is none of them is a finding, but for one that was cut."""
    while octets:
        start = FRAME.match(octets)
        if start is None:
            findings.append(f"no MSRP frame: {octets[:60]!r}")
            return
        end = re.compile(rb"\r\n-------" + re.escape(start[1]) + rb"[$+#]\r\n").search(octets)
        if end is None:
            return
        yield octets[: end.end()]
        octets = octets[end.end() :]


def shortened(frame: bytes) -> bytes:
    """The frame with a gap in the content of a big chunk, which the dissector does not read."""
    return frame if len(frame) < BIG else frame[: BIG // 2] + frame[-BIG // 4 :]


def msrp_findings(frames: list[bytes]) -> list[str]:
    """Wireshark about whole frames."""
    names = ("msrp.transaction.id", "msrp.method", "msrp.status.code", *EXPERT)
    findings = []
    shown = dissected("msrp", [shortened(frame) for frame in frames], names)
    for frame, (transaction, method, status, *expert) in zip(frames, shown, strict=True):
        what = _complaint(*expert)
        if not transaction or not (method or status):
            what = what or "not taken for MSRP"
        if what:
            findings.append(f"{what}: {frame[:400]!r}")
    return findings


def sip_findings(messages: list[bytes]) -> list[str]:
    """Wireshark about whole messages that were not captured."""
    found = dissected("sip", messages, ("sip.Call-ID", *EXPERT))
    return [_complaint(*expert) or "not taken for SIP" for call, *expert in found if _complaint(*expert) or not call]


def _streams(capture: Path) -> tuple[dict[int, Stream], list[tuple[int, int]]]:
    """The TCP connections, and the two ports of each SIP datagram."""
    streams: dict[int, Stream] = {}
    datagrams = []
    names = ("tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.payload", "udp.srcport", "udp.dstport", "udp.payload")
    first = f"((tcp.len > 0 && tcp.seq == 1) || udp) && {ASIDE}"
    for number, source, target, begin, from_port, to_port, datagram in fields(capture, first, names):
        if not number:
            if _kind_of(bytes.fromhex(datagram)) == "sip":
                datagrams.append((int(from_port), int(to_port)))
            continue
        stream = streams.setdefault(int(number), Stream((int(source), int(target))))
        stream.kind = stream.kind or _kind_of(bytes.fromhex(begin))
    return streams, datagrams


def _locked(capture: Path, keys: Path) -> Iterator[str]:
    """TLS connections that nobody has the keys of."""
    known = {line.split(" ")[1] for line in keys.read_text().splitlines() if line.count(" ") == 2}
    answered = {row[0] for row in fields(capture, "tls.handshake.type == 2", ["tcp.stream"])}
    for number, random in fields(capture, "tls.handshake.type == 1", ["tcp.stream", "tls.handshake.random"]):
        if number in answered and random.replace(":", "") not in known:
            yield f"TCP stream {number}: {NO_KEYS}"


def _kind_of(*beginnings: bytes) -> str:
    for octets in beginnings:
        if octets.startswith(TLS_HANDSHAKE):
            return "tls"
        if FRAME.match(octets):
            return "msrp"
        if START_LINE.match(octets.lstrip(b"\r\n")):
            return "sip"
    return ""


def _sip_findings(
    capture: Path,
    streams: dict[int, Stream],
    datagrams: list[tuple[int, int]],
    keyed: tuple[str, ...],
    messages: int,
) -> Iterator[str]:
    """Of every packet that has SIP in it, and every malformed one; and whether all of it was taken for SIP."""
    arguments = [*keyed, *_decoding(streams, datagrams)]
    names = ("frame.number", "sip.Request-Line", "sip.Status-Line", *EXPERT)
    wanted = f"(sip || _ws.malformed) && {ASIDE}"
    taken = 0
    for number, requests, statuses, *expert in fields(capture, wanted, names, *arguments):
        lines = [line for each in (requests, statuses) if each for line in each.split("|")]
        taken += len(lines)
        what = _complaint(*expert)
        if what:
            yield f"packet {number}, {lines}: {what}"
    if taken != messages:
        yield f"{messages} SIP messages were said, and Wireshark takes {taken} for such"


def _decoding(streams: dict[int, Stream], datagrams: list[tuple[int, int]]) -> Iterator[str]:
    """What tshark has to be told of ports."""
    wanted = {f"udp.port=={port},sip" for ports in datagrams for port in ports}
    for stream in streams.values():
        for port in stream.ports:
            if stream.kind == "sip":
                wanted.add(f"tcp.port=={port},sip")
            elif stream.kind == "sip over tls":
                wanted |= {f"tcp.port=={port},tls", f"tls.port=={port},sip"}
    for rule in sorted(wanted):
        yield from ("-d", rule)


def _complaint(severities: str, words: str, malformed: str) -> str:
    """The warnings and worse in Wireshark's words; "" when there are none."""
    if malformed:
        return f"malformed ({words})"
    marks = [int(each, 0) for each in severities.split("|") if each]
    return "; ".join(word for mark, word in zip(marks, words.split("|"), strict=False) if mark >= WARNING)

"""MSRP frames: cut anywhere they are the same; every head is answered; contents come together by the rules."""

from __future__ import annotations

import itertools

from pushsvc.errors import BadChunk
from pushsvc.msrp.chunk import Head, OtherRequest, Reply, Report, Send, encode, encode_head, reply_to
from pushsvc.msrp.framer import Begun, Data, Ended, Event, Framer, Limits, StreamBroken
from pushsvc.msrp.head import read_head
from pushsvc.msrp.incoming import MAX_HELD, Completed, Incoming, Output, Started, Store
from pushsvc.msrp.outgoing import Outgoing
from pushsvc.msrp.uri import MsrpUri, format_path, hosts_differ, parse_path
from tests.fuzz import samples
from tests.fuzz.target import Frame, Target, holds, pieces_of, text_of, words
from tests.tokens import CountedTokens

OWN = MsrpUri.parse("msrps://192.0.2.20:2855/abcdef;tcp")
SIZE = 2000  # octets of a content, at most
WORDS = words(r"""
    \r\n \r\n\r\n \r\n------- ------- $\r\n +\r\n #\r\n MSRP\x20 \x20SEND \x20REPORT \x20200\x20OK
    To-Path:\x20 From-Path:\x20msrp://a:1/b;tcp Byte-Range:\x201-*/* Byte-Range:\x20-1--1/-1 Message-ID:\x20a
    Failure-Report:\x20no Success-Report:\x20yes Status:\x20000\x20200\x20OK Content-Type:\x20text/plain
    msrps://[::1]:1/a;tcp 999999999999999999 * \r\n-------a786hjs2$\r\n \x00
""")
HEAD = b"MSRP abcdef SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nMessage-ID: 1\r\n"


def run_framer(octets: bytes) -> None:
    whole = _framed([octets])
    holds(whole == _framed(pieces_of(octets)), "cuts change what is read")
    for event in whole[0]:
        if isinstance(event, Send | OtherRequest):
            one_frame(encode(reply_to(event, 400, own=OWN)))


def one_frame(octets: bytes) -> None:
    """What we write is one frame, whatever it answers."""
    events = Framer(Limits(header=1 << 20, head=1 << 20)).feed(octets)  # it repeats paths as long as they came
    holds(len([event for event in events if isinstance(event, Begun)]) == 1, "a reply that is several frames")
    holds(isinstance(events[-1], Ended), "a reply without an end")


def _framed(pieces: list[bytes]) -> tuple[list[object], str | None]:
    """Heads, joined contents and flags, and why it ended; StreamBroken tells the same."""
    framer, found, broken = Framer(), [], None
    events: list[Event] = []
    for piece in pieces:
        try:
            events += framer.feed(piece)
        except StreamBroken as error:
            events += error.events
            broken = error.reason
            if error.request is not None:
                one_frame(encode(reply_to(error.request, error.status, error.reason, own=error.request.to_path[0])))
            break
    for is_data, group in itertools.groupby(events, lambda event: isinstance(event, Data)):
        if is_data:
            found.append(b"".join(bytes(each.octets) for each in group if isinstance(each, Data)))
        else:
            found += [each.head if isinstance(each, Begun) else each for each in group]
    return found, broken


def run_head(octets: bytes) -> None:
    try:
        head = read_head(octets, 32, 2048)
    except BadChunk:
        pass
    else:
        written = encode_head(head)
        holds(
            read_head(written.removesuffix(b"\r\n").removesuffix(b"\r\n"), 40, 1 << 20).transaction_id
            == head.transaction_id,
            "another head",
        )
    text = text_of(octets[:2048])
    try:
        path = parse_path(text)
    except BadChunk:
        return
    holds(parse_path(format_path(path)) == path, "a path that is another one when written")
    for one, other in itertools.pairwise(path):
        hosts_differ(one.host, other.host)
        holds(one.matches(other) == other.matches(one), "a match depends on the side")


def run_session(octets: bytes) -> None:
    """One connection's octets into the two machines of a session: one that receives, and one that sends."""
    if not octets:
        return
    tokens = CountedTokens("fuzz")
    incoming = Incoming(
        OWN,
        lambda type: not type.startswith("x"),
        tokens,
        SIZE,
        SIZE // 2 if octets[0] & 1 else None,
        one_content=bool(octets[0] & 2),
    )
    outgoing = Outgoing(100, (OWN,), (OWN,), tokens, "text/plain", success_report=bool(octets[0] & 4), chunk=40)
    while (piece := outgoing.next_piece()) is not None:
        outgoing.chunk(piece, bytes(piece.size), 0.0)
    try:
        events = Framer().feed(octets[1:])
    except StreamBroken as error:
        events = error.events
    open_chunk = False
    for event in events:
        match event:
            case Begun():
                open_chunk = isinstance(event.head, Send)
                _heard(incoming, outgoing, event.head)
            case Data() if open_chunk:
                _performed(incoming, incoming.data(event.octets, 0.0))
            case Ended() if open_chunk:
                open_chunk = False
                _performed(incoming, incoming.ended(event.flag, 0.0))
    outgoing.wake(1000.0)
    incoming.failed(481, "over", 0.0)


def _heard(incoming: Incoming, outgoing: Outgoing, head: Head) -> None:
    match head:
        case Send():
            _performed(incoming, incoming.begun(head, 0.0))
        case Reply():
            outgoing.replied(head, 1.0)
        case Report():
            outgoing.reported(head, 1.0)


def _performed(incoming: Incoming, outputs: list[Output]) -> None:
    replies = 0
    for output in outputs:
        match output:
            case Store():
                holds(output.offset >= 0 and output.offset + len(output.octets) <= SIZE, "octets beyond the limit")
            case Completed():
                holds(output.size <= SIZE, "a content beyond the limit")
                _performed(incoming, incoming.stored(0.0, output.message_id))
            case Reply() | Report():
                replies += 1
                one_frame(encode(output))
            case Started():
                pass
    holds(replies <= MAX_HELD + 1, "more replies than requests")


def _sessions() -> list[bytes]:
    frames = samples.msrp()
    flows = [b"".join(samples.wire(f"flow{number}/*-msrp-*.bin")) for number in (1, 3, 8, 10, 11)]
    ours = [b"MSRP fuzz%012d 200 OK\r\nTo-Path: a\r\n" % 2]
    return [bytes([at % 8]) + octets for at, octets in enumerate([*frames, *filter(None, flows), *ours, *frames])]


def _heads() -> list[bytes]:
    found = [
        frame.partition(b"\r\n\r\n")[0].rpartition(b"\r\n---")[0] or frame.partition(b"\r\n\r\n")[0]
        for frame in samples.msrp()
    ]
    return [*found, b"msrp://a:1/b;tcp msrps://user@[::1]/c;tcp;x=y"]


FRAMER = Target(
    "msrp-framer",
    run_framer,
    samples.msrp,
    WORDS,
    limit=1 << 20,
    weight=2,
    frames=(Frame(HEAD + b"Content-Type: a/b\r\n\r\n"), Frame(HEAD), Frame(), Frame(b"MSRP "), Frame(HEAD + b"X: ")),
    units=(b"\r\n-------abcde", b"\r\n-------abcdef", b"\r", b"\r\n", HEAD + b"-------abcdef$\r\n", b"X: y\r\n"),
)
HEADS = Target(
    "msrp-head",
    run_head,
    _heads,
    WORDS,
    longest=2048,
    limit=16384,
    frames=(
        Frame(HEAD),
        Frame(HEAD + b"X: "),
        Frame(b"MSRP abcdef SEND\r\nFrom-Path: msrp://c:1/d;tcp\r\nTo-Path: "),
        Frame(),
    ),
    units=(b"X: y\r\n", b"msrp://a:1/b;tcp ", b"msrp://a/b;tcp", b";a=b", b"@"),
)
SESSION = Target("msrp-session", run_session, _sessions, WORDS, longest=8192, weight=2)

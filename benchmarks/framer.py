"""MSRP framing alone: octets that arrive in 16 KiB reads, by the size of the chunks in them."""

from __future__ import annotations

from functools import partial

from benchmarks.measure import Figure, Ratio, Result, interleaved, seconds
from pushsvc.msrp.chunk import ByteRange, Flag, Send, encode
from pushsvc.msrp.framer import Data, Framer
from pushsvc.msrp.uri import parse_path

CHUNKS = {2 << 10: "≥ 250 MB/s", 64 << 10: "≥ 2000 MB/s", 1 << 20: ""}
READ = 16 << 10
CONTENT = 32 << 20
TO = parse_path("msrps://receiver.example.com:2855/V6uGxvuYyx7s8Jm2RqPs;tcp")
FROM = parse_path("msrps://sender.example.com:2855/kbZ73VkSfx45yMKTFhzd;tcp")


def reads(chunk: int) -> list[bytes]:
    """`CONTENT` octets in chunks of this size, cut as a socket would."""
    wire = bytearray()
    for start in range(0, CONTENT, chunk):
        last = start + chunk >= CONTENT
        send = Send(
            transaction_id=f"Qm{start:014x}",
            to_path=TO,
            from_path=FROM,
            message_id="8fK2mQ9zX1",
            byte_range=ByteRange(start + 1, start + chunk, CONTENT),
            content_type="image/jpeg",
        )
        wire += encode(send, bytes(range(256)) * (chunk // 256), Flag.COMPLETE if last else Flag.MORE)
    return [bytes(wire[at : at + READ]) for at in range(0, len(wire), READ)]


def frame(pieces: list[bytes]) -> float:
    """MB/s of content."""
    framer = Framer()
    octets = 0

    def work() -> None:
        nonlocal octets
        for piece in pieces:
            for event in framer.feed(piece):
                if isinstance(event, Data):
                    octets += len(event.octets)

    spent = seconds(work)
    if octets != CONTENT:
        raise AssertionError(f"{octets} octets came out, {CONTENT} went in")
    return octets / spent / 1e6


def search(pieces: list[bytes]) -> float:
    """MB/s of nothing but one bytes.find over each read: the floor of any framing."""
    return CONTENT / seconds(lambda: [piece.find(b"\r\n-------Qm0000") for piece in pieces]) / 1e6


def run(rounds: int) -> Result:
    """The framer at every chunk size, and one search over the same reads."""
    wires = {chunk: reads(chunk) for chunk in CHUNKS}
    works = {f"{chunk >> 10} KiB chunks": partial(frame, wire) for chunk, wire in wires.items()}
    found = interleaved({**works, "bytes.find over the same reads": partial(search, wires[64 << 10])}, rounds)
    targets = dict(zip(works, CHUNKS.values(), strict=True))
    figures = {name: Figure(name, "MB/s", samples, targets.get(name, "")) for name, samples in found.items()}
    floor = figures["bytes.find over the same reads"]
    ratios = [Ratio(f"{name}, to bytes.find", figures[name], floor) for name in works]
    return Result("MSRP framer", list(figures.values()), ratios)

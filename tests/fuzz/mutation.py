"""Inputs made of samples by chance: octets changed, taken out, put in, doubled; two samples grown together."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from tests.fuzz.target import Target, words

_ANY = (
    *words(r"""
    \x00 \r \n \r\n \x20 \t " \\ < > , ; : = % \x7f \x80 \xff -1 0 \xed\xa0\x80 \xc0\x80 \xe2\x80\xa8 { [ ../
"""),
    b"9" * 25,
    b"a" * 300,
)
Change = Callable[[random.Random, bytearray, int, bytes, bytes], None]


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """Without an end, the same for the same seed: first the samples as they are, then what becomes of them."""
    yield from target.samples()
    yield from mutations(target, seed)


def mutations(target: Target, seed: int) -> Iterator[bytes]:
    """What becomes of the samples."""
    chance = random.Random(f"{target.name} {seed}")
    samples = list(target.samples())
    words = (*_ANY, *target.words)
    while True:
        octets = bytearray(chance.choice(samples))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 9))):
            place = chance.randrange(len(octets) + 1)
            chance.choice(_CHANGES)(chance, octets, place, chance.choice(words), chance.choice(samples))
        yield bytes(octets[: target.longest])


def _flip(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    if place < len(octets):
        octets[place] ^= 1 << chance.randrange(8)


def _set(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place : place + 1] = chance.randbytes(1)


def _insert(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place:place] = word


def _overwrite(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place : place + len(word)] = word


def _remove(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    del octets[place : place + 1 + int(chance.expovariate(0.1))]


def _cut(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    del octets[place:]


def _double(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place:place] = octets[place : place + 1 + int(chance.expovariate(0.03))] * chance.choice((1, 1, 2, 20))


def _repeat(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place:place] = word * chance.choice((2, 10, 100, 300))


def _line_out(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    start, end = octets.rfind(b"\n", 0, place) + 1, octets.find(b"\n", place) + 1
    del octets[start : end or len(octets)]


def _line_again(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    start, end = octets.rfind(b"\n", 0, place) + 1, octets.find(b"\n", place) + 1
    line = octets[start : end or len(octets)]
    elsewhere = octets.find(b"\n", chance.randrange(len(octets) + 1)) + 1
    octets[elsewhere:elsewhere] = line


def _number(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    digits = [at for at in range(place, min(len(octets), place + 200)) if 48 <= octets[at] <= 57]
    if digits:
        number = chance.choice(
            (
                *words(r"""
    0 -1 65536 4294967296 18446744073709551616 +5 1_0 0x10
"""),
                b"1" * 40,
            )
        )
        octets[digits[0] : digits[0] + 1] = number


def _graft(chance: random.Random, octets: bytearray, place: int, word: bytes, other: bytes) -> None:
    octets[place:] = other[chance.randrange(len(other) + 1) :]


_CHANGES: Sequence[Change] = (
    _flip,
    _set,
    _insert,
    _insert,
    _overwrite,
    _remove,
    _cut,
    _double,
    _repeat,
    _line_out,
    _line_again,
    _number,
    _graft,
)

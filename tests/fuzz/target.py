"""What is fuzzed, and what must hold whatever it is given. Inputs come from elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

SEPARATOR = b"\n%%%%\n"  # between the messages of one input, where a target takes several
IN_MEMORY = Path("/dev/shm")  # where there is such a thing


@attrs.frozen
class Frame:
    """What stands around the repeated part of a long input; `most` is octets that the code takes at this place."""

    head: bytes = b""
    tail: bytes = b""
    most: int = 1 << 30

    def filled(self, unit: bytes, size: int) -> bytes:
        """About `size` octets: this much of the unit, between head and tail."""
        return self.head + unit * max(1, (size - len(self.head) - len(self.tail)) // len(unit)) + self.tail


@attrs.frozen
class Target:
    """`run` takes one input, and raises only what is a mistake of ours: what the code may raise it catches itself.

    `samples` are inputs that mean something, `words` what such inputs are made of. `longest` is octets of a mutated
    input. `limit` is how many octets the code takes at all: how its cost grows is measured up to there, with what
    `frames` make of `words` and `units`. `weight`: how many inputs of a quick target one of this counts for.
    """

    name: str
    run: Callable[[bytes], None]
    samples: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    longest: int = 4096
    limit: int = 65536
    frames: tuple[Frame, ...] = (Frame(),)
    units: tuple[bytes, ...] = ()
    weight: int = 1


class Broken(AssertionError):
    """Something that must hold does not."""


def holds(truth: bool, what: str) -> None:
    """Raises Broken."""
    if not truth:
        raise Broken(what)


def text_of(octets: bytes) -> str:
    """As the codecs of SIP and SDP read text."""
    return octets.decode("utf-8", "surrogateescape")


def pieces_of(octets: bytes) -> list[bytes]:
    """The same octets, cut as the first of them say: always the same way, and never alike."""
    step = 1 + sum(octets[:64]) % 61
    return [octets[at : at + step] for at in range(0, len(octets), step)]


def scratch() -> tempfile.TemporaryDirectory[str]:
    """For one input; in memory where that can be had: what a disk takes for a sync is no part of a target."""
    return tempfile.TemporaryDirectory(prefix="pushsvc-fuzz-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None)


def words(text: str) -> tuple[bytes, ...]:
    """Words with blanks between them, and Python's escapes for what is not visible."""
    return tuple(word.encode("latin-1").decode("unicode_escape").encode("latin-1") for word in text.split())

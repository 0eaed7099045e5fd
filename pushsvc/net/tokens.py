"""Identifiers and jitter from the system's randomness."""

from __future__ import annotations

import io
import os
import string
from random import SystemRandom

_LETTERS = (string.ascii_letters + string.digits).encode()
_UNBIASED = 256 - 256 % len(_LETTERS)
_TABLE = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))
_BIASED = bytes(range(_UNBIASED, 256))
_AT_ONCE = 4096  # octets asked of the system: as fast as sixteen are


class RandomTokens:
    """The `Tokens` of real life: every letter carries log2(62), almost six, random bits."""

    def __init__(self) -> None:
        self._random = SystemRandom()
        self._letters = io.BytesIO()

    def word(self, length: int) -> str:
        # Whatever thread asks: a read is one step, so no letter is given twice.
        letters = self._letters.read(length)
        while len(letters) < length:
            self._letters = fresh = io.BytesIO(os.urandom(_AT_ONCE).translate(_TABLE, _BIASED))
            letters += fresh.read(length - len(letters))
        return letters.decode("ascii")

    def fraction(self) -> float:
        return self._random.random()

"""Identifiers and jitter from the system's randomness."""

from __future__ import annotations

import os
import string
from random import SystemRandom

_LETTERS = (string.ascii_letters + string.digits).encode()
_UNBIASED = 256 - 256 % len(_LETTERS)
_TABLE = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))
_BIASED = bytes(range(_UNBIASED, 256))


class RandomTokens:
    """The `Tokens` of real life: every letter carries log2(62), almost six, random bits."""

    def __init__(self) -> None:
        self._random = SystemRandom()

    def word(self, length: int) -> str:
        letters = b""
        while len(letters) < length:
            letters += os.urandom(length + 8).translate(_TABLE, _BIASED)
        return letters[:length].decode("ascii")

    def fraction(self) -> float:
        return self._random.random()

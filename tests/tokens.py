"""Tokens that count: a conversation with them reads the same in every run."""

from __future__ import annotations

import random


class CountedTokens:
    """Words that tell who made them and which one it is; fractions from a seed."""

    def __init__(self, prefix: str = "t", seed: int = 0) -> None:
        self._prefix = prefix
        self._count = 0
        self._random = random.Random(f"{prefix}{seed}")

    def word(self, length: int) -> str:
        self._count += 1
        number = str(self._count)
        return (self._prefix + number.rjust(length - len(self._prefix), "0"))[-length:]

    def fraction(self) -> float:
        return self._random.random()

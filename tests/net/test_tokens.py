"""Identifiers nobody can guess."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.tokens import RandomTokens


class Words(SynchronousTestCase):
    """Branches, tags, session ids."""

    def test_a_word_has_its_length_and_only_letters_and_digits(self) -> None:
        """It stands unescaped in headers and URIs."""
        tokens = RandomTokens()
        for length in (1, 4, 16, 24, 64, 200):
            self.assertTrue(re.fullmatch(f"[A-Za-z0-9]{{{length}}}", tokens.word(length)), length)

    def test_no_two_words_are_alike(self) -> None:
        """A session id that can be guessed is no secret."""
        tokens = RandomTokens()
        self.assertEqual(len({tokens.word(16) for _ in range(2000)}), 2000)

    def test_no_letter_is_given_twice_whatever_thread_asks(self) -> None:
        """Letters are fetched many at once, and databases have threads of their own."""
        tokens = RandomTokens()
        with ThreadPoolExecutor(4) as pool:
            words = list(pool.map(lambda _: tokens.word(24), range(8000), chunksize=50))
        self.assertEqual(len({word[at : at + 8] for word in words for at in (0, 8, 16)}), 24_000)

    def test_every_letter_is_as_likely_as_the_others(self) -> None:
        """Almost six bits each, as `Tokens` promises: 62 letters of 200 bits each would not be."""
        counted = Counter(RandomTokens().word(62_000))
        self.assertEqual(len(counted), 62)
        self.assertTrue(all(800 < count < 1200 for count in counted.values()), counted)

    def test_a_fraction_is_below_one(self) -> None:
        """Retry times are spread by it."""
        tokens = RandomTokens()
        fractions = [tokens.fraction() for _ in range(1000)]
        self.assertTrue(all(0 <= each < 1 for each in fractions))
        self.assertTrue(len(set(fractions)) > 990)

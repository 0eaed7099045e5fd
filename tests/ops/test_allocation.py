"""Buffers of a transfer come from the heap, where the C library can be told."""

from __future__ import annotations

import ctypes
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops import allocation


class KeptBuffers(SynchronousTestCase):
    def test_told(self) -> None:
        told: list[tuple[int, int]] = []

        class Library:
            @staticmethod
            def mallopt(parameter: int, value: int) -> int:
                told.append((parameter, value))
                return 1

        with patch.object(ctypes, "CDLL", lambda name: Library):
            self.assertTrue(allocation.keep_buffers())
        self.assertEqual(told, [(-3, allocation.LARGEST), (-1, allocation.SPARE)])

    def test_a_library_without_it(self) -> None:
        with patch.object(ctypes, "CDLL", lambda name: object()):
            self.assertFalse(allocation.keep_buffers())

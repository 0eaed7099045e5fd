"""Two real daemons under a few faults in every run of the tests; `make soak` has hundreds."""

from __future__ import annotations

import random
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.__main__ import told
from tests.faults.fault import FAULTS, chosen
from tests.faults.ordeal import endured
from tests.faults.shim import has_compiler
from tests.faults.traffic import Item

SECONDS = 30.0  # at most
ENOUGH = 12


class Enduring(SynchronousTestCase):
    def test_a_few_faults_cost_nothing(self) -> None:
        """[G6] [G7] What was acknowledged is in the inbox once, and nothing is stuck."""
        if not has_compiler():
            raise SkipTest("there is no C compiler")
        ordeal = endured(Path(self.mktemp()), "1", SECONDS, ENOUGH)
        self.assertTrue(ordeal.is_good, "\n".join(told(ordeal)))
        self.assertGreater(ordeal.acknowledged, 0)
        self.assertGreater(ordeal.faults.total(), 0)


class Choosing(SynchronousTestCase):
    def test_every_fault_is_chosen(self) -> None:
        chance = random.Random(1)
        self.assertEqual({chosen(chance).name for _ in range(1000)}, {fault.name for fault in FAULTS})

    def test_an_item_is_always_the_same(self) -> None:
        """A client that asks again sends the same octets."""
        self.assertEqual(Item("1-7", "a").octets(), Item("1-7", "b").octets())
        self.assertEqual(Item("1-7", "a").sha256(), Item("1-7", "a").sha256())
        self.assertNotEqual(Item("1-7", "a").octets(), Item("1-8", "a").octets())

"""Two real daemons under a few faults in every run of the tests; `make soak` has hundreds."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.__main__ import told
from tests.faults.fault import FAULTS, PLANNED, Group, deck
from tests.faults.ordeal import FAULTS_A_SECOND, Ordeal, endured
from tests.faults.plan import GOALS, TWENTY_MINUTES, fault_goals, no_counts
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
        self.assertGreater(ordeal.faults, 0)


class Choosing(SynchronousTestCase):
    def test_every_fault_is_in_the_deck(self) -> None:
        """As often as is planned; the long one is only for long runs."""
        cards = Counter(fault.name for fault in deck(random.Random(1), PLANNED // 2))
        self.assertEqual(cards, {fault.name: round(fault.planned / 2) for fault in FAULTS})
        few = {fault.name for fault in deck(random.Random(1), 40)}
        self.assertEqual({fault.name for fault in FAULTS} - few, {"SIGSTOP for a minute"})

    def test_twenty_minutes_are_planned_to_reach_the_goals(self) -> None:
        """[G6]"""
        planned: Counter[Group] = Counter()
        for fault in FAULTS:
            planned[fault.group] += fault.planned
        self.assertTrue(all(planned[group] >= least for group, least in GOALS.items()), planned)
        self.assertGreaterEqual(FAULTS_A_SECOND * TWENTY_MINUTES, sum(GOALS.values()))

    def test_what_was_not_reached_is_a_goal_missed(self) -> None:
        """A run in which hardly anything happened proves nothing, and ends with 1."""
        goals = fault_goals(no_counts(), 5000, TWENTY_MINUTES / 2)
        self.assertEqual([goal.is_met for goal in goals], [False, False, False, False, True])
        self.assertFalse(Ordeal(goals=goals).is_good)
        self.assertTrue(Ordeal(goals=goals[4:]).is_good)

    def test_an_item_is_always_the_same(self) -> None:
        """A client that asks again sends the same octets."""
        self.assertEqual(Item("1-7", "a").octets(), Item("1-7", "b").octets())
        self.assertEqual(Item("1-7", "a").sha256(), Item("1-7", "a").sha256())
        self.assertNotEqual(Item("1-7", "a").octets(), Item("1-8", "a").octets())

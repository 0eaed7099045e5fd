"""The collector of a daemon."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.garbage import YOUNG, look_seldom


class Seldom(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)

    def test_what_is_there_at_the_start_is_not_looked_through_again(self) -> None:
        """Modules and configuration stay for ever; half a million objects take as long as a thousand messages."""
        here = [object() for _ in range(10)]
        there = [here]
        look_seldom()
        self.assertFalse(any(each is there for each in gc.get_objects()))
        self.assertGreater(gc.get_freeze_count(), 1000)

    def test_cycles_still_go(self) -> None:
        """Only later: what nobody refers to is not kept."""
        look_seldom()
        self.assertEqual(gc.get_threshold()[0], YOUNG)
        self.assertTrue(gc.isenabled())

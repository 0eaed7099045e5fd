"""A few of the pushes with one fault at one step; `make soak` has more, `python -m tests.soak.steps` all."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.steps import FAULTS, PUSHES, cases, interrupted

EVERY = 101


class Steps(SynchronousTestCase):
    """[G6] Promises 1 to 5, whatever happens at whatever step."""

    def setUp(self) -> None:
        gc.collect()
        gc.freeze()  # each world is looked through for what was lost in it, and nothing else
        self.addCleanup(gc.unfreeze)

    def test_a_push_with_a_fault_at_some_step_is_delivered_once(self) -> None:
        chosen = list(cases(EVERY))
        self.assertEqual({push for push, _, _ in chosen}, set(PUSHES))
        self.assertEqual({fault for _, fault, _ in chosen}, set(FAULTS))
        for push, fault, step in chosen:
            with self.subTest(push=push, fault=fault, step=step):
                interrupted(push, fault, step)
            self.flushLoggedErrors()

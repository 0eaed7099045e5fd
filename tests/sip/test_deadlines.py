"""pushsvc.sip.deadlines: who wants to be woken when."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    def test_agrees_with_a_plain_dict(self) -> None:
        """Setting, moving, forgetting and taking in any order: a lost timer is a session that hangs for ever."""
        chance = random.Random(5)
        queue: Deadlines[int] = Deadlines()
        model: dict[int, float] = {}
        for _ in range(5000):
            name, now = chance.randrange(60), chance.random() * 100
            match chance.randrange(6):
                case 0:
                    due = queue.take_due(now / 20)
                    self.assertEqual(due, sorted(due, key=model.__getitem__))
                    self.assertEqual(sorted(due), sorted(key for key, at in model.items() if at <= now / 20))
                    for key in due:
                        del model[key]
                case 1:
                    queue.set(name, None)
                    model.pop(name, None)
                case _:
                    queue.set(name, now)
                    model[name] = now
            self.assertEqual(queue.deadline, min(model.values(), default=None))

    def test_does_not_outgrow_the_living(self) -> None:
        """Many short transactions leave nothing behind, though their timers were far away."""
        queue: Deadlines[int] = Deadlines()
        for name in range(10000):
            queue.set(name, 32.0 + name)
            queue.set(name, None)
        self.assertLess(len(queue._queue), 200)
        self.assertIsNone(queue.deadline)

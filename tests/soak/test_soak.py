"""A few worlds in every run of the tests; `make soak` has thousands. A failure is repeated by its seed."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.__main__ import seeds_of
from tests.soak.plan import plan_of
from tests.soak.seen import Seen
from tests.soak.tally import Tally, alike
from tests.soak.world import live

SEEDS = range(50)


class Worlds(SynchronousTestCase):
    """Promises 1 to 5: whatever happens, every push ends once, for a reason, and nothing is left."""

    def setUp(self) -> None:
        gc.collect()
        gc.freeze()  # each world is looked through for what was lost in it, and nothing else
        self.addCleanup(gc.unfreeze)

    def live(self, seed: int) -> Seen:
        seen = live(seed)
        self.flushLoggedErrors()  # last words of killed processes; what was logged before is in what `live` raises
        return seen

    def test_every_push_ends_and_nothing_is_left(self) -> None:
        """With loss, repetition, disorder, cut connections, kills, full disks, refusals and second thoughts."""
        tally = Tally()
        for seed in SEEDS:
            try:
                tally.add(self.live(seed))
            except Exception as error:
                raise AssertionError(f"python -m tests.soak --seeds {seed}\n{error}") from error
        pushes = sum(len(plan_of(seed).pushes) for seed in SEEDS)
        self.assertEqual(sum(tally.ends.values()), pushes - tally.events["not submitted"])
        for what in ("delivered", "rejected", "undeliverable", "expired", "cancelled"):
            self.assertGreater(tally.ends[what], 0, what)
        for what in ("cuts", "lost", "duplicated", "kills", "calm"):
            self.assertGreater(tally.events[what], 0, what)

    def test_the_same_seed_makes_the_same_world(self) -> None:
        """Or a failure could not be looked at again; with TLS, and without."""
        for seed in (next(seed for seed in SEEDS if plan_of(seed).secure is secure) for secure in (True, False)):
            self.assertEqual(self.live(seed), self.live(seed), seed)


class Reports(SynchronousTestCase):
    """What `python -m tests.soak` is told and tells."""

    def test_seeds_as_they_are_written(self) -> None:
        self.assertEqual((seeds_of("17"), seeds_of("0-9999")), (range(17, 18), range(10_000)))
        self.assertRaises(ValueError, seeds_of, "all")

    def test_reasons_that_differ_in_their_numbers_are_counted_together(self) -> None:
        self.assertEqual(
            alike("undeliverable: tcp:192.0.2.20:5060 cannot be reached; 4 attempts were made"),
            "undeliverable: the peer cannot be reached",
        )

    def test_broken_worlds_are_named(self) -> None:
        tally = Tally()
        tally.add_broken(17)
        self.assertEqual((tally.worlds, tally.lines()[-1]), (1, "broken: 17"))

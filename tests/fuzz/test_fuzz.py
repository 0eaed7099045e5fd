"""A little of `make fuzz` in every run of the tests, by a fixed seed; and that it would notice what it looks for."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.goals import Goal, verdict
from benchmarks.goals import told as goals_told
from tests.fuzz import growth, run
from tests.fuzz.__main__ import table
from tests.fuzz.growth import grown, measurable, measured
from tests.fuzz.live.hours import slope
from tests.fuzz.live.watched import faults_in
from tests.fuzz.mutation import inputs, mutations
from tests.fuzz.run import judged
from tests.fuzz.target import Frame, Target, holds, pieces_of
from tests.fuzz.targets import TARGETS

INPUTS = 60  # of a quick target


class Hostile(SynchronousTestCase):
    """Whatever peers, clients and files say: nothing but what the code documents comes out."""

    def test_every_target_holds(self) -> None:
        """[D-SIP-5] Some of what chance makes of the samples; `make fuzz` has millions."""
        for target in TARGETS.values():
            count = max(2, INPUTS // target.weight)
            outcome = judged(target, itertools.islice(mutations(target, seed=1), count))
            self.assertEqual([crash.trace for crash in outcome.crashes], [], target.name)
            self.assertEqual(outcome.inputs, count, target.name)

    def test_answers_that_repeat_what_cannot_be_read_are_no_crash(self) -> None:
        """Found by chance, in the peer that plays the hostile one: it must not expect more than it said itself."""
        long_path = b"MSRP a1b2c3d4 SEND\r\nTo-Path: {you}\r\nFrom-Path: msrp://a%s:1/b;tcp\r\nMessage-ID: m1b2\r\n"
        for name, octets in (
            ("sender", b"SI" + b"{head}" * 200 + b"P/"),
            ("sender", b"S{head} 200 OK\r\n{head}\r\n"),
            ("receiver-msrp", long_path % (b"-" * 1900) + b"\r\n-------a1b2c3d4$\r\n"),
        ):
            self.assertIsNone(run.once(TARGETS[name], octets), name)


class Growing(SynchronousTestCase):
    """Whether what an octet costs grows with the input: that it would be noticed."""

    def test_every_target_with_a_long_input_has_shapes(self) -> None:
        self.assertGreater(len(measurable()), 10)

    def test_growth_is_told_of_what_is_quadratic(self) -> None:
        """By a clock that only this work moves."""
        spent = [0.0]

        def squared(octets: bytes) -> None:
            spent[0] += len(octets) ** 2 / 1e9

        self.patch(growth, "time", SimpleNamespace(process_time=lambda: spent[0], perf_counter=lambda: spent[0]))
        self.patch(growth, "ENOUGH", 1e-5)
        target = Target("square", squared, lambda: [b""])
        self.assertAlmostEqual(measured(target, (Frame(), b"a"), 32768).growth, 8.0)
        self.assertEqual(next(grown(target, 64)).growth, 1.0)


class Running(SynchronousTestCase):
    """The tool itself."""

    def test_the_same_seed_gives_the_same_inputs(self) -> None:
        """Or a crash could not be looked at again."""
        target = TARGETS["sip-datagram"]
        first, second, other = (list(zip(range(200), inputs(target, seed), strict=False)) for seed in (1, 1, 2))
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    def test_a_crash_is_kept_once_with_its_input(self) -> None:
        target = Target("odd", lambda octets: holds(len(octets) % 2 == 0, "odd"), lambda: [b""])
        outcome = judged(target, [b"", b"a", b"ab", b"abc"])
        (crash,) = outcome.crashes
        self.assertEqual((outcome.inputs, crash.octets), (4, b"a"))
        self.assertIn("odd", crash.trace)
        self.assertIn("| odd | 4 | 1 |", table([outcome])[-1])

    def test_an_input_that_takes_too_long_is_a_crash(self) -> None:
        """As an endless loop would be."""

        def slow(octets: bytes) -> None:
            while True:
                pass

        self.patch(run, "PATIENCE", 0.05)
        (crash,) = judged(Target("slow", slow, lambda: [b""]), [b""]).crashes
        self.assertIn("TooSlow", crash.where)

    def test_pieces_are_the_whole(self) -> None:
        self.assertEqual(b"".join(pieces_of(b"abcdefgh" * 50)), b"abcdefgh" * 50)
        self.assertEqual(pieces_of(b""), [])

    def test_a_log_is_read_for_what_should_not_be_in_it(self) -> None:
        good = '2026-11-22T10:14:03.600Z info sip resp code=200 from="a\\nb"\n'
        log = Path(self.mktemp())
        log.write_text(good)
        self.assertEqual(faults_in(log), [])
        log.write_bytes(
            (good + "forged\n").encode()
            + b"2026-11-22T10:14:03.600Z info \x1b[2J\n2026-11-22T10:14:03.600Z critical Traceback\n"
        )
        self.assertEqual(len(faults_in(log)), 3)

    def test_a_slope_is_that_of_the_best_line(self) -> None:
        """MiB an hour, of looks that are seconds apart."""
        self.assertEqual(slope([(0.0, 50.0), (1800.0, 51.0), (3600.0, 52.0)]), 2.0)
        self.assertEqual(slope([(0.0, 50.0), (10.0, 60.0), (20.0, 50.0)]), 0.0)
        self.assertEqual(slope([(5.0, 50.0)]), 0.0)

    def test_a_goal_of_a_shorter_run_can_be_missed_and_not_met(self) -> None:
        """Or a run of a minute would prove an hour."""
        verdicts = [verdict(held, whole) for held in (True, False) for whole in (True, False)]
        self.assertEqual(verdicts, [True, None, False, False])
        lines = goals_told(Goal("G", "x", "y", met) for met in verdicts[:3])
        self.assertEqual([line.split("|")[4].split()[0] for line in lines[2:]], ["met", "not", "missed"])

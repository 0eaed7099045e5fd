"""Nonces of ours: nobody makes one up, and nothing that was said under one is said twice."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip import nonces
from pushsvc.sip.nonces import LIFE, WINDOW, Nonces
from tests.sip.strategies import modest

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Signed(SynchronousTestCase):
    """Which nonces are good."""

    def setUp(self) -> None:
        self.nonces = Nonces("secret")

    def test_it_is_good_for_its_life(self) -> None:
        """For a moment of a clock with fractions, too."""
        for start in (0.0, 1.1, 1795000000.2899999):
            nonce = self.nonces.make(HERE, start)
            serial = self.nonces.serial(nonce, HERE, start)
            self.assertIsNotNone(serial)
            self.assertEqual(self.nonces.serial(nonce, HERE, start + LIFE - 1), serial)
            self.assertIsNone(self.nonces.serial(nonce, HERE, start + LIFE + 1))

    def test_every_one_is_another(self) -> None:
        """Two who ask at the same moment do not use up each other's counts."""
        made = [self.nonces.make(HERE, 5.0) for _ in range(100)]
        self.assertEqual(len(set(made)), 100)
        self.assertEqual(len({self.nonces.serial(nonce, HERE, 5.0) for nonce in made}), 100)

    def test_it_is_good_for_one_source(self) -> None:
        """Who cannot hear what is said to an address cannot speak in its name."""
        self.assertIsNone(self.nonces.serial(self.nonces.make(HERE, 5.0), THERE, 5.0))

    def test_another_process_has_other_ones(self) -> None:
        self.assertIsNone(self.nonces.serial(Nonces("other").make(HERE, 5.0), HERE, 5.0))

    def test_one_of_the_future(self) -> None:
        """The clock was set back: it is asked for anew, and lives no longer by that."""
        self.assertIsNone(self.nonces.serial(self.nonces.make(HERE, 5000.0), HERE, 4000.0))

    def test_a_letter_that_is_changed(self) -> None:
        """Serial number, time and signature are all signed."""
        nonce = self.nonces.make(HERE, 1795000000.0)
        for place, letter in enumerate(nonce):
            other = nonce[:place] + ("0" if letter != "0" else "1") + nonce[place + 1 :]
            self.assertIsNone(self.nonces.serial(other, HERE, 1795000000.0), other)

    @modest
    @given(st.text() | st.from_regex(r"[0-9a-f]{1,12}\.[0-9a-f]{1,12}\.[0-9a-f]{32}", fullmatch=True))
    def test_what_others_make_up(self, text: str) -> None:
        nonces = Nonces("secret")
        nonces.make(HERE, 1.0)
        self.assertIsNone(nonces.serial(text, HERE, 1.0))


class Counted(SynchronousTestCase):
    """[D-SIP-9] nc: each count once."""

    def setUp(self) -> None:
        self.nonces = Nonces("secret")

    def use(self, *counts: int, serial: int = 1) -> list[bool]:
        return [self.nonces.use(serial, count, 1.0) for count in counts]

    def test_no_count_twice(self) -> None:
        self.assertEqual(self.use(1, 1, 2, 1, 2, 3), [True, False, True, False, False, True])

    def test_requests_overtake_each_other(self) -> None:
        """Within the window; what is behind it was used, as far as anybody knows."""
        self.assertEqual(self.use(WINDOW + 1, 2, 1, 3, 2), [True, True, False, True, False])

    def test_a_count_that_jumps(self) -> None:
        """It costs its owner the counts between, and us no memory."""
        last = 0xFFFFFFFF
        self.assertEqual(
            self.use(1, last, last, last - WINDOW + 1, last - WINDOW, 2), [True, True, False, True, *[False] * 2]
        )
        (counts,) = self.nonces._used.values()
        self.assertLess(counts.used.bit_length(), WINDOW + 1)

    def test_each_nonce_has_its_own(self) -> None:
        self.assertEqual(self.use(1, serial=1) + self.use(1, serial=2), [True, True])

    def test_any_order(self) -> None:
        """Against a plain set: nothing twice, and within the window nothing is lost."""
        chance = random.Random(7)
        for serial in range(30):
            used: set[int] = set()
            for _ in range(300):
                count = max(1, max(used, default=1) + chance.randint(-WINDOW - 5, 8))
                expected = count not in used and count > max(used, default=0) - WINDOW
                self.assertEqual(self.use(count, serial=serial), [expected])
                used.add(count)


class Bounded(SynchronousTestCase):
    """Memory."""

    def test_what_is_over_is_forgotten_and_stays_over(self) -> None:
        """Also when the clock is set back to where it was good."""
        ours = Nonces("secret")
        nonce = ours.make(HERE, 1000.0)
        serial = ours.serial(nonce, HERE, 1000.0)
        assert serial is not None
        ours.use(serial, 1, 1000.0)
        later = ours.serial(ours.make(HERE, 1400.0), HERE, 1400.0)
        assert later is not None
        ours.use(later, 1, 1400.0)
        self.assertEqual(list(ours._used), [later])
        self.assertIsNone(ours.serial(nonce, HERE, 1000.0))

    def test_too_many(self) -> None:
        """The oldest gives way, and with it is over whatever is as old: nothing can be said again under it."""
        self.patch(nonces, "MAX_USED", 3)
        ours = Nonces("secret")
        made = [ours.make(HERE, 1.0) for _ in range(6)]
        serials = [ours.serial(nonce, HERE, 1.0) for nonce in made]
        for serial in (1, 0, 2, 3):  # the first that is used is not the first that was made
            number = serials[serial]
            assert number is not None
            self.assertTrue(ours.use(number, 1, 1.0))
        self.assertEqual(len(ours._used), 3)
        good = [ours.serial(nonce, HERE, 1.0) is not None for nonce in made]
        self.assertEqual(good, [False, False, True, True, True, True])

    def test_using_one_again_forgets_none(self) -> None:
        """Else its counts would begin anew."""
        self.patch(nonces, "MAX_USED", 1)
        ours = Nonces("secret")
        self.assertEqual([ours.use(1, count, 1.0) for count in (1, 1, 2)], [True, False, True])

"""Addresses that fail are tried last, for a while."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.ailing import LONGEST_REST, MAX_AILING, REST, Ailing
from pushsvc.sip.hop import Hop

ONE, TWO, THREE = (Hop("tcp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))


class Memory(SynchronousTestCase):
    """What is remembered of an address."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ailing = Ailing(self.clock)

    def test_who_failed_comes_last_until_it_is_forgotten(self) -> None:
        """A push must not wait 32 s for the same dead server every time."""
        self.ailing.failed(ONE)
        self.assertEqual(self.ailing.last([ONE, TWO, THREE]), [TWO, THREE, ONE])
        self.clock.advance(REST)
        self.assertEqual(self.ailing.last([ONE, TWO, THREE]), [ONE, TWO, THREE])

    def test_an_answer_makes_it_well_at_once(self) -> None:
        self.ailing.failed(ONE)
        self.ailing.answered(ONE)
        self.assertEqual(self.ailing.last([ONE, TWO]), [ONE, TWO])

    def test_the_only_one_is_tried_all_the_same(self) -> None:
        self.ailing.failed(ONE)
        self.assertEqual(self.ailing.last([ONE]), [ONE])

    def test_retry_after_is_kept_within_bounds(self) -> None:
        """A server can ask for rest, not for ever."""
        self.ailing.failed(ONE, 1e9)
        self.clock.advance(LONGEST_REST - 1)
        self.assertEqual(self.ailing.last([ONE, TWO]), [TWO, ONE])
        self.clock.advance(1)
        self.assertEqual(self.ailing.last([ONE, TWO]), [ONE, TWO])

    def test_memory_is_bounded(self) -> None:
        """Names come from whoever submits pushes."""
        for number in range(MAX_AILING + 1):
            self.ailing.failed(Hop("udp", "192.0.2.1", number))
        first, second = Hop("udp", "192.0.2.1", 0), Hop("udp", "192.0.2.1", 1)
        self.assertEqual(self.ailing.last([second, first]), [first, second])

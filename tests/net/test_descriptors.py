"""When descriptors are short, connections wait: the queue, the inbox and the log do not."""

from __future__ import annotations

import os
import resource

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.descriptors import PAUSE, Descriptors, is_short, soft_limit
from tests.log_lines import LogLines
from tests.sim import Network

HERE, THERE = "192.0.2.1", "192.0.2.2"
PORT = 5060


class Doors(SynchronousTestCase):
    """One listener, and clients."""

    def setUp(self) -> None:
        self.network = Network()
        self.log = LogLines(self)
        self.short = False
        self.closed = 0
        self.descriptors = Descriptors(self.network.host(HERE), lambda: self.short)
        self.descriptors.close_idle.append(self.close_idle)
        self.inside: list[Protocol] = []
        self.port = self.descriptors.listen_tcp(PORT, Factory.forProtocol(self.made), HERE)

    def close_idle(self) -> None:
        self.closed += 1

    def made(self) -> Protocol:
        self.inside.append(Protocol())
        return self.inside[-1]

    def connect(self) -> None:
        factory = Factory.forProtocol(Protocol)
        TCP4ClientEndpoint(self.network.host(THERE), HERE, PORT).connect(factory).addErrback(lambda _: None)
        self.network.settle(PAUSE / 10)

    def test_who_comes_while_there_are_enough_is_let_in(self) -> None:
        self.connect()
        self.assertEqual((len(self.inside), self.closed), (1, 0))

    def test_for_a_second_nobody_is_let_in_and_idle_ones_go(self) -> None:
        """[G6] Whoever waits meanwhile is let in then, and the operator reads it once."""
        self.short = True
        self.connect()
        self.short = False
        self.connect()
        self.assertEqual((len(self.inside), self.closed), (0, 1))
        self.network.settle(PAUSE)
        self.assertEqual((len(self.inside), self.closed), (1, 1))
        self.assertEqual(sum("too few file descriptors" in line for line in self.log.troubles()), 1)

    def test_it_goes_on_as_long_as_it_takes(self) -> None:
        """A second at a time."""
        self.short = True
        for _ in range(3):
            self.connect()
            self.network.settle(PAUSE)
        self.assertEqual((len(self.inside), self.closed), (0, 3))

    def test_a_listener_that_is_closed_meanwhile_stays_closed(self) -> None:
        self.short = True
        self.connect()
        self.port.stopListening()
        self.network.settle(2 * PAUSE)
        self.assertEqual((len(self.inside), self.network.listeners), (0, {}))


class Counting(SynchronousTestCase):
    """The process that runs this."""

    def test_short_is_when_the_spare_ones_would_be_taken(self) -> None:
        self.assertFalse(is_short())
        lowest = os.dup(0)
        os.close(lowest)
        self.assertTrue(is_short(soft_limit() - lowest))
        self.assertFalse(is_short(soft_limit() - lowest - 1))

    def test_none_at_all_is_short(self) -> None:
        """[G6] EMFILE itself."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            self.assertTrue(is_short(0))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

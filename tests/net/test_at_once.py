"""How much goes through a transport at once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.at_once import MOST, SEND_AT_ONCE, fit_reads, write_widely


class Transport:
    """As much of Twisted's as this is about."""

    bufferSize = 65536
    SEND_LIMIT = 131072


class Fitting(SynchronousTestCase):
    """Nothing is held for it: these are numbers."""

    def test_reads_grow_while_they_come_back_full(self) -> None:
        """A peer that sends little, or slowly, never makes them longer; nobody makes them endless."""
        transport = Transport()
        sizes = []
        for octets in (100, 65535, 65536, 65536, 131072, 262144, MOST):
            fit_reads(transport, octets)
            sizes.append(transport.bufferSize)
        self.assertEqual(sizes, [65536, 65536, 131072, 131072, 262144, MOST, MOST])
        self.assertEqual(Transport.bufferSize, 65536)

    def test_much_is_sent_by_one_call(self) -> None:
        """Twisted sends 128 KiB in each turn of the reactor."""
        transport = Transport()
        write_widely(transport)
        self.assertEqual((transport.SEND_LIMIT, Transport.SEND_LIMIT), (SEND_AT_ONCE, 131072))

    def test_other_transports_stay_as_they_are(self) -> None:
        """Not every reactor knows such sizes."""
        transport = object()
        write_widely(transport)
        fit_reads(transport, MOST)

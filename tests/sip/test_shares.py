"""pushsvc.sip.shares: what each source may ask of us in vain."""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.hop import Hop
from pushsvc.sip.shares import BURST, MAX_SOURCES, RATE, Shares, Standing
from pushsvc.sip.transaction import TurnedDeaf

PEER, OTHER = Hop("udp", "192.0.2.1", 5060), Hop("udp", "192.0.2.2", 5060)
WELCOME, SHORT, DEAF = Standing.WELCOME, Standing.SHORT, Standing.DEAF


def charge(shares: Shares, times: int, source: Hop = PEER, now: float = 0.0) -> list[TurnedDeaf]:
    """What so many charges tell."""
    return [deaf for deaf in (shares.charge(source, now) for _ in range(times)) if deaf is not None]


class OneSource(SynchronousTestCase):
    """[F-18] A source that floods us."""

    def setUp(self) -> None:
        self.shares = Shares()

    def test_its_credit_runs_out_in_two_steps(self) -> None:
        """SECURITY part 5: a burst of 100, then 503, then nothing."""
        self.assertEqual(charge(self.shares, BURST - 1), [])
        self.assertIs(self.shares.standing(PEER, 0.0), WELCOME)
        charge(self.shares, 1)
        self.assertIs(self.shares.standing(PEER, 0.0), SHORT)
        self.assertEqual(charge(self.shares, BURST - 1), [])
        self.assertEqual(charge(self.shares, 1), [TurnedDeaf(PEER)])
        self.assertIs(self.shares.standing(PEER, 0.0), DEAF)

    def test_time_pays_it_back(self) -> None:
        """20 a second are looked at again; five seconds after the flood everything is as before."""
        charge(self.shares, 5 * BURST)
        self.assertIs(self.shares.standing(PEER, 0.0), DEAF)
        self.assertIs(self.shares.standing(PEER, 0.1), WELCOME)
        self.assertEqual(charge(self.shares, 2, now=0.1), [])
        self.assertIs(self.shares.standing(PEER, 0.1), SHORT)
        self.assertEqual(charge(self.shares, BURST - 1, now=BURST / RATE + 0.2), [])
        self.assertIs(self.shares.standing(PEER, BURST / RATE + 0.2), WELCOME)

    def test_an_honest_backlog_gets_through(self) -> None:
        """A thousand pushes that all come at once, and again after each 503: none waits for the others to give up."""
        waiting, now = 1000, 0.0
        charge(self.shares, 2 * BURST - 1)
        while waiting and now < 120.0:
            for _ in range(max(1, waiting // 18)):  # Retry-After is 5 to 30 s
                match self.shares.standing(PEER, now):
                    case Standing.WELCOME:
                        waiting -= 1
                        self.shares.pay_back(PEER, now)
                    case Standing.SHORT:
                        self.shares.charge(PEER, now)
                    case Standing.DEAF:
                        pass
            now += 1.0
        self.assertEqual(waiting, 0)

    def test_it_is_news_once(self) -> None:
        """Until it was welcome again: a log is not for a flood to fill."""
        self.assertEqual([deaf.again for deaf in charge(self.shares, 2 * BURST + 3)], [False, True, True, True])
        self.assertEqual([deaf.again for deaf in charge(self.shares, 5, now=0.1)], [True] * 3)
        self.assertEqual([deaf.again for deaf in charge(self.shares, 2 * BURST, now=60.0)], [False])

    def test_at_that_rate_it_is_never_limited(self) -> None:
        """A peer that asks steadily, as a monitor does with OPTIONS."""
        for number in range(1000):
            self.assertIsNone(self.shares.charge(PEER, number / RATE))
        self.assertIs(self.shares.standing(PEER, 1000 / RATE), WELCOME)

    def test_a_flood_that_goes_on_is_heard_so_often(self) -> None:
        """While it lasts: `rate` looks a second and as many 503s, however fast it is."""
        heard = 0
        for number in range(10_000):
            now = number / 1000
            if self.shares.standing(PEER, now) is not DEAF:
                heard += 1
                self.shares.charge(PEER, now)
        self.assertTrue(2 * BURST < heard <= 2 * BURST + 2 * 10 * RATE + 2, heard)

    def test_what_is_accepted_pays_back_too(self) -> None:
        """A challenge (401) and then a push that is taken: for as long as you like."""
        for _ in range(1000):
            self.shares.charge(PEER, 0.0)
            self.shares.pay_back(PEER, 0.0)
        self.assertIs(self.shares.standing(PEER, 0.0), WELCOME)
        self.assertEqual(len(self.shares._debts), 0)

    def test_others_do_not_notice(self) -> None:
        """That is what it is for."""
        charge(self.shares, 5 * BURST)
        self.assertIs(self.shares.standing(OTHER, 0.0), WELCOME)

    def test_forged_datagrams_do_not_shut_out_streams(self) -> None:
        """Nobody can forge the source of a TCP connection: what came by UDP in its name is not held against it."""
        charge(self.shares, 5 * BURST)
        self.assertIs(self.shares.standing(Hop("tcp", PEER.host, 40000), 0.0), WELCOME)
        self.assertIs(self.shares.standing(Hop("udp", PEER.host, 40000), 0.0), DEAF)

    def test_an_ipv6_network_is_one_source(self) -> None:
        """Who has one address of it has them all."""
        charge(self.shares, 5 * BURST, Hop("udp", "2001:db8::1", 5060))
        self.assertIs(self.shares.standing(Hop("udp", "2001:db8::2", 5060), 0.0), DEAF)


class Limits(SynchronousTestCase):
    """Whom it does not concern, and what it costs."""

    def test_trusted_peers_have_none(self) -> None:
        """A core speaks for all of its users; also where its address comes as IPv4 in IPv6."""
        shares = Shares(trusted=[ipaddress.ip_network("192.0.2.0/24")])
        for core in (PEER, Hop("tcp", "::ffff:192.0.2.9", 5060)):
            self.assertEqual(charge(shares, 10 * BURST, core), [])
            self.assertIs(shares.standing(core, 0.0), WELCOME)
            self.assertEqual((shares.limits(core), shares.trusts(core)), (False, True))
        self.assertTrue(shares.limits(Hop("udp", "198.51.100.1", 5060)))
        self.assertTrue(shares.limits(Hop("udp", "fe80::1%eth0", 5060)))

    def test_a_rate_of_nothing_switches_it_off(self) -> None:
        """[sip] source_rate = 0."""
        shares = Shares(rate=0)
        self.assertEqual(charge(shares, 10 * BURST), [])
        self.assertIs(shares.standing(PEER, 0.0), WELCOME)
        self.assertEqual((shares.limits(PEER), shares.trusts(PEER)), (False, False))

    def test_the_table_is_bounded(self) -> None:
        """A flood from made-up addresses costs us no more than this; the newest debts are kept."""
        shares = Shares()
        charge(shares, 3 * BURST)
        for number in range(MAX_SOURCES):
            charge(shares, 1, Hop("udp", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5060))
        self.assertEqual(len(shares._debts), MAX_SOURCES)
        self.assertIs(shares.standing(PEER, 0.0), WELCOME)


class AllStrangers(SynchronousTestCase):
    """[F-18] What strangers get together whose addresses may be forged."""

    def test_long_answers_are_few(self) -> None:
        """A burst, then as many as the rate; whoever cannot have forged its address is not among them."""
        shares = Shares(trusted=[ipaddress.ip_network("192.0.2.0/24")])
        sources = [Hop("udp", f"198.51.{number // 250}.{number % 250}", 5060) for number in range(1000)]
        self.assertEqual([shares.is_spared(source, 0.0) for source in sources].count(False), BURST)
        self.assertFalse(shares.is_spared(Hop("tcp", "198.51.100.1", 5060), 0.0))
        self.assertFalse(shares.is_spared(PEER, 0.0))
        self.assertEqual([shares.is_spared(source, 1.0) for source in sources].count(False), int(RATE))
        self.assertEqual([shares.is_spared(source, 60.0) for source in sources].count(False), BURST)

    def test_no_rate_no_limit(self) -> None:
        shares = Shares(rate=0)
        self.assertFalse(any(shares.is_spared(Hop("udp", "198.51.100.1", 5060), 0.0) for _ in range(2 * BURST)))

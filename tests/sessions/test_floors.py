"""What sessions stand on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from tests.agents import Agent
from tests.sim import Network


class LocalEnds(SynchronousTestCase):
    """Our end of the media, as descriptions state it."""

    def test_over_tls_with_our_fingerprint(self) -> None:
        agent = Agent(Network(), "192.0.2.10", "alice", cema=True)
        local = agent.floors.local_end(secure=True)
        self.assertEqual((local.host, local.port, local.setup, local.cema), ("192.0.2.10", 2855, "actpass", True))
        self.assertEqual(local.fingerprints, (sdp.Fingerprint("sha-256", agent.msrp.fingerprint),))

    def test_without_tls_there_is_no_fingerprint(self) -> None:
        """And where we do not listen, the port is the one that says so."""
        local = Agent(Network(), "192.0.2.10", "alice").floors.local_end(secure=False, setup="active")
        self.assertEqual((local.port, local.setup, local.fingerprints), (9, "active", ()))

    def test_each_session_has_a_number_of_its_own(self) -> None:
        """RFC 8866 §5.2: numeric; it fits into 63 bits, which old peers read it into."""
        floors = Agent(Network(), "192.0.2.10", "alice").floors
        numbers = [floors.session_number() for _ in range(100)]
        self.assertEqual(len(set(numbers)), 100)
        self.assertTrue(all(0 < number < 2**63 for number in numbers))

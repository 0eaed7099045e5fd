"""Whole sessions over the simulated network: dial, answer, send, hang up."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.agents import Agent, Octets
from tests.sim import Network, Weather


class OneFile(SynchronousTestCase):
    """One sender, one receiver."""

    def setUp(self) -> None:
        self.network = Network()
        self.alice = Agent(self.network, "192.0.2.10", "alice")
        self.bob = Agent(self.network, "192.0.2.20", "bob")

    def test_a_file_arrives_and_both_sides_end_with_nothing_left(self) -> None:
        kept = self.bob.accept_everything()
        content = Octets(b"Maintenance window tonight." * 100)

        async def push() -> None:
            session = await self.alice.dial("sip:bob@192.0.2.20", content)
            await session.lines[0].send(content)
            await session.close()

        self.network.run(Deferred.fromCoroutine(push()))
        self.assertEqual([bytes(each.octets) for each in kept], [content.octets])
        self.network.settle(300)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

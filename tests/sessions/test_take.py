"""From what is wanted to lines and answers."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.net.msrp_receiving import NOTHING
from pushsvc.sessions.line import Line
from pushsvc.sessions.take import Take, decision_for, line_for, setup_for, we_connect
from tests.agents import Agent
from tests.sessions.values import offer
from tests.sim import Network

TAKE = Take(NOTHING, ("text/*",), 1000)


class Takes(SynchronousTestCase):
    """One offered line."""

    def setUp(self) -> None:
        self.view = sdp.media(offer("a"))[0]

    def agent(self, *, prefer_active: bool = False) -> Agent:
        return Agent(Network(), "192.0.2.20", "bob", prefer_active=prefer_active)

    def test_a_line_that_is_wanted_is_ready_for_its_content(self) -> None:
        """[R-PRA-INV-8] [R-PRA-INV-4b] Registered, and bound to who offered it."""
        agent = self.agent()
        line = line_for(agent.floors, "call", self.view, TAKE)
        assert line.msrp is not None
        self.assertEqual((line.msrp.peer_path, line.msrp.fingerprints), (self.view.path, self.view.fingerprints))
        self.assertEqual((line.view, agent.msrp.sessions), (self.view, 1))
        decision = decision_for(agent.floors, line, TAKE, ("x/y",))
        self.assertEqual(decision, sdp.Accepted((line.msrp.own,), ("text/*",), 1000, "passive"))
        wrapped = attrs.evolve(TAKE, accept_types=("message/cpim",), accept_wrapped_types=("text/*",))
        self.assertEqual(
            decision_for(agent.floors, line, wrapped, ()),
            sdp.Accepted((line.msrp.own,), ("message/cpim",), 1000, "passive", ("text/*",)),
        )

    def test_a_line_that_is_not_wanted(self) -> None:
        """It is told what would have been."""
        agent = self.agent()
        line = line_for(agent.floors, "call", self.view, None)
        self.assertEqual((line.is_open, agent.msrp.sessions), (False, 0))
        self.assertEqual(decision_for(agent.floors, line, None, ("x/y",)), sdp.Declined(("x/y",)))
        self.assertFalse(we_connect(agent.floors, line))

    def test_who_connects(self) -> None:
        """E.11: we only where the offer leaves it to us and we want to, or cannot be connected to otherwise."""
        cases = {
            ("actpass", False): ("passive", False),
            ("actpass", True): ("active", True),
            ("active", True): ("passive", False),
            ("passive", False): ("active", True),
            ("holdconn", True): ("", False),
        }
        for (offered, prefer_active), (setup, ours) in cases.items():
            floors = self.agent(prefer_active=prefer_active).floors
            view = sdp.media(offer("a", setup=offered))[0]
            self.assertEqual(setup_for(floors, view), setup)
            self.assertEqual(we_connect(floors, Line(view, floors.msrp.open("call"))), ours)

"""Whether an answer without RFC 6714 can be used. Whole calls: tests/conversations/test_anchoring."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.msrp.uri import parse_path
from pushsvc.sessions.anchoring import needs_plain_offer
from pushsvc.sessions.line import Line
from tests.agents import Agent
from tests.sessions.values import answer, offer
from tests.sim import Network

RELAY = "msrps://192.0.2.30:2855;tcp msrps://192.0.2.20:2855/b;tcp"
NAMED = "msrps://bob.example.com:2855/b;tcp"


class Falling(SynchronousTestCase):
    """One line that was offered with `a=msrp-cema`."""

    def setUp(self) -> None:
        self.alice = Agent(Network(), "192.0.2.10", "alice", cema=True, names={"bob.example.com": ["192.0.2.20"]})
        self.line = Line(attrs.evolve(sdp.media(offer("a"))[0], cema=True), self.alice.msrp.open("call"))
        (self.view,) = sdp.answered(offer("a"), answer(offer("a")))

    def needed(self, **changes: Any) -> bool:
        view = attrs.evolve(self.view, path=parse_path("msrps://192.0.2.20:2855/b;tcp"), **changes)
        return bool(self.successResultOf(Deferred.fromCoroutine(self.decide(view))))

    async def decide(self, view: sdp.MediaOffer) -> bool:
        return await needs_plain_offer(self.alice.floors, [self.line], [view])

    def test_table(self) -> None:
        """E.11, row by row: who connects, what the answer says, and whether c= and m= are the path's."""
        elsewhere = {"connection_host": "192.0.2.99"}
        for needed, changes in (
            (False, {"setup": "passive"}),
            (False, {"setup": "passive", **elsewhere}),
            (False, {"setup": None, **elsewhere}),
            (False, {"setup": "active"}),
            (True, {"setup": "active", **elsewhere}),
            (False, {"setup": "active", "port": 9}),
            (False, {"setup": "active", "cema": True, **elsewhere}),
        ):
            self.assertIs(self.needed(**changes), needed, changes)

    def test_relays_and_names(self) -> None:
        """The first hop counts; and a name is what DNS makes of it."""
        for needed, path, setup, host in (
            (True, RELAY, "passive", "192.0.2.20"),
            (False, RELAY, "passive", "192.0.2.30"),
            (False, NAMED, "active", "192.0.2.20"),
            (True, NAMED, "active", "192.0.2.99"),
        ):
            view = attrs.evolve(self.view, path=parse_path(path), setup=setup, connection_host=host)
            decided = Deferred.fromCoroutine(self.decide(view))
            self.assertIs(self.successResultOf(decided), needed, (path, setup, host))

    def test_lines_that_need_no_connection(self) -> None:
        """Refused, carried already, or never offered with it."""
        lost = {"setup": "active", "connection_host": "192.0.2.99"}
        assert self.line.msrp is not None
        self.line.msrp.link = object()  # type: ignore[assignment]
        self.assertFalse(self.needed(**lost))
        self.line.msrp.link = None
        self.assertTrue(self.needed(**lost))
        self.line.view = attrs.evolve(self.line.view, cema=False)
        self.assertFalse(self.needed(**lost))
        self.line.msrp = None
        self.assertFalse(self.needed(**lost))

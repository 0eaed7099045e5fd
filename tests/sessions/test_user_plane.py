"""Lines and their connections."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Refused, TimedOut, Unreachable
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.sessions.line import Line
from pushsvc.sessions.user_plane import UserPlane
from tests.agents import Agent
from tests.sessions.values import answer, offer
from tests.sim import Network


class Planes(SynchronousTestCase):
    """Three lines of Alice's."""

    def setUp(self) -> None:
        self.network = Network()
        self.alice = Agent(self.network, "192.0.2.10", "alice")
        self.bob = Agent(self.network, "192.0.2.20", "bob")
        self.heard: list[str] = []
        self.offer = offer("a", "b", "c")
        self.plane = UserPlane(
            self.alice.floors,
            [Line(view, self.alice.msrp.open("call")) for view in sdp.media(self.offer)],
            lambda: self.heard.append("carried"),
            lambda line, error: self.heard.append(f"lost {self.plane.lines.index(line)}: {error.reason}"),
            lambda why: self.heard.append(f"dead: {why}"),
        )

    def carry(self, *taken: bool, setup: str = "passive") -> Deferred[Any]:
        """Have them carried as an answer of Bob's says that is good for these lines."""
        views = sdp.answered(self.offer, answer(self.offer, *taken))
        for line, view in zip(self.plane.lines, views, strict=True):
            there = self.bob.msrp.open("call")
            if view.refused:
                self.plane.close(line)
            elif line.msrp is not None:
                self.introduce(line.msrp, there)
        if setup == "active":
            views = [sdp.media(offer("a", setup="active"))[0]] * len(views)
        return Deferred.fromCoroutine(self.plane.carry(self.plane.lines, views))

    def introduce(self, here: MsrpSession, there: MsrpSession) -> None:
        """What each side's session description says of it."""
        for session, other, agent in ((here, there, self.bob), (there, here, self.alice)):
            session.peer_path = (other.own,)
            session.fingerprints = (sdp.Fingerprint("sha-256", agent.msrp.fingerprint),)

    def test_the_offerer_connects_once_for_all(self) -> None:
        """[A-44]"""
        self.network.run(self.carry())
        links = {line.msrp.link for line in self.plane.lines if line.msrp is not None}
        self.assertEqual((len(links), self.heard), (1, ["carried"] * 3))

    def test_lines_that_were_refused_are_not_carried(self) -> None:
        self.network.run(self.carry(False, True, False))
        self.assertEqual([line.is_open for line in self.plane.lines], [False, True, False])
        self.assertEqual((self.heard, self.alice.msrp.sessions), (["carried"], 1))

    def test_a_peer_outside_leads_us_nowhere_inside(self) -> None:
        """SECURITY 2: its path is that of a service of our own machine."""
        (line, *_) = self.plane.lines
        plane = UserPlane(self.alice.floors, [line], lambda: None, lambda *_: None, lambda why: None, foreign=True)
        assert line.msrp is not None
        line.msrp.peer_path = (MsrpUri.parse("msrps://127.0.0.1:2855/x;tcp"),)
        passive = sdp.media(offer("a", setup="passive"))
        for carried in (plane.carry([line], passive), plane.reach([line])):
            error = self.failureResultOf(Deferred.fromCoroutine(carried), Unreachable).value
            self.assertEqual(error.reason, "127.0.0.1:2855 is inside of this machine, and was named from outside")

    def test_a_peer_that_wants_to_connect_has_to_come_in_time(self) -> None:
        carrying = self.carry(setup="active")
        with self.assertRaises(TimedOut):
            self.network.run(carrying)
        self.assertEqual(self.network.clock.seconds(), 30.0)

    def test_a_peer_that_cannot_be_reached(self) -> None:
        self.bob.msrp.stop_listening()
        with self.assertRaises(Unreachable):
            self.network.run(self.carry())

    def test_nobody_connects(self) -> None:
        """[A-41]"""
        self.plane.expect()
        self.network.settle(29.9)
        self.assertEqual(self.heard, [])
        self.network.settle(0.2)
        self.assertEqual(self.heard, ["dead: no MSRP connection to carry it"])

    def test_one_that_is_carried_is_enough(self) -> None:
        self.network.run(self.carry(True, False, False))
        self.plane.expect()
        self.network.settle(31.0)
        self.assertEqual(self.heard, ["carried"])

    def test_when_the_peer_was_heard(self) -> None:
        """Whatever came, and whichever line it was for."""
        self.assertEqual(self.plane.heard_at, 0.0)
        self.network.run(self.carry())
        self.network.settle(20.0)
        before = self.plane.heard_at
        self.assertLess(before, 1.0)
        (there,) = self.bob.msrp._connections
        there.transport.write(b"MSRP")
        self.network.settle(1.0)
        self.assertGreater(self.plane.heard_at, 20.0)
        for line in self.plane.lines:
            self.plane.close(line)
        self.assertEqual(self.plane.heard_at, 0.0)

    def test_a_connection_that_is_lost_is_missed_after_a_while(self) -> None:
        """The other side may hang up first, or offer the rest again."""
        self.network.run(self.carry())
        for stream in self.network.streams:
            stream.abortConnection()
        self.network.settle(31.0)
        self.assertEqual(self.heard[3:], ["dead: no MSRP connection to carry it"])

    def test_the_only_line_that_was_carried_is_closed(self) -> None:
        """A session must not live on lines that nothing carries."""
        first = self.plane.lines[0]
        assert first.msrp is not None
        self.introduce(first.msrp, self.bob.msrp.open("call"))
        self.network.run(
            Deferred.fromCoroutine(self.plane.carry([first], sdp.answered(self.offer, answer(self.offer))[:1]))
        )
        self.network.settle(31.0)
        self.assertEqual(self.heard, ["carried"])
        self.plane.close(first)
        self.network.settle(31.0)
        self.assertEqual(self.heard[1:], ["dead: no MSRP connection to carry it"])

    def test_a_peer_that_falls_silent_on_one_line_or_sends_too_much(self) -> None:
        self.network.run(self.carry())
        msrp = self.plane.lines[1].msrp
        assert msrp is not None
        msrp.on_failed(TimedOut("no octets"))
        msrp.on_failed(Refused(413, "too much", protocol="msrp"))
        msrp.on_failed(Refused(481, "no space", protocol="msrp", retry=True))
        self.assertEqual(self.heard[3:], ["lost 1: no octets", "lost 1: too much", "lost 1: no space"])

    def test_a_peer_that_turns_out_to_be_somebody_else(self) -> None:
        """[D-TLS-1] E.10 rule 2: at once, and not like a connection that broke."""
        self.plane.expect()
        msrp = self.plane.lines[1].msrp
        assert msrp is not None
        msrp.on_failed(Unreachable("not the announced one", retry=False))
        self.assertEqual(self.heard, ["lost 1: not the announced one"])

    def test_a_peer_that_wants_to_connect_and_is_somebody_else(self) -> None:
        """[D-TLS-1] Whoever waits for it waits no longer."""
        carrying = self.carry(setup="active")
        msrp = self.plane.lines[0].msrp
        assert msrp is not None
        msrp.on_failed(Unreachable("not the announced one", retry=False))
        self.assertFalse(self.failureResultOf(carrying, Unreachable).value.retry)

    def test_another_line_takes_a_place(self) -> None:
        """What was there is closed; one behind the last makes the list longer."""
        old = self.plane.lines[1]
        new = [Line(old.view, self.alice.msrp.open("call")) for _ in range(2)]
        self.plane.put(1, new[0])
        self.plane.put(3, new[1])
        self.assertEqual(self.plane.lines[1::2], new)
        self.assertEqual((old.is_open, len(self.plane.lines), self.alice.msrp.sessions), (False, 4, 4))

    def test_a_line_that_is_closed_while_it_is_connected(self) -> None:
        """The connection is not given to it any more."""
        carrying = self.carry()
        msrp = self.plane.lines[0].msrp
        assert msrp is not None
        self.plane.close(self.plane.lines[0])
        with self.assertRaises(Unreachable):
            self.network.run(carrying)
        self.assertIsNone(msrp.link)

    def test_everything_is_let_go(self) -> None:
        self.network.run(self.carry())
        self.plane.expect()
        self.plane.release()
        self.assertFalse(self.plane.is_used)
        self.network.settle(200.0)
        self.assertEqual((self.alice.msrp.sessions, self.network.clock.getDelayedCalls()), (0, []))
        self.assertEqual(self.heard, ["carried"] * 3)

    def test_the_active_answerer_says_which_session_it_connects_for(self) -> None:
        """E.11: a bodiless SEND, which binds the other side."""
        for line in self.plane.lines:
            assert line.msrp is not None
            self.introduce(line.msrp, self.bob.msrp.open("call"))
        bound = [session for session in self.bob.msrp._sessions.values() if session.link is not None]
        self.assertEqual(bound, [])
        self.network.run(Deferred.fromCoroutine(self.plane.reach(self.plane.lines)))
        self.network.settle(0.2)
        bound = [session for session in self.bob.msrp._sessions.values() if session.link is not None]
        self.assertEqual(len(bound), 3)

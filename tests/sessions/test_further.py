"""Which lines further files get."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Unreachable
from pushsvc.sessions.further import Further
from pushsvc.sessions.line import Line
from pushsvc.sessions.user_plane import UserPlane
from tests.agents import Agent
from tests.sessions.values import answer, callers_standing, file
from tests.sim import Network


class Places(SynchronousTestCase):
    """A session with the files a, b and c."""

    def setUp(self) -> None:
        self.alice = Agent(Network(), "192.0.2.10", "alice")
        self.standing = callers_standing("a", "b", "c")
        lines = [Line(view, self.alice.msrp.open("call")) for view in sdp.media(self.standing.ours)]
        self.plane = UserPlane(self.alice.floors, lines, lambda: None, lambda line, why: None, lambda why: None)

    def further(self, *names: str) -> Further:
        files = [file(name, path=()) for name in names]
        return Further(self.alice.floors, self.standing, self.plane, files)

    def ids(self, description: sdp.Description) -> list[str | None]:
        return [line.transfer_id for line in sdp.media(description)]

    def test_finished_and_closed_lines_first_then_new_ones(self) -> None:
        """[R-PSA-REL-0] [D-SDP-1] What is busy stays as it is."""
        self.plane.lines[1].is_finished = True
        self.plane.close(self.plane.lines[2])
        self.assertEqual(self.ids(self.further("d").describe()), ["id-a", "id-d", "id-c"])
        self.assertEqual(self.ids(self.further("d", "e").describe()), ["id-a", "id-d", "id-e"])
        described = self.further("d", "e", "f").describe()
        self.assertEqual(self.ids(described), ["id-a", "id-d", "id-e", "id-f"])
        self.assertEqual(described.sections[0], self.standing.ours.sections[0])
        self.assertEqual(described.origin.version, 2)

    def test_each_has_a_path_of_its_own(self) -> None:
        described = self.further("d", "e").describe()
        paths = [line.path for line in sdp.media(described)]
        self.assertEqual(len(set(paths)), len(paths))

    def test_more_than_there_is_room_for(self) -> None:
        """Nothing of it stays behind."""
        further = self.further(*"defghi")
        with self.assertRaises(Unreachable) as caught:
            further.describe()
        self.assertTrue(caught.exception.retry)
        further.give_up()
        self.assertEqual(self.alice.msrp.sessions, 3)

    def test_after_a_refusal_everything_is_as_it_was(self) -> None:
        further = self.further("d")
        further.describe()
        further.give_up()
        further.give_up()
        self.assertEqual((len(self.plane.lines), self.alice.msrp.sessions), (3, 3))

    def test_after_the_answer_the_lines_are_there(self) -> None:
        """Those that take over end the one before."""
        self.plane.lines[1].is_finished = True
        further = self.further("d", "e")
        described = further.describe()
        agreed = answer(described)
        further.settle(sdp.media(described), sdp.answered(described, agreed))
        self.assertEqual([self.plane.lines.index(line) for line in further.lines], [1, 3])
        for line, view in zip(further.lines, further.answered, strict=True):
            assert line.msrp is not None
            self.assertEqual((line.msrp.peer_path, line.is_free), (view.path, False))
        self.assertEqual(self.alice.msrp.sessions, 4)
        further.give_up()
        self.assertEqual([line.is_open for line in self.plane.lines], [True, False, True, False])

    def test_an_answer_that_cannot_be_used(self) -> None:
        further = self.further("d")
        described = further.describe()
        body = sdp.format(answer(described)).replace(b"a=path", b"a=pfad")
        with self.assertRaises(Unreachable) as caught:
            further.settle(sdp.media(described), sdp.answered(described, sdp.parse(body)))
        self.assertFalse(caught.exception.retry)
        further.give_up()
        self.assertEqual(self.alice.msrp.sessions, 3)

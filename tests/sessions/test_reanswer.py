"""Later offers, row by row of E.5."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import NotAcceptable
from pushsvc.sessions.reanswer import Reanswer
from tests.sessions.values import LOCAL, REMOTE, answer, file, offer, path


class Rows(SynchronousTestCase):
    """[D-SDP-2] Two lines, a and b, both taken."""

    def setUp(self) -> None:
        self.before = offer("a", "b")
        self.ours = answer(self.before)

    def answered(self, again: Reanswer, decided: dict[int, sdp.Decision] | None = None) -> list[int]:
        """The ports of the answer."""
        return [line.port for line in sdp.media(again.answer(self.ours, decided or {}, REMOTE))]

    def reoffered(self, **files: sdp.FileOffer) -> Reanswer:
        by_index = {int(index[1:]): file for index, file in files.items()}
        return Reanswer(self.before, sdp.reoffer(self.before, LOCAL, by_index))

    def test_a_line_with_port_0_is_closed(self) -> None:
        again = Reanswer(self.before, sdp.closing(self.before, [0]))
        self.assertEqual((again.new, again.ended, self.answered(again)), ([], [0], [0, 2855]))
        self.assertEqual([line.index for line in again.kept], [1])

    def test_the_same_again_is_answered_with_the_same(self) -> None:
        again = Reanswer(self.before, self.before)
        self.assertEqual((again.new, again.ended), ([], []))
        self.assertEqual([line.index for line in again.kept], [0, 1])
        self.assertEqual(again.answer(self.ours, {}, REMOTE), self.ours)

    def test_another_file_under_the_same_id_is_an_error(self) -> None:
        again = self.reoffered(_0=file("a", size=8))
        self.assertEqual((again.new, again.ended, self.answered(again)), ([], [0], [0, 2855]))

    def test_a_new_transfer_takes_a_line_over(self) -> None:
        again = self.reoffered(_0=file("c"))
        self.assertEqual(([line.index for line in again.new], again.ended), ([0], [0]))
        self.assertEqual(self.answered(again), [0, 2855])
        self.assertEqual(self.answered(again, {0: sdp.Accepted(path("c"), ("*",))}), [2855, 2855])

    def test_a_line_at_the_end_is_a_new_transfer(self) -> None:
        again = self.reoffered(_2=file("c"))
        self.assertEqual(([line.index for line in again.new], again.ended), ([2], []))
        self.assertEqual(self.answered(again), [2855, 2855, 0])

    def test_lines_that_are_missing_or_have_moved(self) -> None:
        for sections in (self.before.sections[:1], self.before.sections[::-1]):
            self.assertRaises(NotAcceptable, Reanswer, self.before, attrs.evolve(self.before, sections=sections))

    def test_whether_tls_is_spoken(self) -> None:
        self.assertTrue(Reanswer(self.before, self.before).secure)
        empty = attrs.evolve(self.before, sections=())
        self.assertTrue(Reanswer(empty, empty).secure)

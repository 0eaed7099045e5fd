"""One media line."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.sessions.line import Line
from tests.sessions.values import answer, offer


class Msrp:
    """A session whose content is on its way until the test says otherwise."""

    def __init__(self) -> None:
        self.receipt: Deferred[object] = Deferred()
        self.peer: object = ()
        self.is_over = False

    def agreed(self, *peer: object) -> None:
        self.peer = peer

    def reroute(self, path: object) -> None:
        self.peer = path

    def send(self, content: object, progress: object) -> Deferred[object]:
        return self.receipt


class Lines(SynchronousTestCase):
    """Offered by us."""

    def setUp(self) -> None:
        self.offer = offer("a")
        self.msrp = Msrp()
        self.line = Line(sdp.media(self.offer)[0], self.msrp)  # type: ignore[arg-type]

    def answered(self, answer: sdp.Description) -> sdp.MediaOffer:
        (view,) = sdp.answered(self.offer, answer)
        return view

    def test_a_line_is_free_when_the_peer_has_its_content(self) -> None:
        """RFC 5547 §8.6."""
        self.assertEqual((self.line.is_open, self.line.is_free), (True, False))
        sending = self.line.send(b"")  # type: ignore[arg-type]
        self.assertFalse(self.line.is_free)
        self.msrp.receipt.callback("receipt")
        self.assertEqual(self.successResultOf(sending), "receipt")
        self.assertEqual((self.line.is_open, self.line.is_free), (True, True))

    def test_a_line_whose_content_failed_is_not(self) -> None:
        """What the peer has of it, nobody knows."""
        sending = self.line.send(b"")  # type: ignore[arg-type]
        self.msrp.receipt.errback(Refused(413, "no"))
        self.failureResultOf(sending, Refused)
        self.assertFalse(self.line.is_free)

    def test_a_line_whose_connection_is_lost_is_free(self) -> None:
        """Flow 11: the rest of its file takes it over."""
        self.msrp.is_over = True
        self.assertEqual((self.line.is_open, self.line.is_free), (True, True))

    def test_a_range_is_taken_when_the_answer_repeats_it(self) -> None:
        """RFC 5547 §8.3.1: who does not know ranges would take the rest for a file."""
        rest = sdp.FileRange(5, 10)
        (view,) = sdp.media(self.offer)
        for offered, answered, taken in (
            (None, None, True),
            (rest, rest, True),
            (rest, sdp.FileRange(5), True),
            (rest, None, False),
            (rest, sdp.FileRange(4, 10), False),
            (rest, sdp.FileRange(5, 9), False),
        ):
            line = Line(attrs.evolve(view, file_range=offered), self.msrp)  # type: ignore[arg-type]
            line.answered(attrs.evolve(self.answered(answer(self.offer)), file_range=answered))
            self.assertEqual(line.takes_range, taken, (offered, answered))
        line = Line(view, self.msrp)  # type: ignore[arg-type]
        line.answered(self.answered(answer(self.offer, False)))
        self.assertFalse(line.takes_range)

    def test_nothing_is_sent_by_a_line_that_is_closed(self) -> None:
        self.line.msrp = None
        self.assertEqual((self.line.is_open, self.line.is_free), (False, True))
        self.failureResultOf(self.line.send(b""), Unreachable)  # type: ignore[arg-type]

    def test_whoever_waits_for_the_end_of_a_line_hears_of_it(self) -> None:
        """Once; or at once, where it is closed. Who does not wait any more is not told."""
        waiting, gone = self.line.when_closed(), self.line.when_closed()
        gone.cancel()
        self.failureResultOf(gone)
        self.assertNoResult(waiting)
        self.assertIs(self.line.closed(), self.msrp)
        self.successResultOf(waiting)
        self.successResultOf(self.line.when_closed())
        self.assertIsNone(self.line.closed())

    def test_the_answer_says_where_the_peer_is(self) -> None:
        view = self.answered(answer(self.offer))
        self.line.answered(view)
        self.assertEqual(self.msrp.peer, (view.path, view.fingerprints, None))
        self.assertEqual(self.line.answer, view)

    def test_the_answer_says_where_to_connect_to_where_we_offered_to_go_by_that(self) -> None:
        """RFC 6714, whether the peer knows it or not: who only waits need not."""
        line = Line(attrs.evolve(self.line.view, cema=True), self.msrp)  # type: ignore[arg-type]
        view = self.answered(answer(self.offer))
        line.answered(view)
        self.assertEqual(self.msrp.peer, (view.path, view.fingerprints, ("192.0.2.20", 2855)))

    def test_a_path_that_comes_again_may_be_another(self) -> None:
        """Unless the line is closed: then it leads nowhere."""
        view = self.answered(answer(self.offer))
        self.line.reroute(view)
        self.assertEqual(self.msrp.peer, view.path)
        self.line.msrp = None
        self.line.reroute(view)

    def test_a_refusal_says_nothing(self) -> None:
        self.line.answered(self.answered(answer(self.offer, False)))
        self.assertEqual(self.msrp.peer, ())

    def test_an_answer_that_cannot_be_used(self) -> None:
        body = sdp.format(answer(self.offer)).replace(b"a=path", b"a=pfad")
        with self.assertRaises(Unreachable) as caught:
            self.line.answered(self.answered(sdp.parse(body)))
        self.assertFalse(caught.exception.retry)
